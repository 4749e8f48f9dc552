"""The columns that a model's SELECT returns, each name in it resolved against the contracts."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

from lagoa.domain.suggestions import did_you_mean
from lagoa.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from sqlglot import Schema, exp

    from lagoa.contracts import Contracts
    from lagoa.domain.tables import TableName

DIALECT = "duckdb"


def resolve(file: Path, query: exp.Query, inputs: Iterable[TableName], contracts: Contracts) -> exp.Query:
    """Return a query with each name in it resolved.

    Args:
        file: the query's file, for errors.
        query: a parsed SELECT.
        inputs: the tables it reads, sorted.
        contracts: the contracts, including those of the tables.

    Raises:
        ModelError: a column that is unknown or ambiguous.
    """
    from sqlglot import MappingSchema
    from sqlglot.errors import OptimizeError
    from sqlglot.optimizer.qualify import qualify

    mapping: dict[str, object] = {
        layer: {table.name: {c.name.lower(): "unknown" for c in contracts[table].all_columns} for table in tables}
        for layer, tables in groupby(inputs, key=lambda table: table.layer)
    }
    schema = MappingSchema(mapping, dialect=DIALECT, normalize=False)
    try:
        result = qualify(query.copy(), schema=schema, dialect=DIALECT, quote_identifiers=False)
    except OptimizeError as error:
        raise _explain(file, query, schema, error) from error
    _check_late_names(file, result)
    return result


def output_columns(file: Path, resolved: exp.Query) -> dict[str, int | None]:
    """Return the line, if known, of each column of a resolved query, by its name in lower case.

    Raises:
        ModelError: a column without a name, a name that occurs twice, or columns that cannot be determined.
    """
    from sqlglot import exp

    columns: dict[str, int | None] = {}
    for select in resolved.selects:
        name = select.alias_or_name.lower()
        if select.is_star or select.find(exp.Columns):
            raise ModelError(
                file, line_of(select), f"the columns of {select.sql(DIALECT)} cannot be determined.", "Name each."
            )
        if re.fullmatch(r"_col_\d+", name):
            raise ModelError(file, line_of(select), f"{select.this.sql(DIALECT)} has no name.", "Give it one with AS.")
        if name in columns:
            raise ModelError(file, line_of(select), f"the column {name} occurs twice.", "Give each a different name.")
        columns[name] = line_of(select)
    return columns


def _check_late_names(file: Path, query: exp.Query) -> None:
    """Check what SQLGlot does not: the numbers of columns in a union, and names in HAVING, QUALIFY and ORDER BY."""
    from sqlglot import exp

    for union in query.find_all(exp.SetOperation):
        left, right = len(union.left.named_selects), len(union.right.named_selects)
        if left != right and not union.args.get("by_name"):
            message = f"one side of {union.key.upper()} has {left} columns, the other {right}."
            raise ModelError(file, line_of(union.right), message, "Give both the same columns.")
    for part in query.find_all(exp.Having, exp.Qualify, exp.Order):
        if isinstance(part.parent, exp.Query):
            names = {name.lower() for name in part.parent.named_selects}
            for column in part.find_all(exp.Column):
                if not column.table and column.name.lower() not in names and column.parent_select is part.parent_select:
                    message = f"there is no column {column.name} here."
                    advice = did_you_mean(column.name, names, 3).strip() or f"There are: {', '.join(sorted(names))}."
                    raise ModelError(file, line_of(column), message, advice)


def _explain(file: Path, query: exp.Query, schema: Schema, error: Exception) -> ModelError:
    """Return the error, with line and reason, for what SQLGlot could not resolve."""
    from sqlglot.errors import OptimizeError
    from sqlglot.optimizer.qualify import qualify

    try:
        partly = qualify(
            query.copy(),
            schema=schema,
            dialect=DIALECT,
            allow_partial_qualification=True,
            validate_qualify_columns=False,
            quote_identifiers=False,
        )
        for column, found, offered in _unresolved(partly, schema):
            if len(found) > 1:
                advice = f"Say which: {' or '.join(f'{source}.{column.name}' for source in found)}."
                return ModelError(file, line_of(column), f"the column {column.name} is ambiguous.", advice)
            advice = did_you_mean(column.name, offered, 3).strip() or f"There are: {', '.join(sorted(set(offered)))}."
            return ModelError(file, line_of(column), f"there is no column {column.sql(DIALECT)}.", advice)
    except OptimizeError:  # not even partly: only the name in the message is known
        pass
    from sqlglot import exp

    names = set(re.findall(r"\w+", str(error)))
    place = next((node for node in query.find_all(exp.Identifier) if node.name.lower() in names), None)
    return ModelError(file, line_of(place) if place else None, f"{error}.", "Fix the names.")


def _unresolved(query: exp.Query, schema: Schema) -> Iterator[tuple[exp.Column, list[str], list[str]]]:
    """Yield each unresolved column, with the sources that have it and the available columns."""
    from sqlglot.optimizer.resolver import Resolver
    from sqlglot.optimizer.scope import traverse_scope

    for scope in traverse_scope(query):
        resolver = Resolver(scope, schema)
        offered = {source: list(resolver.get_source_columns(source)) for source in scope.selected_sources}
        for column in scope.columns:
            if column.table in offered:
                if column.name not in offered[column.table]:
                    yield column, [], offered[column.table]
            elif not (column.table and scope.is_correlated_subquery):
                found = [source for source, columns in offered.items() if column.name in columns]
                yield column, found, [name for columns in offered.values() for name in columns]


def line_of(node: exp.Expr | None) -> int | None:
    """Return the first known line of a node or of what it contains."""
    lines = (part.meta.get("line") for part in node.walk()) if node else iter(())
    return min((line for line in lines if line), default=None)
