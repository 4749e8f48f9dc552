"""What models may be written with, run over edges of every type; each engine must give what DuckDB gives.

A case is a list of expressions over the rows of `silver.edges`, or a statement.
"""

# ruff: noqa: E501 - one case a line

from __future__ import annotations

from pathlib import Path

from lagoa.contracts import Column, Contract, Contracts
from lagoa.domain.tables import TableName
from lagoa.sql_models import Model
from lagoa.sql_models.dialects import for_engine
from tests.engines.comparing import type_name

EDGES = {
    "id": "int", "i": "int", "j": "int", "n": "long", "p": "decimal(10, 2)", "q": "decimal(18, 4)", "x": "double",
    "s": "string", "w": "string", "d": "date", "e": "date", "t": "timestamp", "u": "timestamp", "z": "timestamptz",
    "b": "boolean",
}  # fmt: skip
VALUES: dict[str, list[str]] = {
    "i": ["0", "1", "-1", "7", "-7", "2147483647", "-2147483648", "null", "3"],
    "j": ["1", "0", "3", "-3", "2", "null", "5"],
    "n": ["0", "1", "-1", "9007199254740993", "-4611686018427387904", "4611686018427387904", "null", "86399"],
    "p": ["0.00", "0.01", "-0.01", "36.92", "2.50", "-2.50", "3.50", "0.05", "1.15", "99999999.99", "null", "-0.50"],
    "q": ["0.0000", "1.0050", "-1.0050", "2.6750", "0.1250", "-0.1250", "null", "10000000.5000", "0.0049"],
    "x": [
        "0.5", "1.5", "2.5", "-2.5", "1.005", "2.675", "36.925", "-36.925", "2.385", "0.0", "1e15", "-0.125", "null",
        "0.1", "123456.789", "49.965", "1e-7",
    ],
    "s": [
        "''", "' '", "'Ação'", "'  São Paulo  '", "'a-b-c'", "'-'", "'a.b'", "e'line\\nbreak\\r\\nend'", "e'\\ttab\\t'",
        "null", "'100%'", "'O''Neil'", "'\\d$1'", "'ab12cd345'", "'\u00a0nbsp\u00a0'", "'日本語'", "'🙂x'", "'AÇÃO'",
    ],
    "w": ["'a'", "'b'", "null", "'ç'", "''", "'Z'"],
    "d": [
        "'2024-02-29'", "'2023-12-31'", "'2024-01-01'", "'1999-12-31'", "'1970-01-01'", "'1969-12-31'", "'1900-03-01'",
        "'2000-01-03'", "'0001-01-01'", "'9999-12-30'", "null", "'2020-12-31'", "'2021-01-03'", "'1582-10-15'",
        "'2024-03-31'", "'1582-10-04'",
    ],
    "e": ["'2024-03-01'", "'2025-02-28'", "null", "'1970-01-02'", "'1968-02-29'", "'2000-01-03'"],
    "t": [
        "'2024-01-31 23:59:59.999999'", "'2024-02-29 00:00:00'", "'1970-01-01 00:00:00'", "'1969-12-31 23:59:59.5'",
        "'2018-11-04 00:30:00'", "null", "'2024-12-30 12:00:00.123456'", "'1900-01-01 00:00:00'", "'2024-03-31 02:30:00'",
    ],
    "u": [
        "'2024-02-01 00:00:00'", "'2024-02-29 00:00:59.999'", "null", "'1970-01-01 00:00:00'", "'2018-11-04 02:00:00'",
        "'2030-06-15 12:34:56.789'",
    ],
    "z": [
        "'2024-01-01 00:00:00+00'", "'2018-11-04 02:59:59.5+00'", "'2018-11-04 03:00:00+00'", "null",
        "'1969-12-31 23:59:59.999999+00'", "'2024-07-01 12:00:00+02'", "'2024-02-29 01:30:00+00'",
    ],
    "b": ["true", "false", "null"],
}  # fmt: skip
ROWS = 40
OTHER = {"id": "int", "k": "string", "v": "decimal(10, 2)"}
TABLES = {"edges": EDGES, "other": OTHER}
OTHER_ROWS = "(1, 'a', 1.50), (2, 'a', 2.25), (2, 'b', null), (null, 'b', 7.00), (99, 'c', 0.10), (3, null, 3.33)"

