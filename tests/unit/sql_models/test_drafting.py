"""What is found out about the rows of a SELECT: enough, and nothing that data can contradict."""

# ruff: noqa: E501 - one case a line

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from duck import database
from effort import many
from lakes import LakeFolder

from lagoa.contracts import Contracts
from lagoa.formats import FORMATS
from lagoa.sql_models.drafting.analysis import analyse
from lagoa.sql_models.sql import read_model

if TYPE_CHECKING:
    import duckdb

    from lagoa.sql_models.drafting.facts import Rows

ID = {"physicalType": "long", "required": True}
KEY = ID | {"primaryKey": True}
TABLES = {
    "s.orders": {"id": KEY, "customer": ID, "state": "string", "n": "long", "day": ID},
    "s.customers": {"id": KEY, "name": {"physicalType": "string", "classification": "personal"}, "city": ID},
    "s.texts": {"id": ID, "text": {"physicalType": "string", "required": True, "unique": True}},
    "s.items": {"order_id": KEY, "place": KEY, "price": "double"},
    "s.versions": {
        "id": KEY,
        "valid_from": {"physicalType": "timestamp", "required": True, "primaryKey": True},
        "valid_to": "timestamp",
        "is_current": {"physicalType": "boolean", "required": True},
        "x": "long",
    },
}

