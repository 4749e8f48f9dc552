"""Queries of Spark and Trino for the log: said in DuckDB's SQL, without their values."""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lagoa.domain.ports.sql_catalogs import MODELS, PINNED, PUBLISHED, catalog_of
from lagoa.domain.refs import MAIN
from lagoa.domain.tables import TableName
from lagoa.errors import InvalidName
from lagoa.usage.log import LoggedQuery, keep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlglot import exp

    from lagoa.domain.engines import EngineName
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.settings import Settings
    from lagoa.usage.log import TableState

_OF_TRINO = "information_schema"
"""The schema in which Trino describes what a catalog has: clients ask it for names."""

_IMMEDIATE = re.compile(r"\s*EXECUTE\s+IMMEDIATE\s+'((?:[^']|'')*)'", re.IGNORECASE)
"""A query with values that are sent apart, as clients send it that keep no prepared statement."""

_SELECTS = frozenset({"SELECT", "WITH", "("})
"""What a query begins with; SQLGlot would write others, which it cannot parse, into its own log."""

_SANDBOXES = catalog_of("")


def log_own_query(
    settings: Settings,
    without_values: Callable[[str], str],
    engine: EngineName,
    sql: str,
    tables: Pointers,
    read: int | None,
) -> None:
    """Add a query to the log that Lagoa has run on another engine for a model or a check.

    Args:
        settings: of the lake.
        without_values: returns a query, in DuckDB's SQL, without its values; empty if it is none.
        engine: the engine.
        sql: the query, in the engine's SQL.
        tables: the tables that it could read, of which it names some.
        read: bytes that it read; None if the engine does not say.
    """
    if settings.query_log_days == 0:
        return
    parsed = _parsed(sql, engine)
    named = _tables(parsed, "") if parsed is not None else frozenset(tables)
    found = {table: pointer for table, pointer in tables.items() if table in named}
    if found:
        text = _in_duckdb(parsed, "", without_values)
        keep(settings, LoggedQuery(datetime.now(UTC), "", found, text, engine, read))


def query_of_trino(said: Mapping[str, Any], without_values: Callable[[str], str]) -> LoggedQuery | None:
    """Return what the log has of a query of an analyst that Trino has run; None if it read no table of the lake.

    Those of models and checks are not returned: `log_own_query` has them.

    Args:
        said: what Trino says of it (`GET /v1/query/<id>`).
        without_values: as of `log_own_query`.

    Raises:
        LookupError, TypeError, ValueError: Trino says it in a way that is not known.
    """
    tables: dict[TableName, TableState] = {}
    catalogs = set()
    for each in said["inputs"]:
        catalog = str(each.get("catalogName"))
        with suppress(InvalidName):
            table = TableName.parse(f"{each['schema']}.{each['table']}")
            if _ref(catalog) and not catalog.startswith(MODELS) and each["schema"] != _OF_TRINO:
                snapshot = (each.get("connectorInfo") or {}).get("snapshotId")
                tables[table] = None if snapshot is None else int(snapshot)
                catalogs.add(catalog)
    if not tables:
        return None
    immediate = _IMMEDIATE.match(str(said["query"]))
    asked = said.get("preparedQuery") or (immediate[1].replace("''", "'") if immediate else said["query"])
    parsed = _parsed(str(asked), "trino")
    text = _in_duckdb(parsed, str(said["session"].get("schema") or ""), without_values)
    stats = said["queryStats"]
    at = datetime.fromisoformat(str(stats["endTime"]))
    return LoggedQuery(at, _ref(min(catalogs)), tables, text, "trino", _bytes(str(stats["physicalInputDataSize"])))


def _ref(catalog: str) -> str:
    """Return the ref that a catalog of Trino shows; empty if it is none of the lake."""
    if catalog in {PUBLISHED, PINNED}:
        return MAIN
    return f"sandbox/{catalog.removeprefix(_SANDBOXES)}" if catalog.startswith(_SANDBOXES) else ""


def _bytes(text: str) -> int:
    """Return a size as Trino writes it, such as `120B`."""
    if not text.endswith("B") or not text[:-1].isdecimal():
        raise ValueError(f"{text!r} is no number of bytes")
    return int(text[:-1])


def _parsed(sql: str, dialect: str) -> exp.Query | None:
    """Parse a SELECT; None if it is none, or cannot be parsed."""
    from sqlglot import exp, parse_one, tokenize
    from sqlglot.errors import SqlglotError

    try:
        first = next(iter(tokenize(sql, dialect=dialect)), None)
        if first is None or first.text.upper() not in _SELECTS:
            return None
        with _silent():
            found = parse_one(sql, dialect=dialect)
    except (SqlglotError, RecursionError):
        return None
    return found if isinstance(found, exp.Query) else None


@contextmanager
def _silent() -> Iterator[None]:
    """Keep SQLGlot from logging what it cannot parse, such as a path within JSON: it may have a value."""
    logger = logging.getLogger("sqlglot")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _tables(query: exp.Query, schema: str) -> frozenset[TableName]:
    """Return the tables that a query names; names of its WITH, which have no schema, are none of the lake's."""
    from sqlglot import exp

    found = set()
    for each in query.find_all(exp.Table):
        with suppress(InvalidName):
            found.add(TableName.parse(f"{each.db or schema}.{each.name}"))
    return frozenset(found)


def _in_duckdb(query: exp.Query | None, schema: str, without_values: Callable[[str], str]) -> str:
    """Return a query in DuckDB's SQL without values, its tables named by layer and name; empty if that is not possible.

    DuckDB parses what SQLGlot has written, and writes what it has parsed: what it does not understand is not kept.

    Args:
        query: the query, which is changed.
        schema: of tables that are named without one.
        without_values: as of `log_own_query`.
    """
    from sqlglot import ErrorLevel, exp
    from sqlglot.errors import SqlglotError

    if query is None:
        return ""
    names = {each.alias for each in query.find_all(exp.CTE)}
    for each in query.find_all(exp.Table):
        each.set("catalog", None)
        each.set("version", None)  # which state it was, the log says otherwise
        if schema and not each.db and each.name not in names and isinstance(each.this, exp.Identifier):
            each.set("db", exp.to_identifier(schema))
    for bound in list(query.find_all(exp.Placeholder)):
        bound.replace(exp.Literal.string("?"))
    try:
        text = query.sql(dialect="duckdb", unsupported_level=ErrorLevel.IGNORE, comments=False)
    except (SqlglotError, RecursionError):
        return ""
    return without_values(text)