EXPRESSIONS: dict[str, list[str]] = {
    "literals": ["1.50", "'it''s \\ ok'", "1e-3", "date '2024-02-29'", "timestamp '2024-01-01 00:00:00.123456'", "true",
                 "timestamptz '2024-01-01 00:00:00+00'", "chr(9) || chr(8364)", "cast(null as date)"],
    "weekday": ["isodow(d)", "dayofweek(d)", "extract(isodow from t)", "extract(dow from d)"],
    "parts": ["year(d)", "extract(quarter from d)", "month(t)", "day(t)", "dayofyear(d)", "extract(doy from t)", "week(d)",
              "extract(isoyear from d)", "hour(t)", "minute(t)", "second(t)", "last_day(d)"],
    "date_diff": [f"date_diff('{unit}', {a}, {b})" for unit in ("day", "month", "quarter", "year") for a, b in
                  (("d", "e"), ("t", "u"), ("e", "t"))]
                 + [f"date_diff('{unit}', t, u)" for unit in ("hour", "minute", "second")],
    "date_trunc": [f"date_trunc('{unit}', {a})" for unit in ("year", "quarter", "month", "week", "day") for a in "dtz"]
                  + ["date_trunc('hour', t)", "date_trunc('minute', t)", "date_trunc('second', z)"],
    "intervals": ["e + interval '1' month", "e - interval 1 day", "t + interval '36' hour", "t - interval '3' month",
                  "z + interval '1' day", "e + interval '2' week", "u + interval '1' quarter", "interval '1' year + u"],
    "days": ["e + 1", "e - 30", "e - d", "d - e", "1 + e", "e + j"],
    "zones": ["z at time zone 'America/Sao_Paulo'", "z at time zone 'UTC'", "cast(z as timestamp)",
              "cast(t as timestamptz)", "cast(cast(z as timestamp) as date)"],
    "epoch": ["epoch(t)", "epoch(z)", "epoch(e)"],
    "strftime": ["strftime(t, '%Y-%m-%d %H:%M:%S')", "strftime(e, '%Y/%m')", "strftime(d, '%d.%m.%Y')"],
    "casts to whole numbers": ["cast(x as bigint)", "cast(p as integer)", "cast(q as bigint)", "cast(b as integer)",
                               "cast(i as bigint)"],
    "casts to decimals": ["cast(x as decimal(18, 2))", "cast(case when x < 1e9 then x end as decimal(28, 9))", "cast(x as decimal(18, 0))",
                          "cast(q as decimal(14, 2))", "cast(q as decimal(14, 6))", "cast(i as decimal(14, 2))",
                          "cast(p / 7 as decimal(14, 2))"],
    "other casts": ["cast(p as double)", "cast(i as double)", "cast(i as varchar)", "cast(p as varchar)", "cast(b as varchar)",
                    "cast(d as varchar)", "cast(d as timestamp)", "cast(t as date)", "cast(q as varchar)"],
    "division": ["i / j", "p / j", "x / p", "p / nullif(j, 0)", "i / 3", "i // j", "n // 7", "i % j", "mod(n, 7)", "n / n"],
    "arithmetic": ["cast(i as bigint) * j", "p * j", "p * q", "p + q", "p - 1", "x * p", "x + i", "-x", "abs(p)", "abs(x)",
                   "cast(j as bigint) - i", "(p + 1) * (q - 2)", "1.10 * p", "p * 100"],
    "rounding": ["round(x)", "round(x, 2)", "round(x, 1)", "round(p)", "round(p, 1)", "round(q, 2)", "round(q, 3)", "round(i)",
                 "floor(x)", "ceil(x)", "floor(p)", "ceil(q)", "floor(i)", "round(p, 2)"],
    "comparisons": ["i = j", "p <> q", "x < p", "d <= t", "s >= w", "i is distinct from j", "s is not distinct from w",
                    "i between j and 7", "w in ('a', 'ç')", "j not in (1, 3)", "b is true", "b is not true", "b is false",
                    "b is null", "not b", "b and i > 0", "b or i > 0", "z > timestamptz '2020-01-01 00:00:00+00:00'"],
    "choices": ["coalesce(i, j)", "coalesce(p, 0)", "coalesce(p, q)", "ifnull(s, w)", "nullif(w, '')", "coalesce(x, p)",
                "case when b then p when not b then 0 end", "case j when 1 then 'one' when 0 then 'zero' else w end",
                "if(b, x, 1)", "case when b then x else p end"],
    "not a number": ["isnan(x)", "isnan(x / j)"],
    "greatest": ["greatest(i, j)", "least(i, j, 3)", "greatest(p, q)", "least(d, e)", "greatest(t, u)", "least(w, 'b')",
                 "greatest(x, p)"],
    "trim": ["trim(s)", "ltrim(s)", "rtrim(s)", "trim(s, ' ' || chr(9))", "ltrim(s, 'a ')", "trim(s, '-')"],
    "texts": ["lower(w)", "upper(w)", "lower(s)", "upper(s)", "upper('Straße' || w)", "lower('ΟΔΟΣ ' || w)", "length(s)", "s || w", "concat(s, w, '!')", "replace(s, 'a', '-')",
              "translate(s, 'áàâãç', 'aaaac')", "lpad(w, 3, '0')", "rpad(s, 4, '.')", "md5(s)", "sha256(s)"],
    "parts of texts": ["substr(s, 2)", "substr(s, 1, 3)", "substring(s from 3 for 2)", "left(s, 2)", "right(s, 3)",
                       "split_part(s, '-', 1)", "split_part(s, '-', 2)", "split_part(s, '-', 9)", "split_part(s, ' - ', 1)"],
    "searches": ["contains(s, 'b')", "starts_with(s, 'a')", "ends_with(s, 'c')", "strpos(s, 'b')", "instr(s, 'ã')",
                 "s like 'a%'", "s not like '%_b%'", "s ilike 'AÇ%'", "s like '%\u00e3%'"],
    "regexps": [r"regexp_matches(s, '[0-9]+')", r"regexp_matches(s, '^a.b$')", r"regexp_replace(s, '\r\n?|\n', ' ', 'g')",
                r"regexp_replace(s, '([a-z])(\d)', '\2\1$', 'g')", r"regexp_extract(s, '[a-z]+(\d+)', 1)",
                r"regexp_extract(s, '\d+')", r"regexp_full_match(s, '[\w.-]+')", r"regexp_replace(s, '\s+', '_', 'g')",
                r"regexp_matches(s, 'end$')", r"regexp_matches(s, 'line.break')", r"regexp_matches(s, '\W')",
                r"regexp_replace(s, '[^a-zç\\]', '\\', 'g')", r"regexp_full_match(s, 'a|-')"],
}  # fmt: skip

