"""Which checks follow from a contract, and what a check's result rests on."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from duck import database as a_database
from effort import many
from hypothesis import given, settings
from hypothesis import strategies as st

from lagoa.audit.bases.scan import ScanCheck
from lagoa.audit.expected import contract_checks
from lagoa.audit.kinds import KINDS
from lagoa.audit.kinds.soda import Soda
from lagoa.audit.kinds.uncontracted import Uncontracted
from lagoa.audit.state import State
from lagoa.contracts.contract import Column, Contract
from lagoa.contracts.properties import Scd2
from lagoa.contracts.sources import Source
from lagoa.domain.checks import CheckFile, FileCheck
from lagoa.domain.sql_names import table_in_sql
from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from lagoa.audit.check import Check

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
    checks = Soda.of_file(file, contract(), Engine())
    assert [(check.id, check.reads, check.entry.clock) for check in checks] == [
        (plain.id, {ORDERS}, None),
        (metric.id, {ORDERS, PEOPLE, other}, "hour"),
    ]
    assert [check.opens for check in checks] == [{ORDERS, PEOPLE, other}] * 2


def test_a_table_without_contract_has_a_check_that_fails():
    found = Uncontracted.of_table(ORDERS).look(at())
    assert (found.check, found.outcome) == ("silver.orders/contract", "failed")


POINTERS = {ORDERS: "o1", PEOPLE: "p1", TableName.parse("a.b"): "x"}
BASE = {ORDERS: "o0"}


class Version:
    """What runs checks, in some version."""

    def __init__(self, version: str) -> None:
        self.version = version


def at(pointers=POINTERS, base=BASE, now=NOW, engine: str = "duckdb 1.5.5", auditor: str = "soda-core 4") -> State:
    context = SimpleNamespace(engine=Version(engine), auditor=Version(auditor))
    return State(context, pointers, base, now)


def key(check: Check, **parts) -> str:
    return at(**parts).key(check)


FULL = contract(
    Column("id", "long", required=True, unique=True),
    Column("person", "long", references=(PEOPLE, "id")),
    Column("state", "string", enum=("a",), pattern="^a", format="uuid", min_length=1),
    Column("price", "double", minimum=0),
    key=("id", "person"),
    source=Source(format="csv"),
    row_count_change=0.2,
    drift={"price": 0.1},
)
VERSIONS = contract(Column("id", "long"), key=("id", "valid_from"), scd2=Scd2())
FRESHNESS = FileCheck("silver.orders/soda/checks.freshness", "[]", tables=(PEOPLE,), clock="hour")
FILE = CheckFile(ORDERS, "x", "", (FRESHNESS,))
MADE = [
    Uncontracted.of_table(ORDERS),
    *contract_checks(FULL, frozenset({ORDERS})),
    *contract_checks(VERSIONS, frozenset({ORDERS})),
    *Soda.of_file(FILE, FULL, Engine()),
]
ONE_A_KIND = {type(check).__name__: check for check in MADE}
CHANGES = {"RowCount", "Drift"}


def test_a_check_of_each_kind_is_made():
    assert ONE_A_KIND.keys() == {each.__name__ for each in KINDS}


@pytest.mark.parametrize("check", ONE_A_KIND.values(), ids=ONE_A_KIND)
def test_a_result_rests_on(check):
    others = {
        "its table": {"pointers": {**POINTERS, ORDERS: "o2"}},
        "what runs it": {"engine": "duckdb 2"},
    }
    if PEOPLE in check.reads:
        others["another table it reads"] = {"pointers": {**POINTERS, PEOPLE: "p2"}}
        others["a table that it reads is gone"] = {"pointers": {ORDERS: "o1"}}
    if type(check).__name__ in CHANGES:
        others["main's state"] = {"base": {ORDERS: "o9"}}
        others["main has it no more"] = {"base": {}}
    if isinstance(check, Soda):
        others["what runs check files"] = {"auditor": "soda-core 5"}
    keys = {what: key(check, **parts) for what, parts in others.items()}
    assert len({key(check), *keys.values()}) == len(keys) + 1, keys
    if check.contract is not None:
        assert key(replace(check, contract=replace(check.contract, hash="other"))) != key(check)


@pytest.mark.parametrize("check", ONE_A_KIND.values(), ids=ONE_A_KIND)
def test_a_result_does_not_rest_on_what_it_does_not_read(check):
    elsewhere = {TableName.parse("a.b"): "y"} if PEOPLE in check.reads else {PEOPLE: "p2"}
    same = [{"pointers": {**POINTERS, **elsewhere}}, {"base": {**BASE, PEOPLE: "p0"}}]
    if type(check).__name__ not in CHANGES:
        same.append({"base": {}})
    if not isinstance(check, Soda):
        same += [{"now": NOW + timedelta(days=400)}, {"auditor": "soda-core 5"}]
    assert {key(check, **parts) for parts in same} == {key(check)}


def test_one_scan_answers_what_needs_one_and_statistics_of_files_the_rest():
    scans = [check for check in MADE if isinstance(check, ScanCheck)]
    assert len({check.group for check in scans}) == 2
    assert {type(check).__name__ for check in scans if check.from_statistics} == {"Required", "RowCount"}
    for check in scans:
        assert check.from_statistics is (check.sql.startswith("count(*)") and "FILTER" not in check.sql), check.id


OTHER = {
    "about": "other",
    "severity": "warn",
    "limit": 0.3,
    "others": frozenset({TableName.parse("a.b")}),
    "sql": "count(nosuch)",
    "columns": {"id": "int"},
    "entry": replace(FRESHNESS, clock="day"),
}
TOLD_ELSEWHERE = {
    "table": "the id begins with it",
    "contract": "its hash is a part",
    "threshold": "the limit in words",
    "counts": "words",
    "portable": "has the figure of the SQL",
    "samples_sql": "shows rows, judges none",
    "column": "stands in the SQL",
    "file": "the check's part of it is its definition",
    "opened": "what other checks of the file read",
}


@pytest.mark.parametrize("check", ONE_A_KIND.values(), ids=ONE_A_KIND)
def test_each_part_of_a_check_is_in_its_key_or_follows_from_what_is(check):
    names = {each.name for each in fields(check)}
    # Of a check file the definition is all that it says; else it follows from the contract.
    other = {**OTHER, "definition": "[1]"} if isinstance(check, Soda) else OTHER
    assert names <= OTHER.keys() | TOLD_ELSEWHERE.keys() | {"definition"}
    for name in names & other.keys():
        assert key(replace(check, **{name: other[name]})) != key(check), name


@pytest.mark.parametrize(
    ("clock", "same", "other"),
    [
        ("minute", timedelta(seconds=29), timedelta(seconds=60)),
        ("hour", timedelta(minutes=29), timedelta(minutes=30)),
        ("day", timedelta(hours=5), timedelta(hours=6)),
    ],
)
def test_a_result_of_freshness_rests_on_the_clock(clock, same, other):
    fresh = replace(ONE_A_KIND["Soda"], entry=replace(FRESHNESS, clock=clock))
    assert key(fresh, now=NOW + same) == key(fresh)
    assert key(fresh, now=NOW + other) != key(fresh)


VALUES = st.lists(
    st.tuples(st.one_of(st.none(), st.integers(0, 3)), st.one_of(st.none(), st.integers(0, 3))), max_size=8
)


@pytest.fixture(scope="module")
def database():
    with a_database() as connection:
        connection.execute("create schema silver; create table silver.orders (a int, b int)")
        connection.execute("create table silver.people (id int)")
        yield connection


@settings(deadline=None, max_examples=many(30))
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
    with a_database() as connection:
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
