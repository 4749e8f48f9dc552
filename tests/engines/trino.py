"""Runs the cases on a Trino that has no tables of its own: the rows of the inputs travel in the statement."""

from __future__ import annotations

import re
from typing import Any

from tests.engines.cases import TABLES, in_engine, rows_of
from tests.engines.comparing import type_name

_KINDS = {
    "int": "INTEGER", "long": "BIGINT", "string": "VARCHAR", "timestamp": "TIMESTAMP(6)",
    "timestamptz": "TIMESTAMP(6) WITH TIME ZONE",
}  # fmt: skip


def with_inputs(sql: str, duck: Any) -> str:
    """Return a case in Trino's SQL, with its inputs as common table expressions."""
    inputs = ", ".join(f"silver_{table} AS ({rows_of(table, duck, _KINDS)})" for table in TABLES)
    made = in_engine(sql, "trino").replace('"silver"."', '"silver_')
    rest = re.sub(r"^WITH ", ", ", made) if made.startswith("WITH ") else f"\n{made}"
    return f"WITH {inputs}{rest}"


def run(connection: Any, sql: str, duck: Any) -> tuple[dict[str, str], list[tuple[Any, ...]]]:
    """Return the types and the rows of a case."""
    cursor = connection.cursor()
    cursor.execute(with_inputs(sql, duck))
    rows = [tuple(row) for row in cursor.fetchall()]
    return {column[0]: type_name(column[1], "trino") for column in cursor.description}, rows
