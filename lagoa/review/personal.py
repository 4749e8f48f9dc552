"""Hides the values of columns that contracts classify as personal, in rows that people look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.contracts.contract import PERSONAL
from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import pyarrow as pa

    from lagoa.context import LakeContext
    from lagoa.contracts import Contract
    from lagoa.domain.checks import CheckResult

HIDDEN = "•••"
"""Stands for a value that is hidden."""


def personal_columns(context: LakeContext, result: CheckResult, rows: pa.Table) -> frozenset[str]:
    """Return the columns of a check's rows that may have personal values.

    For a column name that a table read by the check has, the contract decides. For any other name the origin is
    unknown: it is hidden if any of those tables has personal values.
    """
    tables = context.engine.tables_read(result.samples_sql or "") | {TableName.parse(result.table)}
    contracts = [contract for table in tables if (contract := context.contracts.get(table)) is not None]
    columns = [column for contract in contracts for column in contract.all_columns]
    secret = {column.name for column in columns if column.classification == PERSONAL}
    if not secret and len(contracts) == len(tables):
        return frozenset()
    plain = {column.name for column in columns} - secret
    return frozenset(rows.column_names) - plain


def hidden_columns(contract: Contract | None, names: Iterable[str]) -> frozenset[str]:
    """Return those of a table's columns that may have personal values.

    The contract decides; a column that it does not have, such as one that was removed from it, may have been personal.
    """
    columns = contract.all_columns if contract else ()
    plain = {column.name for column in columns if column.classification != PERSONAL}
    return frozenset(names) - plain


def masked(rows: pa.Table, columns: Collection[str]) -> pa.Table:
    """Return rows in which each value of some columns is `HIDDEN`; nulls stay null."""
    import pyarrow as pa

    for place, name in enumerate(rows.column_names):
        if name in columns:
            hidden = [HIDDEN if there else None for there in rows.column(place).is_valid().to_pylist()]
            rows = rows.set_column(place, name, pa.array(hidden, pa.string()))
    return rows
