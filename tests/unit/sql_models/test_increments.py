"""Which SELECTs may be built by increments: those that are let through give, increment by increment, what a whole build gives."""

# ruff: noqa: E501, DTZ001, S311 - one case a line; moments without a zone; chance is no secret

from __future__ import annotations

import random
import re
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from duck import database
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp, parse_one

from lagoa.contracts import Column, Contract, Contracts
from lagoa.contracts.intervals import GRAINS, Grain, Intervals, number_sql, parse_number
from lagoa.contracts.properties import ByBatch, ByTime
from lagoa.domain.tables import TableName
from lagoa.errors import InvalidName, ModelError
from lagoa.sql_models.increments import check_increments
from lagoa.sql_models.sql import read_model

if TYPE_CHECKING:
    import duckdb

FILE = Path("m.sql")
SALES, RETURNS, SHOPS = (TableName.parse(f"silver.{name}") for name in ("sales", "returns", "shops"))
GOLD = TableName.parse("gold.made")


def contract(table: TableName, columns: str, **more: object) -> Contract:
    parsed = tuple(Column(name, kind) for name, kind in (each.split(":") for each in columns.split()))
    return Contract(table, "1.0.0", FILE, "0", parsed, **more)  # type: ignore[arg-type]


INPUTS = (
    contract(SALES, "ts:timestamp shop:string n:long _batch_id:string"),
    contract(RETURNS, "day:date shop:string n:long"),
    contract(SHOPS, "shop:string city:string opened:date"),
)


def check(sql: str, rule: ByTime | ByBatch, **more: object) -> None:
    """Read a model and check it, whatever its columns are; raises `ModelError`."""
    contracts = Contracts(Path(), {each.table: each for each in INPUTS})
    found = read_model(FILE, sql, contracts)
    check_increments(FILE, found.resolved, contract(GOLD, "", incremental=rule, **more))


def by_day(*tables: str, grain: Grain = "day") -> ByTime:
    inputs = {"silver.sales": "ts", "silver.returns": "day"}
    return ByTime(by="time", column="day", grain=grain, inputs={name: inputs[name] for name in tables})


SOLD, BOTH = by_day("silver.sales"), by_day("silver.sales", "silver.returns")
BATCHES = ByBatch(by="batch", input="silver.sales")

GOOD = [
    ("select cast(ts as date) as day, count(*) as n from silver.sales group by 1", SOLD),
    ("select ts::date as day, shop, sum(n) as n from silver.sales group by all having sum(n) > 1", SOLD),
    ("select date_trunc('day', ts) as day, n, sum(n) over (partition by ts::date order by n) as so_far from silver.sales", SOLD),
    ("select ts as day, rank() over w as place from silver.sales window w as (partition by ts::date, shop order by n)", SOLD),
    ("from silver.sales select distinct date_trunc('hour', ts) as day, shop", SOLD),
    ("select distinct on (day) cast(ts as date) as day, n from silver.sales order by n", SOLD),
    ("select ts as day, city from silver.sales join silver.shops using (shop) where n > (select 2) and city in (select city from silver.shops)", SOLD),
    ("select ts as day, city from silver.sales left join silver.shops using (shop)", SOLD),
    ("select ts as day, city from silver.shops right join silver.sales using (shop)", SOLD),
    ("select ts as day, n from silver.sales anti join silver.shops using (shop)", SOLD),
    ("select ts as day, city from silver.sales as s asof join silver.shops as p on s.shop = p.shop and s.ts >= p.opened", SOLD),
    ("select ts as day, m.n as n from silver.sales, lateral (select max(opened) as n from silver.shops where shops.shop = sales.shop) as m", SOLD),
    ("select ts as day, u from silver.sales, unnest(range(n)) as x(u)", SOLD),
    ("with a as (select ts::date as day, sum(n) as n from silver.sales group by 1), b as (select day, n + 1 as n from a) select b.day, a.n + b.n as n from a join b on a.day = b.day", SOLD),
    ("select ts as day, n from silver.sales union all select ts, -n from silver.sales where n > 1", SOLD),
    ("select ts::date as day, n from silver.sales union select ts::date, n + 1 from silver.sales", SOLD),
    ("select ts::date as day, n from silver.sales except select ts::date, n from silver.sales where n > 2", SOLD),
    ("select ts::date as day, n from silver.sales qualify row_number() over (partition by day, shop order by n) = 1", SOLD),
    ("select ts as day, first(n) over (partition by cast(ts as date) order by n desc, shop) as n from silver.sales where ts is not null", SOLD),
    ("select s.ts::date as day, sum(s.n) as n from silver.sales as s left join silver.returns as r on s.ts::date = r.day group by 1", BOTH),
    ("select r.day as day, s.n as n from silver.sales as s, silver.returns as r where r.day = date_trunc('day', s.ts) and r.shop = s.shop", BOTH),
    ("select ts::date as day, n from silver.sales semi join silver.returns on sales.ts::date = returns.day", BOTH),
    ("select ts::date as day, n from silver.sales union all select day, -n from silver.returns", BOTH),
    ("select r.day, count(s.n) as n from silver.returns as r left join silver.sales as s on r.day = s.ts::date group by r.day", BOTH),
    ("select cast(date_trunc('month', ts) as date) as day, count(*) as n from silver.sales group by 1", by_day("silver.sales", grain="month")),
    ("select date_trunc('quarter', ts) as day, count(*) as n from silver.sales group by 1", by_day("silver.sales", grain="year")),
    ("select date_trunc('minute', ts) as day, count(*) as n from silver.sales group by 1", by_day("silver.sales", grain="hour")),
    ("with a as (select ts::date as day, sum(n) as n from silver.sales group by 1) select day, a.n + b.n as n from a join silver.returns as b using (day)", BOTH),
    ("select shop, n * 2 as n from silver.sales where n > 1", BATCHES),
    ("select upper(shop) as shop, city from silver.sales join silver.shops using (shop)", BATCHES),
    ("select _batch_id, count(*) as n from silver.sales group by _batch_id", BATCHES),
    ("select shop, n, md5(shop) as m from silver.sales union all select shop, n, '' from silver.sales", BATCHES),
]  # fmt: skip

