"""Receipts in PostgreSQL: who may do what, what a server that goes away does, and a lake on several machines."""

from __future__ import annotations

import json
import socket
import threading
import time
import uuid
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from multiprocessing import get_context

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from lagoa.adapters.postgres import receipts as receipts_postgres
from lagoa.adapters.postgres.lazy import Login, login_of
from lagoa.adapters.postgres.receipts import PostgresReceipts
from lagoa.adapters.postgres.tables import ROLES, prepare
from lagoa.adapters.shared.receipt_documents import write_approval
from lagoa.adapters.shared.receipt_parts import hash_of, new_parts
from lagoa.backup.documents import in_order
from lagoa.domain.approvals import Approval
from lagoa.domain.checks import AuditReport, CheckResult
from lagoa.domain.credentials import drawn_password
from lagoa.domain.receipts import Receipt
from lagoa.domain.saved import SavedRecord
from lagoa.errors import (
    CatalogBusy,
    LakeTooNew,
    NotAllowed,
    SecretNotFound,
    SettingsError,
    SignInFailed,
    TerminalError,
)

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
IMPATIENT = {"timeout_s": 1.0, "patience_s": 0.5}
WRITERS = ("ingest", "engineer", "publisher")


@pytest.fixture(scope="session")
def url(postgres_url):
    return postgres_url


@pytest.fixture(scope="session")
def passwords(receipts_passwords):
    return receipts_passwords


@pytest.fixture
def admin(url, credentials):
    with psycopg.connect(url, user="postgres", password=credentials["postgres-admin"], autocommit=True) as made:
        yield made


@pytest.fixture
def connect(url, passwords):
    """Return what connects as a role, without Lagoa between."""

    def made(role):
        password = passwords[role].get_secret_value()
        return psycopg.connect(url, user=login_of(role), password=password, autocommit=True)

    return made


@pytest.fixture
def stores(url, passwords, admin):
    """Open the store as each role, emptied."""
    admin.execute("truncate lagoa.receipts, lagoa.results")
    made = {role: PostgresReceipts(Login(url, role, lambda role=role: passwords[role])) for role in ROLES}
    yield made
    for store in made.values():
        store.close()


def result(key, **fields):
    return replace(CheckResult("a.b/key/id", "a.b", "passed", 0.0, "= 0", "0 rows", 0.01, key), **fields)


def receipt(number, **fields):
    report = AuditReport("dev", f"{number:064x}", "0" * 64, (result("k1"),), NOW, 1.5)
    made = Receipt(
        id=f"{number:032x}",
        commit=f"{number:064x}",
        base="0" * 64,
        branch="dev",
        author="ana",
        prepared_at=NOW,
        tables={"a.b": "file:///x.metadata.json"},
        contracts={},
        report=report,
    )
    return replace(made, **fields)


