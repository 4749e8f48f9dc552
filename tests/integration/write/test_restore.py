"""Single tables put back to what they were."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from lagoa.domain.commits import INTENTS
from lagoa.domain.refs import MAIN
from lagoa.errors import AuditFailed, BatchHeld, PublishConflict, RefNotFound, RefProtected, TableNotFound

CSV = "id,name,age\n1,ana,30\n2,bia,x\n"
SOURCE = {"format": "csv"}


def people(lake, ref: str = MAIN) -> list[int]:
    return [row[0] for row in lake.sql("select id from bronze.people order by id", ref=ref).fetchall()]


def publish(lake, small, *ids: int, branch: str) -> str:
    work = lake.create_branch(branch)
    work.append("bronze.people", small.people(*ids), batch=f"batch-{branch}")
    work.append("bronze.pets", small.pets(*ids, owner=ids[0]))
    return work.publish().commit


@pytest.fixture(scope="module")
def begun(shared):
    """The files of a lake with two publications of people and pets: 1, then 2."""
    with shared.open() as lake:
        publish(lake, shared, 1, branch="one")
        publish(lake, shared, 2, branch="two")
    return shared


@pytest.fixture
def twice(begun, small):
    """A lake with two publications of people and pets: 1, then 2."""
    small.take(begun)
    with small.open() as lake:
        yield lake


def test_one_table_goes_back_and_the_others_stay(twice):
    pets = twice.tables()
    work = twice.create_branch("back")
    (result,) = work.restore(["bronze.people"], "main~1")
    assert (result.changed, result.unseen, result.stale_inputs) == (True, ("batch-two",), ())
    assert (people(twice, "back"), people(twice)) == ([1], [1, 2])
    with pytest.raises(AuditFailed):  # a pet is left without its owner
        work.publish()
    work.restore(["bronze.pets"], "main~1")
    work.publish()
    assert people(twice) == [1]
    assert twice.tables() == twice.tables("main~2") != pets


def test_the_commit_says_what_was_meant(twice):
    work = twice.create_branch("back")
    work.restore(["bronze.people", "bronze.pets"], "main~1")
    commit = twice.resolve("back")
    intents = [(each["kind"], each["table"]) for each in json.loads(commit.properties[INTENTS])]
    assert intents == [("restore", "bronze.people"), ("restore", "bronze.pets")]
    assert commit.message == "restore bronze.people, bronze.pets from main~1"


def test_a_table_that_is_named_twice_is_restored_once(twice):
    work = twice.create_branch("back")
    (result,) = work.restore(["bronze.pets", "bronze.pets"], "main~1")
    assert result.changed
    assert twice.resolve("back").message == "restore bronze.pets from main~1"


def test_a_state_named_by_time_and_a_dropped_table_come_back(twice):
    at = twice.publications()[0].published_at
    work = twice.create_branch("drop")
    twice.catalog("drop").drop_table("bronze.pets")
    work.publish()
    (result,) = twice.create_branch("back").restore(["bronze.pets"], f"main*{at.isoformat()}")
    assert result.changed
    twice.branch("back").publish()
    assert twice.tables() == twice.tables("main~2")


def test_what_is_so_already_makes_no_commit(twice):
    work = twice.create_branch("back")
    before = work.head
    (result,) = work.restore(["bronze.people"], MAIN)
    assert (result.changed, work.head) == (False, before)


def test_the_batches_out_of_sight_load_again(twice, small):
    work = twice.create_branch("back")
    work.restore(["bronze.people"], "main~1")
    assert not work.append("bronze.people", small.people(2), batch="batch-two").skipped
    assert people(twice, "back") == [1, 2]


def test_a_held_batch_does_not_come_back_this_way(twice):
    twice.rollback("main~1", hold=True)
    work = twice.create_branch("back")
    work.restore(["bronze.people", "bronze.pets"], "main~1")
    with pytest.raises(BatchHeld):
        work.publish()


@pytest.mark.parametrize("for_good", [True, False])
def test_a_column_that_replaced_a_dropped_one_stays_empty(folder, for_good):
    def write(columns, ids, restored="", **custom):
        folder.contract("bronze.t", columns, **custom)
        with folder.open() as lake:
            work = lake.create_branch(f"work-{ids}")
            if restored:
                work.restore(["bronze.t"], restored)
            values = {"id": [ids], **({"note": [f"note {ids}"]} if "note" in columns else {})}
            work.append("bronze.t", pa.table(values | ({"x": [1]} if "x" in columns else {})))
            work.publish()
            by_pyiceberg = lake.catalog().load_table("bronze.t").scan().to_arrow().to_pylist()
            found = lake.sql("from bronze.t order by id").arrow().to_pylist()
            assert sorted(by_pyiceberg, key=lambda row: row["id"]) == found
            return [row.get("note", "none") for row in found]

    write("id:long* note:string", 1)
    dropped = {"dropped": ["note"]} if for_good else {}
    assert write("id:long* x:long" if for_good else "id:long*", 2, **dropped) == ["none", "none"]
    if for_good:  # the column was taken out for good, and no other has its name yet
        assert write("id:long* x:long", 3, restored="main~1", **dropped) == ["none", "none"]
    assert write("id:long* note:string x:long", 4)[-1] == "note 4"
    first = "main~3" if for_good else "main~2"
    assert write("id:long* note:string x:long", 5, restored=first) == [None, "note 5"]


def test_a_column_that_was_dropped_by_mistake_is_restored(folder):
    for columns, ids in (("id:long* note:string", 1), ("id:long*", 2)):
        folder.contract("bronze.t", columns)
        with folder.open() as lake:
            values = {"id": [ids], **({"note": ["kept"]} if "note" in columns else {})}
            work = lake.create_branch(f"work-{ids}")
            work.append("bronze.t", pa.table(values))
            work.publish()
    folder.contract("bronze.t", "id:long* note:string")
    with folder.open() as lake:
        work = lake.create_branch("back")
        work.restore(["bronze.t"], "main~1")
        work.append("bronze.t", pa.table({"id": [3], "note": ["new"]}))
        assert lake.sql("select note from bronze.t order by id", "back").fetchall() == [("kept",), ("new",)]


def test_a_table_takes_its_quarantine_with_it(small, tmp_path):
    columns = {"id": "long*", "name": "string!", "age": "int"}
    small.contract("bronze.people", columns, source=SOURCE, quarantineShare=1.0)
    file = tmp_path / "people.csv"
    file.write_text(CSV)
    with small.open() as lake:
        clean = lake.create_branch("clean")
        clean.append("bronze.people", small.people(3))
        clean.publish()
        work = lake.create_branch("load")
        work.ingest(file, into="bronze.people", batch="delivery")
        work.publish()
        assert [each.records for each in lake.quarantine()] == [1]
        back = lake.create_branch("back")
        back.restore(["bronze.people"], "main~1")
        assert (people(lake, "back"), lake.quarantine("back")) == ([3], [])
        again = back.ingest(file, into="bronze.people", batch="delivery")
        assert (again.skipped, again.received, again.accepted, again.quarantined) == (False, 2, 1, 1)


def test_a_model_restored_from_other_inputs_is_named_and_not_published(twice, small):
    for number in (1, 2):
        work = twice.create_branch(f"count{number}")
        work.append("bronze.pets", small.pets(10 + number))
        work.transform()
        work.publish()
    work = twice.create_branch("back")
    (result,) = work.restore(["gold.counts"], "main~1")
    assert [str(table) for table in result.stale_inputs] == ["bronze.pets"]
    with pytest.raises(PublishConflict):
        work.publish()
    work.restore(["bronze.pets", "gold.counts"], "main~1")
    work.publish()
    assert twice.tables() == twice.tables("main~2")


@pytest.mark.parametrize(
    ("table", "source", "error"),
    [
        ("bronze.people", "nowhere", RefNotFound),
        ("bronze.people", "main~9", RefNotFound),
        ("bronze.people", "main~2", TableNotFound),
        ("gold.counts", "main~1", TableNotFound),
    ],
)
def test_what_is_not_there_is_not_restored(twice, table, source, error):
    work = twice.create_branch("back")
    before = work.head
    with pytest.raises(error):
        work.restore([table], source)
    assert work.head == before


def test_main_is_not_written(twice):
    with pytest.raises(RefProtected):
        twice.branch(MAIN).restore(["bronze.people"], "main~1")