BAD = [
    ("select x.ts as day from (select n as ts, ts from silver.sales) as x", SOLD, "that day is in the same day"),
    ("select coalesce(ts, opened) as day from silver.sales join silver.shops using (shop)", SOLD, "that day is in the same day"),
    ("select ts as day from (select ts, n from silver.sales) as x(n, ts)", SOLD, "that day is in the same day"),
    ("with x(n, ts) as (select ts, n from silver.sales) select ts as day from x", SOLD, "that day is in the same day"),
    ("with x(n, ts) as (select ts, n from silver.sales union all select ts, n from silver.sales) select ts as day from x", SOLD, "that day is in the same day"),
    ("select ts as day from silver.sales as x(n, ts, shop)", SOLD, "what is made from silver.sales here"),
    ("select count(*) as day from silver.sales", SOLD, "COUNT(*) uses rows of several increments"),
    ("select date_trunc('month', ts) as day, count(*) as n from silver.sales group by 1", SOLD, "a group contains"),
    ("select date_trunc('week', ts) as day, count(*) as n from silver.sales group by 1", by_day("silver.sales", grain="month"), "a group contains"),
    ("select ts::date as day, count(*) as n from silver.sales group by rollup (1)", SOLD, "a group contains"),
    ("select ts as day, sum(n) over (order by ts) as n from silver.sales", SOLD, "a window contains"),
    ("select ts as day, lag(n) over w as n from silver.sales window w as (partition by shop order by ts)", SOLD, "a window contains"),
    ("select distinct on (shop) ts as day, shop from silver.sales", SOLD, "DISTINCT compares"),
    ("select distinct shop, n from silver.sales", BATCHES, "DISTINCT compares"),
    ("select ts as day, n from silver.sales order by n limit 3", SOLD, "LIMIT reads"),
    ("select ts as day from (select ts from silver.sales offset 3)", SOLD, "LIMIT reads"),
    ("select ts + interval '1' day as day, n from silver.sales", SOLD, "that day is in the same day"),
    ("select ts::date as day, n from silver.sales", by_day("silver.sales", grain="hour"), "that day is in the same hour"),
    ("select opened as day, n from silver.sales join silver.shops using (shop)", SOLD, "that day is in the same day"),
    ("select ts as day, city from silver.shops left join silver.sales using (shop)", SOLD, "a LEFT JOIN returns rows"),
    ("select ts as day, city from silver.shops full join silver.sales using (shop)", SOLD, "a FULL JOIN returns rows"),
    ("select city, opened as day from silver.shops semi join silver.sales using (shop)", SOLD, "a SEMI JOIN returns rows"),
    ("select a.ts as day, b.n as n from silver.sales as a join silver.sales as b using (shop)", SOLD, "rows of several increments are joined"),
    ("select a.ts as day, b.n as n from silver.sales as a asof join silver.sales as b on a.shop = b.shop and a.ts >= b.ts", SOLD, "rows of several increments are joined"),
    ("select p.opened as day, s.n as n from silver.shops as p asof join silver.sales as s on s.shop = p.shop and p.opened >= s.ts", SOLD, "a ASOF JOIN reads"),
    ("select ts as day, n from silver.sales where shop in (select shop from silver.returns)", BOTH, "this subquery reads all"),
    ("select opened as day, (select max(ts) from silver.sales) as n from silver.shops", SOLD, "MAX(sales.ts) uses rows"),
    ("select ts as day, n from silver.sales union all select opened, 1 from silver.shops", SOLD, "the rows of one side of UNION"),
    ("select opened as day from silver.shops except select ts::date from silver.sales", SOLD, "the rows of one side of EXCEPT"),
    ("select n as day from silver.sales union select n from silver.sales", SOLD, "UNION compares rows"),
    ("select shop, n from silver.sales intersect select shop, n from silver.sales", BATCHES, "INTERSECT compares rows"),
    ("select ts as day, n from silver.sales union all by name select ts as day, n from silver.sales", SOLD, "BY NAME cannot be analysed"),
    ("select ts as day, m.n as n from silver.sales, lateral (select max(n) as n from silver.sales as b where b.shop = sales.shop) as m", SOLD, "is read in a place that cannot be analysed"),
    ("with recursive r as (select ts as day, 1 as n from silver.sales union all select day, n + 1 from r where n < 3) select day, n from r", SOLD, "the rows of one side of UNION"),
    ("select day, n from (select ts as day, n, shop from silver.sales) pivot (sum(n) for shop in ('a', 'b')) as p(day, n)", SOLD, "cannot be analysed"),
    ("select shop, opened as day from silver.shops", SOLD, "which the SELECT does not read"),
    ("select 'b' as _batch_id, n from silver.sales", BATCHES, "that _batch_id is the batch"),
    ("select bitstring_agg(n) as n from silver.sales", BATCHES, "uses rows of several increments"),
    ("select max(n) as n from silver.sales", BATCHES, "uses rows of several increments"),
    ("select 1 as n from silver.sales having count(*) > 1", BATCHES, "uses rows of several increments"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "rule", "message"), BAD, ids=range(len(BAD)))
