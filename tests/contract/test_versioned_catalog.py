"""What every versioned catalog must do, over a dict of factories: a further adapter joins by one line."""

from __future__ import annotations

import itertools
import os
import tempfile
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from effort import many
from hypothesis import given, settings
from hypothesis import strategies as st

from lagoa.adapters.sqlite.catalog import SqliteCatalog
from lagoa.domain.commits import Change
from lagoa.domain.refs import MAIN
from lagoa.domain.tables import TableName
from lagoa.errors import CommitLost, InvalidName, NotASuccessor, RefExists, RefNotFound, RefProtected

_emptied: set[Path] = set()


def on_rocksdb(folder):
    """Open the catalog of a Nessie on RocksDB that lets everybody in."""
    return nessie(folder, os.environ["LAGOA_NESSIE_URL"])


def on_postgresql(folder):
    """Open the catalog of a Nessie on PostgreSQL, signed in as the publisher."""
    from lagoa.adapters.oidc.tokens import OidcTokens
    from lagoa.stack.credentials import Credentials
    from lagoa.stack.run import Stack

    lake = Path(os.environ["LAGOA_TEST_SIGNED_STACK"])
    found = Stack(lake, lake / ".lagoa/stack").environment()
    drawn = Credentials(lake / ".lagoa/stack/credentials.json")
    tokens = OidcTokens(found["LAGOA_OIDC_URL"], "publisher", lambda: drawn["oidc-client-publisher"])
    return nessie(folder, found["LAGOA_NESSIE_URL"], tokens)


def nessie(folder, url, tokens=None):
    """Open the catalog of a Nessie server, emptied the first time that it is opened for a folder."""
    import httpx

    from lagoa.adapters.nessie.catalog import NessieCatalog, NessieOptions

    if folder not in _emptied:
        _emptied.add(folder)
        headers = {"Authorization": f"Bearer {tokens().get_secret_value()}"} if tokens else {}
        with httpx.Client(base_url=f"{url}/", headers=headers, timeout=30) as http:
            nothing = http.get("config").json()["noAncestorHash"]
            for ref in http.get("trees", params={"max-records": 1000}).json()["references"]:
                path = f"trees/{quote(ref['name'], safe='')}@{ref['hash']}"
                gone = ref["name"] != MAIN
                sent = http.delete(path) if gone else http.put(path, json={"type": "DETACHED", "hash": nothing})
                sent.raise_for_status()
    no_ids = {"snapshotId": -1, "schemaId": 0, "specId": 0, "sortOrderId": 0}
    return NessieCatalog(url, tokens, options=NessieOptions(ids=lambda _: no_ids))


# `tests/stack/run` brings the servers up and sets the variables.
CATALOGS = (
    {"nessie on RocksDB": on_rocksdb, "nessie on PostgreSQL": on_postgresql}
    if "LAGOA_TEST_STACK" in os.environ
    else {"sqlite": lambda folder: SqliteCatalog(folder / "catalog.db")}
)
"""Each makes an empty catalog in a folder: a root commit, `main` at it, and nothing else."""

HISTORIES = many(25 if "sqlite" in CATALOGS else 10)
"""How many random histories are tried: a server takes seconds for one."""

A, B, C = (TableName.parse(f"silver.{name}") for name in ("a", "b", "c"))
ABSENT = "0" * 64


@pytest.fixture(params=CATALOGS)
def catalog(request, tmp_path):
    with closing(CATALOGS[request.param](tmp_path)) as made:
        yield made


@pytest.fixture
def root(catalog):
    return catalog.resolve(MAIN).id


@pytest.fixture
def dev(catalog, root):
    """Make the branch `dev` with two commits; return their ids."""
    catalog.create_branch("dev", root)
    first = catalog.commit("dev", root, Change({A: "a1", B: "b1"}, "First", author="ana")).id
    second = catalog.commit("dev", first, Change({A: "a2"}, "Second", author="bia")).id
    return first, second


