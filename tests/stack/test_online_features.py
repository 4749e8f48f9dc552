"""Features that are online in PostgreSQL: who may do what, a server that goes away, and a lake on two machines."""

from __future__ import annotations

import time
import uuid
from contextlib import ExitStack, closing
from dataclasses import replace

import featured
import psycopg
import pytest
from featured import SHOPS
from lakes import LakeFolder
from pydantic import SecretStr

from lagoa.adapters.postgres.lazy import Login, login_of
from lagoa.adapters.postgres.online import FORMAT, PostgresOnlineFeatures
from lagoa.adapters.postgres.tables import ROLES, prepare
from lagoa.domain.features import Definitions, OnlineRow, entity_key
from lagoa.domain.roles import MAINTAINER
from lagoa.errors import FeaturesUnavailable, LakeTooNew, NotAllowed, SignInFailed, TerminalError
from tests.contract.test_online_features import NARROW, Rows, emptied, number_of, put, row

NOTHING = Definitions("test")


@pytest.fixture
def admin(postgres_url, credentials):
    password = credentials["postgres-admin"]
    with psycopg.connect(postgres_url, user="postgres", password=password, autocommit=True) as made:
        yield made


@pytest.fixture
def empty(admin):
    """Leave nothing in the database."""
    emptied(admin)


@pytest.fixture
def stores(postgres_url, receipts_passwords, empty):
    """Open the store as each role, emptied."""
    made = {
        role: PostgresOnlineFeatures(Login(postgres_url, role, lambda role=role: receipts_passwords[role]))
        for role in ROLES
    }
    yield made
    for store in made.values():
        store.close()


class TestRights:
    def test_each_role_but_the_maintainer_reads_what_another_puts_in_and_writers_replace_it(self, stores):
        for number, writer in enumerate(("ingest", "engineer", "publisher", "ingest"), start=1):
            state = put(stores[writer], number)  # from the third on, another's table is dropped
            for role in ROLES:
                assert stores[role].standing() == state
                if role == MAINTAINER:
                    with pytest.raises(NotAllowed, match="lagoa_maintainer"):
                        number_of(stores[role], state)
                    continue
                assert number_of(stores[role], state) == number
                assert stores[role].pushed(state.views["narrow"].part) == 0

    def test_the_reader_changes_nothing(self, stores):
        put(stores["publisher"], 1)
        for attempt in (
            lambda: put(stores["reader"], 2),
            lambda: stores["reader"].push(NARROW, [row("a", 2)]),
            lambda: stores["reader"].set_registry(b"", NOTHING),
        ):
            with pytest.raises(NotAllowed, match="lagoa_reader"):
                attempt()

    def test_what_features_are_is_not_said_by_who_loads(self, stores):
        with pytest.raises(NotAllowed, match="lagoa_ingest"):
            stores["ingest"].set_registry(b"", NOTHING)
        stores["engineer"].set_registry(b"x", NOTHING)
        assert stores["ingest"].registry() == b"x"

    @pytest.mark.parametrize(
        ("role", "attempts"),
        [
            (
                "reader",
                [
                    "insert into lagoa_features.states values (9, 'c', 'now', '{}')",
                    "delete from lagoa_features.states",
                    "update lagoa_features.part_1 set c0 = 9",
                    "drop table lagoa_features.part_1",
                    "create table lagoa_features.mine ()",
                    "set role lagoa_features",
                ],
            ),
            (
                "ingest",
                [
                    "update lagoa_features.states set commit_id = 'another'",
                    "update lagoa_features.applied set definitions = '{}'",
                    "drop table lagoa_features.applied",
                    "update lagoa_features.format set version = 9",
                    "drop schema lagoa_features cascade",
                ],
            ),
        ],
    )
    def test_sql_of_ones_own_goes_no_further(self, stores, postgres_url, receipts_passwords, role, attempts):
        stores["engineer"].set_registry(b"x", NOTHING)
        put(stores["publisher"], 1)
        password = receipts_passwords[role].get_secret_value()
        with psycopg.connect(postgres_url, user=login_of(role), password=password, autocommit=True) as connection:
            for attempt in attempts:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(attempt)

    def test_making_ready_brings_back_what_somebody_changed(self, stores, admin, receipts_passwords):
        put(stores["publisher"], 1)
        admin.execute("grant lagoa_features to lagoa_reader")
        admin.execute("grant create on schema lagoa_features to lagoa_reader")
        admin.execute("grant insert on lagoa_features.states, lagoa_features.applied to lagoa_reader")
        prepare(admin, receipts_passwords)
        for attempt in (
            lambda: put(stores["reader"], 2),
            lambda: stores["reader"].push(NARROW, [row("a", 2)]),
            lambda: stores["reader"].set_registry(b"", NOTHING),
        ):
            with pytest.raises(NotAllowed):
                attempt()


