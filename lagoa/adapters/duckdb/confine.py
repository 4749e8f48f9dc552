"""Says which tables a user's SQL reads, and refuses SQL that would do more than read them.

The query is parsed by DuckDB itself (`json_serialize_sql`), so that what is checked is what runs. What is not on a
list here is refused: forms that a later DuckDB adds do not slip through.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lagoa.domain.sql_names import text_in_sql
from lagoa.domain.tables import ENGINE_LAYERS, TableName
from lagoa.errors import InvalidName, QueryError

if TYPE_CHECKING:
    import duckdb

_ADVICE = "A query is one SELECT over tables named layer.table; `lagoa tables` lists them."

_TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "json_each", "json_tree", "repeat_row"})
_REFUSED_FUNCTIONS = frozenset(
    {
        # settings, variables, the connection and the environment
        "current_setting", "getenv", "getvariable", "current_query", "current_query_id", "current_connection_id",
        "current_transaction_id", "txid_current",
        # side effects
        "nextval", "currval", "setseed", "sleep_ms", "write_log", "iceberg_verify_equality_deletes",
        # SQL in a string, which nobody has checked
        "json_serialize_plan", "json_execute_serialized_sql", "query", "query_table",
        # take raw state that DuckDB trusts
        "combine", "finalize", "stats", "vector_type", "variant_bytes_to_variant", "get_block_size",
        "col_description", "obj_description", "shobj_description",
    }
)  # fmt: skip
CHANGING_FUNCTIONS = frozenset(
    {
        "age", "current_catalog", "current_database", "current_date", "current_localtime", "current_localtimestamp",
        "current_role", "current_schema", "current_schemas", "current_time", "current_timestamp", "current_user",
        "gen_random_uuid", "get_current_time", "get_current_timestamp", "localtime", "localtimestamp", "now", "random",
        "session_user", "today", "transaction_timestamp", "user", "uuid", "uuidv4", "uuidv7", "version",
    }
)  # fmt: skip
"""Functions whose result depends on more than their arguments, besides those that are always refused."""

_REFUSED_PREFIXES = ("pg_", "has_", "inet_", "__internal", "duckdb_", "read_", "parquet_", "pragma_")
_PG_HARMLESS = frozenset({"pg_typeof", "pg_size_pretty"})
_AS_COLUMNS = frozenset(
    {"current_catalog", "current_date", "current_role", "current_schema", "current_time", "current_timestamp",
     "current_user", "localtime", "localtimestamp", "session_user", "user"}
)  # fmt: skip
"""Functions that SQL writes without parentheses, so that they are parsed as columns."""

_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE"})
_SOURCES = frozenset({"BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY", "PIVOT"})
_EXPRESSIONS = frozenset(
    {
        "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "DEFAULT",
        "FUNCTION", "LAMBDA", "LAMBDA_REF", "OPERATOR", "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "WINDOW",
    }
)  # fmt: skip
_MAX_LENGTH = 1_000_000


def tables_read(cursor: duckdb.DuckDBPyConnection, sql: str, *, repeatable: bool = False) -> frozenset[TableName]:
    """Return the tables that a user's query names; see `SqlEngine.tables_read`."""
    import duckdb

    if len(sql) > _MAX_LENGTH:
        raise QueryError(f"The query has {len(sql):,} characters.", f"At most {_MAX_LENGTH:,} are allowed.")
    try:
        # A text_in_sql, not a bound value: to bind one, DuckDB imports pandas, which takes most of a second.
        row = cursor.execute(f"SELECT json_serialize_sql({text_in_sql(sql)})").fetchone()
    except duckdb.Error as error:
        raise QueryError(str(error).strip(), _ADVICE) from error
    try:
        parsed = json.loads(str(row[0])) if row else {"error": True}
        if parsed["error"]:
            raise _not_parsed(cursor, parsed, sql)
        return _walked(parsed, repeatable=repeatable)
    except RecursionError as error:
        raise QueryError("The query is nested too deeply.", "Break it up with WITH.") from error


def _walked(parsed: dict[str, Any], *, repeatable: bool) -> frozenset[TableName]:
    statements = parsed["statements"]
    if len(statements) != 1:
        raise QueryError(f"{len(statements)} statements were given.", _ADVICE)
    walk = _Walk(repeatable=repeatable)
    walk.visit(statements[0]["node"], frozenset())
    return frozenset(walk.tables)


def _not_parsed(cursor: duckdb.DuckDBPyConnection, parsed: dict[str, Any], sql: str) -> QueryError:
    import duckdb

    message = str(parsed.get("error_message", "")).splitlines()[0]
    if parsed.get("error_type") == "parser":
        at = f" (character {parsed['position']})" if parsed.get("position") else ""
        return QueryError(f"The query cannot be read: {message}{at}.", _ADVICE)
    first = sql.split(maxsplit=1)[0].upper() if sql.split() else ""
    if first == "PIVOT":
        return QueryError(
            "PIVOT as a statement is not allowed.",
            "Write `SELECT * FROM layer.table PIVOT (… FOR column IN ('a', 'b'))`, or sum(x) FILTER (column = 'a').",
        )
    try:
        statements = cursor.extract_statements(sql)
    except duckdb.Error:
        statements = []
    if len(statements) != 1:
        return QueryError(f"{len(statements) or 'No'} statements were given.", _ADVICE)
    kind = statements[0].type.name
    return QueryError(message if kind == "SELECT" else f"Only a SELECT can be run here, not {kind}.", _ADVICE)


