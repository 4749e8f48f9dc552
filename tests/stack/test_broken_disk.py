"""A full disk beneath the state folder: a clear error, main whole, and the job done when there is room."""

from __future__ import annotations

import shutil

import pytest

from lagoa.errors import QueryError, TerminalError
from tests.stack.breaking import at_step, fill, holds, load, small_disk

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def state(small):
    """Let the state folder be a disk of 8 MB; return it."""
    folder = small.root / ".lagoa"
    with small_disk(folder, "8m"):
        yield folder


def test_no_room_for_a_receipt(small, state):
    filler = state / "filler"

    with small.open() as lake:
        load(lake, 1)
        with (
            at_step("publish.audited", lambda: fill(filler)),
            pytest.raises(TerminalError, match=r"receipts.db .*full.*[Ff]ree disk"),
        ):
            load(lake, 2)
        filler.unlink()
        holds(lake, {1: 1})
        load(lake, 2)
        holds(lake, {1: 1, 2: 1})


def test_no_room_for_what_the_engine_spills(small, state):
    with small.open(memory_limit="60MB") as lake:
        load(lake, 1)
        large = "SELECT count(*) FROM (SELECT md5(i::VARCHAR) AS text FROM range(3_000_000) ids(i) ORDER BY text)"
        with lake.context.engine.session({}) as session, pytest.raises(QueryError, match="state folder"):
            session.query(large).fetchall()
        assert shutil.disk_usage(state).free > 7_000_000
        load(lake, 2)
        holds(lake, {1: 1, 2: 1})
