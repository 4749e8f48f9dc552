"""Arithmetic, rounding and comparisons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.sql_models.dialects.casts import EXACT_DIGITS, type_for
from lagoa.sql_models.dialects.target import NUMBERS, family, number, refuse, require, same_family, scale, type_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot import exp

    from lagoa.sql_models.dialects.target import Target

_KEPT_SCALE = 6
"""Decimals that Spark keeps in any product; further ones it gives up where the result has more than 38 digits."""
_DIGITS = 38


def arithmetic(node: exp.Expr, to: Target) -> exp.Expr:
    """Write + - * of numbers: in doubles where DuckDB does, and never where Spark would drop decimals."""
    require(node.this, NUMBERS, node.key)
    require(node.expression, NUMBERS, node.key)
    if family(node) == "double":
        node.set("this", as_double(node.this, to))
        node.set("expression", as_double(node.expression, to))
    if family(node) == "decimal" and scale(node.type)[1] > _KEPT_SCALE:
        widths = [scale(each.type)[0] if family(each) == "decimal" else 20 for each in (node.this, node.expression)]
        if sum(widths) >= _DIGITS:
            advice = "Cast the factors to the decimals that are needed, or to double."
            refuse(f"Spark cuts decimals of a result with more than {_KEPT_SCALE} of them", advice)
    return node


def as_double(node: exp.Expr, to: Target) -> exp.Expr:
    """Return a number as a double."""
    return node if family(node) == "double" else to.say("CAST(:x AS DOUBLE)", x=node)


def never_zero(node: exp.Expr) -> bool:
    """Return whether a divisor is a number other than zero written out, or null instead of zero."""
    from sqlglot import exp

    while isinstance(node, (exp.Cast, exp.Paren)):
        node = node.this
    if isinstance(node, exp.Nullif):
        return isinstance(node.expression, exp.Literal) and float(node.expression.this) == 0
    return isinstance(node, exp.Literal) and not node.is_string and float(node.this) != 0


def divide(node: exp.Expr, to: Target) -> exp.Expr:
    """Write a / b: always of doubles in DuckDB, infinite (or not a number) for a zero, where Spark fails."""
    require(node.this, NUMBERS, "/")
    require(node.expression, NUMBERS, "/")
    a, b = as_double(node.this, to), as_double(node.expression, to)
    if to.engine == "trino" or never_zero(node.expression):
        return to.say("(:a / :b)", a=a, b=b)
    return to.say("CASE WHEN :b = 0 THEN :a * CAST('Infinity' AS DOUBLE) ELSE :a / :b END", a=a, b=b)


def whole_divide(node: exp.Expr, to: Target) -> exp.Expr:
    """Write a // b and a % b of whole numbers: null for a zero, where the others fail."""
    from sqlglot import exp

    for each in (node.this, node.expression):
        require(each, frozenset({"int"}), node.key, "Cast both to bigint.")
    b = node.expression if never_zero(node.expression) else to.say("NULLIF(:b, 0)", b=node.expression)
    if isinstance(node, exp.Mod):
        return to.say("(:a % :b)", a=node.this, b=b)
    # DIV gives a bigint
    quotient = "CAST(:a DIV :b AS INT)" if type_of(node).is_type("int") else "(:a DIV :b)"
    return to.pick(spark=quotient, trino="(:a / :b)", a=node.this, b=b)


def round_(node: exp.Expr, to: Target) -> exp.Expr:
    """Write round(x, n), half away from zero, of DuckDB's type."""
    require(node.this, NUMBERS, "round()")
    digits = number(node.args.get("decimals"), "the number of decimals") if node.args.get("decimals") else 0
    kind = family(node.this)
    if kind == "int":
        return to.say(":x", x=node.this)
    if kind == "decimal":
        return to.say(f"CAST(ROUND(:x, {digits}) AS {type_for(type_of(node), to)})", x=node.this)
    if to.engine == "spark" and digits:  # Spark rounds the number that the double is printed as
        return to.say(f"(ROUND(:x * 1E{digits}) / 1E{digits})", x=node.this)
    return to.say(f"ROUND(:x, {digits})" if digits else "ROUND(:x)", x=node.this)


def floor_ceil(node: exp.Expr, to: Target) -> exp.Expr:
    """Write floor() and ceil(), of DuckDB's type: Spark's of a double is a bigint, which ends at 9e18."""
    require(node.this, NUMBERS, f"{node.key}()")
    name, kind = node.key.upper(), family(node.this)
    if kind == "int":
        return as_double(node.this, to)
    if kind == "decimal":
        return to.say(f"CAST({name}(:x) AS {type_for(type_of(node), to)})", x=node.this)
    if to.engine == "spark":
        template = f"CASE WHEN ABS(:x) < 9E15 THEN CAST({name}(:x) AS DOUBLE) ELSE :x END"
        return to.say(template, x=as_double(node.this, to))
    return to.say(f"{name}(:x)", x=node.this)


