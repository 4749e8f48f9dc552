"""What a model becomes for Spark and Trino, and what is refused, with file and line, before anything runs."""

# ruff: noqa: E501 - one case a line

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from sqlglot import parse_one

from lagoa.contracts import Column, Contract, Contracts, read_contracts
from lagoa.domain.tables import TableName
from lagoa.errors import ModelError
from lagoa.formats import FORMATS
from lagoa.sql_models import Model, load_models
from lagoa.sql_models.dialects import ENGINES, engine_faults, for_engine
from lagoa.sql_models.dialects.regexps import pattern_for_all, replacement_for_all
from lagoa.sql_models.dialects.target import Refused

ROOT = Path(__file__).parents[3]
FILE = Path("gold/made.sql")
MADE = TableName.parse("gold.made")


def contract(name: str, columns: str) -> Contract:
    parsed = tuple(Column(column, kind) for column, kind in (each.split(":") for each in columns.split()))
    return Contract(TableName.parse(name), "1.0.0", FILE, "0", parsed)


T = contract(
    "silver.t",
    "i:int n:long p:decimal(10,2) q:decimal(30,6) x:double s:string d:date e:date t:timestamp u:timestamp z:timestamptz b:boolean "
    "l:list<int> m:map<string,int> y:binary",
)
U = contract("silver.u", "i:int v:decimal(10,2)")


def model(sql: str) -> Model:
    return Model(MADE, FILE, sql, "", {})


def contracts(result: str = "") -> Contracts:
    return Contracts(Path(), {each.table: each for each in (T, U, contract("gold.made", result))})


def written(expression: str, engine: str) -> str:
    """Return an expression over silver.t as an engine is told it."""
    sql = for_engine(model(f"select {expression} as a from silver.t"), engine, contracts())  # type: ignore[arg-type]
    (column,) = parse_one(sql, dialect=engine).selects
    return column.this.sql(engine).replace("`", "").replace('"', "")


REWRITTEN = [
    ("isodow(d)", "CAST((WEEKDAY(t.d) + 1) AS BIGINT)", "DAY_OF_WEEK(t.d)"),
    (
        "date_diff('month', d, e)",
        "CAST((YEAR(t.e) * 12 + MONTH(t.e)) - (YEAR(t.d) * 12 + MONTH(t.d)) AS BIGINT)",
        "CAST((YEAR(t.e) * 12 + MONTH(t.e)) - (YEAR(t.d) * 12 + MONTH(t.d)) AS BIGINT)",
    ),
    (
        "date_diff('day', t, e)",
        "CAST(DATEDIFF(CAST(t.e AS DATE), CAST(t.t AS DATE)) AS BIGINT)",
        "DATE_DIFF('DAY', CAST(t.t AS DATE), CAST(t.e AS DATE))",
    ),
    ("regexp_replace(s, 'a', 'b', 'g')", "REGEXP_REPLACE(t.s, 'a', 'b')", "REGEXP_REPLACE(t.s, 'a', 'b')"),
    ("avg(p)", "((CAST((SUM(t.p) * 100) AS DOUBLE) / CAST(NULLIF(COUNT(t.p) * 100, 0) AS DOUBLE)))", None),
    ("avg(x)", "AVG(t.x)", "AVG(t.x)"),
    ("round(p, 1)", "CAST(ROUND(t.p, 1) AS DECIMAL(10, 1))", "CAST(ROUND(t.p, 1) AS DECIMAL(10, 1))"),
    ("greatest(i, n)", "GREATEST(t.i, t.n)", "ARRAY_MAX(FILTER(ARRAY[t.i, t.n], each -> NOT each IS NULL))"),
    ("cast(d as timestamp)", "CAST(t.d AS TIMESTAMP_NTZ)", "CAST(t.d AS TIMESTAMP(6))"),
    (
        "date_trunc('month', d)",
        "CAST(DATE_TRUNC('MONTH', t.d) AS TIMESTAMP_NTZ)",
        "DATE_TRUNC('MONTH', CAST(t.d AS TIMESTAMP(6)))",
    ),
    (
        "d + interval 1 day",
        "(CAST(t.d AS TIMESTAMP_NTZ) + INTERVAL '1' DAY)",
        "(CAST(t.d AS TIMESTAMP(6)) + INTERVAL '1' DAY)",
    ),
    (
        "e - d",
        "CAST(DATEDIFF(CAST(t.e AS DATE), CAST(t.d AS DATE)) AS BIGINT)",
        "DATE_DIFF('DAY', CAST(t.d AS DATE), CAST(t.e AS DATE))",
    ),
    (
        "x / i",
        "CASE WHEN CAST(t.i AS DOUBLE) = 0 THEN t.x * CAST('Infinity' AS DOUBLE) ELSE t.x / CAST(t.i AS DOUBLE) END",
        "(t.x / CAST(t.i AS DOUBLE))",
    ),
    ("x / nullif(i, 0)", "(t.x / CAST(NULLIF(t.i, 0) AS DOUBLE))", None),
    ("i % i", "(t.i % NULLIF(t.i, 0))", "(t.i % NULLIF(t.i, 0))"),
    ("cast(x as integer)", "CAST(RINT(CAST(t.x AS DOUBLE)) AS INT)", None),
    ("cast(p as integer)", "CAST(ROUND(t.p) AS INT)", "CAST(t.p AS INTEGER)"),
    (
        "cast(x as decimal(10, 2))",
        "CAST(CAST(CAST(ROUND(CAST(t.x AS DOUBLE) * 1E2) AS BIGINT) AS DECIMAL(19, 0)) * CAST(0.01 AS DECIMAL(2, 2)) AS DECIMAL(10, 2))",
        None,
    ),
    (
        "split_part(s, '-', 2)",
        "SPLIT_PART(t.s, '-', 2)",
        "CASE WHEN NOT t.s IS NULL THEN COALESCE(SPLIT_PART(t.s, '-', 2), '') END",
    ),
    ("any_value(i)", "MAX(t.i)", "MAX(t.i)"),
    ("contains(s, 'a')", None, "(STRPOS(t.s, 'a') > 0)"),
    ("sha256(s)", "SHA2(t.s, 256)", "LOWER(TO_HEX(SHA256(TO_UTF8(t.s))))"),
    (
        "z at time zone 'America/Sao_Paulo'",
        "CONVERT_TIMEZONE('UTC', 'America/Sao_Paulo', CAST(t.z AS TIMESTAMP_NTZ))",
        None,
    ),
    ("concat(s, s)", "(COALESCE(t.s, '') || COALESCE(t.s, ''))", None),
    (
        "arg_min(s, t)",
        "MIN_BY(t.s, t.t) FILTER(WHERE NOT t.s IS NULL AND NOT t.t IS NULL)",
        "MIN_BY(t.s, t.t) FILTER(WHERE NOT t.s IS NULL AND NOT t.t IS NULL)",
    ),
    (
        "strftime(t, '%Y-%m')",
        "DATE_FORMAT(CAST(t.t AS TIMESTAMP_NTZ), 'yyyy-MM')",
        "DATE_FORMAT(DATE_TRUNC('SECOND', CAST(t.t AS TIMESTAMP(6))), '%Y-%m')",
    ),
    ("b is true", "COALESCE(t.b = TRUE, FALSE)", "COALESCE(t.b = TRUE, FALSE)"),
    ("coalesce(x, p)", "COALESCE(t.x, CAST(t.p AS DOUBLE))", "COALESCE(t.x, CAST(t.p AS DOUBLE))"),
]


