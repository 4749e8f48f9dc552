"""What the tests on real servers are given: the addresses of a stack that `tests/stack/run` has brought up."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from pydantic import SecretStr

from lagoa.adapters.postgres.tables import ROLES
from lagoa.domain.credentials import drawn_password, read_credentials
from lagoa.stack.run import Stack
from tests.stack.breaking import StackLake


@pytest.fixture(scope="session")
def nessie_url():
    """Return the address of Nessie's API v2; without a stack these tests fail."""
    url = os.environ.get("LAGOA_NESSIE_URL")
    assert url, "No stack is up: run `make test-stack`."
    return url


@pytest.fixture
def empty_nessie(nessie_url):
    """Return the address of a Nessie that has nothing but a main without commits."""
    return emptied(nessie_url)


def emptied(nessie_url):
    """Leave nothing in a Nessie but a main without commits; return its address."""
    with httpx.Client(base_url=f"{nessie_url}/", timeout=30) as http:
        nothing = http.get("config").json()["noAncestorHash"]
        for ref in http.get("trees", params={"max-records": 1000}).json()["references"]:
            path = f"trees/{quote(ref['name'], safe='')}@{ref['hash']}"
            if ref["name"] == "main":
                http.put(path, json={"type": "DETACHED", "hash": nothing}).raise_for_status()
            else:
                http.delete(path).raise_for_status()
    return nessie_url


@pytest.fixture(scope="session")
def postgres_url():
    """Return the address of the database of receipts; without a stack these tests fail."""
    url = os.environ.get("LAGOA_POSTGRES_URL")
    assert url, "No stack is up: run `make test-stack`."
    return url


@pytest.fixture(scope="session")
def credentials():
    """Return what the stack has drawn, by name."""
    return read_credentials(Path(os.environ["LAGOA_TEST_STACK"]) / ".lagoa/stack/credentials.json")


@pytest.fixture(scope="session")
def receipts_passwords(credentials):
    """Return the password of each role's login at the database of receipts."""
    return {role: SecretStr(credentials[drawn_password(role)]) for role in ROLES}


@pytest.fixture(scope="session")
def stack():
    """Return the stack that `tests/stack/run` has brought up."""
    folder = os.environ.get("LAGOA_TEST_STACK")
    assert folder, "No stack is up: run `make test-stack`."
    return Stack(Path(folder), Path(folder) / ".lagoa/stack")


@pytest.fixture(scope="session")
def signed():
    """Return the stack in which nobody does anything without having signed in, which that script has brought up too."""
    folder = os.environ.get("LAGOA_TEST_SIGNED_STACK")
    assert folder, "No stack with sign-in is up: run `make test-stack`."
    return Stack(Path(folder), Path(folder) / ".lagoa/stack")


@pytest.fixture
def small(tmp_path, empty_nessie):
    """Return the files of a lake on Nessie and MinIO that has nothing in it."""
    return StackLake(tmp_path / "lake", empty_nessie)