def publish(catalog, change):
    """Put a commit on a branch of its own at main and swap main to it; return (commit, moment)."""
    main = catalog.resolve(MAIN).id
    name = f"lagoa/candidate/{main[:12]}"
    catalog.create_branch(name, main)
    commit = catalog.commit(name, main, change).id
    return commit, catalog.swap(MAIN, main, commit)


class TestAnEmptyCatalog:
    def test_has_main_at_an_empty_root(self, catalog):
        (main,) = catalog.refs()
        commit = catalog.get(main.commit)
        assert (main.name, main.kind, commit.parents) == (MAIN, "branch", ())
        assert catalog.tables(commit.id) == {}
        assert catalog.namespaces(commit.id) == {}
        assert catalog.moves(MAIN) == []

    def test_answers_any_past_time_with_the_root(self, catalog, root):
        assert catalog.resolve("main*2001-01-01").id == root


class TestRefs:
    def test_a_branch_is_where_it_was_made(self, catalog, root):
        made = catalog.create_branch("run/daily/1", root)
        assert catalog.ref("run/daily/1") == made
        assert (made.kind, made.commit) == ("branch", root)
        assert made.created_at is None or made.created_at.tzinfo is UTC

    def test_all_come_by_name(self, catalog, root):
        for name in ("z", "b", "b/a"):
            catalog.create_branch(name, root)
        catalog.create_tag("m", root)
        assert [ref.name for ref in catalog.refs()] == ["b", "b/a", "m", MAIN, "z"]
        assert [ref.name for ref in catalog.refs("b/")] == ["b/a"]
        assert [ref.name for ref in catalog.refs("m")] == ["m", MAIN]
        assert catalog.refs("x") == []

    @pytest.mark.parametrize("kind", ["create_branch", "create_tag"])
    def test_a_name_is_taken_once(self, catalog, root, kind):
        catalog.create_branch("dev", root)
        with pytest.raises(RefExists):
            getattr(catalog, kind)("dev", root)

    @pytest.mark.parametrize("name", ["1a", "a b", "a..b", "-a", "HEAD", "a@b", "ä", "", "deadbeefdeadbeef"])
    def test_a_name_outside_the_grammar_is_refused(self, catalog, root, name):
        with pytest.raises(InvalidName):
            catalog.create_branch(name, root)

    @pytest.mark.parametrize("kind", ["create_branch", "create_tag"])
    def test_none_is_made_at_a_commit_that_is_not_there(self, catalog, kind):
        with pytest.raises(RefNotFound):
            getattr(catalog, kind)("dev", ABSENT)
        assert [ref.name for ref in catalog.refs()] == [MAIN]

    def test_a_deleted_branch_is_gone_and_its_commits_stay(self, catalog, dev):
        catalog.delete_ref("dev", dev[1])
        with pytest.raises(RefNotFound):
            catalog.ref("dev")
        assert catalog.tables(dev[1]) == {A: "a2", B: "b1"}

    def test_a_branch_that_moved_is_not_deleted(self, catalog, dev):
        with pytest.raises(CommitLost):
            catalog.delete_ref("dev", dev[0])
        assert catalog.ref("dev").commit == dev[1]

    def test_main_is_not_deleted(self, catalog, root):
        with pytest.raises(RefProtected):
            catalog.delete_ref(MAIN, root)

    def test_what_is_not_there_is_not_deleted(self, catalog, root):
        with pytest.raises(RefNotFound):
            catalog.delete_ref("dev", root)


