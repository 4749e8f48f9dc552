"""Whether an expression is never null, and which columns a condition leaves without nulls."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from lagoa.sql_models.marks import conjuncts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlglot import exp

    IsRequired = Callable[[exp.Column], bool]


def never_null(node: exp.Expr, required: IsRequired, *, grouped: bool) -> bool:
    """Return whether an expression is certain to have a value.

    Args:
        node: the expression, its names resolved.
        required: whether a column always has a value where the expression is evaluated.
        grouped: whether it is evaluated for groups, none of which is empty.
    """
    from sqlglot import exp

    def certain(*nodes: exp.Expr | None) -> bool:
        return all(each is not None and never_null(each, required, grouped=grouped) for each in nodes)

    node = node.unalias().unnest()
    if isinstance(node, exp.IgnoreNulls):  # SQLGlot writes any_value so
        node = node.this
    if isinstance(node, exp.Column):
        return required(node)
    if isinstance(node, exp.AggFunc) and not isinstance(node, exp.Count):
        summary = isinstance(node, exp.Min | exp.Max | exp.Sum | exp.Avg | exp.AnyValue)
        return grouped and summary and not node.expressions and certain(node.this)
    rule = next((rule for kind, rule in _rules().items() if type(node) is kind), None)
    return rule(node, certain) if rule else isinstance(node, _null_only_from_null()) and certain(*_operands(node))


@cache
def _rules() -> dict[type[exp.Expr], Callable[[Any, Callable[..., bool]], bool]]:
    """Return when an expression of a kind has a value, if `certain` says so of parts of it."""
    from sqlglot import exp

    always = (exp.Literal, exp.Boolean, exp.Count, exp.Exists, exp.Is, exp.NullSafeEQ, exp.NullSafeNEQ)
    ranks = exp.Count | exp.RowNumber | exp.Rank | exp.DenseRank | exp.Ntile
    return {
        **dict.fromkeys(always, lambda _node, _certain: True),
        exp.Cast: lambda node, certain: certain(node.this),
        exp.Coalesce: lambda node, certain: any(certain(each) for each in (node.this, *node.expressions)),
        exp.Filter: lambda node, _certain: isinstance(node.this, exp.Count),
        exp.Window: lambda node, _certain: isinstance(node.this, ranks),
        exp.Case: lambda node, certain: certain(node.args.get("default"), *(e.args["true"] for e in node.args["ifs"])),
        exp.If: lambda node, certain: certain(node.args.get("true"), node.args.get("false")),
        exp.In: lambda node, certain: not node.args.get("query") and certain(node.this, *node.expressions),
    }


@cache
def _null_only_from_null() -> tuple[type[exp.Expr], ...]:
    """Return what is null only if an operand is: no division, which is null by zero, and no TRY_CAST."""
    from sqlglot import exp

    return (
        exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.DPipe, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE,
        exp.And, exp.Or, exp.Not, exp.Between, exp.Like, exp.Upper, exp.Lower, exp.Trim, exp.Length, exp.Abs,
        exp.Round, exp.Floor, exp.Ceil, exp.TimestampTrunc, exp.DateTrunc, exp.Substring, exp.Replace, exp.Interval,
    )  # fmt: skip


def _operands(node: exp.Expr) -> Iterator[exp.Expr]:
    from sqlglot import exp

    return (each for each in node.iter_expressions() if not isinstance(each, exp.DataType | exp.Var))


def without_nulls(condition: exp.Expr | None) -> Iterator[exp.Column]:
    """Yield the columns that cannot be null in rows for which a condition is true."""
    from sqlglot import exp

    for term in conjuncts(condition) if condition is not None else ():
        plain = term.unnest()
        if isinstance(plain, exp.Not) and isinstance(plain.this.unnest(), exp.Is):
            operands = [plain.this.unnest().this] if isinstance(plain.this.unnest().expression, exp.Null) else []
        elif isinstance(plain, exp.EQ | exp.NEQ | exp.GT | exp.GTE | exp.LT | exp.LTE):
            operands = [plain.this, plain.expression]
        else:
            operands = [plain.this] if isinstance(plain, exp.Between | exp.Like | exp.In) else [plain]
        yield from (each.unnest() for each in operands if isinstance(each.unnest(), exp.Column))
