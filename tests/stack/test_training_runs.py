"""Records of trained models in PostgreSQL: who may do what, and a server that goes away."""

from __future__ import annotations

import time
from contextlib import closing

import psycopg
import pytest
from pydantic import SecretStr

from lagoa.adapters.postgres.lazy import Login, login_of
from lagoa.adapters.postgres.tables import ROLES, prepare
from lagoa.adapters.postgres.training import FORMAT, PostgresTrainingRuns
from lagoa.errors import LakeTooNew, NotAllowed, SignInFailed, TerminalError, TrainingUnavailable
from tests.contract.test_training_runs import emptied, promotion, trained


@pytest.fixture
def admin(postgres_url, credentials):
    password = credentials["postgres-admin"]
    with psycopg.connect(postgres_url, user="postgres", password=password, autocommit=True) as made:
        yield made


@pytest.fixture
def stores(postgres_url, receipts_passwords):
    """Open the records as each role, emptied."""
    emptied()
    made = {
        role: PostgresTrainingRuns(Login(postgres_url, role, lambda role=role: receipts_passwords[role]))
        for role in ROLES
    }
    yield made
    for store in made.values():
        store.close()


class TestRights:
    def test_engineers_and_the_publisher_train_and_promote_and_all_read(self, stores):
        for number, role in enumerate(("engineer", "publisher"), start=1):
            stores[role].add(trained(number))
            stores[role].promote(promotion(number))
        for each in stores.values():
            assert each.runs() == [trained(2), trained(1)]
            assert each.promotions("late") == [promotion(2), promotion(1)]

    @pytest.mark.parametrize("role", ["reader", "ingest"])
    def test_others_keep_nothing(self, stores, role):
        for attempt in (lambda: stores[role].add(trained()), lambda: stores[role].promote(promotion(1))):
            with pytest.raises(NotAllowed, match=f"lagoa_{role}"):
                attempt()
        assert stores["engineer"].runs() == []

    @pytest.mark.parametrize("role", ROLES)
    def test_nobody_changes_or_deletes_a_record_or_keeps_one_in_anothers_name(
        self, stores, postgres_url, receipts_passwords, admin, role
    ):
        stores["engineer"].add(trained())
        stores["engineer"].promote(promotion(1))
        password = receipts_passwords[role].get_secret_value()
        with psycopg.connect(postgres_url, user=login_of(role), password=password, autocommit=True) as connection:
            for attempt in (
                "update lagoa_training.runs set document = '{}'",
                "delete from lagoa_training.runs",
                "truncate lagoa_training.promotions",
                "update lagoa_training.promotions set number = 2",
                "delete from lagoa_training.promotions",
                "insert into lagoa_training.runs (kept_by, id, model, document) values ('postgres', 'x', 'y', '')",
                "insert into lagoa_training.promotions (model, number, kept_by, document) values ('x', 1, 'me', '')",
                "update lagoa_training.format set version = 9",
                "create table lagoa_training.mine ()",
                "drop table lagoa_training.runs",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(attempt)
        kept = "select kept_by::text from lagoa_training.runs union all select kept_by from lagoa_training.promotions"
        assert admin.execute(kept).fetchall() == [("lagoa_engineer",), ("lagoa_engineer",)]

    def test_making_ready_takes_back_what_somebody_granted(self, stores, admin, receipts_passwords):
        admin.execute("grant insert, update, delete on all tables in schema lagoa_training to lagoa_ingest")
        prepare(admin, receipts_passwords)
        with pytest.raises(NotAllowed):
            stores["ingest"].promote(promotion(1))
        stores["engineer"].promote(promotion(1))


class TestConnections:
    def test_a_server_that_is_gone_is_told_in_bounded_time(self, receipts_passwords):
        password = receipts_passwords["engineer"]
        with closing(
            PostgresTrainingRuns(Login("postgresql://127.0.0.1:1/lagoa", "engineer", lambda: password, 1, 0.5))
        ) as store:
            began = time.monotonic()
            for call in (store.runs, lambda: store.add(trained())):
                with pytest.raises(TrainingUnavailable, match=r"127\.0\.0\.1:1/lagoa cannot be used: it does not"):
                    call()
            assert time.monotonic() - began < 20

    def test_a_wrong_password_is_told_without_it(self, postgres_url):
        wrong = SecretStr("not-the-password")
        with closing(PostgresTrainingRuns(Login(postgres_url, "reader", lambda: wrong))) as store:
            with pytest.raises(SignInFailed) as caught:
                store.runs()
            assert "not-the-password" not in f"{caught.value} {caught.value.__cause__}"

    def test_a_connection_that_broke_is_made_again(self, stores, admin):
        stores["engineer"].add(trained(1))
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'lagoa_engineer'")
        stores["engineer"].add(trained(2))
        stores["engineer"].promote(promotion(1))
        assert len(stores["reader"].runs()) == 2

    def test_a_newer_lagoas_records_are_refused(self, stores, admin, receipts_passwords):
        admin.execute("update lagoa_training.format set version = 99")
        try:
            with pytest.raises(LakeTooNew):
                stores["reader"].runs()
            with pytest.raises(LakeTooNew):
                prepare(admin, receipts_passwords)
        finally:
            admin.execute("update lagoa_training.format set version = %s", (FORMAT,))

    def test_a_database_that_is_not_made_ready_says_so(self, postgres_url, receipts_passwords):
        other = f"{postgres_url.rpartition('/')[0]}/lagoa_not"
        password = receipts_passwords["reader"]
        with (
            closing(PostgresTrainingRuns(Login(other, "reader", lambda: password))) as store,
            pytest.raises(TerminalError, match=r"is not made ready.*stack up"),
        ):
            store.runs()
