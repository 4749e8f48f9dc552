"""Revert: one publication is undone, and main is as if the later ones had been made without it."""

from __future__ import annotations

import json

import pytest

from lagoa.domain.commits import INTENTS
from lagoa.domain.refs import MAIN
from lagoa.errors import AuditFailed, BatchHeld, NothingToPublish, RefNotFound, RevertConflict
from lagoa.publish.revert import REVERTED


def rows(lake, table: str, columns: str = "id") -> list:
    return lake.sql(f"select {columns} from {table} order by all").fetchall()


def load(lake, small, number: int, *, owner: int = 1):
    """Publish a person, a pet, and the counts."""
    with lake.run("load") as run:
        run.append("bronze.people", small.people(number), batch=f"p{number}")
        run.append("bronze.pets", small.pets(number, owner=owner), batch=f"q{number}")
        run.transform()
        return run.publish(f"load {number}")


@pytest.fixture(scope="module")
def begun(shared):
    """The files of a lake with three loads."""
    with shared.open() as lake:
        for number in (1, 2, 3):
            load(lake, shared, number)
    return shared


@pytest.fixture
def published(begun, small):
    """A lake with three loads."""
    small.take(begun)
    with small.open() as lake:
        yield lake


def test_one_publication_is_undone_and_the_later_one_stays(published, small):
    second = published.resolve("main~1")
    before = published.resolve(MAIN).id
    done = published.revert("main~1")
    assert rows(published, "bronze.people") == [(1,), (3,)]
    assert rows(published, "bronze.pets") == [(1,), (3,)]
    assert published.sql("select pets from gold.counts").fetchall() == [(2,)]
    assert published.stale_models()[0] == []
    assert (done.previous, done.unseen, done.held) == (before, ("bronze.people: p2", "bronze.pets: q2"), False)
    assert done.report.passed
    work = published.context.catalog.get(published.resolve(MAIN).parents[1])
    assert work.properties[REVERTED] == second.id
    kinds = {each["table"]: each["kind"] for each in json.loads(work.properties[INTENTS])}
    assert kinds == {"bronze.people": "restore", "bronze.pets": "restore", "gold.counts": "model"}
    assert [ref.name for ref in published.refs()] == [MAIN]
    load(published, small, 2)
    assert rows(published, "bronze.people") == [(1,), (2,), (3,)]


def test_tables_that_nobody_changed_since_get_the_state_before(published, small):
    with published.run("only") as run:
        run.delete("bronze.pets", "id = 1")
        run.publish()
    with published.run("other") as run:
        run.append("bronze.people", small.people(9))
        run.publish()
    before = published.tables("main~2")
    published.revert("main~1")
    after = published.tables()
    assert {str(table): after[table] == before[table] for table in after} == {
        "bronze.people": False,
        "bronze.pets": True,
        "gold.counts": True,
    }


def test_a_held_batch_does_not_come_again(published, small):
    assert published.revert("main~1", hold=True).held
    with published.run("again") as run, pytest.raises(BatchHeld):
        run.append("bronze.people", small.people(2), batch="p2")


def test_the_newest_publication_and_a_revert_can_be_undone(published):
    published.revert(MAIN)
    assert rows(published, "bronze.people") == [(1,), (2,)]
    published.revert(MAIN)
    assert rows(published, "bronze.people") == [(1,), (2,), (3,)]


def test_what_is_undone_already_is_nothing(published):
    commit = published.resolve("main~1").id
    published.revert(commit)
    with pytest.raises(NothingToPublish):
        published.revert(commit)


def test_several_are_undone_one_after_the_other(published, small):
    load(published, small, 4)
    commits = [published.resolve(f"main~{back}").id for back in range(4)][::-1]
    for commit in (commits[1], commits[3], commits[2]):
        published.revert(commit)
    assert rows(published, "bronze.people") == [(1,)]
    assert published.sql("select pets from gold.counts").fetchall() == [(1,)]
    published.revert("main~2")
    assert rows(published, "bronze.people") == [(1,), (2,)]


def test_an_older_one_was_undone_after_a_revert_that_is_older_than_the_one_that_is_undone(published, small):
    """Its rows are in no state from which what stays can be done again, but those before it."""
    second, third = (published.resolve(f"main~{back}").id for back in (1, 0))
    published.revert(second)
    load(published, small, 4)
    published.revert(third)
    assert rows(published, "bronze.people") == [(1,), (4,)]
    published.revert("main~1")
    assert rows(published, "bronze.people") == [(1,)]
    assert published.sql("select pets from gold.counts").fetchall() == [(1,)]
    assert published.stale_models()[0] == []


def test_a_model_that_only_it_ran_fits_to_inputs_that_changed_since(lake, small):
    """The state before was built from other pets than there are now: the model runs again."""
    load(lake, small, 1)
    load(lake, small, 2)
    with lake.run("others") as run:
        run.append("bronze.pets", small.pets(5), batch="q5")
        run.publish()
    lake.revert("main~1")
    assert rows(lake, "bronze.people") == [(1,)]
    assert rows(lake, "bronze.pets") == [(1,), (5,)]
    assert lake.sql("select pets from gold.counts").fetchall() == [(2,)]


def test_a_table_that_the_publication_created_is_created_by_the_later_one(lake, small):
    for number in (1, 2):
        with lake.run("load") as run:
            run.append("bronze.people", small.people(number), batch=f"p{number}")
            run.publish()
    assert lake.revert("main~1").unseen == ("bronze.people: p1",)
    assert rows(lake, "bronze.people") == [(2,)]
    lake.revert("main~1")
    assert lake.tables() == {}


def test_a_later_replacement_is_refused_by_name(published, small):
    with published.run("new") as run:
        run.replace("bronze.people", small.people(1, 2, 3, name="new"))
        run.publish()
    before = published.resolve(MAIN).id
    with pytest.raises(RevertConflict, match=r"bronze\.people: a later publication replaced it .* of ana") as caught:
        published.revert("main~2")
    assert "lagoa table restore bronze.people --from main@" in caught.value.advice
    assert published.resolve(MAIN).id == before
    assert MAIN in [ref.name for ref in published.refs()]


def test_a_rollback_in_between_is_refused_or_nothing(published):
    commit = published.resolve("main~1").id
    published.rollback("main~2")
    with pytest.raises(NothingToPublish):
        published.revert(commit)


def test_a_check_decides(published, small):
    load(published, small, 4, owner=2)
    before = published.resolve(MAIN).id
    with pytest.raises(AuditFailed):
        published.revert("main~2")
    assert published.resolve(MAIN).id == before
    assert any(ref.name.startswith("run/revert/") for ref in published.refs())


@pytest.mark.parametrize("what", ["main~99", "main~3", "nothing"])
def test_what_is_no_publication_of_main_is_not_found(published, what):
    with pytest.raises(RefNotFound):
        published.revert(what)


def test_main_that_moves_meanwhile_is_taken_as_it_is_then(published, small, monkeypatch):
    from lagoa.branch import Run

    publish, moved = Run.publish, []

    def late(run, message="", *, rebase=True):
        if not moved:
            moved.append(True)
            with published.run("other") as other:
                other.append("bronze.people", small.people(7), batch="p7")
                publish(other)
        return publish(run, message, rebase=rebase)

    monkeypatch.setattr(Run, "publish", late)
    published.revert("main~1")
    assert rows(published, "bronze.people") == [(1,), (3,), (7,)]