class TestCommit:
    def test_lands_every_table_at_once(self, catalog, root, dev):
        first, second = dev
        assert catalog.tables(root) == {}
        assert catalog.tables(first) == {A: "a1", B: "b1"}
        assert catalog.tables(second) == {A: "a2", B: "b1"}
        assert catalog.ref("dev").commit == second
        assert catalog.ref(MAIN).commit == root

    def test_keeps_what_the_writer_says(self, catalog, root):
        catalog.create_branch("dev", root)
        said = Change({A: "a1"}, "Load «A»\nwith 'quotes'", properties={"lagoa.intents": "[]", "ü": "…"}, author="ana")
        before = datetime.now(UTC)
        commit = catalog.commit("dev", root, said)
        assert catalog.get(commit.id) == commit == catalog.resolve("dev")
        assert (commit.message, commit.author, commit.parents) == (said.message, "ana", (root,))
        assert commit.properties == said.properties
        assert before - timedelta(seconds=5) < commit.committed_at < datetime.now(UTC) + timedelta(seconds=5)

    def test_removes_a_table(self, catalog, dev):
        commit = catalog.commit("dev", dev[1], Change({A: None}))
        assert catalog.tables(commit.id) == {B: "b1"}

    def test_may_change_nothing(self, catalog, dev):
        commit = catalog.commit("dev", dev[1], Change({A: "a2", C: None}, "Nothing new"))
        assert catalog.tables(commit.id) == catalog.tables(dev[1])
        assert catalog.ref("dev").commit == commit.id != dev[1]

    def test_on_a_head_that_moved_is_lost_and_names_its_tables(self, catalog, dev):
        first, second = dev
        with pytest.raises(CommitLost) as lost:
            catalog.commit("dev", first, Change({A: "x", B: "y", C: "z"}))
        assert (lost.value.ref, lost.value.expected, lost.value.actual) == ("dev", first, second)
        assert lost.value.tables == (A,)
        assert catalog.ref("dev").commit == second

    def test_lost_to_a_change_of_other_tables_names_none(self, catalog, dev):
        with pytest.raises(CommitLost) as lost:
            catalog.commit("dev", dev[0], Change({B: "y", C: "z"}))
        assert lost.value.tables == ()

    @pytest.mark.parametrize("name", [MAIN, "v1"])
    def test_on_main_or_a_tag_is_refused(self, catalog, root, name):
        catalog.create_tag("v1", root)
        with pytest.raises(RefProtected):
            catalog.commit(name, root, Change({A: "a1"}))
        assert catalog.tables(catalog.resolve(name).id) == {}

    def test_on_a_branch_that_is_not_there_is_an_error(self, catalog, root):
        with pytest.raises(RefNotFound):
            catalog.commit("dev", root, Change({A: "a1"}))

    def test_with_a_second_parent(self, catalog, root, dev):
        catalog.create_branch("other", root)
        commit = catalog.commit("other", root, Change({A: "a2"}, merged=dev[1]))
        assert commit.parents == (root, dev[1])
        assert catalog.get(commit.id).parents == (root, dev[1])
        assert catalog.tables(commit.id) == {A: "a2"}

    def test_with_a_second_parent_that_is_not_there_lands_nothing(self, catalog, dev):
        with pytest.raises(RefNotFound):
            catalog.commit("dev", dev[1], Change({A: "a3"}, merged=ABSENT))
        assert catalog.ref("dev").commit == dev[1]

    def test_ids_are_hashes_of_the_content(self, catalog, dev):
        ids = {commit.id for commit in catalog.log(dev[1])}
        assert len(ids) == 3
        assert all(len(each) == 64 and set(each) <= set("0123456789abcdef") for each in ids)

    def test_what_was_read_cannot_be_changed_from_outside(self, catalog, dev):
        catalog.tables(dev[1])[C] = "mine"
        catalog.namespaces(dev[1])[("mine",)] = {}
        assert catalog.tables(dev[1]) == {A: "a2", B: "b1"}
        assert ("mine",) not in catalog.namespaces(dev[1])


class TestNamespaces:
    def test_one_comes_with_its_first_table(self, catalog, dev):
        assert catalog.namespaces(dev[0]) == {("silver",): {}}

    def test_one_has_properties(self, catalog, dev):
        commit = catalog.commit("dev", dev[1], Change(namespaces={("silver",): {"owner": "ana"}, ("gold", "x"): {}}))
        assert catalog.namespaces(commit.id) == {("silver",): {"owner": "ana"}, ("gold", "x"): {}}
        later = catalog.commit("dev", commit.id, Change({A: "a3"}))
        assert catalog.namespaces(later.id) == catalog.namespaces(commit.id)

    def test_one_without_tables_is_removed(self, catalog, dev):
        commit = catalog.commit("dev", dev[1], Change({A: None, B: None}, namespaces={("silver",): None}))
        assert catalog.namespaces(commit.id) == {}

    def test_one_stays_while_it_holds_a_table(self, catalog, dev):
        commit = catalog.commit("dev", dev[1], Change({A: None}, namespaces={("silver",): None}))
        assert ("silver",) in catalog.namespaces(commit.id)


