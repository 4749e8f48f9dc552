"""The type of every expression of a SELECT, as DuckDB has it.

DuckDB itself describes them, over inputs without rows: what it derives for decimals, sums and dates decides what
another engine must be given, and a second derivation would sometimes differ.
"""

# ruff: noqa: S608 - all SQL comes from the parsed model
from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.domain.sql_names import name_in_sql
from lagoa.domain.tables import TableName
from lagoa.formats.shared.values import sql_type
from lagoa.sql_models.columns import DIALECT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb
    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope

    from lagoa.contracts import Contracts

Kinds = list[tuple[str, str]]
"""Each column with its type, in DuckDB's spelling."""


def annotate(query: exp.Query, contracts: Contracts) -> None:
    """Set the type of every expression in a resolved query; an expression that DuckDB cannot type alone gets none."""
    import duckdb
    from sqlglot.optimizer.scope import traverse_scope

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        outputs: dict[int, Kinds] = {}
        for scope in traverse_scope(query):
            typed = _Typed(connection, contracts, outputs, scope)
            outputs[id(scope.expression)] = typed.outputs()


class _Typed:
    """One SELECT, with the inputs whose columns it may name."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        contracts: Contracts,
        outputs: dict[int, Kinds],
        scope: Scope,
    ) -> None:
        self._connection, self._contracts, self._outputs, self._scope = connection, contracts, outputs, scope

    def outputs(self) -> Kinds:
        """Set the types in this SELECT, and return those of its columns."""
        from sqlglot import exp

        query = self._scope.expression
        if isinstance(query, exp.SetOperation):
            sides = [[kind for _, kind in self._outputs[id(side.unnest())]] for side in (query.left, query.right)]
            union = " UNION ALL ".join(
                f"SELECT {', '.join(f'CAST(NULL AS {each})' for each in side)}" for side in sides
            )
            kinds = list(zip(query.named_selects, self._describe(union), strict=True))
        elif isinstance(query, exp.Select):
            self._set_types()
            kinds = [(each.alias_or_name, _spelled(each.unalias())) for each in query.selects]
        else:
            kinds = self._rows(query)
        if isinstance(query.parent, exp.Subquery) and len(kinds) == 1:
            query.parent.type = exp.DataType.build(kinds[0][1], dialect=DIALECT)
        return kinds

    def _rows(self, source: exp.Expr) -> Kinds:
        """Return the columns of VALUES or unnest after FROM."""
        from sqlglot import exp

        self._set_types(source)
        names = (
            [each.name for each in source.args["alias"].args.get("columns") or []] if source.args.get("alias") else []
        )
        if isinstance(source, exp.Values):
            return list(zip(names, self._describe(f"SELECT * FROM {source.sql(DIALECT)}"), strict=False))
        kinds: list[str] = []
        if isinstance(source, exp.Unnest):
            for each in source.expressions:
                spelled = _spelled(each)
                kinds.append(spelled.removesuffix("[]") if spelled.endswith("[]") else "NULL")
        return list(zip(names, kinds, strict=False))

    def _set_types(self, source: exp.Expr | None = None) -> None:
        from sqlglot import exp

        walk = source.walk() if source is not None else self._scope.walk()
        nodes = [node for node in walk if _has_type(node)]
        for node, kind in zip(nodes, self._types(nodes), strict=True):
            if kind:
                node.type = exp.DataType.build(kind, dialect=DIALECT)

    def _types(self, nodes: Sequence[exp.Expr]) -> list[str]:
        import duckdb

        try:
            return self._describe(self._select(nodes)) if nodes else []
        except duckdb.Error:
            kinds = []
            for node in nodes:
                try:
                    kinds.append(self._describe(self._select([node]))[0])
                except duckdb.Error:
                    kinds.append("")
            return kinds

    def _select(self, nodes: Sequence[exp.Expr]) -> str:
        """Return a SELECT of expressions over inputs that have no rows.

        Where one of them is an aggregate, all columns are keys, so that each expression may stand beside it.
        """
        from sqlglot import exp

        alone = [_alone(node) for node in nodes]
        columns = sorted({column.sql(DIALECT) for node in alone for column in node.find_all(exp.Column)})
        text = f"SELECT {', '.join(node.sql(DIALECT) for node in alone)}"
        if inputs := ", ".join(self._inputs()):
            text += f" FROM {inputs}"
        if columns and any(_aggregates(node) for node in alone):
            text += f" GROUP BY {', '.join(columns)}"
        return text

    def _inputs(self) -> Iterator[str]:
        from sqlglot import exp

        scope: Scope | None = self._scope
        seen: set[str] = set()
        while scope is not None:  # a subquery may name the columns of the SELECT around it
            for name, source in scope.sources.items():
                if name in seen:
                    continue
                seen.add(name)
                if isinstance(source, exp.Table):
                    contract = self._contracts[TableName((source.db,), source.name)]
                    kinds = [(column.name.lower(), sql_type(column.type)) for column in contract.all_columns]
                else:
                    kinds = self._outputs.get(id(source.expression), [])
                if kinds:
                    columns = ", ".join(f"CAST(NULL AS {kind}) AS {name_in_sql(column)}" for column, kind in kinds)
                    yield f"(SELECT {columns}) AS {name_in_sql(name)}"
            scope = scope.parent

    def _describe(self, query: str) -> list[str]:
        return [str(row[1]) for row in self._connection.execute(f"DESCRIBE {query}").fetchall()]


def _has_type(node: exp.Expr) -> bool:
    """Return whether a node is an expression with a value that can be told apart from what it stands in."""
    from sqlglot import exp

    if not isinstance(node, (exp.Condition, exp.Interval, exp.AtTimeZone, exp.Window, exp.Filter, exp.IgnoreNulls)):
        return False
    if isinstance(node, exp.Star) or (isinstance(node, exp.If) and isinstance(node.parent, exp.Case)):
        return False
    around = node.parent
    while isinstance(around, (exp.Filter, exp.IgnoreNulls, exp.WithinGroup)) and around.this is node:
        node, around = around, around.parent
    return not (isinstance(around, (exp.Window, exp.WithinGroup)) and around.this is node)


def _aggregates(node: exp.Expr) -> bool:
    """Return whether an expression has an aggregate that is not a window function."""
    from sqlglot import exp

    return any(
        not isinstance(each.parent, exp.Window) and not isinstance(each.parent and each.parent.parent, exp.Window)
        for each in node.find_all(exp.AggFunc)
    )


def _alone(node: exp.Expr) -> exp.Expr:
    """Return an expression with a null of the same type in the place of each query in it."""
    from sqlglot import exp

    def flat(part: exp.Expr) -> exp.Expr:
        if isinstance(part, exp.Exists) or (isinstance(part, exp.In) and part.args.get("query")):
            return exp.cast(exp.null(), "boolean")
        if isinstance(part, exp.Subquery) and part.type:
            return exp.cast(exp.null(), part.type.copy())
        return part

    return node.copy().transform(flat)


def _spelled(node: exp.Expr) -> str:
    return node.type.sql(DIALECT) if node.type else "NULL"
