"""Dates, timestamps and intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.sql_models.dialects.numbers import arithmetic
from lagoa.sql_models.dialects.target import DAYS, NUMBERS, family, literal, number, refuse, require

if TYPE_CHECKING:
    from sqlglot import exp

    from lagoa.sql_models.dialects.target import Family, Target

_DAY_ADVICE = "Cast it to date or timestamp; a timestamptz has a date only in a time zone: x AT TIME ZONE 'UTC'."
_PARTS = {
    "YEAR": "YEAR(:x)", "QUARTER": "QUARTER(:x)", "MONTH": "MONTH(:x)", "DAY": "DAY(:x)", "DAYOFYEAR": "DAYOFYEAR(:x)",
    "WEEK": "WEEKOFYEAR(:x)", "HOUR": "HOUR(:x)", "MINUTE": "MINUTE(:x)", "SECOND": "SECOND(:x)",
    "ISODOW": "(WEEKDAY(:x) + 1)", "DOW": "(DAYOFWEEK(:x) - 1)", "ISOYEAR": "EXTRACT(YEAROFWEEK FROM :x)",
}  # fmt: skip
_TRINO_PARTS = {
    "DAYOFYEAR": "DAY_OF_YEAR(:x)", "WEEK": "WEEK_OF_YEAR(:x)", "ISODOW": "DAY_OF_WEEK(:x)",
    "DOW": "(DAY_OF_WEEK(:x) % 7)", "ISOYEAR": "YEAR_OF_WEEK(:x)",
}  # fmt: skip
_OTHER_NAMES = {
    "DOY": "DAYOFYEAR", "DAYOFMONTH": "DAY", "DAYOFWEEK": "DOW", "WEEKDAY": "DOW", "DAYOFWEEKISO": "ISODOW",
    "WEEKOFYEAR": "WEEK",
}  # fmt: skip
_CLOCK = frozenset({"HOUR", "MINUTE", "SECOND"})
_UNITS = frozenset({"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND"})
_INTERVALS = {"WEEK": (7, "DAY"), "QUARTER": (3, "MONTH")}


def part(node: exp.Expr, to: Target) -> exp.Expr:
    """Write extract(… from x), year(x) and the like as a bigint; weekdays begin on other days elsewhere."""
    from sqlglot import exp

    extracted = isinstance(node, exp.Extract)
    value = node.expression if extracted else node.this
    name = node.this.name.upper() if extracted else node.key.upper()
    name = _OTHER_NAMES.get(name, name)
    if name not in _PARTS:
        refuse(f"{name} of a date differs", f"Take one of {', '.join(sorted(_PARTS)).lower()}.")
    wanted: frozenset[Family] = frozenset({"timestamp"}) if name in _CLOCK else DAYS
    require(value, wanted, name.lower(), _DAY_ADVICE)
    trino = _TRINO_PARTS.get(name, _PARTS[name])
    return to.pick(spark=f"CAST({_PARTS[name]} AS BIGINT)", trino=trino, x=value)


def truncate(node: exp.Expr, to: Target) -> exp.Expr:
    """Write date_trunc(), which gives a timestamp of a date too."""
    unit = node.args["unit"].name.upper()
    if unit not in _UNITS:
        refuse(f"date_trunc() to {unit.lower()} differs", f"Take one of {', '.join(sorted(_UNITS)).lower()}.")
    require(node.this, DAYS | {"timestamptz"}, "date_trunc()", _DAY_ADVICE)
    if family(node.this) == "timestamptz":
        return to.pick(
            spark=f"DATE_TRUNC('{unit}', :x)", trino=f"DATE_TRUNC('{unit}', AT_TIMEZONE(:x, 'UTC'))", x=node.this
        )
    return _truncated(node.this, unit, to)


def _truncated(value: exp.Expr, unit: str, to: Target) -> exp.Expr:
    """Return a date or timestamp, cut to the unit, as a timestamp."""
    return to.pick(
        spark=f"CAST(DATE_TRUNC('{unit}', :x) AS TIMESTAMP_NTZ)",
        trino=f"DATE_TRUNC('{unit}', CAST(:x AS TIMESTAMP(6)))",
        x=value,
    )


def difference(node: exp.Expr, to: Target) -> exp.Expr:
    """Write date_diff(), which counts how many boundaries lie between: Spark counts whole units."""
    unit = node.args["unit"].name.upper() if node.args.get("unit") else "DAY"
    if unit not in _UNITS:
        refuse(f"date_diff() in {unit.lower()}s differs", f"Take one of {', '.join(sorted(_UNITS)).lower()}.")
    for each in (node.this, node.expression):
        require(each, DAYS, "date_diff()", _DAY_ADVICE)
    end, start = node.this, node.expression
    if unit in _CLOCK:
        return to.pick(
            spark=f"TIMESTAMPDIFF({unit}, :a, :b)",
            trino=f"DATE_DIFF('{unit}', :a, :b)",
            a=_truncated(start, unit, to),
            b=_truncated(end, unit, to),
        )
    if unit == "DAY":
        return _days(start, end, to)
    if unit == "WEEK":
        refuse("date_diff() counts weeks that begin on a Thursday, as 1970 did", "Write date_diff('day', a, b) // 7.")
    per_year = {"YEAR": "", "QUARTER": " * 4 + QUARTER({0})", "MONTH": " * 12 + MONTH({0})"}[unit]
    counted = [f"(YEAR(:{name}){per_year.format(f':{name}')})" for name in ("b", "a")]
    return to.say(f"CAST({' - '.join(counted)} AS BIGINT)", a=start, b=end)


def _days(start: exp.Expr, end: exp.Expr, to: Target) -> exp.Expr:
    return to.pick(
        spark="CAST(DATEDIFF(CAST(:b AS DATE), CAST(:a AS DATE)) AS BIGINT)",
        trino="DATE_DIFF('DAY', CAST(:a AS DATE), CAST(:b AS DATE))",
        a=start,
        b=end,
    )


def add(node: exp.Expr, to: Target) -> exp.Expr:
    """Write x + y and x - y: of numbers, of a date and days, of two dates, of a date or timestamp and an interval."""
    from sqlglot import exp

    left, right = family(node.this), family(node.expression)
    minus = isinstance(node, exp.Sub)
    if left in NUMBERS | {"null"} and right in NUMBERS | {"null"}:
        return arithmetic(node, to)
    if not minus and left in NUMBERS | {"interval"}:
        left, right = right, left
        node = exp.Add(this=node.expression, expression=node.this)
    if left == right == "date" and minus:
        return _days(node.expression, node.this, to)
    if left == "date" and right == "int":
        sign = "-" if minus else ""
        return to.pick(
            spark=f"DATE_ADD(:d, {sign}CAST(:n AS INT))",
            trino=f"DATE_ADD('DAY', {sign}:n, :d)",
            d=node.this,
            n=node.expression,
        )
    if left in DAYS | {"timestamptz"} and right == "interval":
        if not isinstance(node.expression, exp.Interval):
            refuse("intervals are added differently unless written out", "Write interval '1' day, or date + days.")
        moment = node.this
        if left == "date":  # DuckDB makes it a timestamp, the others would leave it a date
            moment = to.pick(spark="CAST(:x AS TIMESTAMP_NTZ)", trino="CAST(:x AS TIMESTAMP(6))", x=moment)
        return to.say(f"(:x {'-' if minus else '+'} :i)", x=moment, i=node.expression)
    return refuse(
        f"{'-' if minus else '+'} of {left} and {right} differs",
        "Use date_diff() between times, integers as days of dates.",
    )


def interval(node: exp.Expr, to: Target) -> exp.Expr:
    """Write an interval of a whole number of one unit."""
    from sqlglot import exp

    unit = node.args["unit"].name.upper().removesuffix("S") if node.args.get("unit") else ""
    text = node.this.this if isinstance(node.this, exp.Literal) else ""
    if unit not in _UNITS or not str(text).isdigit():
        refuse("an interval is the same only if it is one whole number of one unit", "Write interval '2' hour.")
    times, unit = _INTERVALS.get(unit, (1, unit))
    return to.say(f"INTERVAL '{int(text) * times}' {unit}")


def in_zone(node: exp.Expr, to: Target) -> exp.Expr:
    """Write AT TIME ZONE of a timestamptz: the time there, without a zone."""
    zone = node.args["zone"]
    literal(zone, "the time zone")
    if family(node.this) != "timestamptz":
        advice = "Cast it to timestamptz if it is in UTC, or keep such columns as timestamptz."
        refuse("AT TIME ZONE of a timestamp without zone is read the other way round by Spark and Trino", advice)
    return to.pick(
        spark="CONVERT_TIMEZONE('UTC', :z, CAST(:x AS TIMESTAMP_NTZ))",
        trino="CAST(AT_TIMEZONE(:x, :z) AS TIMESTAMP(6))",
        x=node.this,
        z=zone,
    )


def epoch(node: exp.Expr, to: Target) -> exp.Expr:
    """Write epoch(x), seconds as a double: Spark's have no fraction."""
    require(node.this, DAYS | {"timestamptz"}, "epoch()", _DAY_ADVICE)
    return to.pick(
        spark="(CAST(UNIX_MICROS(CAST(:x AS TIMESTAMP)) AS DOUBLE) / 1E6)",
        trino="TO_UNIXTIME(CAST(:x AS TIMESTAMP(6)))",
        x=node.this,
    )


