"""Which checks follow from a contract, and what a check's result rests on."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lagoa.audit.checks import Check, file_checks, result_key, uncontracted
from lagoa.audit.contract_checks import contract_checks
from lagoa.contracts.contract import Column, Contract
from lagoa.contracts.sources import Source
from lagoa.domain.checks import CheckFile, FileCheck
from lagoa.domain.sql_names import table_in_sql
from lagoa.domain.tables import TableName

ORDERS = TableName.parse("silver.orders")
PEOPLE = TableName.parse("silver.people")
NOW = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)


def contract(*columns: Column, **fields) -> Contract:
    made = Contract(ORDERS, "1.0.0", Path("x"), "", columns)
    return replace(made, hash=repr((columns, fields)), **fields)


def ids(checks: list[Check]) -> list[str]:
    return [check.id.removeprefix("silver.orders/") for check in checks]


def test_each_word_of_a_contract_becomes_a_check():
    full = contract(
        Column("id", "long", required=True, unique=True),
        Column("person", "long", references=(PEOPLE, "id"), severity="warn"),
        Column("state", "string", enum=("a",), pattern="^a", format="uuid", min_length=1),
        Column("price", "double", minimum=0),
        key=("id", "person"),
        source=Source(format="csv"),
        row_count_change=0.2,
        drift={"price": 0.1},
    )
    checks = contract_checks(full, frozenset({ORDERS}))
    assert ids(checks) == [
        "schema",
        "required/id",
        "enum/state",
        "pattern/state",
        "format/state",
        "length/state",
        "range/price",
        "key/id+person",
        "unique/id",
        "foreign_key/person",
        "quarantine_share",
        "row_count",
        "drift/price",
    ]
    assert {check.id for check in checks if check.severity == "warn"} == {"silver.orders/foreign_key/person"}


def test_a_unique_key_is_checked_once():
    checks = contract_checks(contract(Column("id", "long", unique=True), key=("id",)), frozenset({ORDERS}))
    assert ids(checks) == ["schema", "key/id"]


def test_what_a_check_reads():
    full = contract(Column("person", "long", references=(PEOPLE, "id")), source=Source(format="csv"))
    reads = {check.id: check.reads for check in contract_checks(full, frozenset({ORDERS, ORDERS.quarantine}))}
    assert reads["silver.orders/schema"] == {ORDERS}
    assert reads["silver.orders/foreign_key/person"] == {ORDERS, PEOPLE}
    assert reads["silver.orders/quarantine_share"] == {ORDERS, ORDERS.quarantine}


class Engine:
    """Knows which tables the queries of these tests name."""

    def tables_read(self, sql: str) -> frozenset[TableName]:
        return frozenset({PEOPLE} if "silver.people" in sql else {ORDERS})


def test_checks_of_a_file_read_what_their_sql_reads():
    plain = FileCheck("silver.orders/soda/checks.row_count", "row_count")
    other = TableName.parse("silver.kinds")
    metric = FileCheck("silver.orders/soda/checks.metric", "m", ("select 1 from silver.people",), (other,), "hour")
    file = CheckFile(ORDERS, "x", "", (plain, metric))
    assert [(check.reads, check.clock) for check in file_checks(file, Engine())] == [
        ({ORDERS}, None),
        ({ORDERS, PEOPLE, other}, "hour"),
    ]


def test_a_table_without_contract_has_a_check_that_fails():
    assert (uncontracted(ORDERS).how, uncontracted(ORDERS).id) == ("contract", "silver.orders/contract")


CHECK = Check("silver.orders/row_count", ORDERS, "change", "count(*)", 0.2, "", "", frozenset({ORDERS, PEOPLE}))
POINTERS = {ORDERS: "o1", PEOPLE: "p1", TableName.parse("a.b"): "x"}
BASE = {ORDERS: "o0"}
RUNNER = "duckdb 1.5.5"
KEY = result_key(CHECK, POINTERS, BASE, "contract", NOW, RUNNER)

OTHERS = {
    "its table": (CHECK, {**POINTERS, ORDERS: "o2"}, BASE, "contract", NOW, RUNNER),
    "another table it reads": (CHECK, {**POINTERS, PEOPLE: "p2"}, BASE, "contract", NOW, RUNNER),
    "a table that it reads is gone": (CHECK, {ORDERS: "o1"}, BASE, "contract", NOW, RUNNER),
    "main's state": (CHECK, POINTERS, {ORDERS: "o9"}, "contract", NOW, RUNNER),
    "main has it no more": (CHECK, POINTERS, {}, "contract", NOW, RUNNER),
    "the contract": (CHECK, POINTERS, BASE, "other", NOW, RUNNER),
    "what runs it": (CHECK, POINTERS, BASE, "contract", NOW, "duckdb 2"),
}


@pytest.mark.parametrize("parts", OTHERS.values(), ids=OTHERS)
def test_a_result_rests_on(parts):
    assert result_key(*parts) != KEY


OF_THE_CHECK = {
    "id": "silver.orders/other",
    "how": "query",
    "sql": "count(id)",
    "limit": 0.3,
    "reads": frozenset({ORDERS}),
    "clock": "hour",
    "severity": "warn",
}
TOLD_ELSEWHERE = {
    "table": "the id begins with it",
    "threshold": "the limit in words",
    "reason": "words",
    "samples_sql": "shows rows, judges none",
    "column": "stands in the SQL",
    "file": "the check's part of it is its SQL",
    "definition": "follows from the contract, or is the SQL",
}


def test_each_part_of_a_check_is_in_its_key_or_follows_from_what_is():
    assert OF_THE_CHECK.keys() | TOLD_ELSEWHERE.keys() == {each.name for each in fields(Check)}
    for name, other in OF_THE_CHECK.items():
        assert result_key(replace(CHECK, **{name: other}), POINTERS, BASE, "contract", NOW, RUNNER) != KEY, name


def test_a_result_does_not_rest_on_what_it_does_not_read():
    assert (
        result_key(CHECK, {**POINTERS, TableName.parse("a.b"): "y"}, {**BASE, PEOPLE: "p0"}, "contract", NOW, RUNNER)
        == KEY
    )
    assert result_key(CHECK, POINTERS, BASE, "contract", NOW + timedelta(days=400), RUNNER) == KEY
    plain = replace(CHECK, how="query")
    assert result_key(plain, POINTERS, BASE, "c", NOW, "") == result_key(plain, POINTERS, {}, "c", NOW, "")


@pytest.mark.parametrize(
    ("clock", "same", "other"),
    [
        ("minute", timedelta(seconds=29), timedelta(seconds=60)),
        ("hour", timedelta(minutes=29), timedelta(minutes=30)),
        ("day", timedelta(hours=5), timedelta(hours=6)),
    ],
)
def test_a_result_of_freshness_rests_on_the_clock(clock, same, other):
    fresh = replace(CHECK, clock=clock)
    key = result_key(fresh, POINTERS, BASE, "contract", NOW, RUNNER)
    assert result_key(fresh, POINTERS, BASE, "contract", NOW + same, RUNNER) == key
    assert result_key(fresh, POINTERS, BASE, "contract", NOW + other, RUNNER) != key


VALUES = st.lists(
    st.tuples(st.one_of(st.none(), st.integers(0, 3)), st.one_of(st.none(), st.integers(0, 3))), max_size=8
)


@pytest.fixture(scope="module")
def database():
    with duckdb.connect() as connection:
        connection.execute("create schema silver; create table silver.orders (a int, b int)")
        connection.execute("create table silver.people (id int)")
        yield connection


@settings(deadline=None, max_examples=60)
@given(rows=VALUES, known=st.sets(st.integers(0, 3)))
def test_keys_and_references_are_counted_as_plain_python_counts_them(database, rows, known):
    made = contract(Column("a", "int", references=(PEOPLE, "id")), Column("b", "int", unique=True), key=("a", "b"))
    checks = {check.id.rpartition("silver.orders/")[2]: check for check in contract_checks(made, frozenset({ORDERS}))}
    database.execute("delete from silver.orders; delete from silver.people")
    for row in rows:
        database.execute("insert into silver.orders values (?, ?)", row)
    for each in [*known, None]:
        database.execute("insert into silver.people values (?)", [each])

    def figure(check: str) -> int:
        return database.execute(checks[check].sql).fetchone()[0]

    def shown(check: str) -> list:
        return database.execute(checks[check].samples_sql).fetchall()

    whole = [row for row in rows if None not in row]
    assert figure("key/a+b") == len(whole) - len(set(whole))
    assert sorted(shown("key/a+b")) == sorted(row for row in whole if whole.count(row) > 1)
    second = [b for _, b in rows if b is not None]
    assert figure("unique/b") == len(second) - len(set(second))
    orphans = [row for row in rows if row[0] is not None and row[0] not in known]
    assert figure("foreign_key/a") == len(orphans)
    assert sorted(shown("foreign_key/a"), key=str) == sorted(orphans, key=str)


def test_the_share_of_quarantine_is_that_of_the_worst_batch():
    made = contract(Column("a", "int"), source=Source(format="csv"), quarantine_share=0.25)
    (check,) = (each for each in contract_checks(made, frozenset({ORDERS, ORDERS.quarantine})) if "share" in each.id)
    with duckdb.connect() as connection:
        connection.execute("create schema silver; create schema quarantine")
        connection.execute("create table silver.orders as select 'b1' as _batch_id from range(9)")
        connection.execute("insert into silver.orders select 'b2' from range(2)")
        connection.execute(
            f"create table {table_in_sql(ORDERS.quarantine)} as select * from (values "
            "('b1', 'f', 3), ('b2', 'f', 1), ('b2', 'f', 1), ('b2', 'f', 2)) as t(_batch_id, source, record)"
        )
        assert connection.execute(check.sql).fetchone()[0] == 0.5
        connection.execute(f"insert into {table_in_sql(ORDERS.quarantine)} values ('b3', 'f', 1)")
        assert connection.execute(check.sql).fetchone()[0] == 1.0
        connection.execute(f"delete from {table_in_sql(ORDERS.quarantine)}")
        assert connection.execute(check.sql).fetchone()[0] == 0.0
    assert check.limit == 0.25