CASES = {
    "a column is passed through": ("select id, state from s.orders", "id", "id"),
    "another name": ("select id as order_id, state as uf from s.orders", "order_id", "order_id"),
    "a star": ("select * from s.orders", "id", "id customer day"),
    "the key is left out": ("select customer, n from s.orders", "", "customer"),
    "parts of a key": ("select order_id, price from s.items", "", "order_id"),
    "two parts": ("select place, order_id from s.items", "place order_id", "place order_id"),
    "a condition": ("select id, state, n from s.orders where state is not null and n > 1", "id", "id state n"),
    "or": ("select id, state from s.orders where state is not null or n > 1", "id", "id"),
    "inner join to its key": ("select o.id, c.city, c.name from s.orders o join s.customers c on c.id = o.customer", "id", "id city"),
    "using": ("select id, city, n from s.orders join s.customers using (id)", "id", "id city"),
    "using, three tables": ("select id, o.n from s.orders o join s.customers c using (id) left join s.versions v using (id)", "", "id"),
    "using, one row each": ("select id, o.n, c.city from s.orders o left join s.customers c using (id) left join s.customers d using (id)", "id", "id"),
    "coalesce of others": ("select coalesce(o.n, c.n) as n, c.city from s.orders o join (select id, city, city as n from s.customers) c on c.id = o.id", "", "n city"),
    "coalesce of keys": ("select coalesce(o.id, c.id) as id from s.orders o join s.customers c on c.id = o.customer", "", "id"),
    "inner, then right join": ("select o.id, c.city, i.order_id from s.orders o join s.customers c on c.id = o.id right join s.items i on i.order_id = o.id and i.place = o.n", "", "order_id"),
    "numbers as texts": ("select o.id, t.text from s.orders o left join s.texts t on t.text = o.id", "", "id"),
    "a number for a text": ("select c.id, t.id as t from s.customers c join s.texts t on t.text = 1", "", "id t"),
    "names of columns in another order": ("select t.id, t.n from (select n, id from s.orders) as t(id, n)", "n", "n"),
    "with, names in another order": ("with t(id, n) as (select n, id from s.orders) select id, n from t", "n", "n"),
    "the other side of an equality": ("select c.id from s.orders o join s.customers c on c.id = o.id", "id", "id"),
    "left join to its key": ("select o.id, c.city, c.id as c from s.orders o left join s.customers c on c.id = o.customer", "id", "id"),
    "left join, then a condition": ("select o.id, c.city from s.orders o left join s.customers c on c.id = o.customer where c.city = 2", "id", "id city"),
    "left join to a part of the key": ("select o.id, i.place from s.orders o left join s.items i on i.order_id = o.id", "", "id"),
    "right join": ("select o.id, c.id as c, o.n from s.orders o right join s.customers c on c.id = o.id", "c", "c"),
    "right join that multiplies": ("select o.id, c.id as c from s.orders o right join s.customers c on c.id = o.customer", "", "c"),
    "full join": ("select o.id, c.id as c from s.orders o full join s.customers c on c.id = o.id", "", ""),
    "inner join that multiplies": ("select o.id, i.place, i.price from s.orders o join s.items i on i.order_id = o.id", "id place", "id place"),
    "commas": ("select o.id, i.place, c.city from s.orders o, s.items i, s.customers c where i.order_id = o.id and c.id = o.customer", "id place", "id place city"),
    "cross join": ("select o.id, c.id as c from s.orders o cross join s.customers c", "id c", "id c"),
    "semi join": ("select id from s.orders o semi join s.items i on i.order_id = o.id", "id", "id"),
    "one value for a part of the key": ("select o.id, i.price from s.orders o join s.items i on i.order_id = o.id and i.place = 1", "id", "id"),
    "the versions of now": ("select o.id, v.x from s.orders o left join s.versions v on v.id = o.id and v.is_current", "id", "id"),
    "all versions": ("select o.id, v.x from s.orders o left join s.versions v on v.id = o.id", "", "id"),
    "right join with a condition": ("select v.id, v.valid_from from s.orders o right join s.versions v on v.id = o.id and v.is_current", "id valid_from", "id valid_from"),
    "group by": ("select state, count(*) as n, sum(n) as total, max(day) as day from s.orders group by state", "state", "n day"),
    "group by numbers": ("select customer, day, min(id) as least from s.orders group by 1, 2", "customer day", "customer day least"),
    "group by all": ("select customer, count(*) as n from s.orders group by all", "customer", "customer n"),
    "group by what is left out": ("select count(*) as n from s.orders group by customer", "", "n"),
    "group by an expression": ("select customer + 1 as c, count(distinct n) as n from s.orders group by customer + 1", "c", "c n"),
    "rollup": ("select customer, count(*) as n from s.orders group by rollup (customer)", "", "n"),
    "a sum of everything": ("select sum(day) as day, count(*) as n from s.orders", "", "n"),
    "a filter": ("select customer, sum(day) filter (where n > 1) as d, count(*) filter (where n > 1) as m from s.orders group by 1", "customer", "customer m"),
    "distinct": ("select distinct customer, day from s.orders", "customer day", "customer day"),
    "distinct on": ("select distinct on (customer) customer, state from s.orders order by customer, id", "customer", "customer"),
    "distinct on an expression": ("select distinct on (n + day) n, customer from s.orders", "", "customer"),
    "the first of each": ("select customer, state from s.orders qualify row_number() over (partition by customer order by id) = 1", "customer", "customer"),
    "the first of each, by name": ("select customer, row_number() over w as r from s.orders window w as (partition by customer order by id) qualify r = 1", "customer", "customer r"),
    "the first of each, outside": ("with t as (select *, row_number() over (partition by customer order by id) as r from s.orders) select customer, state from t where r = 1", "customer", "customer"),
    "the second of each or the first": ("with t as (select *, row_number() over (partition by customer order by id) as r from s.orders) select customer, state from t where r <= 2", "", "customer"),
    "rank": ("select customer, state from s.orders qualify rank() over (partition by customer order by day) = 1", "", "customer"),
    "union all": ("select id, state from s.orders union all select id, name from s.customers", "", "id"),
    "union": ("select id, city from s.customers union select id, n from s.orders", "id city", "id"),
    "except": ("select id, day from s.orders except select id, city from s.customers", "id", "id day"),
    "a list in rows": ("select id, unnest([1, 2]) as x from s.orders", "", "id"),
    "a series": ("select o.id, g.x from s.orders o, generate_series(1, 2) as g(x)", "", "id"),
    "with": ("with a as (select customer, count(*) as n from s.orders group by 1) select c.id, coalesce(a.n, 0) as n, a.n as m from s.customers c left join a on a.customer = c.id", "id", "id n"),
    "recursive": ("with recursive r as (select 1 as x union all select x + 1 from r where x < 3) select x from r", "", "x"),
    "expressions": ("select id, id + 1 as a, id / n as b, nullif(id, 1) as c, case when n > 1 then id else 0 end as d, case when n > 1 then id end as e, cast(id as varchar) || 'x' as f, try_cast(id as date) as g, state is null as h, if(n > 1, 1, id) as i, id in (1, 2) as j, upper(state) as k, any_value(id) over () as l from s.orders", "id", "id a d f h i j"),
    "a subquery": ("select id, (select max(city) from s.customers) as x from s.orders where exists (select 1 from s.items i where i.order_id = orders.id)", "id", "id"),
    "pivot": ("select * from (select customer, state, n from s.orders) pivot (sum(n) for state in ('a', 'b'))", "", ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> Contracts:
    folder = LakeFolder(tmp_path_factory.mktemp("drafting"))
    for table, columns in TABLES.items():
        history = {"materialization": "scd2", "scd2": {"deletions": "none"}} if table == "s.versions" else {}
        folder.contract(table, columns, **history)
    return Contracts.load(folder.root / "iceberg", FORMATS)


def found(sql: str, contracts: Contracts) -> Rows:
    return analyse(read_model(Path("m.sql"), sql, contracts).resolved, contracts)


@pytest.mark.parametrize(("sql", "key", "required"), CASES.values(), ids=CASES)
def test_what_is_certain(contracts: Contracts, sql: str, key: str, required: str) -> None:
    rows = found(sql, contracts)
    keys = [each for each in rows.keys if each]
    assert min(keys, key=len, default=frozenset()) == frozenset(key.split())
    assert [name for name, made in rows.columns.items() if made.required] == required.split()


def some_rows(connection: duckdb.DuckDBPyConnection, chance: random.Random) -> None:
    """Fill the tables with few different values, so that everything that may occur twice or be null does."""
    few = range(1, 5)
    few_or_none = [*few, None]
    connection.execute("create schema s")
    connection.execute("create table s.orders (id bigint, customer bigint, state varchar, n bigint, day bigint)")
    connection.execute("create table s.customers (id bigint, name varchar, city bigint)")
    connection.execute("create table s.items (order_id bigint, place bigint, price double)")
    connection.execute("create table s.texts (id bigint, text varchar)")
    connection.execute("insert into s.texts values (1, '1'), (1, '01'), (2, '2'), (3, '02'), (3, '3')")
    connection.execute(
        "create table s.versions (id bigint, valid_from timestamp, valid_to timestamp, is_current boolean, x bigint)"
    )
    for number in chance.sample(range(1, 9), 6):
        state, n = chance.choice(["a", "b", None]), chance.choice(few_or_none)
        order = [number, chance.choice(few), state, n, chance.choice(few)]
        connection.execute("insert into s.orders values (?, ?, ?, ?, ?)", order)
        customer = [number, chance.choice(["a", None]), chance.choice(few)]
        connection.execute("insert into s.customers values (?, ?, ?)", customer)
        for place in range(1, chance.randint(1, 3)):
            connection.execute("insert into s.items values (?, ?, ?)", [number, place, chance.choice(few_or_none)])
        for version in range(1, chance.randint(2, 4)):
            values = [number, f"2026-01-0{version}", version == 1, chance.choice(few_or_none)]
            connection.execute("insert into s.versions values (?, ?, null, ?, ?)", values)


def test_no_data_contradicts_what_is_certain(contracts: Contracts) -> None:
    for seed in range(many(2)):
        with database() as connection:
            some_rows(connection, random.Random(seed))  # noqa: S311
            for name, (sql, _, _) in CASES.items():
                rows = found(sql, contracts)
                counts = ", ".join(f"count({each}) = count(*)" for each, made in rows.columns.items() if made.required)
                full = connection.execute(f"select {counts or 'true'} from ({sql})").fetchone()
                assert all(full or ()), (name, seed)
                for key in filter(None, rows.keys):
                    columns = ", ".join(sorted(key))
                    twice = f"select 1 from ({sql}) group by {columns} having count(*) > 1"
                    assert connection.execute(twice).fetchall() == [], (name, seed, key)


def test_where_a_column_comes_from_and_what_is_personal(contracts: Contracts) -> None:
    sql = """
        select name, name as who, upper(name) as loud, cast(name as varchar) as text, count(name) as n,
               name = 'x' as is_x, max(name) as last, o.id
        from s.customers c join s.orders o on o.customer = c.id group by all
    """
    columns = found(sql, contracts).columns
    assert {name: str(made.origin) for name, made in columns.items() if made.origin} == {
        "name": "s.customers.name",
        "who": "s.customers.name",
        "text": "s.customers.name",
        "id": "s.orders.id",
    }
    assert not columns["text"].origin.same
    assert [name for name, made in columns.items() if made.personal] == ["name", "who", "loud", "text", "last"]
