"""A lake that Lagoa 0.1 made on Nessie and MinIO opens on servers of its own, and work in it goes on."""

from __future__ import annotations

import pytest
from older_lakes import Kept, OlderLake
from older_stack import NAME, older_stack

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Bring up servers that begin with what the lake's kept."""
    with older_stack(tmp_path_factory.mktemp("older")) as up:
        yield up


@pytest.fixture
def kept(servers, tmp_path, monkeypatch):
    """Return the lake, as it was left."""
    for name, value in servers.environment.items():
        monkeypatch.setenv(name, value)
    return Kept(NAME, servers.put(tmp_path / "lake"), "stack")


class TestNessie(OlderLake):
    """All of `OlderLake`, on these servers."""
