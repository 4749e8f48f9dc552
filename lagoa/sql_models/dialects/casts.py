"""How a cast is written so that it rounds, and counts, as DuckDB's does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lagoa.sql_models.columns import DIALECT
from lagoa.sql_models.dialects.target import family, family_of, literal, refuse, require, scale

if TYPE_CHECKING:
    from sqlglot import exp

    from lagoa.sql_models.dialects.target import Family, Target

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d:\d\d(\.\d{1,6})?)?")
_ZONED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?(\+00(:00)?|Z)?")
EXACT_DIGITS = 15
"""Of a number, which a double keeps."""
_TEXT = "Give the column its type in the contract of its table: loading reads texts in one way."


def cast_for(node: exp.Expr, to: Target) -> exp.Expr:
    """Write CAST(x AS …), by what it is cast from."""
    value, kind = node.this, node.args["to"]
    source, target = family(value), family_of(kind)
    if source == "null":
        return _cast(value, kind, to)
    if source == "text" and target != "text":
        return _from_literal(value, kind, target, to)
    allowed: dict[Family, frozenset[Family]] = {
        "int": frozenset({"int", "decimal", "double", "boolean"}),
        "decimal": frozenset({"int", "decimal", "double"}),
        "double": frozenset({"int", "decimal", "double"}),
        "text": frozenset({"text", "int", "decimal", "boolean", "date"}),
        "boolean": frozenset({"boolean"}),
        "date": frozenset({"date", "timestamp", "timestamptz"}),
        "timestamp": frozenset({"date", "timestamp", "timestamptz"}),
        "timestamptz": frozenset({"timestamp", "timestamptz"}),
    }
    if target not in allowed or str(kind.this.value) in {"INT128", "TINYINT", "SMALLINT"}:
        refuse(f"not every engine has the type {kind.sql(DIALECT)}", "Cast to another one.")
    advice = {
        "text": "Write timestamps with strftime(); a decimal of the wanted scale has the same text everywhere.",
        "boolean": "Compare instead: x <> 0.",
    }.get(target, "Write what is meant with another function.")
    require(value, allowed[target], f"CAST … AS {kind.sql(DIALECT)}", advice)
    if source == "double" and target == "decimal":
        return _double_to_decimal(value, kind, to)
    if target == "timestamptz" and source != "timestamptz" and to.engine == "trino":
        return to.say("WITH_TIMEZONE(CAST(:x AS TIMESTAMP(6)), 'UTC')", x=value)
    return _cast(_prepared(value, source, target, to), kind, to)


def _prepared(value: exp.Expr, source: Family, target: Family, to: Target) -> exp.Expr:
    """Return a value such that a plain cast of it gives what DuckDB's gives."""
    if source == "double" and target == "int":
        return rounded_half_even(value, to)
    if source == "decimal" and target == "int" and to.engine == "spark":
        return to.say("ROUND(:x)", x=value)  # Spark would cut, the others round
    if source == "timestamptz" and to.engine == "trino":
        return to.say("AT_TIMEZONE(:x, 'UTC')", x=value)  # Trino takes the zone that the value has
    return value


def _cast(value: exp.Expr, kind: exp.DataType, to: Target) -> exp.Expr:
    return to.say(f"CAST(:x AS {type_for(kind, to)})", x=value)


def type_for(kind: exp.DataType, to: Target) -> str:
    """Return the name that an engine has for a type of DuckDB; a bare DECIMAL is DuckDB's, of 18 digits."""
    name = family_of(kind)
    if name == "decimal":
        precision, digits = scale(kind)
        return f"DECIMAL({precision}, {digits})"
    if name == "text":
        return to.say("CAST(x AS STRING)").args["to"].sql(to.engine) if to.engine == "spark" else "VARCHAR"
    if to.engine == "spark":
        return {"timestamp": "TIMESTAMP_NTZ", "timestamptz": "TIMESTAMP"}.get(name, kind.sql("spark"))
    return {"timestamp": "TIMESTAMP(6)", "timestamptz": "TIMESTAMP(6) WITH TIME ZONE"}.get(name, kind.sql("trino"))


def _from_literal(value: exp.Expr, kind: exp.DataType, target: Family, to: Target) -> exp.Expr:
    """Write DATE '…' and the like; texts of columns are read differently ('1.5' as an integer, ' 7 ', '2024-1-5')."""
    forms = {"date": _DATE, "timestamp": _MOMENT, "timestamptz": _ZONED}
    if target not in forms:
        refuse(f"each engine reads texts as {kind.sql(DIALECT)} in its own way", _TEXT)
    text = literal(value, f"what is cast to {kind.sql(DIALECT)}")
    if not forms[target].fullmatch(text):
        refuse(f"each engine reads {text!r} in its own way", "Write 2024-01-31, or 2024-01-31 10:00:00 (and +00).")
    if target == "timestamptz":
        plain = re.sub(r"(\+00(:00)?|Z)$", "", text)
        return to.pick(
            spark=f"CAST('{plain}+00:00' AS TIMESTAMP)", trino=f"WITH_TIMEZONE(CAST('{plain}' AS TIMESTAMP(6)), 'UTC')"
        )
    return _cast(value, kind, to)


def rounded_half_even(value: exp.Expr, to: Target) -> exp.Expr:
    """Write a double rounded to a whole one, 2.5 to 2 and 3.5 to 4, as DuckDB does in casts."""
    return to.pick(
        spark="RINT(CAST(:x AS DOUBLE))",
        trino="CASE WHEN ABS(:x - TRUNCATE(:x)) = DOUBLE '0.5' THEN ROUND(:x / 2) * 2 ELSE ROUND(:x) END",
        x=value,
    )


def _double_to_decimal(value: exp.Expr, kind: exp.DataType, to: Target) -> exp.Expr:
    """Write a double as decimal: DuckDB rounds x * 10^scale, the others the number that the double is printed as.

    The product goes through bigint, which takes a double as it is; beyond its 18 digits the engine fails.
    """
    precision, digits = scale(kind)
    if digits > EXACT_DIGITS:
        refuse(f"a double has no {digits} decimals", f"Cast to a scale of at most {EXACT_DIGITS}.")
    whole = to.say(f"CAST(ROUND(CAST(:x AS DOUBLE) * 1E{digits}) AS BIGINT)", x=value)
    if not digits:
        return to.say(f"CAST(:x AS DECIMAL({precision}, 0))", x=whole)
    unit = f"CAST(0.{'0' * (digits - 1)}1 AS DECIMAL({digits}, {digits}))"
    return to.say(f"CAST(CAST(:x AS DECIMAL(19, 0)) * {unit} AS DECIMAL({precision}, {digits}))", x=whole)
