"""A lake that an earlier Lagoa made opens, where it was made and anywhere else, and work in it goes on."""

from __future__ import annotations

import pytest
from older_lakes import EMBEDDED, PLACE, Kept, OlderLake, differences, older_lake, seen, unpack

pytestmark = pytest.mark.timeout(300)  # processes wait for each other at the one place where it was made


@pytest.fixture(params=EMBEDDED)
def kept(request, tmp_path):
    """Return an embedded lake, as it was left, in a place where it has never been."""
    return Kept(request.param, unpack(request.param, tmp_path / "elsewhere"))


@pytest.mark.slow
class TestEmbedded(OlderLake):
    """All of `OlderLake`, on a SQLite catalog and files of this machine."""


@pytest.mark.parametrize("name", [EMBEDDED[0], *(pytest.param(each, marks=pytest.mark.slow) for each in EMBEDDED[1:])])
def test_where_it_was_made(name):
    with older_lake(name) as folder:
        kept = Kept(name, folder)
        with kept.open() as lake:
            assert lake.context.storage.home == lake.context.storage.location
            found = seen(lake)
        assert differences(found, {name: kept.expected[name] for name in found}) == []
        assert kept.examine() == []


def test_its_home_is_kept_for_the_next_move(kept):
    for _ in range(2):
        with kept.open() as lake:
            assert lake.context.storage.home == f"{PLACE}/.lagoa/warehouse"
            assert all(pointer.startswith(f"{PLACE}/.lagoa/warehouse/") for pointer in lake.tables().values())