def _changing(what: str) -> QueryError:
    return QueryError(
        f"The condition depends on {what}, which gives another result each time.",
        f"Write the value itself. Not allowed here are samples and {', '.join(sorted(CHANGING_FUNCTIONS))}.",
    )


class _Walk:
    """Goes through a parsed query, collects tables and refuses what is not on the lists."""

    def __init__(self, *, repeatable: bool) -> None:
        self.tables: set[TableName] = set()
        self._repeatable = repeatable

    def visit(self, part: Any, scope: frozenset[str]) -> None:
        """Check a part; `scope` has the names of the common table expressions that can be read there."""
        if isinstance(part, list):
            for item in part:
                self.visit(item, scope)
        elif isinstance(part, dict):
            if "cte_map" in part:
                self._node(part, scope)
            elif "class" in part:
                self._expression(part, scope)
            elif part.get("sample") and self._repeatable:
                raise _changing("a sample")
            elif "sample" in part:
                self._source(part, scope)
            else:
                self._children(part, scope)

    def _children(self, part: dict[str, Any], scope: frozenset[str], besides: tuple[str, ...] = ()) -> None:
        for key, value in part.items():
            if key not in besides:
                self.visit(value, scope)

    def _node(self, node: dict[str, Any], scope: frozenset[str]) -> None:
        if node["type"] not in _NODES:
            raise QueryError(f"{node['type']} is not allowed.", _ADVICE)
        if self._repeatable and node.get("sample"):
            raise _changing("a sample")
        for entry in node["cte_map"]["map"]:
            self.visit(entry["value"], scope)
            scope |= {entry["key"].lower()}
        if node["type"] == "RECURSIVE_CTE_NODE":
            name = node["cte_name"].lower()
            self.visit(node["right"], scope | {name, f"recurring.{name}"})
            self._children(node, scope, ("cte_map", "right"))
        else:
            self._children(node, scope, ("cte_map",))

    def _expression(self, expression: dict[str, Any], scope: frozenset[str]) -> None:
        kind = expression["class"]
        if kind == "PARAMETER":
            raise QueryError("The query has a parameter.", "Write the value into the query.")
        if kind not in _EXPRESSIONS:
            raise QueryError(f"{kind} expressions are not allowed.", _ADVICE)
        name = str(expression.get("function_name", "")).lower()
        names = expression.get("column_names") or []
        if len(names) == 1 and names[0].lower() in _AS_COLUMNS:
            name = names[0].lower()
        two_moments = name == "age" and len(expression["children"]) > 1
        if self._repeatable and name in CHANGING_FUNCTIONS and not two_moments:
            raise _changing(name)
        refused = name in _REFUSED_FUNCTIONS or name.startswith(_REFUSED_PREFIXES)
        if refused and name not in _PG_HARMLESS:
            raise QueryError(
                f"The function {name} is not allowed: it reaches beyond the tables of the lake.", "Leave it out."
            )
        if expression.get("catalog") or expression.get("schema") not in {None, "", "main"}:
            raise QueryError(f"The function {name} is not allowed under another schema.", "Name it alone.")
        self._children(expression, scope)

    def _source(self, source: dict[str, Any], scope: frozenset[str]) -> None:
        kind = source["type"]
        if kind == "SHOW_REF":
            raise QueryError("SHOW, DESCRIBE and SUMMARIZE are not allowed.", "`lagoa show` describes a table.")
        if kind not in _SOURCES:
            raise QueryError(f"{kind} is not allowed in FROM.", _ADVICE)
        if kind == "BASE_TABLE":
            self._table(source, scope)
        elif kind == "TABLE_FUNCTION":
            name = str(source["function"].get("function_name", "")).lower()
            if name not in _TABLE_FUNCTIONS:
                raise QueryError(
                    f"The table function {name or '?'} is not allowed.",
                    f"Those taken are {', '.join(sorted(_TABLE_FUNCTIONS))}; load files with `lagoa ingest`.",
                )
        self._children(source, scope)

    def _table(self, source: dict[str, Any], scope: frozenset[str]) -> None:
        catalog, layer, name = (source[key].lower() for key in ("catalog_name", "schema_name", "table_name"))
        shown = ".".join(filter(None, (catalog, layer, name)))
        if catalog or layer in ENGINE_LAYERS:
            raise QueryError(f"{shown} is no table of the lake.", _ADVICE)
        if source.get("at_clause"):
            raise QueryError(f"AT after {shown} is not allowed.", "Query another ref: `lagoa sql --ref main~1 …`.")
        if (name if not layer else shown) in scope and layer in {"", "recurring"}:
            return
        try:
            table = TableName.parse(shown)
        except InvalidName:
            table = None
        if table is None or (table.layer, table.name) != (layer, name):  # 'x.csv' in quotes is one name: a file's
            raise QueryError(f"{shown!r} is neither a table of the lake nor a WITH name in reach.", _ADVICE)
        self.tables.add(table)
