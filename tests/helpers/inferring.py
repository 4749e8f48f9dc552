"""Contracts guessed from files: read back as the lake would, and what they let in."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from duck import database

from lagoa.contracts import Contracts
from lagoa.formats import FORMATS, open_reader
from lagoa.formats.infer import infer_contract
from lagoa.formats.shared.files import SourceFile
from lagoa.formats.shared.row_sql import STREAM, RowSql

if TYPE_CHECKING:
    from pathlib import Path

    from lagoa.contracts import Contract
    from lagoa.domain.tables import TableName


def inferred(path: Path, table: TableName) -> tuple[Contract, str]:
    """Infer a contract, and read it back as the lake would; return it and its text."""
    text = infer_contract(path, table)
    return written(path.parent, table, text), text


def written(folder: Path, table: TableName, text: str) -> Contract:
    """Write the text of a contract below a folder; return it as the lake reads it."""
    target = folder / "iceberg" / table.layer / f"{table.name}.odcs.yaml"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")
    return Contracts.load(folder / "iceberg", FORMATS)[table]


def offered_key(contract: Contract) -> tuple[str, ...]:
    """Return the columns that an inferred contract names as what identifies a record; none is the table's own key."""
    assert contract.key == ()
    return tuple(re.findall(r"^    # (\w+) identifies a record", contract.file.read_text("utf-8"), re.MULTILINE))


def loaded(contract: Contract, path: Path) -> tuple[int, int]:
    """Read a file as ingest does; return how many rows are accepted and refused."""
    reader = open_reader(contract, SourceFile(path))
    sql = RowSql(contract, reader, str(path))
    lineage = ["batch", dt.datetime.now(dt.UTC), path.name]
    counts = []
    with database() as connection:
        for query in (sql.accepted, sql.refused):
            connection.register(STREAM, reader.stream().reader())
            counts.append(len(connection.execute(query, lineage).fetchall()))
    return counts[0], counts[1]


def types(contract: Contract) -> dict[str, str]:
    return {column.name: column.type for column in contract.columns}
