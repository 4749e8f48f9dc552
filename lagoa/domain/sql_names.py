"""Names and texts as SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lagoa.domain.tables import TableName


def name_in_sql(name: str) -> str:
    """Return an identifier quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def table_in_sql(table: TableName) -> str:
    """Return a table's name, with its layer, quoted for SQL."""
    return f"{name_in_sql(table.layer)}.{name_in_sql(table.name)}"


def text_in_sql(text: str) -> str:
    """Return a string literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
