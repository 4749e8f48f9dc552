"""How queries use the columns of a table: what they filter by, join on and group by."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lagoa.errors import ModelError
from lagoa.sql_models.sql import resolved_select

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope

    from lagoa.contracts import Contracts
    from lagoa.domain.tables import TableName
    from lagoa.usage.log import LoggedQuery

_QUERY = Path("query")
"""What errors call a query."""


@dataclass(slots=True)
class ColumnUse:
    """How many queries use a column of a table, each counted once.

    Attributes:
        equal: compare it with single values, also by IN.
        ranges: with ranges of values.
        joined: join on it.
        grouped: group by it.
    """

    equal: int = 0
    ranges: int = 0
    joined: int = 0
    grouped: int = 0

    @property
    def filtered(self) -> int:
        """The queries that compare it with values."""
        return self.equal + self.ranges


@dataclass(slots=True)
class TableUse:
    """How queries use a table.

    Attributes:
        queries: that read it.
        not_followed: of these, whose SQL could not be followed.
        engines: how many of these each engine ran.
        bytes: that those read from files whose engine says so, also of other tables.
        columns: by name, those that are filtered by, joined on or grouped by.
    """

    queries: int = 0
    not_followed: int = 0
    engines: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    columns: dict[str, ColumnUse] = field(default_factory=dict)


def table_use(queries: Iterable[LoggedQuery], table: TableName, contracts: Contracts) -> TableUse:
    """Return how queries of the log use a table."""
    found = TableUse()
    known: dict[str, frozenset[tuple[str, str]] | None] = {}
    for query in queries:
        if table not in query.tables:
            continue
        found.queries += 1
        found.engines[query.engine] += 1
        found.bytes += query.bytes or 0
        if query.sql not in known:
            known[query.sql] = _uses(query.sql, table, contracts)
        uses = known[query.sql]
        if uses is None:
            found.not_followed += 1
            continue
        for column, kind in uses:
            use = found.columns.setdefault(column, ColumnUse())
            setattr(use, kind, getattr(use, kind) + 1)
    return found


def _uses(sql: str, table: TableName, contracts: Contracts) -> frozenset[tuple[str, str]] | None:
    """Return each column of a table in a query with each kind of use; None if the query cannot be followed."""
    from sqlglot.errors import OptimizeError
    from sqlglot.optimizer.pushdown_predicates import pushdown_predicates
    from sqlglot.optimizer.scope import traverse_scope

    try:
        # Filters of what a CTE returns are filters of its table, as engines push them there, too.
        query = pushdown_predicates(resolved_select(_QUERY, sql, contracts), dialect="duckdb")
        return frozenset(use for scope in traverse_scope(query) for use in _of_scope(scope, table))
    except (ModelError, OptimizeError):
        return None


def _of_scope(scope: Scope, table: TableName) -> Iterator[tuple[str, str]]:
    select = scope.expression
    where, group = select.args.get("where"), select.args.get("group")
    conditions = [part for part in (where, *(join.args.get("on") for join in select.args.get("joins") or [])) if part]
    for condition in conditions:
        for column in _columns(condition, scope, table):
            kind = _compared(column)
            if kind is not None:
                yield column.name.lower(), kind
    for each in group.expressions if group is not None else ():
        for column in _columns(each, scope, table):
            if column is each:
                yield column.name.lower(), "grouped"


def _columns(part: exp.Expr, scope: Scope, table: TableName) -> Iterator[exp.Column]:
    """Yield the columns of a table in a part of a SELECT, not those of SELECTs within, which are scopes themselves."""
    from sqlglot import exp

    for each in part.walk(prune=lambda node: isinstance(node, exp.Query)):
        if isinstance(each, exp.Column):
            source = scope.sources.get(each.table)
            if isinstance(source, exp.Table) and (source.db.lower(), source.name.lower()) == (table.layer, table.name):
                yield each


def _compared(column: exp.Column) -> str | None:
    """Return how a condition compares a column; None if no engine leaves out files by it, as in a function of it."""
    from sqlglot import exp

    if _is_beside_others(column):
        return None
    parent = column.parent
    if isinstance(parent, exp.In):
        return "equal" if parent.this is column and not parent.args.get("query") else None
    if isinstance(parent, exp.Between):
        return "ranges" if parent.this is column else None
    if not isinstance(parent, (exp.EQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ)):
        return None
    other = parent.right if parent.left is column else parent.left
    if other.find(exp.Column):
        joins = isinstance(parent, exp.EQ) and isinstance(other, exp.Column) and other.table != column.table
        return "joined" if joins else None
    return "equal" if isinstance(parent, (exp.EQ, exp.NullSafeEQ)) else "ranges"


def _is_beside_others(column: exp.Column) -> bool:
    """Return whether a row may be wanted whatever this column has: behind NOT, or by OR with another column."""
    from sqlglot import exp

    at = column.parent
    while at is not None and not isinstance(at, (exp.Where, exp.Join)):
        if isinstance(at, exp.Not):
            return True
        if isinstance(at, exp.Or) and any(each != column for each in at.find_all(exp.Column)):
            return True
        at = at.parent
    return False
