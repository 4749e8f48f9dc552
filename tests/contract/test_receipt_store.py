"""What every receipt store does."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import sqlite3
import threading
import uuid
import zlib
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from lagoa.adapters.sqlite import receipts as receipts_sqlite
from lagoa.adapters.sqlite.receipts import SqliteReceipts
from lagoa.adapters.sqlite.receipts_repair import receipts_fault
from lagoa.domain.approvals import Approval
from lagoa.domain.checks import AuditReport, CheckResult
from lagoa.domain.receipts import Receipt
from lagoa.domain.results import Basis, ContractsOf, Results, TableResults
from lagoa.errors import CatalogDamaged, LakeTooNew


def postgres(folder):
    """Open the publisher's store in the PostgreSQL of the stack, emptied."""
    import psycopg

    from lagoa.adapters.env.secrets import EnvSecrets
    from lagoa.adapters.postgres.lazy import Login, login_of
    from lagoa.adapters.postgres.receipts import PostgresReceipts, receipts_password

    url = os.environ["LAGOA_POSTGRES_URL"]
    stack = Path(os.environ["LAGOA_TEST_STACK"]) / ".lagoa/stack"
    password = partial(receipts_password, EnvSecrets, stack, "publisher")
    with psycopg.connect(url, user=login_of("publisher"), password=password().get_secret_value()) as connection:
        connection.execute("delete from lagoa.receipts")
        connection.execute("delete from lagoa.results")
    return PostgresReceipts(Login(url, "publisher", password))


# `tests/stack/run` brings the server up and sets the variables.
FACTORIES = (
    {"postgres": postgres}
    if "LAGOA_TEST_STACK" in os.environ
    else {"sqlite": lambda folder: SqliteReceipts(folder / "receipts.db")}
)
NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)


@pytest.fixture(params=FACTORIES)
def store(request, tmp_path):
    made = FACTORIES[request.param](tmp_path)
    yield made
    made.close()


def result(key: str, **fields) -> CheckResult:
    base = CheckResult("a.b/key/id", "a.b", "passed", 0.0, "= 0", "0 rows", 0.01, key, samples_sql="SELECT 1")
    return replace(base, **fields)


def receipt(number: int, **fields) -> Receipt:
    results = (result("k1"), result("k2", outcome="not evaluated", figure=None), result("k3", figure=math.inf))
    report = AuditReport("dev", f"{number:064x}", "0" * 64, results, NOW, 1.5)
    made = Receipt(
        id=f"{number:032x}",
        commit=f"{number:064x}",
        base="0" * 64,
        branch="dev",
        author="ana",
        prepared_at=NOW,
        tables={"a.b": "file:///x.metadata.json", "a.c": None},
        contracts={"a.b": "abc"},
        report=report,
        unseen=("a.b: batch-ü",),
        held=True,
    )
    return replace(made, **fields)


def test_a_receipt_comes_back_as_it_was(store):
    store.prepare(receipt(1))
    assert store.get(receipt(1).id) == receipt(1)
    assert store.of_commit(receipt(1).commit) == receipt(1)


def test_an_unknown_receipt_is_none(store):
    assert store.get("f" * 32) is None
    assert store.of_commit("f" * 64) is None


def test_the_newest_receipt_of_a_commit_counts(store):
    later = receipt(2, commit=receipt(1).commit, prepared_at=NOW + timedelta(seconds=1))
    store.prepare(later)
    store.prepare(receipt(1))
    assert store.of_commit(receipt(1).commit) == later


def test_first_digits_that_are_those_of_one_alone_do(store):
    one, other = receipt(1, id="ab" * 16, commit="cd" * 32), receipt(2, id="abac" * 8, commit="ef" * 32)
    store.prepare(one)
    store.prepare(other)
    assert (store.get("abababab"), store.get("abac"), store.get("ab")) == (one, other, None)
    assert (store.of_commit("cdcdcdcd"), store.of_commit("e"), store.of_commit("0")) == (one, other, None)


def test_the_newest_receipt_of_a_branch_counts(store):
    store.prepare(receipt(1))
    store.prepare(receipt(2, prepared_at=NOW + timedelta(seconds=1)))
    store.prepare(receipt(3, branch="other", prepared_at=NOW + timedelta(seconds=2)))
    assert store.of_branch("dev") == receipt(2, prepared_at=NOW + timedelta(seconds=1))
    assert store.of_branch("de") is None
    assert [each.id for each in store.newest()] == [receipt(number).id for number in (3, 2, 1)]