class TestSwap:
    def test_moves_main_and_enters_the_moment(self, catalog):
        commit, moment = publish(catalog, Change({A: "a1"}))
        assert catalog.ref(MAIN).commit == commit
        assert catalog.moves(MAIN) == [(moment, commit)]
        assert moment.tzinfo is UTC

    def test_moments_strictly_increase(self, catalog):
        moments = [publish(catalog, Change({A: f"a{number}"}))[1] for number in range(5)]
        assert all(earlier < later for earlier, later in itertools.pairwise(moments))
        assert [moment for moment, _ in catalog.moves(MAIN)] == moments
        assert [moment for moment, _ in catalog.moves(MAIN, 2)] == moments[-2:]
        assert catalog.moves(MAIN, 0) == []
        assert [catalog.moved_at(MAIN, commit) for _, commit in catalog.moves(MAIN)] == moments
        assert catalog.moved_at(MAIN, catalog.get(catalog.moves(MAIN)[0][1]).parents[0]) is None

    def test_is_lost_when_main_moved(self, catalog, root, dev):
        commit, _ = publish(catalog, Change({C: "c1"}))
        with pytest.raises(CommitLost) as lost:
            catalog.swap(MAIN, root, dev[0])
        assert (lost.value.expected, lost.value.actual) == (root, commit)
        assert catalog.ref(MAIN).commit == commit
        assert len(catalog.moves(MAIN)) == 1

    def test_refuses_what_was_not_made_on_top(self, catalog, root, dev):
        with pytest.raises(NotASuccessor):
            catalog.swap(MAIN, root, dev[1])  # its first parent is dev's first commit
        with pytest.raises(NotASuccessor):
            catalog.swap(MAIN, root, root)
        catalog.swap(MAIN, root, dev[0])
        with pytest.raises(NotASuccessor):
            catalog.swap(MAIN, dev[0], root)  # never back
        assert catalog.ref(MAIN).commit == dev[0]

    def test_refuses_a_tag_and_what_is_not_there(self, catalog, root, dev):
        catalog.create_tag("v1", root)
        with pytest.raises(RefProtected):
            catalog.swap("v1", root, dev[0])
        with pytest.raises(RefNotFound):
            catalog.swap(MAIN, root, ABSENT)
        with pytest.raises(RefNotFound):
            catalog.moves("absent")


