"""A user's SQL without the values in it, so that it can be kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import duckdb

from lagoa.domain.sql_names import text_in_sql

if TYPE_CHECKING:
    from collections.abc import Callable

_NULL = {"type": {"id": "NULL", "type_info": None}, "is_null": True}
_WHOLE = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT"})


def without_values(cursor: duckdb.DuckDBPyConnection, sql: str) -> str:
    """Return a query with `?` in the place of each text, 0 of each whole number, NULL of others; see `SqlEngine`.

    DuckDB parses it and writes it again: no value is left by a way of writing it that is not thought of here.
    """
    row = cursor.execute(f"SELECT json_serialize_sql({text_in_sql(sql)})").fetchone()
    parsed = json.loads(str(row[0])) if row else {}
    _empty(parsed)
    row = cursor.execute(f"SELECT json_deserialize_sql({text_in_sql(json.dumps(parsed))})").fetchone()
    return str(row[0]) if row else ""


def value_remover() -> Callable[[str], str]:
    """Return a function like `without_values` that needs no lake, for any text: what is no query becomes empty."""
    config: dict[str, str | bool | int | float | list[str]] = {"threads": 1, "enable_external_access": False}
    connection = duckdb.connect(":memory:", config=config)

    def removed(sql: str) -> str:
        try:
            with connection.cursor() as cursor:
                return without_values(cursor, sql)
        except (duckdb.Error, RecursionError):  # the latter of a query of hundreds of levels
            return ""

    return removed


def _empty(node: Any) -> None:
    """Change each value in a parsed query; values are known by saying whether they are null."""
    if isinstance(node, list):
        for each in node:
            _empty(each)
        return
    if not isinstance(node, dict):
        return
    if "is_null" in node:
        kind = node["type"]["id"]
        if node["is_null"]:
            return
        if kind == "VARCHAR":
            node["value"] = "?"
        elif kind in _WHOLE:
            node["value"] = 0
        else:
            node.clear()
            node.update(_NULL)
        return
    if "seed" in node:  # of a random choice
        node["seed"] = -1
    for name, each in node.items():
        _empty([part for part in each if not _is_ordinal(part)] if name == "group_expressions" else each)


def _is_ordinal(node: Any) -> bool:
    """Return whether a part of GROUP BY is the number of a column of the SELECT, which is no value."""
    return isinstance(node, dict) and node.get("class") == "CONSTANT" and node["value"]["type"]["id"] in _WHOLE