def approval(number: int, **fields) -> Approval:
    return replace(Approval("dev", f"{number:064x}", "ana é", NOW, "fine", enforced=True), **fields)


def test_approvals_are_those_of_a_commit_in_order(store):
    commits = [uuid.uuid4().hex for _ in range(2)]
    given = [approval(1, commit=commits[0]), approval(2, commit=commits[1]), approval(3, commit=commits[0], by="bia")]
    assert list(store.approvals(commits[0])) == []
    for each in given:
        store.approve(each)
    proven = not isinstance(store, SqliteReceipts)  # whoever can write the file can write any name
    assert list(store.approvals(commits[0])) == [replace(each, enforced=proven) for each in (given[0], given[2])]
    assert list(store.approvals(commits[0][:10])) == []


def test_a_receipt_has_the_approvals_of_its_publication(store):
    given = receipt(1, approvals=(approval(2), approval(3, by="bia", enforced=False)))
    store.prepare(given)
    assert store.get(given.id) == given


def test_what_is_saved_comes_back_once(store, tmp_path):
    """A receipt that is there names the commit of the one that comes back: a restored catalog may have another id."""
    kept = [receipt(1), receipt(2, prepared_at=NOW + timedelta(days=1))]
    for each in kept:
        store.prepare(each)
    store.approve(approval(1))
    approvals = store.approvals(kept[0].commit)
    saved = [each for each in store.saved() if each.kind != "approval" or kept[0].commit in each.document]
    assert [json.loads(each.document)["id"] for each in saved if each.kind == "receipt"] == [each.id for each in kept]
    store.prune(NOW + timedelta(days=9), lambda _: False)
    assert store.get(kept[0].id) is None
    for _ in range(2):
        assert store.bring_back(saved) == 0
        assert list(store.newest()) == kept[::-1]
        assert store.approvals(kept[0].commit) == approvals
    moved = [replace(each, document=each.document.replace(kept[0].commit, "f" * 64)) for each in saved]
    store.bring_back(moved)
    assert store.get(kept[0].id) == store.of_commit("f" * 64)


def test_a_file_from_before_there_were_approvals_has_none(tmp_path):
    path = tmp_path / "receipts.db"
    SqliteReceipts(path).close()
    with sqlite3.connect(path) as db:
        assert not db.execute("select 1 from sqlite_master where name = 'approvals'").fetchall()
    opened = SqliteReceipts(path)
    assert list(opened.approvals("a" * 64)) == []
    opened.close()


def test_a_file_of_the_first_format_is_brought_up(tmp_path):
    path = tmp_path / "receipts.db"
    made = SqliteReceipts(path)
    made.prepare(receipt(1))
    made.close()
    with sqlite3.connect(path) as db:
        db.execute("drop index receipts_branch")
        db.execute("alter table receipts drop column branch")
        db.execute("pragma user_version = 1")
    db.close()
    for _ in range(2):
        store = SqliteReceipts(path)
        assert store.of_branch("dev") == receipt(1)
        store.prepare(receipt(2, branch="new"))
        assert store.of_branch("new") == receipt(2, branch="new")
        store.close()


def test_results_come_back_by_key(store):
    store.remember([result("k1"), result("k2", outcome="failed", figure=3.0)])
    found = store.results(["k2", "k1", "k9"])
    assert found == {"k1": result("k1"), "k2": result("k2", outcome="failed", figure=3.0)}


def test_a_result_that_was_reused_is_kept_as_an_original(store):
    store.remember([result("k1", reused=True)])
    assert store.results(["k1"])["k1"].reused is False


def test_any_number_of_keys_may_be_asked_for(store):
    store.remember([result(f"k{number}") for number in range(3000)])
    assert len(store.results([f"k{number}" for number in range(4000)])) == 3000
    assert store.results([]) == {}


def test_pruning_does_not_ask_about_what_the_next_publication_was_based_on(store):
    last = receipt(1).commit
    for number in (1, 2, 3):
        store.prepare(receipt(number), on=last if number > 1 else None)
        last = receipt(number).commit
    asked = []
    assert store.prune(NOW + timedelta(days=1), lambda commit: bool(asked.append(commit))) == 1
    assert asked == [receipt(3).commit]
    assert [store.get(receipt(number).id) is not None for number in (1, 2, 3)] == [True, True, False]