STATEMENTS: dict[str, str] = {
    "averages": "select b, avg(i) as a, avg(p) as c, avg(q) as d, avg(n % 1000) as e, avg(x) as f, avg(distinct j) as g, "
    "round(avg(p), 2) as h, avg(p) filter (where j > 0) as k, cast(avg(p) as decimal(14, 2)) as l from silver.edges group by b",
    "averages of windows": "select id, avg(p) over (partition by b order by id rows between 2 preceding and current row) as a, "
    "avg(j) over (partition by b) as c from silver.edges",
    "average of nothing": "select avg(i) as a, avg(p) as c, avg(x) as d, sum(i) as e, count(i) as f, min(s) as g from "
    "silver.edges where false",
    "sums": "select b, sum(i) as a, sum(p) as c, sum(q) as d, sum(x) as e, sum(p * j) as f, count(*) as g, count(distinct w) as h, "
    "count(i) filter (where j > 0) as k, min(d) as l, max(t) as m, max(w) as o, min(z) as r, bool_or(i > 0) as v, "
    "bool_and(i > 0) as y from silver.edges group by b",
    "any value": "select j, any_value(j * 2) as a from silver.edges group by j",
    "arg_min": "select b, arg_min(w, id) as a, arg_max(p, id) as c, min_by(t, id) filter (where t > timestamp '2000-01-01 00:00:00') as d "
    "from silver.edges group by b",
    "spread": "select b, stddev(i) as a, var_pop(p) as c, stddev_pop(x) as d, var_samp(j) as e from silver.edges group by b",
    "string_agg": "select b, string_agg(w, ', ' order by w desc, id) as a from silver.edges group by b",
    "grouping by alias": "select j % 2 as k, count(*) as n from silver.edges group by k having n > 1 order by k",
    "where by alias": "select id, j + 1 as k, k * 2 as m from silver.edges where k > 1",
    "group by all": "select w, b, count(*) as n from silver.edges group by all order by all",
    "exclude and replace": "select * exclude (z, s) replace (j + 1 as j) from silver.edges",
    "from first": "from silver.other select id, k",
    "semi join": "select id, k from silver.other semi join (select id from silver.edges where b) as b using (id)",
    "anti join": "select o.id, o.v from silver.other as o anti join silver.edges as f on o.id = f.id and f.b",
    "outer joins": "select e.id, o.k, o.v from silver.edges as e left join silver.other as o on o.id = e.id and o.v > 1 "
    "union all select e.id, o.k, o.v from silver.edges as e full join silver.other as o using (id) where e.id is null",
    "using": "select id, k, w from silver.edges full join silver.other using (id)",
    "subqueries": "select id, (select max(v) from silver.other) as m from silver.edges where j in (select id from silver.other "
    "where id is not null) and exists (select 1 from silver.other as o where o.id = edges.id)",
    "qualify": "select *, row_number() over (partition by k order by v desc, id) as place from silver.other "
    "qualify row_number() over (partition by k order by v desc, id) <= 2",
    "order of nulls": "select id, row_number() over (order by w, id) as a, row_number() over (order by w desc, id) as b, "
    "rank() over (order by j desc nulls first) as c, dense_rank() over (partition by b order by s) as d from silver.edges",
    "windows": "select id, sum(p) over so_far as a, count(*) over so_far as b, first_value(w) over so_far as c, "
    "lag(t) over (order by id) as d, lead(j, 2, 0) over (order by id) as e, max(d) over (partition by b) as f, "
    "last_value(i) over (order by id rows between unbounded preceding and unbounded following) as g from silver.edges "
    "window so_far as (partition by b order by id rows between unbounded preceding and current row)",
    "set operations": "(select j from silver.edges except all select id from silver.other) union all "
    "(select j from silver.edges intersect select id from silver.other) union select 7",
    "union of decimals": "select p as a from silver.edges union all select q from silver.edges union all select 0",
    "days of a series": "select cast(unnest(generate_series(date '2024-02-27', date '2024-03-02', interval '1' day)) as date) as day",
    "series of rows": "select id, unnest(generate_series(1, j)) as k from silver.edges",
    "series backwards": "select id, unnest(generate_series(e, d, interval '3' day)) as k from silver.edges "
    "where e < date '2100-01-01' and d > date '1960-01-01' and d < date '2100-01-01'",
    "series joined": "select o.id, u.k from silver.other as o cross join unnest(generate_series(1, 3)) as u(k)",
    "values": "select a, b from (values (1, 'x'), (2, null)) as v(a, b)",
    "distinct": "select distinct w, b from silver.edges order by w limit 3",
    "windows over aggregates": "select k, sum(v) as s, sum(sum(v)) over (order by k) as running, rank() over (order by sum(v)) as r "
    "from silver.other group by k",
    "nested": "with a as (select k, sum(v) as s from silver.other group by 1), b as (select k, s / 3 as t from a) "
    "select a.k, b.t, case when a.s > (select avg(s) from a) then 'above' else 'below' end as c from a join b on a.k = b.k",
}