def last_day(node: exp.Expr, to: Target) -> exp.Expr:
    """Write last_day() of a month."""
    require(node.this, DAYS, "last_day()", _DAY_ADVICE)
    return to.pick(spark="LAST_DAY(CAST(:x AS DATE))", trino="LAST_DAY_OF_MONTH(CAST(:x AS DATE))", x=node.this)


def series(node: exp.Expr, to: Target) -> exp.Expr:
    """Write generate_series(a, b, step): empty where b comes before a, where the others fail."""
    from sqlglot import exp

    if node.args.get("is_end_exclusive"):
        refuse("range() leaves out its end, which no other engine does", "Use generate_series().")
    start, end, step = node.args["start"], node.args["end"], node.args.get("step")
    if family(start) == "int" and family(end) == "int":
        by = number(step, "the step of generate_series()", 1) if step is not None else 1
        return to.say(
            f"CASE WHEN :a <= :b THEN SEQUENCE(CAST(:a AS BIGINT), CAST(:b AS BIGINT), CAST({by} AS BIGINT)) END",
            a=start,
            b=end,
        )
    for each in (start, end):
        require(each, DAYS, "generate_series()", "Cast both ends to bigint, date or timestamp.")
    if not isinstance(step, exp.Interval):
        refuse("the step of generate_series() is not an interval written out", "Write interval '1' day.")
    if step.args["unit"].name.upper() in {"MONTH", "YEAR"}:
        advice = "Take a series of days, and keep those with day(x) = 1."
        refuse("generate_series() by months comes from the 31st to the 28th, and stays there in DuckDB alone", advice)
    moment = "TIMESTAMP_NTZ" if to.engine == "spark" else "TIMESTAMP(6)"
    template = f"CASE WHEN :a <= :b THEN SEQUENCE(CAST(:a AS {moment}), CAST(:b AS {moment}), :i) END"
    return to.say(template, a=start, b=end, i=step)
