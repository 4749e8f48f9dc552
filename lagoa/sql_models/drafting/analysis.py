"""Follows a SELECT from its tables to its columns: which are never null, where they come from, what identifies a row.

Only what is certain is returned; what cannot be analysed is taken to be null at times, computed and without key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.domain.tables import TableName
from lagoa.sql_models.drafting.facts import Key, Made, Origin, Rows, rows_of
from lagoa.sql_models.drafting.joins import Joined, join_sides, numbers_first
from lagoa.sql_models.drafting.nulls import never_null
from lagoa.sql_models.marks import conjuncts, is_windowed, own_nodes

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope

    from lagoa.contracts import Contracts

_MOST_KEYS = 20


def analyse(resolved: exp.Query, contracts: Contracts) -> Rows:
    """Return what is certain about the rows of a resolved SELECT over tables that have these contracts."""
    from sqlglot.optimizer.scope import build_scope

    scope = build_scope(resolved)
    return _Analysis(contracts).rows(scope) if scope is not None else Rows()


class _Analysis:
    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts
        self._known: dict[int, Rows] = {}

    def rows(self, scope: Scope) -> Rows:
        from sqlglot import exp

        node = scope.expression
        if id(node) not in self._known:
            self._known[id(node)] = Rows()  # what a recursive SELECT knows of itself
            if isinstance(node, exp.SetOperation):
                self._known[id(node)] = self._set_operation(scope, node)
            elif isinstance(node, exp.Select):
                self._known[id(node)] = self._select(scope, node)
        return self._known[id(node)]

    def _set_operation(self, scope: Scope, node: exp.SetOperation) -> Rows:
        from sqlglot import exp

        left, right = (self.rows(side) for side in scope.set_operation_scopes)
        if node.args.get("by_name") or not left.columns:
            return Rows()
        union = isinstance(node, exp.Union)
        if union and len(left.columns) != len(right.columns):
            return Rows()
        columns = dict(left.columns)
        if union:
            pairs = zip(left.columns.values(), right.columns.values(), strict=True)
            columns = {one.name: _either(one, other) for one, other in pairs}
        keys = [] if union else list(left.keys)
        if node.args.get("distinct"):
            keys.append(frozenset(columns))
        return Rows(columns, tuple(keys))

    def _select(self, scope: Scope, node: exp.Select) -> Rows:
        from sqlglot import exp

        joined = join_sides(node, {name: self._source(scope, name) for name in scope.sources})
        group = node.args.get("group")
        plain = group is None or group.find(exp.Rollup, exp.Cube, exp.GroupingSets) is None
        made = {each.alias_or_name.lower(): each.unalias() for each in node.selects}
        if len(made) != len(node.selects):
            return Rows()

        def required(column: exp.Column) -> bool:
            return plain and joined.required(column)

        columns = {
            name: Made(
                name,
                never_null(each, required, grouped=group is not None and plain),
                _origin(each, joined),
                _personal(each, joined),
            )
            for name, each in made.items()
        }
        names = {joined.text(each): name for name, each in reversed(made.items())}
        keys = _keys(node, joined, names) if plain else []
        numbered = {name: key for name, each in made.items() if (key := _numbered(each, joined, names)) is not None}
        return Rows(columns, tuple(dict.fromkeys(keys))[:_MOST_KEYS], numbered)

    def _source(self, scope: Scope, name: str) -> Rows:
        from sqlglot import exp

        source = scope.sources[name]
        if not isinstance(source, exp.Table):
            return self.rows(source)
        contract = self._contracts.get(TableName((source.db.lower(),), source.name.lower())) if source.db else None
        return rows_of(contract) if contract else Rows()


def _either(one: Made, other: Made) -> Made:
    """Return what is known of a column that has the values of two."""
    same = one.origin is not None and one.origin == other.origin
    return Made(one.name, one.required and other.required, one.origin if same else None, one.personal or other.personal)


def _origin(node: exp.Expr, joined: Joined) -> Origin | None:
    from sqlglot import exp

    node = joined.unwrapped(node)
    if isinstance(node, exp.Column):
        return getattr(joined.column(node), "origin", None)
    if type(node) is exp.Cast and (found := _origin(node.this, joined)) is not None:
        return Origin(found.table, found.column, same=False)
    return None


def _personal(node: exp.Expr, joined: Joined) -> str:
    """Return a column with personal data that is in the values of an expression, not only compared or counted."""
    from sqlglot import exp

    if isinstance(node, exp.Predicate | exp.Count | exp.Connector | exp.Not | exp.Query):
        return ""
    if isinstance(node, exp.Column):
        return getattr(joined.column(node), "personal", "")
    if isinstance(node, exp.Window):
        return _personal(node.this, joined)
    return next((found for each in node.iter_expressions() if (found := _personal(each, joined))), "")


def _keys(node: exp.Select, joined: Joined, names: dict[str, str]) -> list[Key]:
    """Return the keys of a SELECT by the names of its columns."""
    from sqlglot import exp

    group, found = node.args.get("group"), list(joined.keys)
    if group is not None:
        by = group.expressions or [each.unalias() for each in node.selects if not each.find(exp.AggFunc)]
        found = [frozenset(joined.text(each) for each in by)]
    elif any(not is_windowed(each) for each in own_nodes(node, exp.AggFunc)):
        found = [frozenset()]
    qualify = node.args.get("qualify")
    for term in conjuncts(qualify.this) if qualify else ():
        parts = _first_of(term, node)
        if parts is not None:
            found.append(frozenset(map(joined.text, parts)))
    if any(map(_has_series, node.selects)):
        found = []
    keys = [frozenset(names[each] for each in key) for key in found if all(each in names for each in key)]
    distinct = node.args.get("distinct")
    if distinct is not None:
        on = distinct.args.get("on")
        made = {each.alias_or_name.lower() for each in node.selects}
        by = made if on is None else {_name_of(each, joined, names) for each in on.expressions}
        if by <= made:
            keys.append(frozenset(by))
    return keys


def _name_of(node: exp.Expr, joined: Joined, names: dict[str, str]) -> str:
    """Return the name of the column that an expression is, or that it names; empty if it is none."""
    from sqlglot import exp

    named = node.name.lower() if isinstance(node, exp.Column) and not node.table else ""
    return names.get(joined.text(node), named)


def _has_series(node: exp.Expr) -> bool:
    """Return whether an expression makes several rows of one."""
    from sqlglot import exp

    named = any(each.name.lower() == "unnest" for each in node.find_all(exp.Anonymous))
    return named or node.find(exp.Explode, exp.Unnest) is not None


def _first_of(term: exp.Expr, node: exp.Select) -> list[exp.Expr] | None:
    """Return what rows are partitioned by if a condition keeps the first of each part: row_number() over (…) = 1."""
    from sqlglot import exp

    window = numbers_first(term)
    if isinstance(window, exp.Column):
        window = next((each.unalias() for each in node.selects if each.alias_or_name == window.name), window)
    return _partition(window) if window is not None else None


def _partition(node: exp.Expr) -> list[exp.Expr] | None:
    from sqlglot import exp

    if not (isinstance(node, exp.Window) and isinstance(node.this, exp.RowNumber)):
        return None
    select = node.parent_select
    named = {each.name.lower(): each for each in (select.args.get("windows") or [] if select else [])}
    parts = list(node.args.get("partition_by") or [])
    base = named.get(str(node.alias).lower()) if node.args.get("alias") else None
    return parts + list(base.args.get("partition_by") or []) if base is not None else parts


def _numbered(node: exp.Expr, joined: Joined, names: dict[str, str]) -> Key | None:
    parts = _partition(node)
    texts = [joined.text(each) for each in parts or ()]
    return (
        frozenset(names[each] for each in texts) if parts is not None and all(each in names for each in texts) else None
    )