class TestRights:
    def test_each_role_reads_what_the_publisher_writes(self, stores):
        stores["publisher"].prepare(receipt(1))
        for role in ROLES:
            assert stores[role].of_commit(receipt(1).commit) == receipt(1)
            assert list(stores[role].newest()) == [receipt(1)]

    def test_the_reader_writes_nothing_and_reuses_nothing(self, stores):
        with pytest.raises(NotAllowed) as caught:
            stores["reader"].prepare(receipt(1))
        assert "lagoa_reader" in str(caught.value)
        for call in (lambda store: store.remember([result("k")]), lambda store: store.results(["k"])):
            with pytest.raises(NotAllowed):
                call(stores["reader"])
        with pytest.raises(NotAllowed):
            stores["reader"].prune(NOW, lambda _: True)

    @pytest.mark.parametrize("role", ["ingest", "engineer"])
    def test_no_receipt_comes_in_the_place_of_the_publishers(self, stores, role):
        stores["publisher"].prepare(receipt(1))
        forged = receipt(1, author="eve", prepared_at=NOW + timedelta(days=1))
        stores[role].prepare(forged)
        for reading in ROLES:
            assert stores[reading].get(receipt(1).id) == receipt(1)
            assert stores[reading].of_commit(receipt(1).commit) == receipt(1)
            assert stores[reading].get(receipt(1).id[:31]) == receipt(1)
        assert list(stores["publisher"].newest()) == [forged, receipt(1)]

    @pytest.mark.parametrize("role", ["ingest", "engineer"])
    def test_the_publisher_writes_although_another_took_the_id(self, stores, role):
        stores[role].prepare(receipt(1, author="eve"))
        stores["publisher"].prepare(receipt(1))
        assert stores["publisher"].get(receipt(1).id) == receipt(1)

    @pytest.mark.parametrize("role", ["reader", "ingest", "engineer"])
    def test_sql_of_ones_own_changes_nothing_of_others(self, stores, connect, role):
        stores["publisher"].prepare(receipt(1))
        stores["publisher"].remember([result("k", outcome="failed")])
        attempts = [
            "insert into lagoa.receipts values ('f', 'lagoa_publisher', 'f', now(), false, 'dev', '{}')",
            "update lagoa.receipts set document = '{}', settled = true",
            "update lagoa.receipts set kept_by = 'lagoa_publisher'",
            "delete from lagoa.receipts",
            "truncate lagoa.receipts",
            "insert into lagoa.parts (kept_by, digest, document) values ('lagoa_publisher', 'f', '[]')",
            "update lagoa.parts set document = '[]'",
            "delete from lagoa.parts",
            "truncate lagoa.parts",
            "insert into lagoa.results (key, kept_by, document) values ('k9', 'lagoa_publisher', '{}')",
            "update lagoa.results set document = replace(document, 'failed', 'passed')",
            "delete from lagoa.results",
            "alter table lagoa.results disable row level security",
            "drop policy own on lagoa.receipts",
            "drop table lagoa.receipts",
            "update lagoa.format set version = 99",
            "create table lagoa.mine (a int)",
            "set role lagoa_publisher",
            "grant lagoa_publisher to current_user",
            "alter role lagoa_publisher password null",
            "alter role current_user bypassrls",
        ]
        changed = []
        with connect(role) as connection:
            for attempt in attempts:
                try:
                    changed += [attempt] if connection.execute(attempt).rowcount else []
                except psycopg.errors.InsufficientPrivilege:
                    continue
        assert changed == []
        assert stores["publisher"].get(receipt(1).id) == receipt(1)
        assert stores["publisher"].results(["k", "k9"]) == {"k": result("k", outcome="failed")}

    @pytest.mark.parametrize("role", ["ingest", "engineer"])
    def test_no_row_is_given_to_another_login(self, stores, connect, role):
        stores[role].prepare(receipt(1))
        stores[role].remember([result("k")])
        with connect(role) as connection:
            for table in ("receipts", "results"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
                    connection.execute(f"update lagoa.{table} set kept_by = 'lagoa_publisher'")

    def test_a_result_is_found_by_the_login_that_kept_it_alone(self, stores):
        for role in WRITERS:
            stores[role].remember([result("k", message=role)])
        for role in WRITERS:
            assert stores[role].results(["k"])["k"].message == role
        stores["engineer"].remember([result("only", outcome="passed")])
        assert stores["publisher"].results(["only"]) == {}

    def test_a_part_of_a_receipt_is_what_its_hash_says_whoever_kept_another_under_it_before(self, stores, connect):
        forged = receipt(1, report=replace(receipt(1).report, results=(result("k1", message=uuid.uuid4().hex),)))
        digests = new_parts(forged.report.by_table, lambda _: ())
        with connect("engineer") as connection:
            for digest in digests:
                connection.execute("insert into lagoa.parts (digest, document) values (%s, '[]')", (digest,))
        stores["publisher"].prepare(forged)
        for role in ROLES:
            assert stores[role].get(forged.id).report.results == forged.report.results

    def test_results_of_a_receipt_are_used_again_by_its_login_and_those_of_the_publisher_by_all(self, stores):
        stores["engineer"].prepare(receipt(1))
        found = {role: stores[role].audited(receipt(1).commit) for role in ROLES}
        assert {role for role, each in found.items() if each} == {"engineer"}
        stores["publisher"].prepare(receipt(1, author="the publisher"))
        assert {stores[role].audited(receipt(1).commit).author for role in ROLES} == {"the publisher"}

    def test_the_publisher_prunes_everybodys_receipts_and_others_their_own(self, stores):
        for number, role in enumerate(WRITERS):
            stores[role].prepare(receipt(number))
        asked = []
        later = NOW + timedelta(days=1)
        assert stores["engineer"].prune(later, lambda commit: bool(asked.append(commit))) == 1
        assert asked == [receipt(1).commit]
        assert stores["publisher"].prune(later, lambda commit: commit == receipt(2).commit) == 1
        assert [each.id for each in stores["reader"].newest()] == [receipt(2).id]

    def test_a_restore_brings_nobody_elses_receipts_back(self, stores, admin):
        for number, role in enumerate(WRITERS):
            stores[role].prepare(receipt(number))
        saved = [each for each in stores["reader"].saved() if each.kind == "receipt"]
        admin.execute("truncate lagoa.receipts")
        assert stores["engineer"].bring_back(saved) == 2
        assert [each.id for each in stores["reader"].newest()] == [receipt(1).id]
        assert stores["publisher"].bring_back(saved) == 2
        kept = admin.execute("select id, kept_by::text from lagoa.receipts order by id").fetchall()
        assert kept == [(receipt(1).id, "lagoa_engineer"), (receipt(2).id, "lagoa_publisher")]

    def test_a_restore_that_breaks_off_leaves_no_part_that_names_a_missing_one(self, stores, admin, monkeypatch):
        monkeypatch.setattr(receipts_postgres, "_AT_ONCE", 1)
        found, several = receipt(1), tuple(result(f"a.{table}/key", table=f"a.{table}") for table in "bcdef")
        stores["publisher"].prepare(replace(found, report=replace(found.report, results=several)))
        saved = [asdict(each) for each in stores["reader"].saved() if each.kind != "approval"]
        saved.sort(key=lambda each: (each["kind"] == "receipt", each["document"].startswith("[")))  # the worst order
        for come in range(len(saved)):
            admin.execute("truncate lagoa.receipts, lagoa.parts")
            stores["publisher"].bring_back(islice(in_order(lambda: saved), come))
            digests = [hash_of(text) for (text,) in admin.execute("select document from lagoa.parts").fetchall()]
            groups = admin.execute("select document from lagoa.parts where document like '{%'").fetchall()
            named = {each["results"] for (text,) in groups for each in json.loads(text).values()}
            assert named <= set(digests)
        stores["publisher"].bring_back(in_order(lambda: saved))
        assert stores["reader"].get(found.id).report.results == several

    def test_an_approval_of_a_lake_in_files_is_not_enforced(self, stores):
        commit = uuid.uuid4().hex * 2
        document = write_approval(Approval("dev", commit, "bia", NOW, "fine", enforced=True))
        stores["publisher"].bring_back([SavedRecord("approval", document)] * 2)
        assert [each.enforced for each in stores["reader"].approvals(commit)] == [False]

    def test_other_logins_do_not_come_in(self, url, credentials, connect):
        with connect("engineer") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("create schema mine")
        place = url.rpartition("/")[0]
        password = credentials["postgres-nessie"]
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(url, user="nessie", password=password)
        password = credentials[drawn_password("publisher")]
        for database in ("nessie", "keycloak", "prefect", "mlflow", "postgres", "template1"):
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(f"{place}/{database}", user=login_of("publisher"), password=password)


class TestMakingReady:
    def test_it_brings_back_what_somebody_changed(self, stores, admin, passwords):
        stores["publisher"].prepare(receipt(1))
        for change in (
            "grant insert, update on lagoa.receipts to lagoa_reader",
            "grant all on schema lagoa to public",
            "alter table lagoa.results disable row level security",
            "drop policy own on lagoa.receipts",
            "alter role lagoa_engineer bypassrls createrole",
            "alter role lagoa_publisher password 'another'",
        ):
            admin.execute(change)
        prepare(admin, passwords)
        with pytest.raises(NotAllowed):
            stores["reader"].prepare(receipt(2))
        stores["engineer"].remember([result("k")])
        assert stores["publisher"].results(["k"]) == {}
        assert stores["publisher"].get(receipt(1).id) == receipt(1)
        rights = "select rolbypassrls, rolcreaterole from pg_roles where rolname = 'lagoa_engineer'"
        assert admin.execute(rights).fetchone() == (False, False)

    def test_a_database_of_the_first_format_is_brought_up(self, stores, admin, passwords):
        document = json.dumps(
            {**asdict(receipt(1)), "report": {**asdict(receipt(1).report), "results": [asdict(result("k1"))]}},
            default=lambda moment: moment.isoformat(),
        )
        admin.execute("drop table lagoa.parts")
        admin.execute("update lagoa.format set version = 1")
        with pytest.raises(TerminalError, match="not made ready"):
            stores["publisher"].prepare(receipt(2))
        row = (receipt(1).id, receipt(1).commit, NOW, document)
        admin.execute("insert into lagoa.receipts values (%s, 'lagoa_publisher', %s, %s, true, 'dev', %s)", row)
        prepare(admin, passwords)
        assert admin.execute("select version from lagoa.format").fetchone() == (2,)
        stores["publisher"].prepare(receipt(2))
        assert {each.id for each in stores["reader"].newest()} == {receipt(1).id, receipt(2).id}
        assert stores["reader"].get(receipt(1).id) == receipt(1)

    def test_two_at_a_time_do_not_disturb_each_other(self, url, credentials, passwords):
        def make():
            with psycopg.connect(url, user="postgres", password=credentials["postgres-admin"]) as connection:
                prepare(connection, passwords)
            done.append(True)

        done = []
        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert done == [True] * 4

    def test_a_newer_lagoas_tables_are_refused(self, stores, admin, passwords):
        admin.execute("update lagoa.format set version = 99")
        try:
            with pytest.raises(LakeTooNew) as caught:
                stores["publisher"].get("1")
            assert caught.value.found == 99
            with pytest.raises(LakeTooNew):
                prepare(admin, passwords)
        finally:
            admin.execute("update lagoa.format set version = %s", (receipts_postgres.FORMAT,))
        assert stores["publisher"].get("1") is None

    def test_a_database_that_is_not_made_ready_says_so(self, url, credentials, admin):
        name = "lagoa_empty"
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            other = f"{url.rpartition('/')[0]}/{name}"
            secret = SecretStr(credentials[drawn_password("publisher")])
            with (
                closing(PostgresReceipts(Login(other, "publisher", lambda: secret))) as store,
                pytest.raises(TerminalError, match=f"{name} is not made ready"),
            ):
                store.get("1")
            with (
                closing(PostgresReceipts(Login(f"{other}_not", "publisher", lambda: secret))) as store,
                pytest.raises(TerminalError, match="does not exist"),
            ):
                store.get("1")
        finally:
            admin.execute(sql.SQL("drop database {}").format(sql.Identifier(name)))


class TestConnections:
    def test_a_receipt_outlives_a_power_cut_whatever_the_server_was_told(self, stores, admin):
        admin.execute("alter role lagoa_publisher set synchronous_commit = off")
        try:
            said = stores["publisher"]._session.run(lambda each: each.execute("show synchronous_commit").fetchone())
        finally:
            admin.execute("alter role lagoa_publisher reset synchronous_commit")
        assert said == ("on",)

    def test_the_next_call_after_a_restart_connects_again(self, stores, admin):
        store = stores["publisher"]
        store.prepare(receipt(1))
        for _ in range(2):
            ended = admin.execute(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'lagoa_publisher'"
            ).fetchone()
            assert ended == (1,)
            assert store.get(receipt(1).id) == receipt(1)
            store.prepare(receipt(1))

    def test_a_server_that_is_gone_is_told_in_bounded_time(self, passwords):
        nowhere = "postgresql://127.0.0.1:1/lagoa"
        with closing(PostgresReceipts(Login(nowhere, "engineer", lambda: passwords["engineer"], **IMPATIENT))) as s:
            began = time.monotonic()
            with pytest.raises(CatalogBusy, match=r"PostgreSQL at 127\.0\.0\.1:1/lagoa does not answer.*stack status"):
                s.get("1")
            assert time.monotonic() - began < 10

    @pytest.mark.usefixtures("stores")
    def test_a_server_that_hangs_is_told_in_bounded_time(self, url, passwords, admin):
        with closing(PostgresReceipts(Login(url, "publisher", lambda: passwords["publisher"], **IMPATIENT))) as store:
            store.prepare(receipt(1))
            with admin.transaction():
                admin.execute("lock table lagoa.receipts")  # nobody gets an answer meanwhile
                began = time.monotonic()
                with pytest.raises(CatalogBusy):
                    store.prepare(receipt(2))
                assert time.monotonic() - began < 10
            assert store.get(receipt(1).id) == receipt(1)

    def test_one_that_takes_connections_and_says_nothing_is_told_too(self, passwords):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = f"postgresql://127.0.0.1:{silent.getsockname()[1]}/lagoa"
            with closing(
                PostgresReceipts(Login(address, "engineer", lambda: passwords["engineer"], **IMPATIENT))
            ) as store:
                began = time.monotonic()
                with pytest.raises(CatalogBusy, match="timeout"):
                    store.get("1")
                assert time.monotonic() - began < 10

    def test_a_wrong_password_is_told_without_it(self, url):
        wrong = SecretStr("not-the-password")
        with (
            closing(PostgresReceipts(Login(url, "publisher", lambda: wrong))) as store,
            pytest.raises(SignInFailed) as caught,
        ):
            store.get("1")
        assert "not-the-password" not in f"{caught.value} {caught.value.__cause__}"

    def test_what_the_address_cannot_say_is_an_error_of_the_settings(self, url, passwords):
        with (
            closing(PostgresReceipts(Login(f"{url}?nonsense=1", "publisher", lambda: passwords["publisher"]))) as store,
            pytest.raises(SettingsError, match="postgres_url"),
        ):
            store.get("1")

    def test_a_secret_that_is_not_there_is_told_as_such(self, url):
        def missing():
            raise SecretNotFound("receipts-password", "a test", "Put it there.")

        with closing(PostgresReceipts(Login(url, "publisher", missing))) as store, pytest.raises(SecretNotFound):
            store.get("1")

    def test_a_server_that_takes_no_writes_is_told(self, stores, admin):
        admin.execute("alter role lagoa_publisher set default_transaction_read_only = on")
        try:
            with pytest.raises(TerminalError, match="read-only"):
                stores["publisher"].prepare(receipt(1))
        finally:
            admin.execute("alter role lagoa_publisher reset default_transaction_read_only")

    def test_processes_share_a_database(self, url, passwords, stores):
        spawn = get_context("spawn")
        secret = passwords["publisher"].get_secret_value()
        workers = [spawn.Process(target=_prepare_many, args=(url, secret, start)) for start in (100, 200)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert [worker.exitcode for worker in workers] == [0, 0]
        assert len(list(stores["reader"].newest())) == 40

    def test_a_store_works_on_in_a_forked_child_and_beside_it(self, stores):
        store = stores["publisher"]
        store.prepare(receipt(1))
        child = get_context("fork").Process(target=lambda: store.prepare(receipt(2)))
        child.start()
        child.join()
        assert child.exitcode == 0
        assert store.get(receipt(2).id) == receipt(2)

    def test_threads_that_keep_the_same_results_do_not_wait_for_each_other_for_ever(self, url, passwords, stores):
        keys = [f"k{number}" for number in range(200)]
        failed = []

        def keep(order):
            with closing(PostgresReceipts(Login(url, "publisher", lambda: passwords["publisher"]))) as store:
                try:
                    for _ in range(5):
                        store.remember([result(key) for key in order])
                except Exception as error:  # noqa: BLE001 - told below
                    failed.append(error)

        threads = [threading.Thread(target=keep, args=(order,)) for order in (keys, keys[::-1])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        assert len(stores["publisher"].results(keys)) == 200

    def test_results_are_bounded_and_the_newest_stay(self, stores, monkeypatch):
        monkeypatch.setattr(receipts_postgres, "MAX_RESULTS", 3)
        store = stores["engineer"]
        store.remember([result(f"k{number}") for number in range(3)])
        store.remember([result("k9")])
        found = store.results(["k0", "k1", "k2", "k9"])
        assert len(found) == 3
        assert "k9" in found


def _prepare_many(url, secret, start):
    with closing(PostgresReceipts(Login(url, "publisher", lambda: SecretStr(secret)))) as store:
        for number in range(start, start + 20):
            store.prepare(receipt(number))
