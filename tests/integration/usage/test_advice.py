"""The layout of a table that the queries of the log would gain by."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lagoa.catalog.readable import table_at
from lagoa.domain.tables import TableName
from lagoa.errors import RefNotFound, TableNotFound
from lagoa.usage.columns import ColumnUse, table_use
from lagoa.usage.log import LoggedQuery

SALES = "bronze.sales"
PEOPLE = "bronze.people"
ROWS = 1_000_000


def used(lake, *queries, table=SALES):
    """Return how queries use a table."""
    logged = [LoggedQuery(datetime.now(UTC), "main", {TableName.parse(table): "pointer"}, sql) for sql in queries]
    return table_use(logged, TableName.parse(table), lake.context.contracts)


@pytest.fixture
def lake(folder):
    folder.contract(SALES, {"id": "long*", "person": "long", "sold": "date", "state": "string"})
    folder.contract(PEOPLE, {"id": "long*", "name": "string"})
    with folder.open() as lake:
        yield lake


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT id FROM bronze.sales WHERE person = 0", {"person": ColumnUse(equal=1)}),
        ("SELECT id FROM bronze.sales WHERE 0 = person", {"person": ColumnUse(equal=1)}),
        ("SELECT id FROM bronze.sales WHERE person IN (0, 0)", {"person": ColumnUse(equal=1)}),
        ("SELECT id FROM bronze.sales WHERE sold BETWEEN '?' AND '?'", {"sold": ColumnUse(ranges=1)}),
        ("SELECT id FROM bronze.sales WHERE sold >= CAST('?' AS DATE) AND sold < '?'", {"sold": ColumnUse(ranges=1)}),
        ("SELECT state, count(*) FROM bronze.sales GROUP BY state", {"state": ColumnUse(grouped=1)}),
        (
            "SELECT name FROM bronze.sales s JOIN bronze.people p ON s.person = p.id WHERE p.name = '?' AND sold > '?'",
            {"person": ColumnUse(joined=1), "sold": ColumnUse(ranges=1)},
        ),
        (
            "WITH a AS (SELECT id, person AS who FROM bronze.sales) SELECT id FROM a WHERE who = 0",
            {"person": ColumnUse(equal=1)},
        ),
        (
            "SELECT id FROM bronze.people WHERE id IN (SELECT person FROM bronze.sales WHERE state = '?')",
            {"state": ColumnUse(equal=1)},
        ),
        ("SELECT id FROM bronze.sales WHERE person = 0 OR person = 0", {"person": ColumnUse(equal=1)}),
        ("SELECT id FROM bronze.sales WHERE person = 0 OR state = '?'", {}),
        ("SELECT id FROM bronze.sales WHERE NOT person = 0", {}),
        ("SELECT id FROM bronze.sales WHERE year(sold) = 0 AND state LIKE '?' AND person = id", {}),
    ],
)
def test_what_a_query_uses_a_column_for(lake, sql, columns):
    found = used(lake, sql)
    assert found.columns == columns
    assert (found.queries, found.not_followed) == (1, 0)


def test_queries_that_cannot_be_followed_are_counted(lake):
    found = used(lake, "", "SELECT x FROM bronze.sales", "SELECT id FROM bronze.sales WHERE id = 0", "no SQL")
    assert (found.queries, found.not_followed, found.columns) == (4, 3, {"id": ColumnUse(equal=1)})
    assert used(lake, "SELECT 0", table=PEOPLE).columns == {}


def test_a_table_or_ref_that_is_not_there(lake):
    with pytest.raises(TableNotFound):
        lake.advise(SALES)
    with pytest.raises(RefNotFound):
        lake.advise(SALES, "nothing")


def sales(order):
    """Return rows of a million sales by 50,000 people, in an order of the people."""
    random = np.random.default_rng(4)
    person = random.integers(0, 50_000, ROWS)
    if order == "sorted":
        person.sort()
    days = random.integers(0, 365, ROWS)
    return pa.table(
        {
            "id": pa.array(np.arange(ROWS)),
            "person": pa.array(person),
            "sold": pa.array(np.datetime64("2026-01-01") + days),
            "state": pa.array(np.array(["SP", "RJ", "MG"])[days % 3]),
        }
    )


def bytes_read(lake, person):
    """Return the share of the table's bytes in row groups that may have a person, by their own bounds."""
    state = table_at(lake.context.storage, lake.context.pointers("main")[TableName.parse(SALES)])
    read = whole = 0
    for task in state.scan().plan_files():
        footer = pq.read_metadata(task.file.file_path)
        for number in range(footer.num_row_groups):
            group = footer.row_group(number)
            column = next(c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == "person")
            whole += group.total_byte_size
            if column.statistics.min <= person <= column.statistics.max:
                read += group.total_byte_size
    return read / whole