@pytest.mark.parametrize(("expression", "spark", "trino"), REWRITTEN)
def test_each_engine_is_told_it_in_its_own_words(expression, spark, trino):
    for engine, expected in (("spark", spark), ("trino", trino)):
        if expected is not None:
            assert written(expression, engine) == expected


REFUSED = [
    ("median(x)", "MEDIAN"),
    ("quantile_cont(x, 0.5)", "QUANTILE_CONT"),
    ("percentile_cont(0.5) within group (order by x)", "QUANTILE_CONT"),
    ("list(i order by i)", "ARRAY_AGG("),
    ("t at time zone 'UTC'", "without zone"),
    ("try_cast(s as integer)", "TRY_CAST"),
    ("cast(s as integer)", "reads texts"),
    ("cast(s as date)", "not a text written out"),
    ("date '2024-1-5'", "2024-1-5"),
    ("cast(x as varchar)", "DOUBLE"),
    ("cast(t as varchar)", "TIMESTAMP"),
    ("len(l)", "INT"),
    ("map {'a': 1}", "a"),
    ("[1, 2]", "[1, 2]"),
    ("l[1]", "[1]"),
    ("strip_accents(s)", "STRIP_ACCENTS"),
    ("regexp_replace(s, 'a', 'b')", "all matches"),
    ("regexp_matches(s, '(?i)a')", "(?"),
    ("regexp_matches(s, s)", "not a text written out"),
    ("avg(b)", "avg()"),
    ("sum(b)", "sum()"),
    ("q * q * q", "decimals"),
    ("i = s", "casts"),
    ("coalesce(i, s)", "casts"),
    ("i || s", "||"),
    ("substr(s, 0, 2)", "start"),
    ("translate(s, 'ab', 'a')", "translate"),
    ("date_diff('week', d, e)", "week"),
    ("t - u", "- of timestamp and timestamp"),
    ("t + to_days(i)", "TO_DAYS"),
    ("round(x, i)", "decimals"),
    ("string_agg(s, ',')", "order"),
    ("first(s)", "FIRST"),
    ("row_number() over ()", "ORDER BY"),
    ("sum(i) over (order by i range between 1 preceding and current row)", "RANGE"),
    ("first_value(s ignore nulls) over (order by i)", "IGNORE NULLS"),
    ("count(distinct (i, n))", "row of values"),
    ("s like '%\\%%'", "backslash"),
    ("strftime(t, '%A')", "%A"),
    ("epoch_ms(t)", "EPOCH_MS"),
    ("hash(s)", "HASH"),
    ("make_date(2024, 1, 1)", "MAKE_DATE"),
    ("ln(x)", "LN"),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("expression", "told"), REFUSED)