def test_pruning_keeps_published_and_recent_receipts(store):
    for number in (1, 2, 3):
        store.prepare(receipt(number, prepared_at=NOW + timedelta(days=number)))
    asked = []

    def published(commit: str) -> bool:
        asked.append(commit)
        return commit == receipt(1).commit

    assert store.prune(NOW + timedelta(days=2, hours=1), published) == 1
    assert store.prune(NOW + timedelta(days=2, hours=1), published) == 0
    assert sorted(asked) == [receipt(1).commit, receipt(2).commit]
    assert store.get(receipt(1).id) is not None
    assert store.get(receipt(2).id) is None
    assert store.get(receipt(3).id) is not None


def test_threads_share_a_store(store):
    def write(worker: int) -> None:
        for number in range(20):
            store.remember([result(f"{worker}-{number}")])
            assert store.results([f"{worker}-{number}"])

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.results([f"{worker}-{number}" for worker in range(4) for number in range(20)])) == 80


def _prepare_many(folder, start: int) -> None:
    for file in range(20):  # several, as the order in which the processes meet at a new one is chance
        store = SqliteReceipts(folder / f"{file}.db")
        for number in range(start, start + 3):
            store.prepare(receipt(number))
        store.close()


def test_processes_share_a_sqlite_file(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_prepare_many, args=(tmp_path, start)) for start in (100, 200)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    for file in range(20):
        store = SqliteReceipts(tmp_path / f"{file}.db")
        assert all(store.get(receipt(number).id) for start in (100, 200) for number in range(start, start + 3))
        store.close()


def test_a_store_works_on_in_a_forked_child(tmp_path):
    store = SqliteReceipts(tmp_path / "receipts.db")
    store.prepare(receipt(1))
    fork = multiprocessing.get_context("fork")
    child = fork.Process(target=lambda: store.prepare(receipt(2)))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert store.get(receipt(2).id) == receipt(2)
    store.close()


def test_results_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(receipts_sqlite, "MAX_RESULTS", 3)
    store = SqliteReceipts(tmp_path / "receipts.db")
    store.remember([result("k1"), result("k2"), result("k3")])
    store.remember([result("00k4")])  # one of the few that they are counted for
    assert len(store.results(["k1", "k2", "k3", "00k4"])) == 3
    store.close()


def lake(tables: int) -> Results:
    """Return the results of an audit of so many tables, with contracts, all of which ran."""
    found = []
    for number in range(tables):
        name = f"a.t{number}"
        checks = [
            result(f"{name}-{each}", check=f"{name}/{each}", table=name, message="x" * 90)
            for each in ("key/id", "schema")
        ]
        found.append(TableResults(name, checks, f"contract {name}", Basis(f"key {name}", ("a.other",), clock=("%d",))))
    return Results.of(()).changed(found, (), frozenset(each.check for table in found for each in table.results))


def published(number: int, results: Results) -> Receipt:
    """Return the receipt of a publication with some results."""
    report = replace(receipt(number).report, results=results)
    return receipt(number, report=report, contracts=ContractsOf(results), prepared_at=NOW + timedelta(seconds=number))


def test_receipts_share_the_results_of_tables_that_did_not_change(store):
    first = published(1, lake(200))
    store.prepare(first)
    before = sum(len(each.document) for each in store.saved())
    again = [result("new", check="a.t7/key/id", table="a.t7", outcome="failed", figure=3.0)]
    second = published(
        2, first.report.by_table.changed([TableResults("a.t7", again)], ["a.t9"], frozenset(["a.t7/key/id"]))
    )
    store.prepare(second)
    assert sum(len(each.document) for each in store.saved()) - before < before / 10
    for kept in (first, second):
        found = store.get(kept.id)
        assert found == kept
        assert dict(found.contracts) == {
            each.table: each.contract for each in kept.report.by_table.tables() if each.contract
        }
        assert [each.check for each in found.report.results] == sorted(each.check for each in kept.report.results)
    assert [each.check for each in store.get(second.id).report.results if not each.reused] == ["a.t7/key/id"]
    assert store.get(second.id).report.counted == "397 checks, 396 passed, 1 failed"
    found = store.get(second.id).report.by_table
    assert found.table("a.t8").basis == Basis("key a.t8", ("a.other",), clock=("%d",))
    assert (found.table("a.t7").basis, found.table("a.t9")) == (None, None)
    assert found.differing(store.get(first.id).report.by_table) == ["a.t7", "a.t9"]