def test_what_looks_at_several_increments_is_refused_with_its_line(
    sql: str, rule: ByTime | ByBatch, message: str
) -> None:
    with pytest.raises(ModelError, match=re.escape(message)) as refused:
        check(sql, rule)
    assert refused.value.line == 1 or "does not read" in message
    assert refused.value.advice


@pytest.mark.parametrize(("sql", "rule"), GOOD, ids=range(len(GOOD)))
def test_what_is_let_through_gives_by_increments_what_it_gives_whole(sql: str, rule: ByTime | ByBatch) -> None:
    check(sql, rule)
    chance = random.Random(7)
    with database() as db:
        db.execute("create schema silver; create schema whole")
        db.execute(
            "create table silver.shops as select * from (values ('a', 'x', date '2026-01-01'), ('b', 'y', date '2026-01-03'), ('b', 'z', null)) t(shop, city, opened)"
        )
        sales = [(_moment(chance), chance.choice("abc"), chance.randint(1, 4), chance.choice("mno")) for _ in range(60)]
        returns = [(_moment(chance), chance.choice("abc"), chance.randint(1, 4)) for _ in range(15)]
        db.execute("create table whole.sales(ts timestamp, shop varchar, n bigint, _batch_id varchar)")
        db.executemany("insert into whole.sales values (?, ?, ?, ?)", sales)
        db.execute("create table whole.returns(day date, shop varchar, n bigint)")
        db.executemany("insert into whole.returns values (?, ?, ?)", returns)
        everything = _made(db, sql, rule, "true")
        if isinstance(rule, ByTime):
            numbers = number_sql(rule.grain, "ts", "timestamp")
            days = f"select {numbers} from whole.sales union select {number_sql(rule.grain, 'day', 'date') if rule.grain != 'hour' else 'null'} from whole.returns"
            parts = [f"MARK is not distinct from {'null' if n is None else n}" for (n,) in db.execute(days).fetchall()]
        else:
            parts = [f"MARK = '{batch}'" for batch in "mno"]
        assert sum((_made(db, sql, rule, part) for part in parts), Counter()) == everything
        assert everything


def _moment(chance: random.Random) -> datetime | None:
    return None if chance.random() < 0.1 else datetime(2025, 12, 30) + timedelta(hours=chance.randint(0, 120))


def _made(db: duckdb.DuckDBPyConnection, sql: str, rule: ByTime | ByBatch, part: str) -> Counter[tuple[object, ...]]:
    marks = {"sales": "_batch_id", "returns": "null"}
    if isinstance(rule, ByTime):
        marks = {
            name: number_sql(rule.grain, column, kind)
            for name, column, kind in (("sales", "ts", "timestamp"), ("returns", "day", "date"))
        }
    listed = rule.inputs if isinstance(rule, ByTime) else [rule.input]
    for name, mark in marks.items():
        condition = part.replace("MARK", mark) if f"silver.{name}" in listed else "true"
        db.execute(f"create or replace view silver.{name} as select * from whole.{name} where {condition}")
    return Counter(db.execute(sql).fetchall())


