"""Parses one SQL model: the tables it reads and the columns it returns, checked before it runs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.domain.suggestions import did_you_mean
from lagoa.domain.tables import TableName
from lagoa.errors import ModelError
from lagoa.sql_models.columns import DIALECT, line_of, output_columns, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sqlglot import exp
    from sqlglot.tokenizer_core import Token

    from lagoa.contracts import Contracts

_SERIES = frozenset({"unnest", "generate_series", "generateseries", "range"})
"""The only functions that are allowed after FROM: they read nothing."""

_UNSTABLE = re.compile(
    r"(current_?|local_?)(date|time|timestamp|user|setting)|get_current_time(stamp)?|now|today|transaction_timestamp"
    r"|(gen_random_)?uuid(v4|v7)?|rand(om)?|setseed|nextval|getvariable|txid_current",
    re.IGNORECASE,
)
"""Functions whose value changes while the inputs do not: a model with one would never be up to date."""


@dataclass(frozen=True, slots=True)
class ModelSql:
    """A model's text, parsed.

    Attributes:
        sql: the statement without a closing semicolon; its lines are the file's.
        digest: the text's tokens one by one, without comments and space.
        inputs: the line on which each table it reads is first named.
        columns: the line, if known, of each column it returns, by name in lower case.
        resolved: the statement, parsed, with each name in it resolved.
    """

    sql: str
    digest: str
    inputs: Mapping[TableName, int]
    columns: Mapping[str, int | None]
    resolved: exp.Query


def read_model(file: Path, text: str, contracts: Contracts) -> ModelSql:
    """Parse a model and check every table and column that it names.

    Args:
        file: the model's file, for errors.
        text: one SELECT, in DuckDB's SQL.
        contracts: of the tables that a model may read.

    Raises:
        ModelError: with the line of what cannot be used.
    """
    words = _one_statement(file, text)
    statement = text[: words[-1].end + 1]
    query = _parse(file, words, statement)
    _refuse_unstable(file, query)
    inputs = _inputs(file, query)
    resolved = _resolved(file, query, inputs, contracts)
    columns = output_columns(file, resolved)
    digest = "\n".join(text[word.start : word.end + 1] for word in words)
    return ModelSql(statement, digest, inputs, columns, resolved)


def resolved_select(file: Path, text: str, contracts: Contracts) -> exp.Query:
    """Return a SELECT of Lagoa's own, parsed, with each name in it resolved; its columns may be without names.

    Args:
        file: what it was made for, for errors.
        text: the SELECT, in DuckDB's SQL.
        contracts: the columns of the tables that it reads.

    Raises:
        ModelError: there is no such table or column.
    """
    query = _parse(file, _one_statement(file, text), text)
    return _resolved(file, query, _inputs(file, query), contracts)


def _resolved(file: Path, query: exp.Query, inputs: Mapping[TableName, int], contracts: Contracts) -> exp.Query:
    for name, line in sorted(inputs.items(), key=lambda each: each[1]):
        if contracts.get(name) is None:
            advice = did_you_mean(str(name), map(str, contracts.tables), 3).strip()
            raise ModelError(
                file, line, f"there is no table {name}.", advice or "A table needs a data contract (iceberg/)."
            )
    return resolve(file, query, inputs, contracts)


def tables_named(file: Path, text: str) -> dict[TableName, int]:
    """Return the line on which each table that a model reads is first named; the tables need no contract.

    Raises:
        ModelError: it is not one SELECT over tables of the lake.
    """
    words = _one_statement(file, text)
    return _inputs(file, _parse(file, words, text[: words[-1].end + 1]))


def _one_statement(file: Path, text: str) -> list[Token]:
    """Return the tokens of the text, which must have exactly one statement."""
    from sqlglot import tokenize
    from sqlglot.errors import TokenError
    from sqlglot.tokenizer_core import TokenType

    try:
        tokens = tokenize(text, dialect=DIALECT)
    except TokenError as error:
        raise ModelError(file, None, f"this is not SQL: {error}.", "Close what was opened.") from error
    while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        tokens.pop()
    advice = "A model is one SELECT, and nothing else."
    if not tokens:
        raise ModelError(file, None, "there is no SQL here.", advice)
    second = next((token for token in tokens if token.token_type is TokenType.SEMICOLON), None)
    if second is not None:
        raise ModelError(file, second.line, "there is more than one statement.", advice)
    if tokens[0].token_type not in {TokenType.SELECT, TokenType.WITH, TokenType.FROM, TokenType.L_PAREN}:
        raise ModelError(file, tokens[0].line, f"{tokens[0].text.upper()} is not a SELECT.", advice)
    return tokens


def _parse(file: Path, words: list[Token], statement: str) -> exp.Query:
    from sqlglot import Dialect, exp
    from sqlglot.errors import ParseError

    try:
        (query,) = Dialect.get_or_raise(DIALECT).parser().parse(words, statement)
    except ParseError as error:
        place = error.errors[0] if error.errors else {}
        near = str(place.get("highlight") or "the end").strip()
        reason = re.sub(r" for <class .*", "", str(place.get("description", error))).rstrip(".")
        raise ModelError(file, place.get("line"), f"this is not SQL near {near!r}: {reason}.", "Fix it.") from error
    refused = (exp.DDL, exp.DML, exp.Command, exp.Describe, exp.Summarize, exp.Show, exp.Into, exp.Copy)
    bad = query.find(*refused) if query else None
    if bad is not None or not isinstance(query, exp.Query):
        what = bad.key.upper() if bad else "this"
        advice = "A model is one SELECT, and nothing else."
        raise ModelError(file, line_of(bad), f"{what} does not belong in a model.", advice)
    if (value := query.find(exp.Placeholder, exp.Parameter, exp.SessionParameter)) is not None:
        raise ModelError(file, line_of(value), "a model takes no parameters.", "Write the value itself.")
    return query


def _refuse_unstable(file: Path, query: exp.Query) -> None:
    from sqlglot import exp

    for node in query.find_all(exp.Func, exp.TableSample):
        name = _function(node) if isinstance(node, exp.Func) else "TABLESAMPLE"
        if isinstance(node, exp.Func) and not _UNSTABLE.fullmatch(name):
            continue
        raise ModelError(
            file,
            line_of(node),
            f"{name} gives different rows each time it runs.",
            "A model must depend only on its inputs: take the time from the data, such as max(_ingested_at).",
        )


def _function(node: exp.Func) -> str:
    from sqlglot import exp

    return node.name if isinstance(node, exp.Anonymous) else node.sql_name()


def _inputs(file: Path, query: exp.Query) -> dict[TableName, int]:
    from sqlglot import exp
    from sqlglot.errors import OptimizeError
    from sqlglot.optimizer.scope import traverse_scope

    try:
        scopes = traverse_scope(query)
    except OptimizeError as error:
        raise ModelError(file, None, f"{error}.", "Give each table a different alias.") from error
    inside = {id(table) for scope in scopes for table in scope.tables if _is_cte(table, scope.cte_sources)}
    inputs: dict[TableName, int] = {}
    for table in query.find_all(exp.Table):
        if id(table) not in inside and not _is_series(file, table):
            name = _table_name(file, table)
            line = line_of(table) or 1
            inputs[name] = min(line, inputs.get(name, line))
    return dict(sorted(inputs.items()))


def _is_cte(table: exp.Table, ctes: Mapping[str, object]) -> bool:
    return not table.db and table.name.lower() in {name.lower() for name in ctes}


def _is_series(file: Path, table: exp.Table) -> bool:
    from sqlglot import exp

    if not isinstance(table.this, exp.Func):
        return False
    name = _function(table.this)
    if name.lower() in _SERIES:
        return True
    raise ModelError(
        file,
        line_of(table),
        f"{name}() does not belong after FROM.",
        "A model reads tables as layer.table.",
    )


def _table_name(file: Path, table: exp.Table) -> TableName:
    layer, name = table.db.lower(), table.name.lower()
    if table.catalog or not layer or table.args.get("version") or table.args.get("when"):
        raise ModelError(
            file,
            line_of(table),
            f"{table.sql(DIALECT)} is not a table of the lake.",
            "Name a table as layer.table, as it is on the branch; a path or another catalog cannot be read.",
        )
    return TableName((layer,), name)
