"""Reads files whose values have types, such as Avro, Excel and ORC, as ingest does: one column named `v`."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from lagoa.contracts.contract import Column, Contract
from lagoa.domain.tables import TableName
from lagoa.formats import FORMATS, open_reader
from lagoa.formats.shared.files import SourceFile
from lagoa.formats.shared.row_sql import STREAM, RowSql

REFUSED = "refused"


def contract_of(form: str, columns: dict[str, str], **options: Any) -> Contract:
    """Return a contract with columns of these types."""
    source = FORMATS[form].options(format=form, **options)
    found = tuple(Column(name, kind, required=False) for name, kind in columns.items())
    return Contract(TableName.parse("bronze.t"), "1.0.0", Path("t.odcs.yaml"), "hash", found, source=source)


def read_values(path: Path, form: str, kind: str, others: dict[str, str] | None = None, **options: Any) -> list[Any]:
    """Return each value of the column `v` in the contract's type, or `REFUSED`; `others` are columns beside it."""
    shown = "v AT TIME ZONE 'UTC'" if kind == "timestamptz" else "v"
    contract = contract_of(form, {"v": kind, **(others or {})}, **options)
    good = _asked(path, contract, "accepted", f"_row, {shown}")
    bad = _asked(path, contract, "refused", f"record, '{REFUSED}'")
    return [row[1] for row in sorted(good + bad, key=lambda row: row[0])]


def refused(path: Path, form: str, columns: dict[str, str], **options: Any) -> list[tuple[Any, ...]]:
    """Return number, rule, reason and bytes of the refused rows."""
    found = _asked(path, contract_of(form, columns, **options), "refused", "record, rule, reason, raw")
    return sorted(found, key=lambda row: row[0])


def _asked(path: Path, contract: Contract, which: str, columns: str) -> list[tuple[Any, ...]]:
    reader = open_reader(contract, SourceFile(path))
    sql = RowSql(contract, reader, str(path))
    stream = reader.stream()
    connection = _connection()
    connection.register(STREAM, stream.arrow_stream())
    query = f"SELECT {columns} FROM ({getattr(sql, which)})"
    try:
        return connection.execute(query, ["batch", datetime(2026, 1, 1, tzinfo=UTC), path.name]).fetchall()
    except duckdb.Error:
        stream.check()
        raise
    finally:
        connection.unregister(STREAM)


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'America/Sao_Paulo'")
    return connection
