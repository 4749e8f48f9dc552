"""Aggregates and window functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.sql_models.dialects.numbers import as_double
from lagoa.sql_models.dialects.target import NUMBERS, Family, family, literal, number, refuse, require, scale, type_of

if TYPE_CHECKING:
    from sqlglot import exp

    from lagoa.sql_models.dialects.target import Target

_ORDERED: frozenset[Family] = frozenset(
    {"int", "decimal", "double", "text", "boolean", "date", "timestamp", "timestamptz"}
)
_EXACT_SCALE = 6


def split_averages(query: exp.Query) -> None:
    """Write each avg() of whole numbers and decimals as sum / count, in place, before rules are applied.

    DuckDB's is the double next to the exact average; Spark's and Trino's are decimals of few digits. The sum is taken
    in the smallest unit, so that both operands are whole numbers and only the division rounds.
    """
    from sqlglot import exp

    for node in list(query.find_all(exp.Avg)):
        value = node.this.expressions[0] if isinstance(node.this, exp.Distinct) else node.this
        if family(value) not in {"int", "decimal"}:
            continue
        kind = value.type if family(value) == "decimal" else None
        digits = scale(kind)[1] if kind else 0
        if digits > _EXACT_SCALE:
            continue  # the rule for avg() refuses it
        whole: exp.Expr = node
        while isinstance(whole.parent, (exp.Filter, exp.Window)) and whole.parent.this is whole:
            whole = whole.parent
        total = _instead(whole, node, exp.Sum, f"DECIMAL(38, {digits})" if digits else "HUGEINT")
        count = _instead(whole, node, exp.Count, "BIGINT")
        count = _typed(
            exp.Nullif(this=_times(count, digits), expression=_typed(exp.Literal.number(0), "INTEGER")), "BIGINT"
        )
        doubles = [
            _typed(exp.Cast(this=each, to=exp.DataType.build("double")), "DOUBLE")
            for each in (_times(total, digits), count)
        ]
        quotient = _typed(exp.Div(this=doubles[0], expression=doubles[1]), "DOUBLE")
        whole.replace(_typed(exp.Paren(this=quotient), "DOUBLE"))


def _times(node: exp.Expr, digits: int) -> exp.Expr:
    from sqlglot import exp

    if not digits:
        return node
    unit = _typed(exp.Literal.number(10**digits), "INTEGER")
    return _typed(exp.Mul(this=node, expression=unit), type_of(node).sql("duckdb"))


def _typed(node: exp.Expr, kind: str) -> exp.Expr:
    from sqlglot import exp

    node.type = exp.DataType.build(kind, dialect="duckdb")
    return node


def _instead(whole: exp.Expr, average: exp.Expr, kind: type[exp.Expr], result: str) -> exp.Expr:
    """Return a copy of an average, with its filter and window, that takes another aggregate of the same."""
    made = _typed(kind(this=average.this.copy()), result)
    if whole is average:
        return made
    copied = whole.copy()
    around = copied
    while around.this != average:
        around = around.this
    around.set("this", made)
    while around is not copied:
        around = _typed(around, result).parent  # type: ignore[assignment]
    return _typed(copied, result)


def average(node: exp.Expr, to: Target) -> exp.Expr:
    """Pass avg() of doubles."""
    value = _argument(node)
    require(value, frozenset({"double"}), "avg()", "Cast it to double.")
    return node


def _argument(node: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    if isinstance(node.this, exp.Distinct):
        if len(node.this.expressions) != 1:
            refuse("DISTINCT of several values differs", "Count the rows of a SELECT DISTINCT.")
        return node.this.expressions[0]  # type: ignore[no-any-return]
    return node.this  # type: ignore[no-any-return]


def total(node: exp.Expr, to: Target) -> exp.Expr:
    """Pass sum() of numbers."""
    require(_argument(node), NUMBERS, "sum()", "Sum numbers: of a condition, sum(case when … then 1 else 0 end).")
    return node


def count(node: exp.Expr, to: Target) -> exp.Expr:
    """Pass count(*), count(x) and count(distinct x)."""
    from sqlglot import exp

    if isinstance(node.this, exp.Distinct):
        require(_argument(node), _ORDERED, "count(distinct …)", "Count the rows of a SELECT DISTINCT.")
    return node


def extreme(node: exp.Expr, to: Target) -> exp.Expr:
    """Pass min() and max() of values that have an order everywhere."""
    require(_argument(node), _ORDERED, f"{node.key}()", "Take it of numbers, texts, booleans, dates or times.")
    return node


def of_boolean(node: exp.Expr, to: Target) -> exp.Expr:
    """Pass bool_or() and bool_and()."""
    require(node.this, frozenset({"boolean"}), node.key, "Compare it: x <> 0.")
    return node


def any_value(node: exp.Expr, to: Target) -> exp.Expr:
    """Write any_value() as max(): whichever is not promised, and of equal values it is the same."""
    from sqlglot import exp

    if not isinstance(node.this, exp.AnyValue):
        if isinstance(node.this, exp.Max):  # made of any_value() just now
            return node.this
        refuse("IGNORE NULLS is written differently", "Filter the rows, or use max() or min().")
    return node.this


def any_as_max(node: exp.Expr, to: Target) -> exp.Expr:
    """Write any_value() as max()."""
    require(node.this, _ORDERED, "any_value()", "Take it of numbers, texts, booleans, dates or times.")
    return to.say("MAX(:x)", x=node.this)


def value_at(node: exp.Expr, to: Target) -> exp.Expr:
    """Write arg_min() and arg_max(), which pass over rows in which either is null."""
    require(node.expression, _ORDERED, f"{node.key}()", "Order by numbers, texts, dates or times.")
    name = "MIN_BY" if node.key == "argmin" else "MAX_BY"
    return to.say(f"{name}(:x, :y) FILTER (WHERE :x IS NOT NULL AND :y IS NOT NULL)", x=node.this, y=node.expression)


def filtered(node: exp.Expr, to: Target) -> exp.Expr:
    """Pass FILTER, together with that of the aggregate in it."""
    from sqlglot import exp

    inner = node.this
    if isinstance(inner, exp.Filter):
        both = exp.and_(inner.expression.this.copy(), node.expression.this.copy())
        return exp.Filter(this=inner.this, expression=exp.Where(this=both))
    return node


def join_group(node: exp.Expr, to: Target) -> exp.Expr:
    """Write string_agg(x, ',' order by …): without an order it depends on the engine."""
    from sqlglot import exp

    if not isinstance(node.this, exp.Order):
        refuse("string_agg() without an order depends on the engine", "Write string_agg(x, ',' order by …).")
    value = node.this.this
    if isinstance(value, exp.Distinct):
        refuse("Trino has no string_agg(distinct …)", "Select the distinct rows first.")
    require(value, frozenset({"text"}), "string_agg()", "Cast it to varchar.")
    separator = exp.Literal.string(literal(node.args.get("separator"), "the separator of string_agg()"))
    made = to.say("LISTAGG(:x, :s) WITHIN GROUP (ORDER BY x)", x=value, s=separator)
    made.find(exp.Order).set("expressions", [each.copy() for each in node.this.expressions])  # type: ignore[union-attr]
    return made


def spread(node: exp.Expr, to: Target) -> exp.Expr:
    """Write standard deviation and variance, of doubles."""
    require(node.this, NUMBERS, f"{node.key}()")
    node.set("this", as_double(node.this, to))
    return node


def neighbour(node: exp.Expr, to: Target) -> exp.Expr:
    """Pass lag() and lead() by a number that is written out."""
    if node.args.get("offset") is not None:
        number(node.args["offset"], "the distance", 0)
    return node


def window(node: exp.Expr, to: Target) -> exp.Expr:
    """Write a window: one with an order where the order decides, and frames that all engines count the same way."""
    from sqlglot import exp

    inner = node.this
    whole = (exp.Sum, exp.Count, exp.Min, exp.Max, exp.Avg, exp.LogicalOr, exp.LogicalAnd, exp.Filter)
    if not isinstance(inner, whole) and node.args.get("order") is None:
        refuse("the rows of a window without ORDER BY come in the order of the engine", "Write OVER (ORDER BY …).")
    if isinstance(inner, exp.Filter) and isinstance(inner.this, (exp.ArgMin, exp.ArgMax)):
        refuse("arg_min() and arg_max() as window functions differ", "Use first_value().")
    if node.args.get("spec") is not None:
        _check_frame(node.args["spec"])
    if to.engine == "spark" and isinstance(inner, (exp.RowNumber, exp.Rank, exp.DenseRank)):
        return to.say("CAST(:x AS BIGINT)", x=node)
    return node


def _check_frame(spec: exp.Expr) -> None:
    kind = str(spec.args.get("kind") or "").upper()
    for key in ("start", "end"):
        side = spec.args.get(key)
        if kind == "ROWS" and side is not None and not isinstance(side, str):
            number(side, "the number of rows of a frame")
        elif kind != "ROWS" and (kind != "RANGE" or str(side).upper() not in {"UNBOUNDED", "CURRENT ROW"}):
            refuse(f"a frame of {kind} is counted differently", "Write ROWS BETWEEN … AND ….")
