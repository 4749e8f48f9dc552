"""Which columns of tables the columns and rows of a SELECT depend on."""

from __future__ import annotations

from pathlib import Path

import pytest

from lagoa.contracts.contract import Column, Contract
from lagoa.contracts.folder import Contracts
from lagoa.domain.tables import TableName
from lagoa.lineage.columns import select_columns
from lagoa.sql_models.sql import resolved_select

COLUMNS = {"silver.orders": "id customer price state day", "silver.customers": "id name city"}


def _contracts():
    found = {}
    for name, columns in COLUMNS.items():
        table = TableName.parse(name)
        found[table] = Contract(table, "", Path(name), "", tuple(Column(each, "string") for each in columns.split()))
    return Contracts(Path(), found)


def followed(sql):
    """Return the columns that each column of a SELECT and its rows depend on, as text."""
    contracts = _contracts()
    found = select_columns(resolved_select(Path("m.sql"), sql, contracts), contracts)
    assert found is not None
    columns = {name: _texts(sources) for name, sources in found.columns.items()}
    return columns, _texts(found.rows)


def _texts(sources):
    return " ".join(sorted(f"{table.name}.{column}" for table, column in sources))


@pytest.mark.parametrize(
    ("sql", "columns", "rows"),
    [
        ("select id, price * 2 as p from silver.orders", {"id": "orders.id", "p": "orders.price"}, ""),
        ("select count(*) as n from silver.orders", {"n": ""}, ""),
        (
            "select state, sum(price) as s from silver.orders where day > '2026' group by state",
            {"state": "orders.state", "s": "orders.price"},
            "orders.day orders.state",
        ),
        (
            "select o.id, c.name from silver.orders o join silver.customers c on c.id = o.customer",
            {"id": "orders.id", "name": "customers.name"},
            "customers.id orders.customer",
        ),
        (
            "with x as (select customer, price + 1 as p from silver.orders where state = 'a') select p from x",
            {"p": "orders.price"},
            "orders.state",
        ),
        (
            "select p from (select price as p, day from silver.orders) as x where day > '1'",
            {"p": "orders.price"},
            "orders.day",
        ),
        (
            "select id from silver.orders union all select id from silver.customers where city = 'x'",
            {"id": "customers.id orders.id"},
            "customers.city",
        ),
        ("select distinct state from silver.orders", {"state": "orders.state"}, "orders.state"),
        (
            "select id, (select max(name) from silver.customers c where c.id = o.customer) as n from silver.orders o",
            {"id": "orders.id", "n": "customers.id customers.name orders.customer"},
            "",
        ),
        (
            "select id from silver.orders where customer in (select id from silver.customers)",
            {"id": "orders.id"},
            "customers.id orders.customer",
        ),
        (
            "select id, row_number() over (partition by customer order by day) as r from silver.orders qualify r = 1",
            {"id": "orders.id", "r": "orders.customer orders.day"},
            "orders.customer orders.day",
        ),
        (
            "select id, part from silver.orders, unnest(string_split(state, ',')) as u(part)",
            {"id": "orders.id", "part": "orders.state"},
            "orders.state",
        ),
        (
            "select * exclude (price, day, state) from silver.orders",
            {"id": "orders.id", "customer": "orders.customer"},
            "",
        ),
        ("select id from silver.orders order by day limit 3", {"id": "orders.id"}, "orders.day"),
        ("select id from silver.orders order by day", {"id": "orders.id"}, ""),
        (
            "select g.n, o.id from generate_series(1, 3) as g(n) cross join silver.orders o",
            {"n": "", "id": "orders.id"},
            "",
        ),
    ],
)
def test_columns_are_followed(sql, columns, rows):
    assert followed(sql) == (columns, rows)


def test_a_recursive_select_depends_on_all_that_is_in_it():
    sql = (
        "with recursive r as (select id, price from silver.orders union all "
        "select r.id, o.price from r join silver.orders o on o.customer = r.id) select id from r"
    )
    columns, rows = followed(sql)
    assert columns == {"id": "orders.id"}
    assert rows == "orders.customer orders.id orders.price"


def test_every_column_is_told_by_table():
    contracts = _contracts()
    sql = "select o.id from silver.orders o join silver.customers c on c.id = o.customer where city = 'x'"
    found = select_columns(resolved_select(Path("m.sql"), sql, contracts), contracts)
    assert found is not None
    assert {str(table): set(columns) for table, columns in found.by_table().items()} == {
        "silver.orders": {"id", "customer"},
        "silver.customers": {"id", "city"},
    }
