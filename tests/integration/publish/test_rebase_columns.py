"""A rebase and columns that changed: no value lands under another column, and none is lost."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest
from small_lake import PEOPLE as COLUMNS

from lagoa.domain.refs import MAIN
from lagoa.errors import RebaseConflict

A = "bronze.people"


@pytest.fixture
def published(lake, small):
    """A lake whose main has people."""
    branch = lake.create_branch("first")
    branch.append(A, small.people(1, 2), batch="p1")
    branch.publish()
    return lake


@pytest.fixture
def two(published):
    """Two branches of the same main."""
    return published.create_branch("one"), published.create_branch("two")


def rows(lake, columns, ref=MAIN, table=A):
    return lake.sql(f"select {columns} from {table} order by all", ref=ref).fetchall()


def change(lake, small, columns, table=A, **custom):
    small.contract(table, columns, **custom)
    lake.context.refresh()


RENAMED = {
    "id": COLUMNS["id"],
    "name": COLUMNS["name"],
    "years": {"physicalType": "int", "lagoa.formerName": "age"},
}


def evolved(lake, small, name, columns):
    """Publish a table with other columns."""
    change(lake, small, columns)
    branch = lake.create_branch(name)
    branch.evolve([A])
    branch.publish()


@pytest.mark.parametrize("again", [False, True])
def test_a_delete_by_a_column_that_has_another_name_now_is_refused(published, two, small, again):
    two[1].delete(A, "age > 20 AND id = 2")
    evolved(published, small, "third", RENAMED)
    if again:  # and another one has its name
        evolved(
            published, small, "fourth", {**RENAMED, "years": {"physicalType": "int"}, "age": {"physicalType": "int"}}
        )
    with pytest.raises(RebaseConflict, match="age"):
        two[1].publish()


def test_a_merge_by_a_key_that_has_another_name_now_is_refused(published, two, small):
    two[1].merge(A, small.people(1, name="new", age=31), key=["age"])
    two[0].append(A, small.people(7, age=31))
    two[0].publish()
    evolved(published, small, "third", RENAMED)
    evolved(published, small, "fourth", {**RENAMED, "years": {"physicalType": "int"}, "age": {"physicalType": "int"}})
    with pytest.raises(RebaseConflict, match="age"):
        two[1].publish()


def test_a_renamed_column_keeps_appends_and_merges(published, two, small):
    one, other = two
    other.append(A, small.people(3, age=33))
    other.merge(A, small.people(1, name="new", age=11))
    change(
        published,
        small,
        {
            "id": COLUMNS["id"],
            "called": {"physicalType": "string!", "lagoa.formerName": "name"},
            "years": {"physicalType": "long", "lagoa.formerName": "age"},
        },
    )
    one.evolve([A])
    one.publish()
    other.publish()
    assert rows(published, "id, called, years") == [(1, "new", 11), (2, "ana", 30), (3, "ana", 33)]


def test_a_column_that_main_dropped(published, two, small):
    one, other = two
    other.append(A, small.people(3, age=33))
    change(published, small, {"id": COLUMNS["id"], "name": COLUMNS["name"]})
    one.evolve([A])
    one.publish()
    with pytest.raises(RebaseConflict, match="it has no column 'age'"):
        other.publish()


def test_a_column_that_main_dropped_and_made_again(published, two, small):
    one, other = two
    other.append(A, small.people(3, age=33))
    other.merge(A, small.people(1, name="new", age=11))
    change(published, small, {"id": COLUMNS["id"], "name": COLUMNS["name"]})
    one.evolve([A])
    one.publish()
    change(published, small, COLUMNS)
    third = published.create_branch("third")
    third.evolve([A])
    third.publish()
    with pytest.raises(RebaseConflict, match="it has no column 'age'"):
        other.publish()


def nested(s="a: int", t="a: int"):
    return {"id": "long*", "s": f"struct<{s}>", "t": f"struct<{t}>"}


def test_fields_of_the_same_name_in_different_structs_are_different(lake, small):
    change(lake, small, nested(), "bronze.nested")
    first = lake.create_branch("first")
    kind = pa.struct([("a", pa.int32())])
    first.append(
        "bronze.nested",
        pa.table({"id": pa.array([1], pa.int64()), "s": pa.array([{"a": 1}], kind), "t": pa.array([{"a": 2}], kind)}),
    )
    first.publish()
    one, other = lake.create_branch("one"), lake.create_branch("two")
    wide = pa.struct([("a", pa.int32()), ("x", pa.string())])
    x = "a: int, x: string"
    change(lake, small, nested(s=x), "bronze.nested")
    other.append(
        "bronze.nested",
        pa.table(
            {
                "id": pa.array([2], pa.int64()),
                "s": pa.array([{"a": 1, "x": "mine"}], wide),
                "t": pa.array([{"a": 2}], kind),
            }
        ),
    )
    change(lake, small, nested(t=x), "bronze.nested")
    one.append(
        "bronze.nested",
        pa.table(
            {
                "id": pa.array([3], pa.int64()),
                "s": pa.array([{"a": 1}], kind),
                "t": pa.array([{"a": 2, "x": "theirs"}], wide),
            }
        ),
    )
    one.publish()
    with pytest.raises(RebaseConflict):
        other.publish()


@pytest.mark.parametrize("write", ["append", "merge"])
def test_nested_values(lake, small, write):
    columns = {
        "id": {"physicalType": "long*"},
        "s": "struct<a: int, b: string>",
        "l": "list<struct<n: long>>",
        "m": "map<string, int>",
    }
    change(lake, small, columns, "bronze.nested")

    def given(number):
        return pa.table(
            {
                "id": pa.array([number], pa.int64()),
                "s": pa.array([{"a": number, "b": "x"}], pa.struct([("a", pa.int32()), ("b", pa.string())])),
                "l": pa.array([[{"n": number}]], pa.list_(pa.struct([("n", pa.int64())]))),
                "m": pa.array([[("k", number)]], pa.map_(pa.string(), pa.int32())),
            }
        )

    first = lake.create_branch("first")
    first.append("bronze.nested", given(1))
    first.publish()
    one, other = lake.create_branch("one"), lake.create_branch("two")
    getattr(other, write)("bronze.nested", given(2))
    one.append("bronze.nested", given(3))
    one.publish()
    other.publish()
    assert rows(lake, "id, s.a, l[1].n, m['k']", table="bronze.nested") == [(n, n, n, n) for n in (1, 2, 3)]


@pytest.mark.parametrize("write", ["append", "merge"])
def test_partitions_that_main_changed(lake, small, write):
    columns = {"id": {"physicalType": "long*"}, "kind": {"physicalType": "string!"}, "day": {"physicalType": "date!"}}
    change(lake, small, columns, "bronze.parts", partition=["kind"], sort=["id"])

    def given(number):
        return pa.table(
            {
                "id": pa.array([number], pa.int64()),
                "kind": ["a" if number % 2 else "b"],
                "day": pa.array([dt.date(2026, 1, number)]),
            }
        )

    first = lake.create_branch("first")
    first.append("bronze.parts", given(1))
    first.publish()
    one, other, third = lake.create_branch("one"), lake.create_branch("two"), lake.create_branch("third")
    for branch, number in ((other, 2), (third, 4)):
        getattr(branch, write)("bronze.parts", given(number))
    one.append("bronze.parts", given(3))
    one.publish()
    third.publish()
    assert rows(lake, "id", table="bronze.parts") == [(1,), (3,), (4,)]
    change(lake, small, columns, "bronze.parts", partition=["kind", "month(day)"])
    fourth = lake.create_branch("fourth")
    fourth.evolve(["bronze.parts"])
    fourth.publish()
    if write == "append":
        with pytest.raises(RebaseConflict, match="its partitions differ"):
            other.publish()
    else:
        other.publish()
        assert rows(lake, "id", table="bronze.parts") == [(1,), (2,), (3,), (4,)]
