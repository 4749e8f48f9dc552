"""Which columns of tables the columns and the rows of a SELECT depend on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope

    from lagoa.contracts import Contracts

Source = tuple[TableName, str]
"""A column of a table."""

Sources = frozenset[Source]

_NOTHING: Sources = frozenset()


@dataclass(frozen=True, slots=True)
class SelectColumns:
    """What a SELECT depends on.

    Attributes:
        columns: of each column that it returns, by name in lower case, the columns that its values are made of.
        rows: the columns that decide which rows there are: those of conditions, joins, groups.
        other: what a column that is not named here is made of, as of a series; None if there is no such column.
    """

    columns: Mapping[str, Sources] = field(default_factory=lambda: MappingProxyType({}))
    rows: Sources = _NOTHING
    other: Sources | None = None

    @property
    def every(self) -> Sources:
        """All columns that anything in it depends on."""
        return self.rows.union(*self.columns.values(), self.other or _NOTHING)

    def by_table(self) -> dict[TableName, frozenset[str]]:
        """Return the columns of each table that it depends on."""
        found: dict[TableName, set[str]] = defaultdict(set)
        for table, column in self.every:
            found[table].add(column)
        return {table: frozenset(columns) for table, columns in found.items()}


class _Unknown(Exception):
    """A name in a SELECT stands for something that is not followed."""


def select_columns(resolved: exp.Query, contracts: Contracts) -> SelectColumns | None:
    """Return what a resolved SELECT depends on; None if that is not certain.

    Args:
        resolved: the SELECT, with each name in it resolved (`lagoa.sql_models.sql`).
        contracts: the columns of the tables that it reads.
    """
    from sqlglot.errors import OptimizeError
    from sqlglot.optimizer.scope import build_scope

    try:
        scope = build_scope(resolved)
        return _Walk(contracts).of(scope) if scope is not None else None
    except (_Unknown, OptimizeError):
        return None


class _Walk:
    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts
        self._known: dict[int, SelectColumns] = {}

    def of(self, scope: Scope) -> SelectColumns:
        from sqlglot import exp

        node = scope.expression
        if id(node) not in self._known:
            self._known[id(node)] = SelectColumns(other=_NOTHING)  # what a recursive SELECT knows of itself
            if isinstance(node, exp.SetOperation):
                self._known[id(node)] = self._set_operation(scope, node)
            elif isinstance(node, exp.Select):
                self._known[id(node)] = self._select(scope, node)
            elif isinstance(node, exp.Subquery):
                self._known[id(node)] = self._inside(scope)
            else:  # rows of a series, or what is unnested
                self._known[id(node)] = SelectColumns(other=self._made_of(scope, node, {}))
        return self._known[id(node)]

    def _inside(self, scope: Scope) -> SelectColumns:
        inner = [*scope.derived_table_scopes, *scope.subquery_scopes]
        if len(inner) != 1:
            raise _Unknown
        return self.of(inner[0])

    def _set_operation(self, scope: Scope, node: exp.SetOperation) -> SelectColumns:
        from sqlglot import exp

        left, right = (self.of(side) for side in scope.set_operation_scopes)
        if node.args.get("by_name"):
            names = [*left.columns, *(name for name in right.columns if name not in left.columns)]
            columns = {each: left.columns.get(each, _NOTHING) | right.columns.get(each, _NOTHING) for each in names}
        else:
            pairs = zip(left.columns.items(), [*right.columns.values()], strict=False)
            columns = {name: one | other for (name, one), other in pairs}
        rows = left.rows | right.rows
        if not isinstance(node, exp.Union) or node.args.get("distinct") or _is_recursive(node):
            rows = rows.union(left.every, right.every)
        return SelectColumns(columns, rows)

    def _select(self, scope: Scope, node: exp.Select) -> SelectColumns:
        from sqlglot import exp

        columns: dict[str, Sources] = {}
        for select in node.selects:
            columns[select.alias_or_name.lower()] = self._made_of(scope, select, columns)
        rows = _NOTHING
        for _, source in scope.selected_sources.values():
            if not isinstance(source, exp.Table):
                made = self.of(source)
                rows |= made.rows | (made.other or _NOTHING)  # what is unnested decides how many rows there are
        parts = [node.args.get(part) for part in ("where", "group", "having", "qualify", "distinct", "limit", "offset")]
        parts += [join.args.get("on") for join in node.args.get("joins") or []]
        parts += [node.args.get("order")] if node.args.get("limit") or node.args.get("offset") else []
        for part in parts:
            rows |= self._made_of(scope, part, columns) if part is not None else _NOTHING
        distinct = node.args.get("distinct")
        if distinct is not None and distinct.args.get("on") is None:
            rows = rows.union(*columns.values())
        return SelectColumns(columns, rows)

    def _made_of(self, scope: Scope, node: exp.Expr, named: Mapping[str, Sources]) -> Sources:
        """Return the columns of tables in an expression, those of the SELECTs in it included.

        Args:
            scope: the SELECT that it is in.
            node: the expression.
            named: the columns that the SELECT returns, which parts like HAVING may name.
        """
        from sqlglot import exp

        inner = {id(each.expression): each for each in _inside_of(scope)}
        found: list[Sources] = []
        for each in node.walk(prune=lambda part: id(part) in inner):
            if id(each) in inner:
                found.append(self.of(inner[id(each)]).every)
            elif isinstance(each, exp.Column):
                found.append(self._column(scope, each, named))
        return _NOTHING.union(*found)

    def _column(self, scope: Scope, column: exp.Column, named: Mapping[str, Sources]) -> Sources:
        from sqlglot import exp

        name = column.name.lower()
        if not column.table:
            if name in named:
                return named[name]
            raise _Unknown
        source = _source(scope, column.table)
        if isinstance(source, exp.Table):
            if isinstance(source.this, exp.Func):  # a series of numbers or dates
                return _NOTHING
            table = TableName((source.db.lower(),), source.name.lower())
            contract = self._contracts.get(table) if source.db else None
            if contract is None or contract.column(name) is None:
                raise _Unknown
            return frozenset({(table, name)})
        made = self.of(source)
        found = made.columns.get(name, made.other)
        if found is None:
            raise _Unknown
        return found


def _source(scope: Scope, name: str) -> exp.Table | Scope:
    """Return what a name before a column stands for; a SELECT inside another one sees the names of that."""
    at: Scope | None = scope
    while at is not None:
        if name in at.sources:
            return at.sources[name]
        at = at.parent
    raise _Unknown


def _inside_of(scope: Scope) -> Iterable[Scope]:
    return [*scope.subquery_scopes, *scope.derived_table_scopes, *scope.udtf_scopes, *scope.cte_scopes]


def _is_recursive(node: exp.SetOperation) -> bool:
    from sqlglot import exp

    within = node.find_ancestor(exp.With)
    return within is not None and bool(within.args.get("recursive"))
