"""Tables as they are, in the form of contracts: what a SELECT is translated by for another engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from lagoa.contracts.contract import Column, Contract
from lagoa.contracts.folder import Contracts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lagoa.context import LakeContext
    from lagoa.domain.engines import EngineName
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.tables import TableName

_VERSION = 2
"""Of the Iceberg specification; of a later one there are types and files that not all engines read."""

_TIME = re.compile(r"\btime\b")
"""A type of columns with which Spark does not read a table at all."""


def described_tables(context: LakeContext, tables: Pointers, engine: EngineName) -> Contracts:
    """Return the columns that tables have, whatever their contracts say, in the form of contracts.

    A table that the engine cannot read is left out.
    """
    contracts: dict[TableName, Contract] = {}
    for table, pointer in tables.items():
        facts = context.metadata.facts(pointer)
        if not unread(engine, table, facts.columns.values(), facts.version):
            columns = tuple(Column(name, kind) for name, kind in facts.columns.items())
            contracts[table] = Contract(table, "", Path(str(table)), "", columns)
    return Contracts(Path(), contracts)


def unread(engine: EngineName, table: TableName, types: Iterable[str], version: int = _VERSION) -> str:
    """Return why an engine does not read a table; empty if it does.

    Args:
        engine: the engine.
        table: the table.
        types: of its columns, in Iceberg's spelling.
        version: of the Iceberg specification, that its metadata is written in.
    """
    if version > _VERSION:
        return f"{table} is written in version {version} of Iceberg"
    if engine == "spark" and _TIME.search(" ".join(types)):
        return f"Spark does not read {table}, which has a column of type time"
    if engine == "trino" and table.is_quarantine:
        return f"Trino's role may not read {table}"
    return ""
