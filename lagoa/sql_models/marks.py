"""Expressions that determine a row's increment, and other questions about the expressions of one SELECT."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlglot import exp

    from lagoa.contracts.intervals import Grain

Marks = frozenset[tuple[str, str]]
"""Columns that determine a row's increment: the table's name in the SELECT, and the column's."""

_Node = TypeVar("_Node", bound="exp.Expr")

_FINER = {
    "hour": {"MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR"},
    "day": {"DAY"},
    "month": {"MONTH"},
    "year": {"QUARTER", "YEAR"},
}
"""Units that are within one hour, and those that each longer grain adds."""


def is_mark(node: exp.Expr, marks: Marks, grain: Grain | None) -> bool:
    """Return whether an expression's value is in the same increment as a mark, and null only if the mark is.

    Args:
        node: the expression.
        marks: the columns that determine an increment.
        grain: of the increments; None for batches, which only the mark itself determines.
    """
    from sqlglot import exp

    node = node.unalias().unnest()
    if isinstance(node, exp.Column):
        return (node.table.lower(), node.name.lower()) in marks
    if isinstance(node, exp.Coalesce):  # as USING writes it: both sides are equal
        return all(is_mark(each, marks, grain) for each in (node.this, *node.expressions))
    if grain is None:
        return False
    if type(node) is exp.Cast:
        return _keeps(node.to, grain) and is_mark(node.this, marks, grain)
    if isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
        unit = node.args.get("unit")
        fine = unit is not None and unit.name.upper() in _units(grain) and not node.args.get("zone")
        return fine and is_mark(node.this, marks, grain)
    return False


def _keeps(kind: exp.DataType, grain: Grain) -> bool:
    from sqlglot import exp

    moments = {exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ, exp.DType.TIMESTAMPTZ, exp.DType.DATETIME}
    return kind.this in moments or (kind.this == exp.DType.DATE and grain != "hour")


def _units(grain: Grain) -> set[str]:
    grains = list(_FINER)
    return set().union(*(_FINER[each] for each in grains[: grains.index(grain) + 1]))


def conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the conditions that are joined by AND."""
    from sqlglot import exp

    node = node.unnest()
    if isinstance(node, exp.And):
        yield from conjuncts(node.left)
        yield from conjuncts(node.right)
    else:
        yield node


def own_nodes(node: exp.Select, kind: type[_Node]) -> Iterator[_Node]:
    """Yield a SELECT's nodes of a kind, without those of the SELECTs inside it."""
    from sqlglot.optimizer.scope import walk_in_scope

    return (each for each in walk_in_scope(node) if isinstance(each, kind))


def is_windowed(node: exp.AggFunc) -> bool:
    """Return whether an aggregate is that of a window."""
    from sqlglot import exp

    inner: exp.Expr = node
    while isinstance(inner.parent, exp.Filter | exp.IgnoreNulls | exp.RespectNulls | exp.WithinGroup):
        inner = inner.parent
    return isinstance(inner.parent, exp.Window) and inner.parent.this is inner


def has_free_column(node: exp.Select) -> bool:
    """Return whether the SELECT's list has a column outside any function that SQLGlot does not know.

    With such a column DuckDB accepts no aggregate without GROUP BY, so none of these functions can be one.
    """
    from sqlglot import exp
    from sqlglot.optimizer.scope import walk_in_scope

    columns = [each for made in node.selects for each in walk_in_scope(made) if isinstance(each, exp.Column)]
    return any(not isinstance(each.find_ancestor(exp.Anonymous, exp.Select), exp.Anonymous) for each in columns)


def names_in(query: exp.Query) -> frozenset[str] | None:
    """Return every name in a resolved query, in lower case: a column whose name is not among them is not read.

    None if columns are read without being named.
    """
    from sqlglot import exp

    natural = any(str(join.args.get("method") or "").upper() == "NATURAL" for join in query.find_all(exp.Join))
    if natural or any(not isinstance(star.parent, exp.Count) for star in query.find_all(exp.Star)):
        return None
    return frozenset(each.name.lower() for each in query.find_all(exp.Identifier))


def unique_names(query: exp.Query) -> dict[int, str]:
    """Return the name of each column that a query returns, by its position, without names that occur twice."""
    names = [each.alias_or_name.lower() for each in query.selects]
    return {place: name for place, name in enumerate(names) if names.count(name) == 1}
