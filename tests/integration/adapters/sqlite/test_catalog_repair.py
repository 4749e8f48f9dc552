"""A damaged catalog file: what is told of it, and what is brought back."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing

import pytest
from effort import many
from hypothesis import given, settings
from hypothesis import strategies as st

from lagoa.adapters.sqlite.catalog import SqliteCatalog
from lagoa.adapters.sqlite.repair import repair
from lagoa.domain.commits import Change
from lagoa.domain.refs import MAIN
from lagoa.domain.tables import TableName
from lagoa.errors import LagoaError, TerminalError

TABLES = [TableName(("silver",), f"t{number:02}") for number in range(30)]
PAGE = 4096


def fill(path):
    """Make a history of publications and branches; return its states by commit, its refs and its journal."""
    states = {}
    with closing(SqliteCatalog(path)) as catalog:
        for number in range(60):
            main = catalog.resolve(MAIN).id
            work = f"run/{number}"
            catalog.create_branch(work, main)
            change = {TABLES[(number * 3 + each) % 30]: f"warehouse/{number}-{each}.json" for each in range(3)}
            head = catalog.commit(work, main, Change(change, f"load {number}", author="ana")).id
            catalog.create_branch("candidate", main)
            landed = catalog.commit("candidate", main, Change(change, f"publish {number}", merged=head)).id
            catalog.swap(MAIN, main, landed)
            catalog.delete_ref("candidate", landed)
            if number % 9:
                catalog.delete_ref(work, head)
            for commit in (head, landed):
                states[commit] = catalog.tables(commit)
        catalog.create_tag("v1", catalog.resolve("main~20").id)
        refs = {ref.name: ref.commit for ref in catalog.refs()}
        moves = list(catalog.moves(MAIN))
    with closing(sqlite3.connect(path)) as db:
        db.execute("pragma wal_checkpoint(truncate)")
    return states, refs, moves


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    path = tmp_path_factory.mktemp("history") / "catalog.db"
    return *fill(path), path.read_bytes()


def damaged(folder, history, *pages):
    """Write the catalog with some of its pages, from 1, overwritten."""
    path = folder / "catalog.db"
    content = bytearray(history[3])
    noise = random.Random(7)  # noqa: S311 - noise
    for page in pages:
        content[(page - 1) * PAGE : page * PAGE] = noise.randbytes(PAGE)
    path.write_bytes(content)
    return path


def check(path, history):
    """Assert that every state, ref and move that the catalog has is one that it had."""
    states, refs, moves, _ = history
    with closing(SqliteCatalog(path, create=False)) as catalog:
        assert catalog.verify() == []
        found = {ref.name: ref.commit for ref in catalog.refs()}
        assert MAIN in found
        for commit in found.values():
            for each in catalog.log(commit):
                if each.parents:
                    assert catalog.tables(each.id) == states[each.id]
        assert set(catalog.moves(MAIN)) <= set(moves)
        assert found.keys() <= refs.keys()
        # It goes on from here.
        head = catalog.resolve(MAIN).id
        catalog.create_branch("again", head)
        after = catalog.commit("again", head, Change({TABLES[0]: "new.json"}))
        assert catalog.merge_base(head, after.id) == head
        return {name: found.get(name) == commit for name, commit in refs.items()}


def test_a_whole_file_has_no_faults_and_comes_back_whole(tmp_path, history):
    path = damaged(tmp_path, history)
    with closing(SqliteCatalog(path)) as catalog:
        assert catalog.verify() == []
    outcome, away = repair(path)
    assert (outcome.lost, outcome.commits) == ([], 121)
    assert (away / "catalog.db").read_bytes() == history[3]
    assert all(check(path, history).values())


def test_a_spoilt_first_page_costs_nothing(tmp_path, history):
    path = damaged(tmp_path, history, 1)
    with pytest.raises(LagoaError, match="damaged or is no SQLite file"):
        SqliteCatalog(path)
    outcome, _ = repair(path)
    assert outcome.lost == []
    assert all(check(path, history).values())


def test_a_commit_that_was_tampered_with_is_told(tmp_path, history):
    path = damaged(tmp_path, history)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("update changes set value = 'elsewhere.json' where seq = 40")
    with closing(SqliteCatalog(path)) as catalog:
        (fault,) = catalog.verify()
        assert "not what was committed" in fault
    repair(path)
    check(path, history)


@pytest.mark.slow
@settings(max_examples=many(25), deadline=None)
@given(places=st.sets(st.integers(0, 100_000), min_size=1, max_size=4))
def test_whatever_page_is_lost_what_comes_back_is_right(tmp_path_factory, history, places):
    count = len(history[3]) // PAGE
    pages = {1 + place % count for place in places}
    path = damaged(tmp_path_factory.mktemp("damaged"), history, *pages)
    try:
        repair(path)
    except TerminalError:
        assert path.exists()
        return
    check(path, history)


def test_most_of_it_comes_back_when_one_page_is_lost(tmp_path, history):
    count = len(history[3]) // PAGE
    whole = 0
    for page in range(1, count + 1):
        folder = tmp_path / str(page)
        folder.mkdir()
        path = damaged(folder, history, page)
        try:
            repair(path)
        except TerminalError:
            continue
        whole += check(path, history)[MAIN]
    assert whole >= count * 0.6


def test_a_file_of_noise_is_left_where_it_is(tmp_path):
    path = tmp_path / "catalog.db"
    path.write_bytes(bytes(range(256)) * 20 * (PAGE // 256))
    before = path.read_bytes()
    with pytest.raises(TerminalError, match="backup"):
        repair(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["catalog.db"]