class TestConnections:
    def test_a_server_that_is_gone_is_told_in_bounded_time(self, receipts_passwords):
        password = receipts_passwords["engineer"]
        with closing(
            PostgresOnlineFeatures(Login("postgresql://127.0.0.1:1/lagoa", "engineer", lambda: password, 1, 0.5))
        ) as it:
            began = time.monotonic()
            for call in (it.standing, lambda: put(it, 1)):
                with pytest.raises(FeaturesUnavailable, match=r"127\.0\.0\.1:1/lagoa\): it does not answer"):
                    call()
            assert time.monotonic() - began < 20

    def test_a_wrong_password_is_told_without_it(self, postgres_url):
        wrong = SecretStr("not-the-password")
        with closing(PostgresOnlineFeatures(Login(postgres_url, "reader", lambda: wrong))) as store:
            with pytest.raises(SignInFailed) as caught:
                store.standing()
            assert "not-the-password" not in f"{caught.value} {caught.value.__cause__}"

    def test_who_puts_rows_in_while_the_connection_breaks_does_it_again(self, stores, admin):
        put(stores["publisher"], 1)

        class Cut(Rows):
            cut = False

            def rows(self):
                yield row("a", 2)
                if not Cut.cut:
                    Cut.cut = True
                    admin.execute(
                        "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'lagoa_publisher'"
                    )
                yield from (row(f"shop {number}", number) for number in range(100_000))

        state = stores["publisher"].replace(1, "c2", {}, [Cut(NARROW)])
        assert (state.number, state.views["narrow"].entities) == (2, 100_001)
        assert number_of(stores["reader"], state) == 2

    @pytest.mark.usefixtures("empty")
    def test_a_long_state_outlasts_the_time_limit_of_an_answer(self, postgres_url, receipts_passwords):
        class Slow(Rows):
            def rows(self):
                yield row("a", 1)
                time.sleep(3)
                yield row("b", 1)

        password = receipts_passwords["publisher"]
        with closing(PostgresOnlineFeatures(Login(postgres_url, "publisher", lambda: password, 1, 0))) as store:
            assert store.replace(0, "c", {}, [Slow(NARROW)]).views["narrow"].entities == 2

    def test_a_newer_lagoas_store_is_refused(self, stores, admin, receipts_passwords):
        admin.execute("update lagoa_features.format set version = 99")
        try:
            with pytest.raises(LakeTooNew):
                stores["reader"].standing()
            with pytest.raises(LakeTooNew):
                prepare(admin, receipts_passwords)
        finally:
            admin.execute("update lagoa_features.format set version = %s", (FORMAT,))

    def test_a_database_that_is_not_made_ready_says_so(self, postgres_url, receipts_passwords):
        other = f"{postgres_url.rpartition('/')[0]}/lagoa_not"
        password = receipts_passwords["reader"]
        with (
            closing(PostgresOnlineFeatures(Login(other, "reader", lambda: password))) as store,
            pytest.raises(TerminalError, match=r"is not made ready.*stack up"),
        ):
            store.standing()

    def test_what_no_column_can_hold_is_refused(self, stores):
        wide = replace(NARROW, features=NARROW.features * 1700)
        with pytest.raises(TerminalError, match="at most 1600 columns"):
            stores["publisher"].replace(0, "c", {}, [Rows(wide)])
        assert stores["publisher"].standing() is None


@pytest.mark.usefixtures("empty")
class TestLake:
    @pytest.fixture
    def machines(self, tmp_path, empty_nessie, postgres_url, receipts_passwords, monkeypatch):
        """Open the same lake in two folders, each with a state of its own."""
        monkeypatch.setenv("LAGOA_SECRET_RECEIPTS_PASSWORD", receipts_passwords["publisher"].get_secret_value())
        shared = {
            "catalog": "nessie",
            "nessie_url": empty_nessie,
            "warehouse": f"s3://lagoa/warehouse/{uuid.uuid4().hex}",
            "role": "publisher",
            "postgres_url": postgres_url,
            "receipts": "postgres",
            "online_features": "postgres",
        }
        with ExitStack() as opened:
            folders = [LakeFolder(tmp_path / name, **shared) for name in ("one", "two")]
            for each in folders:
                featured.contracts(each)
            yield [opened.enter_context(each.open()) for each in folders]

    def test_features_of_one_machine_are_read_on_the_other_and_a_rollback_is_followed(self, machines):
        one, two = machines
        first = featured.publish(one, {"a": 1, "b": 2})
        featured.apply(one)
        assert two.follow_features().written == {"shops": 2, "towns": 2}
        second = featured.publish(one, {"a": 3}, day=1)
        one.follow_features()
        answer = two.online_features(["both"], [{"shop": "a"}, {"shop": "b"}])
        assert answer.commit == second
        assert answer.rows == (
            {"shops:v": 3, "shops:word": "w3", "towns:v": 3},
            {"shops:v": None, "shops:word": None, "towns:v": None},
        )
        two.rollback(f"main@{first}")
        two.follow_features()
        answer = one.online_features(["both"], [{"shop": "b"}])
        assert (answer.commit, answer.rows[0]["shops:v"]) == (one.resolve("main").id, 2)
        assert one.feature_status().online == answer.commit

    def test_a_pushed_row_reaches_the_other_machine(self, machines):
        one, two = machines
        featured.publish(one, {"a": 1})
        featured.apply(one)
        one.materialize_features()
        later = int(featured.T0.timestamp() * 1e6) + 1
        one.context.online.push(SHOPS, [OnlineRow(entity_key(["a"]), later, (9, "\x00"))])
        assert two.online_features(["shops"], [{"shop": "a"}]).rows == ({"shops:v": 9, "shops:word": "\x00"},)