@pytest.mark.slow
def test_a_hundred_filters_read_a_fifth_once_the_contract_takes_the_order(folder, lake):
    with lake.run("load") as run:
        run.append(SALES, sales("any"))
        run.publish()
    for number in range(100):
        lake.sql(f"SELECT count(*) FROM bronze.sales WHERE person = {number * 499}").fetchall()
    advice = lake.advise(SALES)
    (proposal,) = advice.proposals
    assert (proposal.what, proposal.value, proposal.queries) == ("sort", ("person",), 100)
    assert proposal.now == pytest.approx(1)
    assert proposal.then < 1 / 5

    folder.contract(
        SALES, {"id": "long*", "person": "long", "sold": "date", "state": "string"}, sort=list(proposal.value)
    )
    with folder.open() as again, again.run("order") as run:
        run.replace(SALES, sales("any"))
        run.publish()
    with folder.open() as again:
        shares = [bytes_read(again, number * 499) for number in range(100)]
        assert sum(shares) / len(shares) <= 1 / 5
        later = again.advise(SALES)
        assert later.shares["person"] <= 1 / 5
        assert later.proposals == ()


def test_nothing_is_proposed_for_a_table_that_lies_in_that_order(lake):
    with lake.run("load") as run:
        run.append(SALES, sales("sorted").slice(0, 500_000))
        run.publish()
    lake.sql("SELECT count(*) FROM bronze.sales WHERE person = 7").fetchall()
    advice = lake.advise(SALES)
    assert advice.use.columns == {"person": ColumnUse(equal=1)}
    assert advice.shares["person"] < 1 / 2
    assert advice.proposals == ()


def codes(part):
    """Return rows of which any file may have any code, by the least and the greatest that it has."""
    numbers = range(part, 40_000, 4)
    found = [hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest() for number in numbers]
    kinds = pa.array([number // 4 % 20 for number in numbers], pa.int32())
    return pa.table(
        {"id": pa.array(numbers), "code": found, "kind": kinds, "notes": [each[::-1] * 2 for each in found]}
    )


def test_bloom_filters_are_proposed_where_rows_are_looked_for_and_measured_once_they_are_there(folder):
    table, columns = "bronze.codes", {"id": "long", "code": "string", "kind": "int", "notes": "string"}
    looked_for = codes(2)["code"][7].as_py()
    folder.contract(table, columns, sort=["id"])
    with folder.open() as lake:
        with lake.run("load") as run:
            for part in range(4):
                run.append(table, codes(part))
            run.publish()
        for sql in (f"code = '{looked_for}'", f"code IN ('{looked_for}')", "kind = 7", "id = 8", "notes > 'a'"):
            lake.sql(f"SELECT id FROM bronze.codes WHERE {sql}")
        advice = lake.advise(table)
    (code,) = advice.proposals  # each file has each kind, and ids are small beside a filter of them
    assert (code.what, code.value, code.column, code.queries) == ("bloom", ("code",), "code", 2)
    assert advice.shares == {"code": 1, "kind": 1, "id": 1, "notes": 1}
    assert 0.25 < code.then < 0.35, "one of four files, and the filters of the others"

    folder.contract(table, columns, sort=["id"], bloom=["code"])
    with folder.open() as lake:
        with lake.run("again") as run:
            run.replace(table, codes(0))
            for part in range(1, 4):
                run.append(table, codes(part))
            run.publish()
        later = lake.advise(table)
        assert later.proposals == ()
        assert later.shares["code"] == pytest.approx(code.then, abs=0.05)
        assert later.shares["kind"] == 1


def test_only_days_that_are_asked_for_count(lake, monkeypatch):
    with lake.run("load") as run:
        run.append(SALES, sales("any").slice(0, 10))
        run.publish()
    lake.sql("SELECT id FROM bronze.sales WHERE person = 7")
    later = datetime.now(UTC) + timedelta(days=8)
    object.__setattr__(lake.context, "clock", lambda: later)
    assert lake.advise(SALES, days=7).use.queries == 0
    assert lake.advise(SALES, days=9).use.queries == 1