def test_the_latest_row_of_a_key_may_be_merged() -> None:
    sql = "select shop, n, ts from silver.sales qualify row_number() over (partition by shop order by ts desc, n desc) = 1"
    check(sql, BATCHES, key=("shop",), order_by="ts")
    for other in ("ts desc) = 2", "ts) = 1", "n desc) = 1", "ts desc nulls first) = 1"):
        with pytest.raises(ModelError, match="merged by key"):
            check(sql.replace("ts desc, n desc) = 1", other), BATCHES, key=("shop",), order_by="ts")
    with pytest.raises(ModelError, match="merged by key"):
        check(sql.replace("partition by shop", "partition by shop, n"), BATCHES, key=("shop",), order_by="ts")
    with pytest.raises(ModelError, match="merged by key"):
        check("select shop, n, ts from silver.sales", BATCHES, key=("shop",), order_by="ts")
    with pytest.raises(ModelError, match="a window contains"):
        check(sql, BATCHES)


def test_every_aggregate_of_the_engine_is_seen_as_one() -> None:
    """An aggregate that SQLGlot has no class for is unknown to it: then a column beside it must show what it is."""
    with database() as db:
        names = db.execute(
            "select distinct function_name from duckdb_functions() where function_type = 'aggregate'"
        ).fetchall()
    for (name,) in names:
        if name != "row_number":  # only ever a window
            calls = [f"select {name}({arguments}) as n from t" for arguments in ("x", "x, y", "", "x, 0.5")]
            found = next(node for call in calls if (node := _parsed(call)) is not None)
            assert found.find(exp.AggFunc, exp.Anonymous), name


def _parsed(sql: str) -> exp.Expr | None:
    from sqlglot.errors import ParseError

    try:
        return parse_one(sql, dialect="duckdb")
    except ParseError:
        return None


MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59))


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(GRAINS),
    st.lists(MOMENTS | st.none(), min_size=1, max_size=90),
    st.lists(MOMENTS | st.none(), max_size=9),
)
def test_ranges_hold_the_intervals_and_break_none(
    grain: Grain, inside: list[datetime | None], others: list[datetime | None]
) -> None:
    with database() as db:
        db.execute("create table t(ts timestamp)")
        db.executemany("insert into t values (?)", [(each,) for each in [*inside, *others]])
        number = number_sql(grain, "ts", "timestamp")
        numbers = [row[0] for row in db.execute(f"select {number} from t limit {len(inside)}").fetchall()]
        intervals = Intervals(grain, frozenset(numbers))
        conditions = intervals.conditions("ts", "timestamp")
        assert len(conditions) <= 65
        found = " or ".join(f"({each})" for each in conditions) or "false"
        rows = db.execute(f"select {number}, coalesce({found}, false) from t").fetchall()
    assert all(held for _, held in rows[: len(inside)])
    by_number: dict[object, set[bool]] = {}
    for each, held in rows:
        by_number.setdefault(each, set()).add(held)
    assert all(len(kinds) == 1 for kinds in by_number.values())
    assert (None in numbers) or not any(held for each, held in rows if each is None)


@pytest.mark.parametrize(("grain", "text", "name"), [
    ("day", "2026-03-01", "2026-03-01"), ("month", "2026-03", "2026-03"), ("month", "2026-03-01", "2026-03"),
    ("year", "2026", "2026"), ("hour", "2026-03-01T13", "2026-03-01T13"), ("hour", "2026-03-01 13:00", "2026-03-01T13"),
    ("hour", "2026-03-01T13:00:00-03:00", "2026-03-01T16"), ("day", "1969-12-31", "1969-12-31"), ("day", "2024-02-29", "2024-02-29"),
])  # fmt: skip
def test_intervals_are_named_by_their_first_moment(grain: Grain, text: str, name: str) -> None:
    number = parse_number(grain, text)
    assert Intervals(grain, frozenset({number})).names() == [name]


@pytest.mark.parametrize(("grain", "text"), [
    ("day", "2026-03-01T13:00"), ("month", "2026-03-02"), ("year", "2026-02"), ("hour", "2026-03-01T13:30"), ("day", "2026-02-29"), ("day", "soon"), ("month", ""),
])  # fmt: skip
def test_what_begins_no_interval_is_refused(grain: Grain, text: str) -> None:
    with pytest.raises(InvalidName, match=f"the start of an? {grain}"):
        parse_number(grain, text)