FILE = Path("model.sql")
MADE = TableName.parse("gold.made")


def _contract(name: str, columns: dict[str, str]) -> Contract:
    parsed = tuple(Column(column, kind) for column, kind in columns.items())
    return Contract(TableName.parse(name), "1.0.0", FILE, "0", parsed)


CONTRACTS = Contracts(
    Path(),
    {
        each.table: each
        for each in (_contract("silver.edges", EDGES), _contract("silver.other", OTHER), _contract("gold.made", {}))
    },
)


def statement(name: str) -> str:
    """Return a case as a statement in DuckDB's SQL."""
    if name in STATEMENTS:
        return STATEMENTS[name]
    columns = ", ".join(f"{each} as x{at}" for at, each in enumerate(EXPRESSIONS[name]))
    return f"select id, {columns} from silver.edges"


def in_engine(sql: str, engine: str) -> str:
    """Return a statement in an engine's SQL."""
    return for_engine(Model(MADE, FILE, sql, "", {}), engine, CONTRACTS)  # type: ignore[arg-type]


def fill(connection) -> None:
    """Create the tables of the cases in DuckDB."""
    kinds = {"int": "integer", "long": "bigint", "string": "varchar"}
    connection.execute("SET TimeZone = 'UTC'; CREATE SCHEMA silver")
    for table, columns in TABLES.items():
        described = ", ".join(f"{name} {kinds.get(kind, kind)}" for name, kind in columns.items())
        connection.execute(f"CREATE TABLE silver.{table} ({described})")
    for at in range(ROWS):
        values = ", ".join(VALUES[name][at % len(VALUES[name])] for name in EDGES if name != "id")
        connection.execute(f"INSERT INTO silver.edges VALUES ({at}, {values})")
    connection.execute(f"INSERT INTO silver.other VALUES {OTHER_ROWS}")


def in_duckdb(name: str, duck) -> tuple[str, dict[str, str], list]:
    """Return the statement of a case, and the types and rows that it gives on DuckDB."""
    sql = statement(name)
    found = duck.execute(sql)
    rows = found.fetchall()
    return sql, {each[0]: type_name(str(each[1]), "duckdb") for each in found.description}, rows


def rows_of(table: str, duck, kinds: dict[str, str]) -> str:
    """Return a SELECT of the rows of a table of DuckDB, written out: texts, cast to the types that an engine has."""
    columns = TABLES[table]
    rows = duck.execute(
        f"SELECT {', '.join(f'CAST({name} AS VARCHAR)' for name in columns)} FROM silver.{table}"
    ).fetchall()
    values = (", ".join(_text(value, kind) for value, kind in zip(row, columns.values(), strict=True)) for row in rows)
    casts = ", ".join(f"CAST({name} AS {kinds.get(kind, kind)}) AS {name}" for name, kind in columns.items())
    return f"SELECT {casts} FROM (VALUES {', '.join(f'({row})' for row in values)}) AS v ({', '.join(columns)})"


def _text(value: str | None, kind: str) -> str:
    if value is None:
        return "NULL"
    if kind == "timestamptz":
        value = value.removesuffix("+00") + " UTC"
    return "'" + value.replace("'", "''") + "'"
