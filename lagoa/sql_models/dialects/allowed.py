"""What may stand in a model that runs on several engines; everything else is refused.

Each kind of expression is listed with the parts that it may have, and with the rule that writes it. Nothing is passed
on because nobody has thought of it: what is missing here was not tried on all three engines.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from lagoa.sql_models.dialects import aggregates, casts, numbers, queries, texts, times

if TYPE_CHECKING:
    from sqlglot import exp

    from lagoa.sql_models.dialects.target import Target

Rule = Callable[[Any, "Target"], "exp.Expr"]


@cache
def allowed() -> dict[str, tuple[frozenset[str], Rule | None]]:
    """Return the names of all allowed kinds of expressions, with their parts and their rule."""
    rows: list[tuple[str, str, Rule | None]] = [
        # queries
        (
            "Select",
            "with_ expressions from_ joins where group having qualify order limit offset distinct",
            queries.select,
        ),
        ("Subquery", "this alias with_", None),
        ("Union Except Intersect", "this expression distinct by_name with_ order limit offset", queries.union),
        ("With", "expressions recursive", queries.with_),
        ("CTE", "this alias", None),
        ("From Where Having Qualify", "this", None),
        ("Table", "this db alias", None),
        ("TableAlias", "this columns", None),
        ("Join", "this on side kind", queries.join),
        ("Group", "expressions", None),
        ("Order", "this expressions", None),
        ("Ordered", "this desc nulls_first", None),
        ("Limit Offset", "expression", None),
        ("Distinct", "expressions on", queries.distinct),
        ("Values", "expressions alias", None),
        ("Tuple", "expressions", queries.row),
        ("Unnest", "expressions alias", None),
        ("Alias", "this alias", None),
        ("Column", "this table", None),
        ("Identifier", "this quoted", None),
        ("Star Null", "", None),
        ("Var", "this", None),
        ("Boolean", "this", None),
        ("Literal", "this is_string", None),
        ("DataType", "this expressions nested", None),
        ("DataTypeParam", "this", None),
        ("Exists", "this", None),
        # numbers and logic
        ("Paren", "this", None),
        ("EQ NEQ LT LTE GT GTE NullSafeEQ NullSafeNEQ", "this expression", numbers.compare),
        ("In", "this expressions query", numbers.compare),
        ("Between", "this low high", numbers.compare),
        ("And Or", "this expression", numbers.logic),
        ("Not", "this", numbers.logic),
        ("Is", "this expression", numbers.is_),
        ("Mul", "this expression", numbers.arithmetic),
        ("Add Sub", "this expression", times.add),
        ("Div", "this expression typed safe", numbers.divide),
        ("IntDiv Mod", "this expression", numbers.whole_divide),
        ("Neg Abs", "this", numbers.signs),
        ("IsNan", "this", numbers.is_nan),
        ("Round", "this decimals", numbers.round_),
        ("Floor Ceil", "this", numbers.floor_ceil),
        ("Case", "this ifs default", numbers.choose),
        ("If", "this true false", numbers.choose),
        ("Coalesce", "this expressions", numbers.choose),
        ("Nullif", "this expression", numbers.choose),
        ("Greatest Least", "this expressions ignore_nulls", numbers.extremes),
        ("Cast", "this to", casts.cast_for),
        # texts
        ("Lower Upper", "this", texts.change_case),
        ("DPipe", "this expression safe", texts.join_texts),
        ("Concat", "expressions safe coalesce", texts.concat),
        ("Chr", "expressions charset", texts.character),
        ("Length", "this", texts.length),
        ("Trim", "this expression position", texts.trim),
        ("Substring", "this start length", texts.substring),
        ("Left Right", "this expression", texts.ends),
        ("SplitPart", "this delimiter part_index", texts.split_part),
        ("Replace", "this expression replacement", texts.replace),
        ("Translate", "this from_ to", texts.translate),
        ("Contains StartsWith EndsWith", "this expression", texts.found_in),
        ("StrPosition", "this substr", texts.found_in),
        ("Like ILike", "this expression negate", texts.like),
        ("RegexpReplace", "this expression replacement modifiers single_replace", texts.regexp),
        ("RegexpExtract", "this expression group parameters null_if_pos_overflow", texts.regexp),
        ("RegexpLike", "this expression flag", texts.regexp),
        ("RegexpFullMatch", "this expression options", texts.regexp),
        ("MD5", "this", texts.digest),
        ("SHA2", "this length", texts.digest),
        ("Pad", "this expression fill_pattern is_left", texts.pad),
        ("TimeToStr", "this format", texts.format_time),
        # times
        ("Extract", "this expression", times.part),
        ("Year Quarter Month Day DayOfMonth DayOfYear Week WeekOfYear Hour Minute Second", "this", times.part),
        ("DayOfWeek DayOfWeekIso", "this", times.part),
        ("TimestampTrunc DateTrunc", "this unit", times.truncate),
        ("DateDiff", "this expression unit date_part_boundary", times.difference),
        ("Interval", "this unit", times.interval),
        ("AtTimeZone", "this zone", times.in_zone),
        ("TimeToUnix", "this", times.epoch),
        ("LastDay", "this", times.last_day),
        ("GenerateSeries", "start end step is_end_exclusive", times.series),
        ("Explode", "this", None),
        # aggregates and windows
        ("Sum", "this", aggregates.total),
        ("Avg", "this", aggregates.average),
        ("Count", "this big_int", aggregates.count),
        ("Min Max", "this", aggregates.extreme),
        ("LogicalOr LogicalAnd", "this", aggregates.of_boolean),
        ("AnyValue", "this", aggregates.any_as_max),
        ("IgnoreNulls", "this", aggregates.any_value),
        ("ArgMin ArgMax", "this expression", aggregates.value_at),
        ("GroupConcat", "this separator", aggregates.join_group),
        ("Stddev StddevPop StddevSamp Variance VariancePop", "this", aggregates.spread),
        ("Filter", "this expression", aggregates.filtered),
        ("Window", "this partition_by order spec over", aggregates.window),
        ("WindowSpec", "kind start start_side end end_side", None),
        ("RowNumber", "", None),
        ("Rank DenseRank", "expressions", None),
        ("FirstValue LastValue", "this", None),
        ("Lag Lead", "this offset default", aggregates.neighbour),
    ]
    return {name: (frozenset(parts.split()), rule) for names, parts, rule in rows for name in names.split()}


ADVICE = {
    "Median": "Use an average, or keep the percentile out of models that other engines run.",
    "PercentileCont": "Trino and Spark only have approximate ones: rank with row_number() and pick the rows.",
    "Quantile": "Trino and Spark only have approximate ones: rank with row_number() and pick the rows.",
    "ArrayAgg": "Use string_agg(x, ',' order by …), or one row per element.",
    "TryCast": "Give the column its type in the contract of its table, so that bad values go to quarantine.",
    "UnixToTime": "Write date_diff('second', timestamp '1970-01-01 00:00:00', x).",
    "AsOfJoin": "Rank the joined rows with row_number() and keep the first.",
    "Array": "Use one row per element, with VALUES.",
    "Bracket": "Use one row per element, with unnest().",
}
"""What to write in place of some kinds of expressions that are not allowed."""
OTHER = "Write it with what docs/models.md lists under Engines."