def test_what_engines_do_differently_is_refused_with_its_line_and_advice(expression, told, engine):
    faults = engine_faults(model(f"select\n  i,\n  {expression} as a\nfrom silver.t"), engine, contracts())
    assert faults
    for fault in faults:
        assert fault.message.startswith(f"gold/made.sql:3: {engine.capitalize()}: ")
        assert fault.advice
    assert any(told in fault.message for fault in faults)
    with pytest.raises(ModelError):
        for_engine(model(f"select {expression} as a from silver.t"), engine, contracts())


STATEMENTS_REFUSED = [
    ("select i from silver.t union all by name select i from silver.u", "BY NAME"),
    ("select t.i from silver.t as t asof join silver.u as u on t.i >= u.i", "ASOF"),
    ("select i from silver.t limit 3", "LIMIT"),
    ("select distinct on (i) i, n from silver.t", "DISTINCT ON"),
    ("with recursive r as (select 1 as i union all select i + 1 from r where i < 3) select i from r", "RECURSIVE"),
    ("select s as a from silver.t union all select i from silver.u", "casts"),
    ("select i, count(*) as n from silver.t group by rollup (i)", "ROLLUP"),
    ("select unnest(l) as a, unnest(l) as b from silver.t", "several unnest"),
]


@pytest.mark.parametrize(("sql", "told"), STATEMENTS_REFUSED)
def test_forms_of_queries_that_are_duckdbs_alone_are_refused(sql, told):
    for engine in ENGINES:
        assert any(told in fault.message for fault in engine_faults(model(sql), engine, contracts())), engine


def test_every_fault_of_a_model_is_listed_by_line():
    faults = engine_faults(
        model("select\n  median(x) as a,\n  i,\n  hash(s) as b\nfrom silver.t group by i, s"), "trino", contracts()
    )
    assert [fault.line for fault in faults] == [2, 4]


def test_the_result_has_the_types_of_the_contract_and_a_cast_that_may_lose_something_is_left_to_the_model():
    sql = for_engine(
        model("select count(*) as n, sum(p) as p from silver.t"), "trino", contracts("n:long p:decimal(20,2)")
    )
    assert 'CAST(SUM("t"."p") AS DECIMAL(20, 2)) AS "p"' in sql
    assert 'COUNT(*) AS "n"' in sql
    (fault,) = engine_faults(model("select x as p from silver.t"), "spark", contracts("p:decimal(10,2)"))
    assert "p is DOUBLE, and DECIMAL(10, 2) in the contract" in fault.message


def test_each_side_of_a_union_has_the_types_of_the_contract():
    sql = "select p from silver.t union all (select v from silver.u union all select 0)"
    made = for_engine(model(sql), "spark", contracts("p:decimal(20,2)"))
    assert made.count("AS DECIMAL(20, 2))") == 3


def test_columns_of_any_type_pass_as_they_are():
    for engine in ENGINES:
        assert "l" in for_engine(
            model("select l, m, y from silver.t"), engine, contracts("l:list<int> m:map<string,int> y:binary")
        )


def test_names_are_quoted_and_comments_stay_behind():
    sql = for_engine(model("select i as order_ -- for the shop\nfrom silver.t"), "spark", contracts())
    assert "`order_`" in sql
    assert "shop" not in sql


@cache
def reference_lake() -> tuple[Contracts, dict[TableName, Model]]:
    """Return its contracts and models."""
    known = read_contracts(ROOT / "iceberg", FORMATS).contracts
    return known, dict(load_models(ROOT / "transformations", known))


@pytest.mark.parametrize("engine", ENGINES)
def test_every_model_of_the_reference_lake_runs_on_every_engine(engine):
    known, models = reference_lake()
    assert len(models) == 26
    for each in models.values():
        assert for_engine(each, engine, known)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a.b$", r"a[^\n]b\z"),
        (r"\d+\s", r"[0-9]+[\t\n\f\r ]"),
        (r"[\d_]", "[0-9_]"),
        (r"\.\[", r"\.\["),
        (r"(?:a|b)\W", "(?:a|b)[^0-9A-Za-z_]"),
        ("[^a-z]*?", "[^a-z]*?"),
    ],
)
def test_patterns_are_written_so_that_they_mean_the_same(pattern, expected):
    assert pattern_for_all(pattern) == expected


@pytest.mark.parametrize("pattern", [r"\bword", "(?i)a", r"\pL", "[[:alpha:]]", "[a&&b]", r"(?P<n>a)", r"[\D]"])
def test_patterns_that_are_read_differently_are_refused(pattern):
    with pytest.raises(Refused):
        pattern_for_all(pattern)


def test_replacements_are_written_with_dollars():
    assert replacement_for_all(r"\2-\1 $ \\") == r"$2-$1 \$ \\"
    with pytest.raises(Refused):
        replacement_for_all(r"\n")
