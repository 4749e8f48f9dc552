"""Names as SQL."""

from __future__ import annotations


def name_in_sql(name: str) -> str:
    """Return an identifier quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'