class TestResolve:
    def test_a_branch_a_tag_and_steps_back(self, catalog, root, dev):
        first, second = dev
        catalog.create_tag("v1", first)
        found = {ref: catalog.resolve(ref).id for ref in ("dev", "v1", "dev~0", "dev~1", "dev~2", "v1~1")}
        assert found == {"dev": second, "v1": first, "dev~0": second, "dev~1": first, "dev~2": root, "v1~1": root}

    def test_a_hash_whole_or_begun(self, catalog, root, dev):
        first, second = dev
        assert catalog.resolve(f"dev@{first}").id == first
        assert catalog.resolve(f"dev@{second[:8]}").id == second
        assert catalog.resolve(f"dev@{first[:20]}~1").id == root

    def test_a_hash_must_lie_in_the_history_of_the_name(self, catalog, dev):
        with pytest.raises(RefNotFound, match="history of main"):
            catalog.resolve(f"main@{dev[0]}")

    def test_steps_back_follow_first_parents(self, catalog, root, dev):
        catalog.create_branch("other", root)
        merged = catalog.commit("other", root, Change({A: "a2"}, merged=dev[1])).id
        assert catalog.resolve("other~1").id == root
        assert catalog.resolve(f"other@{dev[1]}").id == dev[1]  # by any parent
        assert [commit.id for commit in catalog.log(merged)] == [merged, root]

    @pytest.mark.parametrize("ref", ["absent", "dev~3", f"dev@{ABSENT}", "dev*2100-01-01", "v1*2020-01-01"])
    def test_what_is_not_there_is_an_error(self, catalog, dev, ref):
        catalog.create_tag("v1", dev[0])
        with pytest.raises(RefNotFound):
            catalog.resolve(ref)

    def test_a_time_is_answered_by_the_journal(self, catalog, root):
        moves = [publish(catalog, Change({A: f"a{number}"})) for number in range(3)]
        instant = timedelta(microseconds=1)
        assert catalog.resolve(f"main*{(moves[0][1] - instant).isoformat()}").id == root
        for commit, moment in moves:
            assert catalog.resolve(f"main*{moment.isoformat()}").id == commit
        assert catalog.resolve(f"main*{(moves[2][1] - instant).isoformat()}").id == moves[1][0]

    def test_a_time_to_come_is_an_error(self, catalog):
        publish(catalog, Change({A: "a1"}))
        with pytest.raises(RefNotFound, match="not come"):
            catalog.resolve(f"main*{(datetime.now(UTC) + timedelta(days=1)).isoformat()}")

    def test_a_commit_that_is_not_there_is_an_error_everywhere(self, catalog, root):
        calls = [
            lambda: catalog.get(ABSENT),
            lambda: next(catalog.log(ABSENT)),
            lambda: catalog.tables(ABSENT),
            lambda: catalog.namespaces(ABSENT),
            lambda: catalog.diff(root, ABSENT),
            lambda: catalog.merge_base(ABSENT, root),
            lambda: catalog.is_ancestor(root, ABSENT),
        ]
        for call in calls:
            with pytest.raises(RefNotFound):
                call()


class TestHistory:
    def test_log_goes_to_the_root(self, catalog, root, dev):
        assert [commit.id for commit in catalog.log(dev[1])] == [dev[1], dev[0], root]
        assert [commit.message for commit in catalog.log(dev[1])][:2] == ["Second", "First"]

    def test_a_long_log_is_whole(self, catalog, root):
        catalog.create_branch("dev", root)
        ids = [root]
        for number in range(150):
            ids.append(catalog.commit("dev", ids[-1], Change({A: str(number)})).id)
        assert [commit.id for commit in catalog.log(ids[-1])] == ids[::-1]
        assert catalog.resolve("dev~150").id == root
        assert [catalog.tables(ids[at])[A] for at in (1, 75, 150)] == ["0", "74", "149"]

    def test_the_log_of_a_table_leaves_out_what_leaves_it_alone(self, catalog, root, dev):
        ids = [dev[1]]
        for number in range(120):
            ids.append(catalog.commit("dev", ids[-1], Change({B: str(number)})).id)
        merged = catalog.commit("dev", ids[-1], Change({B: "b"}, merged=root)).id
        dropped = catalog.commit("dev", merged, Change({A: None}, author="ana")).id
        head = catalog.commit("dev", dropped, Change({B: "c"})).id
        log = list(catalog.log(head, A))
        found = [commit.id for commit in log]
        assert {head, dropped, merged, *dev, root} <= set(found)
        assert len(found) < 20
        assert found == [commit.id for commit in catalog.log(head) if commit.id in found]
        assert log[1] == catalog.get(dropped)
        with pytest.raises(RefNotFound):
            list(catalog.log(ABSENT, A))

    def test_diff_tells_both_sides(self, catalog, root, dev):
        third = catalog.commit("dev", dev[1], Change({B: None, C: "c1"})).id
        assert catalog.diff(dev[0], third) == {A: ("a1", "a2"), B: ("b1", None), C: (None, "c1")}
        assert list(catalog.diff(third, root)) == [A, C]
        assert catalog.diff(third, third) == {}

    def test_merge_base_after_a_publication_is_the_head_that_was_published(self, catalog, root, dev):
        catalog.create_branch("lagoa/candidate/1", root)
        published = catalog.commit("lagoa/candidate/1", root, Change({A: "a2", B: "b1"}, merged=dev[1])).id
        later = catalog.commit("dev", dev[1], Change({C: "c1"})).id
        assert catalog.merge_base(published, later) == dev[1]
        assert catalog.is_ancestor(dev[1], published)
        assert not catalog.is_ancestor(later, published)


