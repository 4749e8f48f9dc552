"""The catalog's file: its format, damage, locks, the clock, and checkpoints."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from lagoa.adapters.sqlite.catalog import SqliteCatalog
from lagoa.adapters.sqlite.file import FORMAT
from lagoa.domain.commits import Change
from lagoa.domain.refs import MAIN
from lagoa.domain.tables import TableName
from lagoa.errors import CatalogBusy, CatalogDamaged, InvalidName, LakeTooNew, RefNotFound, TerminalError

A = TableName.parse("silver.a")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "state" / "catalog.db"
    SqliteCatalog(path).close()
    return path


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = datetime(2026, 11, 20, 18, tzinfo=UTC)

    def __call__(self):
        return self.now


def execute(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        return [db.execute(statement).fetchall() for statement in statements]


def test_what_was_committed_is_there_in_the_next_process(path):
    with closing(SqliteCatalog(path)) as catalog:
        catalog.create_branch("dev", catalog.resolve(MAIN).id)
        commit = catalog.commit("dev", catalog.resolve("dev").id, Change({A: "a1"}))
    with closing(SqliteCatalog(path, create=False)) as catalog:
        assert catalog.tables(catalog.resolve("dev").id) == {A: "a1"}
        assert catalog.get(commit.id) == commit


def test_it_is_opened_again_after_close(path):
    catalog = SqliteCatalog(path)
    root = catalog.resolve(MAIN)
    catalog.close()
    assert catalog.resolve(MAIN) == root
    catalog.close()


def test_commits_reach_the_disk_before_they_return(path):
    with closing(SqliteCatalog(path)) as catalog, catalog._file.reading() as db:
        assert db.execute("pragma journal_mode").fetchone() == ("wal",)
        assert db.execute("pragma synchronous").fetchone() == (2,)  # full


class TestAFileThatCannotBeUsed:
    def test_a_newer_format_is_refused_and_left_alone(self, path):
        execute(path, f"pragma user_version = {FORMAT + 1}")
        with pytest.raises(LakeTooNew) as error:
            SqliteCatalog(path)
        assert (error.value.found, error.value.known) == (FORMAT + 1, FORMAT)

    def test_a_missing_file_is_not_made_by_a_reader(self, tmp_path):
        with pytest.raises(CatalogDamaged, match="no catalog at"):
            SqliteCatalog(tmp_path / "absent.db", create=False)
        assert list(tmp_path.iterdir()) == []

    def test_an_empty_file_is_no_catalog_for_a_reader(self, tmp_path):
        (tmp_path / "empty.db").touch()
        with pytest.raises(CatalogDamaged, match="empty"):
            SqliteCatalog(tmp_path / "empty.db", create=False)

    def test_an_empty_file_is_filled_by_a_maker(self, tmp_path):
        (tmp_path / "empty.db").touch()
        with closing(SqliteCatalog(tmp_path / "empty.db")) as catalog:
            assert [ref.name for ref in catalog.refs()] == [MAIN]

    @pytest.mark.parametrize("create", [True, False])
    def test_another_file_is_left_alone(self, tmp_path, create):
        other = tmp_path / "notes.txt"
        other.write_bytes(b"no database at all, but long enough to be looked at" * 100)
        before = other.read_bytes()
        with pytest.raises(CatalogDamaged, match="backup"):
            SqliteCatalog(other, create=create)
        assert other.read_bytes() == before

    @pytest.mark.parametrize("create", [True, False])
    def test_the_database_of_another_program_is_left_alone(self, tmp_path, create):
        execute(tmp_path / "other.db", "create table x (y)")
        before = (tmp_path / "other.db").read_bytes()
        with pytest.raises(CatalogDamaged, match="no catalog of Lagoa"):
            SqliteCatalog(tmp_path / "other.db", create=create)
        assert (tmp_path / "other.db").read_bytes() == before

    def test_damage_inside_is_told_when_it_is_met(self, path):
        with closing(SqliteCatalog(path)) as catalog:
            catalog.create_branch("dev", catalog.resolve(MAIN).id)
        content = bytearray(path.read_bytes())
        content[4096:] = b"\xa5" * len(content[4096:])
        path.write_bytes(content)
        with pytest.raises(CatalogDamaged, match="backup"), closing(SqliteCatalog(path)) as catalog:
            catalog.resolve("dev")

    def test_a_path_that_is_a_folder_is_told(self, tmp_path):
        with pytest.raises(TerminalError):
            SqliteCatalog(tmp_path)


class TestLocks:
    def test_a_writer_that_waits_too_long_gives_up(self, path):
        with closing(SqliteCatalog(path, busy_seconds=0.05)) as catalog:
            root = catalog.resolve(MAIN).id
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("begin immediate")
                with pytest.raises(CatalogBusy):
                    catalog.create_branch("dev", root)
                assert catalog.resolve(MAIN).id == root  # readers never wait
            assert catalog.create_branch("dev", root).commit == root

    def test_a_failed_write_leaves_nothing_and_no_lock(self, path):
        with closing(SqliteCatalog(path, busy_seconds=0.05)) as catalog:
            root = catalog.resolve(MAIN).id
            catalog.create_branch("dev", root)
            with pytest.raises(RefNotFound):
                catalog.commit("dev", root, Change({A: "a1"}, merged="0" * 64))
            (rows,) = execute(path, "select count(*) from changes")
            assert rows == [(0,)]
            assert catalog.commit("dev", root, Change({A: "a1"})).parents == (root,)


class TestTheClock:
    def publish(self, catalog, value):
        main = catalog.resolve(MAIN).id
        catalog.create_branch(f"c/{value}", main)
        commit = catalog.commit(f"c/{value}", main, Change({A: value})).id
        return commit, catalog.swap(MAIN, main, commit)

    def test_that_stands_still_or_jumps_back_never_mixes_up_the_journal(self, path):
        clock = Clock()
        with closing(SqliteCatalog(path, clock=clock)) as catalog:
            moves = [self.publish(catalog, "one"), self.publish(catalog, "two")]
            clock.now -= timedelta(hours=1)
            moves.append(self.publish(catalog, "three"))
            moments = [moment for _, moment in moves]
            assert moments == sorted(set(moments))
            for commit, moment in moves:  # the last ones lie after the clock: they have come all the same
                assert catalog.resolve(f"main*{moment.isoformat()}").id == commit

    def test_that_was_ahead_leaves_times_that_name_no_state(self, path):
        clock = Clock()
        with closing(SqliteCatalog(path, clock=clock)) as catalog:
            first, _ = self.publish(catalog, "one"), self.publish(catalog, "two")
            then = clock.now
            clock.now += timedelta(days=730)
            self.publish(catalog, "three")
            clock.now = then + timedelta(hours=1)
            self.publish(catalog, "four")
            for moment in (then + timedelta(minutes=1), clock.now):
                with pytest.raises(RefNotFound, match="the clock was ahead"):
                    catalog.resolve(f"main*{moment.isoformat()}")
            assert catalog.resolve(f"main*{first[1].isoformat()}").id == first[0]
            clock.now += timedelta(days=731)
            assert catalog.resolve(f"main*{clock.now.isoformat()}") == catalog.resolve(MAIN)

    def test_is_asked_for_commits(self, path):
        clock = Clock()
        with closing(SqliteCatalog(path, clock=clock)) as catalog:
            branch = catalog.create_branch("dev", catalog.resolve(MAIN).id)
            assert branch.created_at == clock.now
            assert catalog.commit("dev", branch.commit, Change({A: "a1"})).committed_at == clock.now

    def test_the_same_commit_on_two_branches_is_one_commit(self, path):
        with closing(SqliteCatalog(path, clock=Clock())) as catalog:
            root = catalog.resolve(MAIN).id
            catalog.create_branch("dev", root)
            catalog.create_branch("twin", root)
            one = catalog.commit("dev", root, Change({A: "a1"}, "Load"))
            two = catalog.commit("twin", root, Change({A: "a1"}, "Load"))
            assert one == two
            assert catalog.commit("twin", two.id, Change({A: "a2"})).parents == (one.id,)


def test_ids_depend_on_everything_in_the_commit(path):
    changes = [
        Change({A: "a1"}, "m", properties={"k": "v"}, author="ana"),
        Change({A: "a2"}, "m", properties={"k": "v"}, author="ana"),
        Change({A: "a1"}, "n", properties={"k": "v"}, author="ana"),
        Change({A: "a1"}, "m", properties={"k": "w"}, author="ana"),
        Change({A: "a1"}, "m", properties={"k": "v"}, author="bia"),
        Change({A: "a1"}, "m", namespaces={("gold",): {}}, properties={"k": "v"}, author="ana"),
    ]
    with closing(SqliteCatalog(path, clock=Clock())) as catalog:
        root = catalog.resolve(MAIN).id
        ids = set()
        for number, change in enumerate(changes):
            catalog.create_branch(f"b{number}", root)
            ids.add(catalog.commit(f"b{number}", root, change).id)
        assert len(ids) == len(changes)


def test_a_hash_that_begins_two_commits_is_ambiguous(path):
    with closing(SqliteCatalog(path)) as catalog:
        root = catalog.resolve(MAIN).id
        catalog.create_branch("dev", root)
        head = catalog.commit("dev", catalog.commit("dev", root, Change()).id, Change()).id
        for seq, begin in ((2, "0" * 60 + "aaaa"), (3, "0" * 60 + "bbbb")):
            execute(path, f"update commits set id = '{begin}' where seq = {seq}")
        assert head
        with pytest.raises(RefNotFound, match="2 commits"):
            catalog.resolve("dev@00000000")
        assert catalog.resolve(f"dev@{'0' * 60}aaaa").id.endswith("aaaa")


def test_checkpoints_stay_in_proportion(path):
    """300 commits over 40 tables: the states agree, with few checkpoints, near enough to each other."""
    tables = [TableName(("silver",), f"t{number}") for number in range(40)]
    states = {}
    with closing(SqliteCatalog(path)) as catalog:
        head = catalog.resolve(MAIN).id
        catalog.create_branch("dev", head)
        state = {}
        for number in range(300):
            changed = {tables[(number * 7 + each) % 40]: f"p{number}" for each in range(number % 5)}
            if number % 11 == 0:
                changed[tables[number % 40]] = None
            head = catalog.commit("dev", head, Change(changed)).id
            state = {name: pointer for name, pointer in {**state, **changed}.items() if pointer is not None}
            states[head] = state
    with closing(SqliteCatalog(path)) as catalog:
        assert all(catalog.tables(commit) == state for commit, state in states.items())
    counted = execute(path, "select count(*) from checkpoints", "select max(weight) from commits")
    assert 5 <= counted[0][0][0] <= 15
    assert counted[1][0][0] <= 100


def test_a_name_with_a_control_character_is_refused(path):
    with closing(SqliteCatalog(path)) as catalog:
        root = catalog.resolve(MAIN).id
        catalog.create_branch("dev", root)
        for name in (TableName(("a",), "b\x1fc"), TableName(("",), "b")):
            with pytest.raises(InvalidName):
                catalog.commit("dev", root, Change({name: "p"}))


def test_text_that_is_no_utf8_is_kept_readable(path):
    with closing(SqliteCatalog(path)) as catalog:
        root = catalog.resolve(MAIN).id
        catalog.create_branch("dev", root)
        commit = catalog.commit("dev", root, Change(message="Jos\udce9", author="\udcff"))
        assert (catalog.get(commit.id).message, commit.author) == ("Jos?", "?")
