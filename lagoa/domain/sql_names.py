"""Names, strings and types in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lagoa.domain.tables import TableName

TYPES = {
    "boolean": "BOOLEAN", "int": "INTEGER", "long": "BIGINT", "float": "FLOAT", "double": "DOUBLE", "date": "DATE",
    "time": "TIME", "timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMPTZ", "string": "VARCHAR", "uuid": "UUID",
    "binary": "BLOB",
}  # fmt: skip
"""DuckDB's name of each primitive Iceberg type without parameters."""


def name_in_sql(name: str) -> str:
    """Return an identifier quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def names_in_sql(names: Iterable[str]) -> str:
    """Return identifiers quoted for SQL, separated by commas."""
    return ", ".join(map(name_in_sql, names))


def name_in_spark(name: str) -> str:
    """Return an identifier quoted for the SQL of Spark, in which double quotes are around texts."""
    return f"`{name.replace('`', '``')}`"


def table_in_sql(table: TableName) -> str:
    """Return a table's name with its layer, quoted for SQL."""
    return f"{name_in_sql(table.layer)}.{name_in_sql(table.name)}"


def text_in_sql(text: str) -> str:
    """Return a text as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def nested_in_sql(kind: str, parts: Sequence[tuple[str, str]]) -> str:
    """Return DuckDB's name of a `list`, `map` or `struct`; each part is a name and the SQL of its type."""
    if kind == "struct":
        return f"STRUCT({', '.join(f'{name_in_sql(name)} {part}' for name, part in parts)})"
    inner = ", ".join(part for _, part in parts)
    return f"{inner}[]" if kind == "list" else f"MAP({inner})"
