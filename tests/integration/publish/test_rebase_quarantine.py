"""A rebase and refused records: each record that was received is a row or in the quarantine, once."""

from __future__ import annotations

import pyarrow as pa
import pytest
from small_lake import PEOPLE as COLUMNS

from lagoa.domain.refs import MAIN
from lagoa.domain.selection import Selection
from lagoa.domain.tables import TableName
from lagoa.errors import InvalidName, RebaseConflict

A, Q = "bronze.people", "quarantine.bronze__people"
PETS = {
    "id": {"physicalType": "long*"},
    "kind": {"physicalType": "string!", "enum": [{"value": "cat"}, {"value": "dog"}]},
}


@pytest.fixture(scope="module")
def begun(shared):
    """Return the files of a lake whose people and pets come in files and may all be refused; main has one of each."""
    _contracts(shared)
    with shared.open() as lake:
        branch = lake.create_branch("first")
        load(shared, branch, "b0", 1)
        load(shared, branch, "c0", 1, into="bronze.pets")
        branch.publish()
    return shared


@pytest.fixture
def lake(begun, small):
    """Return that lake."""
    small.take(begun)
    with small.open() as opened:
        yield opened


def _contracts(small, **settings):
    small.contract("bronze.people", COLUMNS, source={"format": "csv"}, quarantineShare=1)
    small.contract("bronze.pets", PETS, source={"format": "csv"}, quarantineShare=1)
    if settings:
        small.settings(**settings)


@pytest.fixture
def two(lake):
    """Two branches of the same main."""
    return lake.create_branch("one"), lake.create_branch("two")


def load(small, branch, batch, *ids, refused=0, into=A):
    """Load a file with a row for each id, and records that are refused."""
    if into == A:
        lines = [
            "id,name,age",
            *(f"{each},ana,30" for each in ids),
            *(f"{-each - 1},bob,-1" for each in range(refused)),
        ]
    else:
        lines = ["id,kind", *(f"{each},cat" for each in ids), *(f"{-each - 1},cow" for each in range(refused))]
    path = small.file(f"{batch}.csv", "\n".join(lines) + "\n")
    return branch.ingest(path, into, batch=batch)


def ids(lake, ref=MAIN, table=A):
    return [row[0] for row in lake.sql(f"select id from {table} order by all", ref=ref).fetchall()]


def refused(lake, ref=MAIN, table=A):
    """Return batch and number of each refused record."""
    quarantine = TableName.parse(table).quarantine
    if quarantine not in lake.tables(ref):
        return []
    return lake.sql(f"select _batch_id, record from {quarantine} order by all", ref=ref).fetchall()


def counts_are_true(lake, ref=MAIN, table=A):
    for each in lake.batches(table, ref):
        assert each.gone == 0, each


def test_refused_records_of_both_sides(lake, two, small):
    one, other = two
    load(small, one, "b1", 2, refused=1)
    load(small, other, "b2", 3, refused=2)
    one.publish()
    other.publish()
    assert ids(lake) == [1, 2, 3]
    assert len(refused(lake)) == 3
    counts_are_true(lake)


def test_refused_records_of_a_file_that_both_load_are_there_once_after_a_second_rebase(lake, two, small):
    one, other = two
    load(small, other, "b1", 2, refused=1)
    load(small, other, "b2", 3, refused=2)
    load(small, other, "c1", 2, refused=1, into="bronze.pets")
    load(small, one, "b9", 9)
    load(small, one, "c9", 9, into="bronze.pets")
    one.publish()
    other.rebase()
    third = lake.create_branch("third")
    load(small, third, "b1", 2, refused=1)
    load(small, third, "c1", 2, refused=1, into="bronze.pets")
    third.publish()
    other.publish()
    assert ids(lake) == [1, 2, 3, 9]
    assert [batch for batch, _ in refused(lake)] == ["b1", "b2", "b2"]
    assert [batch for batch, _ in refused(lake, table="bronze.pets")] == ["c1"]
    counts_are_true(lake)
    counts_are_true(lake, table="bronze.pets")


def test_fates_are_kept_where_only_the_branch_has_a_quarantine(lake, two, small):
    one, other = two
    load(small, one, "b1", 2)
    load(small, other, "b2", 3, refused=2)
    other.discard_quarantine(A, "no people", Selection(batch="b2"))
    one.publish()
    other.publish()
    assert [each.discarded for each in lake.batches(A) if each.batch == "b2"] == [2]
    counts_are_true(lake)


@pytest.mark.parametrize("days", [0, 30])
def test_fates_without_kept_rows_are_not_lost(small, days):
    _contracts(small, incoming_days=days)
    with small.open() as lake:
        load(small, first := lake.create_branch("first"), "b0", 1, refused=1)
        first.publish()
        one, other = lake.create_branch("one"), lake.create_branch("two")
        other.discard_quarantine(A, "no people")
        load(small, other, "b2", 3)
        load(small, one, "b1", 2)
        one.publish()
        if days:
            other.publish()
            assert [each.discarded for each in lake.batches(A) if each.batch == "b0"] == [1]
        else:
            with pytest.raises(RebaseConflict, match="incoming_days"):
                other.publish()