def signs(node: exp.Expr, to: Target) -> exp.Expr:
    """Pass -x and abs(x) of numbers."""
    require(node.this, NUMBERS, node.key)
    return node


def is_nan(node: exp.Expr, to: Target) -> exp.Expr:
    """Write isnan() of doubles, which is null of a null."""
    require(node.this, frozenset({"double"}), "isnan()")
    return to.pick(spark="CASE WHEN :x IS NOT NULL THEN ISNAN(:x) END", trino="IS_NAN(:x)", x=node.this)


def compare(node: exp.Expr, to: Target) -> exp.Expr:
    """Pass a comparison of values of one family."""
    from sqlglot import exp

    if isinstance(node, exp.In):
        if node.args.get("query"):
            inner = node.args["query"].unnest() if isinstance(node.args["query"], exp.Subquery) else node.args["query"]
            values, where = [node.this, inner.args["expressions"][0].unalias()], "IN"
        else:
            values, where = [node.this, *node.expressions], "IN"
    elif isinstance(node, exp.Between):
        values, where = [node.this, node.args["low"], node.args["high"]], "BETWEEN"
    else:
        values, where = [node.this, node.expression], "a comparison"
    same_family(where, *values)
    _same_doubles(values)
    return node


def _same_doubles(values: Sequence[exp.Expr]) -> None:
    """Make sure that numbers that are compared as doubles are the same doubles everywhere; raises `Refused`."""
    from sqlglot import exp

    kinds = {str(each.type.this.value) for each in values if each.type and family(each) != "null"}
    if "FLOAT" in kinds and len(kinds) > 1:
        refuse("each engine compares a float with other numbers in its own way", "Cast the float to double.")
    written = [each for each in values if isinstance(each.this if isinstance(each, exp.Neg) else each, exp.Literal)]
    longest = max((scale(each.type)[0] for each in written if family(each) == "decimal"), default=0)
    if "DOUBLE" in kinds and longest > EXACT_DIGITS:
        reason = f"each engine makes its own double of a number of {longest} digits"
        refuse(reason, f"Write at most {EXACT_DIGITS} digits.")


def logic(node: exp.Expr, to: Target) -> exp.Expr:
    """Pass AND, OR and NOT of booleans."""
    for each in [node.this, node.args.get("expression")]:
        if each is not None:
            require(each, frozenset({"boolean"}), node.key.upper(), "Compare it: x <> 0.")
    return node


def is_(node: exp.Expr, to: Target) -> exp.Expr:
    """Write IS NULL, IS TRUE and IS FALSE."""
    from sqlglot import exp

    if isinstance(node.expression, exp.Boolean):
        require(node.this, frozenset({"boolean"}), "IS", "Compare it: x <> 0.")
        return to.say("COALESCE(:x = :y, FALSE)", x=node.this, y=node.expression)
    if not isinstance(node.expression, exp.Null):
        refuse("only IS NULL, IS TRUE and IS FALSE are known", "Write IS NOT DISTINCT FROM.")
    return node


def choose(node: exp.Expr, to: Target) -> exp.Expr:
    """Write coalesce, nullif, CASE and if: of values of one family, in doubles where DuckDB has doubles."""
    from sqlglot import exp

    if isinstance(node, exp.Case):
        whens = node.args["ifs"]
        if node.this is not None:
            same_family("CASE", node.this, *(each.this for each in whens))
        holders = [(each, "true") for each in whens] + ([(node, "default")] if node.args.get("default") else [])
    elif isinstance(node, exp.If):
        holders = [(node, "true")] + ([(node, "false")] if node.args.get("false") else [])
    elif isinstance(node, exp.Nullif):
        same_family("nullif()", node.this, node.expression)
        return node
    else:
        holders = []
        same_family(f"{node.key}()", node.this, *node.expressions)
        if family(node) == "double":
            node.set("this", as_double(node.this, to))
            node.set("expressions", [as_double(each, to) for each in node.expressions])
    values = [holder.args[key] for holder, key in holders]
    same_family("CASE", *values)
    for (holder, key), value in zip(holders, values, strict=True):
        if family(node) == "double" and family(value) != "null":
            holder.set(key, as_double(value, to))
    return node


def extremes(node: exp.Expr, to: Target) -> exp.Expr:
    """Write greatest() and least(), which pass over nulls in DuckDB and Spark, and are null in Trino."""
    from sqlglot import exp

    node = choose(node, to)
    if to.engine == "spark":
        return node
    values = exp.Array(expressions=[each.copy() for each in (node.this, *node.expressions)])
    name = "ARRAY_MAX" if isinstance(node, exp.Greatest) else "ARRAY_MIN"
    return to.say(f"{name}(FILTER(:items, each -> each IS NOT NULL))", items=values)
