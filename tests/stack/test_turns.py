"""Turns at PostgreSQL: every role may take them, and a server that fails stops no publication."""

from __future__ import annotations

import socket
import threading

import psycopg
import pytest
from pydantic import SecretStr

from lagoa.adapters.postgres.lazy import Login
from lagoa.adapters.postgres.tables import ROLES
from lagoa.adapters.postgres.turns import PostgresTurns

LONG_S = 600


@pytest.fixture
def admin(postgres_url, credentials):
    with psycopg.connect(
        postgres_url, user="postgres", password=credentials["postgres-admin"], autocommit=True
    ) as made:
        yield made


@pytest.fixture
def turns(postgres_url, receipts_passwords):
    """Return the turns as each role takes them."""
    return {role: PostgresTurns(Login(postgres_url, role, lambda r=role: receipts_passwords[r])) for role in ROLES}


def test_roles_take_turns_with_each_other(turns):
    for role in ROLES:
        with turns[role].turn(LONG_S) as came:
            assert came
            for other in ROLES:
                with turns[other].turn(0) as beside:
                    assert not beside


def test_lakes_of_other_databases_do_not_wait(turns, postgres_url, credentials):
    place = postgres_url.rpartition("/")[0]
    secret = SecretStr(credentials["postgres-admin"])

    class Admin(Login):
        name = "postgres"

    with turns["engineer"].turn(LONG_S), PostgresTurns(Admin(f"{place}/postgres", "", lambda: secret)).turn(0) as came:
        assert came


def test_a_server_that_is_gone_has_no_turns(receipts_passwords):
    login = Login("postgresql://127.0.0.1:1/lagoa", "engineer", lambda: receipts_passwords["engineer"])
    with PostgresTurns(login).turn(LONG_S) as came:
        assert not came


def test_one_that_says_nothing_has_none_after_its_time(receipts_passwords):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"postgresql://127.0.0.1:{silent.getsockname()[1]}/lagoa"
        login = Login(address, "engineer", lambda: receipts_passwords["engineer"], timeout_s=1)
        with PostgresTurns(login).turn(LONG_S) as came:
            assert not came


def test_a_login_that_is_refused_has_none(postgres_url):
    with PostgresTurns(Login(postgres_url, "engineer", lambda: SecretStr("wrong"))).turn(LONG_S) as came:
        assert not came


def test_a_turn_whose_connection_the_server_ends_is_over_for_the_others(turns, admin):
    came_up = threading.Event()

    def wait():
        with turns["ingest"].turn(LONG_S) as came:
            if came:
                came_up.set()

    with turns["engineer"].turn(LONG_S) as came:
        assert came
        waiting = threading.Thread(target=wait)
        waiting.start()
        admin.execute("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted")
        waiting.join()
    assert came_up.is_set()