def test_a_receipt_can_be_looked_at_after_its_store_was_closed(tmp_path):
    store = SqliteReceipts(tmp_path / "receipts.db")
    store.prepare(published(1, lake(3)))
    store.close()
    store = SqliteReceipts(tmp_path / "receipts.db")
    found = store.get(receipt(1).id)
    store.close()
    assert found == published(1, lake(3))


def test_a_file_with_a_receipt_is_refused_by_earlier_versions_and_a_damaged_part_is_told(tmp_path):
    path = tmp_path / "receipts.db"
    store = SqliteReceipts(path)
    for change, version in ((lambda: store.remember([result("k1")]), 2), (lambda: store.prepare(receipt(1)), 4)):
        change()
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("pragma user_version").fetchone() == (version,)
    store.prepare(published(2, lake(20)))
    store.close()
    assert receipts_fault(path) == ""
    with sqlite3.connect(path) as db:
        (digest,) = db.execute("select digest from parts where document like '%a.t7/key%'").fetchone()
        db.execute("update parts set document = replace(document, 'passed', 'failed') where digest = ?", (digest,))
    db.close()
    assert f"its part {digest[:12]} was changed" in receipts_fault(path)
    store = SqliteReceipts(path)
    found = store.get(receipt(2).id)
    assert (found.report.passed, store.get(receipt(1).id)) == (True, receipt(1))
    with pytest.raises(CatalogDamaged, match="was changed"):
        list(found.report.results)
    store.close()
    with sqlite3.connect(path) as db:
        db.execute("delete from parts where digest = ?", (digest,))
    db.close()
    assert f"its part {digest[:12]} is missing" in receipts_fault(path)


def test_a_receipt_that_kept_all_results_in_itself_is_read(tmp_path):
    """As Lagoa up to 0.5 wrote them, and those of format 3, which are compressed."""
    path = tmp_path / "receipts.db"
    SqliteReceipts(path).close()
    kept = receipt(1, approvals=(approval(2),))
    document = {
        **asdict(kept),
        "report": {**asdict(kept.report), "results": [asdict(each) for each in kept.report.results]},
    }
    text = json.dumps(document, default=lambda moment: moment.isoformat())
    for number, stored in enumerate((text, zlib.compress(text.encode())), 1):
        with sqlite3.connect(path) as db:
            row = (f"{number:032x}", kept.commit, NOW.isoformat(), 0, stored, "dev")
            db.execute("insert or replace into receipts values (?, ?, ?, ?, ?, ?)", row)
        db.close()
        store = SqliteReceipts(path)
        assert store.get(f"{number:032x}") == kept
        assert receipts_fault(path) == ""
        store.close()


def test_a_file_of_a_newer_lagoa_is_refused(tmp_path):
    SqliteReceipts(tmp_path / "receipts.db").close()
    db = sqlite3.connect(tmp_path / "receipts.db")
    db.execute("pragma user_version = 99")
    db.close()
    with pytest.raises(LakeTooNew) as caught:
        SqliteReceipts(tmp_path / "receipts.db")
    assert caught.value.found == 99


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "receipts.db").write_bytes(b"not a database, " * 100)
    with pytest.raises(CatalogDamaged):
        SqliteReceipts(tmp_path / "receipts.db")


def test_a_document_holds_nothing_but_json(tmp_path):
    store = SqliteReceipts(tmp_path / "receipts.db")
    store.prepare(receipt(1))
    store.close()
    db = sqlite3.connect(tmp_path / "receipts.db")
    document = json.loads(db.execute("select document from receipts").fetchone()[0])
    parts = [json.loads(text) for (text,) in db.execute("select document from parts")]
    db.close()
    assert document["prepared_at"] == "2026-11-20T18:00:00+00:00"
    ((digest,),) = ([each["a.b"]["results"] for each in parts if isinstance(each, dict)],)
    ((results,),) = ([each for each in parts if isinstance(each, list)],)
    assert [each["check"] for each in results] == ["a.b/key/id"] * 3
    assert list(document["report"]["results"]["groups"].values()) != [digest]