def test_a_fixed_record_is_a_row_and_no_longer_waits(lake, two, small):
    one, other = two
    load(small, other, "b2", 3, refused=1)
    assert other.fix_quarantine(A, {"age": "20"}).accepted == 1
    load(small, one, "b1", 2, refused=1)
    one.publish()
    other.publish()
    assert ids(lake) == [-1, 1, 2, 3]
    assert [(each.batch, each.waiting) for each in lake.batches(A)][:3] == [("b0", 0), ("b1", 1), ("b2", 0)]
    counts_are_true(lake)


def test_records_that_both_fix_are_refused(small):
    _contracts(small)
    with small.open() as lake:
        load(small, first := lake.create_branch("first"), "b0", 1, refused=1)
        first.publish()
        one, other = lake.create_branch("one"), lake.create_branch("two")
        for branch in (one, other):
            assert branch.fix_quarantine(A, {"age": "20"}).accepted == 1
        one.publish()
        with pytest.raises(RebaseConflict) as caught:
            other.publish()
        assert "--ours bronze.people" in caught.value.advice
        other.rebase(theirs=[A])
        counts_are_true(lake, "two")


@pytest.mark.parametrize("age", [21, -5])  # accepted, too; still refused
def test_records_that_both_load_and_decide_about(two, lake, small, age):
    """Main has the records by the other branch alone, so that all of its files are new ones."""
    one, other = two
    for branch in two:
        load(small, branch, "b1", 2, refused=2)
    assert one.fix_quarantine(A, {"age": "20"}, Selection(batch="b1", where="id = '-1'")).accepted == 1
    one.publish()
    lake.create_branch("apart", at=other.name).discard_quarantine(A, "x", Selection(batch="b1", where="id = '-2'"))
    other.fix_quarantine(A, {"age": str(age)}, Selection(batch="b1", where="id = '-1'"))
    with pytest.raises(RebaseConflict, match="decided the fate of records"):
        other.publish()
    lake.branch("apart").publish()  # it decided about another record
    [found] = [each for each in lake.batches(A) if each.batch == "b1"]
    assert (found.accepted, found.discarded, found.waiting, found.gone) == (1, 1, 0, 0)
    counts_are_true(lake)


def test_records_that_both_discard(small):
    _contracts(small)
    with small.open() as lake:
        load(small, first := lake.create_branch("first"), "b0", 1, refused=1)
        first.publish()
        one, other = lake.create_branch("one"), lake.create_branch("two")
        for branch in (one, other):
            branch.discard_quarantine(A, "no people")
        load(small, other, "b2", 3, refused=2)
        one.publish()
        with pytest.raises(RebaseConflict) as caught:
            other.publish()
        assert "--ours bronze.people" in caught.value.advice
        with pytest.raises(InvalidName):
            other.rebase(theirs=[Q])
        lake.create_branch("copy", at="two")
        lake.branch("copy").rebase(ours=[A])
        counts_are_true(lake, "copy")
        assert len(refused(lake, "copy")) == 3
        other.rebase(theirs=[A])
        counts_are_true(lake, "two")
        assert len(refused(lake, "two")) == 1


@pytest.mark.parametrize("side", ["ours", "theirs"])
@pytest.mark.parametrize("who", ["one", "two", "both"])
def test_the_quarantine_goes_with_its_table(lake, two, small, side, who):
    one, other = two
    load(small, one, "b1", 2, refused=who in {"one", "both"})
    load(small, other, "b2", 3, refused=2 * (who in {"two", "both"}))
    one.publish()
    other.rebase(**{side: [A]})
    assert ids(lake, "two") == [1, 3 if side == "ours" else 2]
    assert {batch for batch, _ in refused(lake, "two")} <= {"b2" if side == "ours" else "b1"}
    counts_are_true(lake, "two")
    again = lake.branch("two")
    batch, refuse = ("b1", who in {"one", "both"}) if side == "ours" else ("b2", 2 * (who in {"two", "both"}))
    load(small, again, batch, 2 if side == "ours" else 3, refused=refuse)
    assert ids(lake, "two") == [1, 2, 3]
    counts_are_true(lake, "two")


def test_a_table_that_was_made_and_dropped_again(lake, two, small):
    one, other = two
    load(small, other, "b2", 3, refused=1)
    small.contract("bronze.more", "id:long*", quarantineShare=1)
    lake.context.refresh()
    other.append("bronze.more", pa.table({"id": pa.array([1], pa.int64())}))
    other.drop("bronze.more")
    load(small, one, "b1", 2)
    one.publish()
    other.publish()
    assert ids(lake) == [1, 2, 3]


def test_fates_are_decided_beside_loads_and_a_compaction(lake, small):
    def refuse(batch, number):
        branch = lake.create_branch(f"load-{batch}")
        load(small, branch, batch, number, refused=number)
        branch.publish()

    refuse("b1", 2)
    decided = lake.create_branch("decided")
    decided.discard_quarantine(A, "a test")
    refuse("b2", 3)
    assert Q in {str(each.table) for each in lake.compact().tables}
    refuse("b3", 4)
    decided.publish()
    fates = lake.sql(f"select coalesce(fate, 'waiting'), count(*) from {Q} group by 1 order by 1").fetchall()
    assert fates == [("discarded", 2), ("waiting", 7)]