POINTER = st.sampled_from([None, *(f"p{number}" for number in range(4))])
TABLES = st.sampled_from([TableName((f"l{number % 3}",), f"t{number}") for number in range(30)])
STEP = st.tuples(
    st.sampled_from(["commit", "commit", "branch", "merge"]),
    st.integers(0, 1000),
    st.integers(0, 1000),
    st.dictionaries(TABLES, POINTER, max_size=30),
)


class Naive:
    """A history in plain dictionaries, every state kept whole."""

    def __init__(self, root):
        self.heads = {"start": root}
        self.parents = {root: ()}
        self.states = {root: {}}

    def add(self, branch, commit, changes):
        self.parents[commit.id] = commit.parents
        state = {**self.states[commit.parents[0]], **changes}
        self.states[commit.id] = {table: pointer for table, pointer in state.items() if pointer is not None}
        self.heads[branch] = commit.id

    def behind(self, commit):
        seen, waiting = set(), [commit]
        while waiting:
            at = waiting.pop()
            if at not in seen:
                seen.add(at)
                waiting.extend(self.parents[at])
        return seen


@pytest.mark.parametrize("factory", CATALOGS)
@settings(max_examples=HISTORIES, deadline=None)
@given(steps=st.lists(STEP, min_size=5, max_size=25))
def test_random_histories_agree_with_a_naive_model(factory, steps):
    with tempfile.TemporaryDirectory() as folder, closing(CATALOGS[factory](Path(folder))) as catalog:
        root = catalog.resolve(MAIN).id
        catalog.create_branch("start", root)
        naive = Naive(root)
        for kind, one, two, changes in steps:
            names = list(naive.heads)
            branch, other = names[one % len(names)], names[two % len(names)]
            if kind == "branch":
                at = list(naive.parents)[two % len(naive.parents)]
                catalog.create_branch(f"b{len(names)}", at)
                naive.heads[f"b{len(names)}"] = at
            else:
                merged = naive.heads[other] if kind == "merge" and other != branch else None
                commit = catalog.commit(branch, naive.heads[branch], Change(changes, merged=merged))
                naive.add(branch, commit, changes)
        with closing(CATALOGS[factory](Path(folder))) as fresh:  # nothing is known from having written it
            for commit, state in naive.states.items():
                assert fresh.tables(commit) == state
                assert fresh.namespaces(commit).keys() >= {table.namespace for table in state}
            for a, b in itertools.product(list(naive.parents)[-8:], repeat=2):
                check_pair(fresh, naive, a, b)


def check_pair(catalog, naive, a, b):
    assert catalog.is_ancestor(a, b) == (a in naive.behind(b))
    common = naive.behind(a) & naive.behind(b)
    base = catalog.merge_base(a, b)
    assert base in common
    assert not any(base in naive.behind(other) for other in common - {base})
    left, right = naive.states[a], naive.states[b]
    wanted = {name: (left.get(name), right.get(name)) for name in left.keys() | right.keys()}
    assert catalog.diff(a, b) == {name: pair for name, pair in wanted.items() if pair[0] != pair[1]}


def test_threads_share_one_catalog(catalog, root):
    """Four threads on one branch: every commit lands or says that it lost, and none is torn."""
    catalog.create_branch("dev", root)
    landed: list[str] = []

    def write(thread):
        done = 0
        while done < 10:
            head = catalog.resolve("dev").id
            number = f"{thread}.{done}"
            try:
                landed.append(catalog.commit("dev", head, Change({A: number, B: number})).id)
                done += 1
            except CommitLost:
                continue

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    line = [commit.id for commit in catalog.log(catalog.resolve("dev").id)]
    assert set(line[:-1]) == set(landed)
    assert len(line) == 41
    assert all(catalog.tables(commit)[A] == catalog.tables(commit)[B] for commit in line[:-1])
