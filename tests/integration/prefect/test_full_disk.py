"""A full disk beneath the lake's Prefect server: a clear error, main whole, and the job done when there is room."""

from __future__ import annotations

import os

import pytest
from deployed import Deployed

from tests.stack.breaking import fill, small_disk

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk"),
]


def test_a_run_says_so_and_is_done_when_there_is_room(tmp_path):
    lake = Deployed(tmp_path / "lake")
    lake.people("data", "people-1", "1,Ana,Rio")
    home = lake.server.home
    with small_disk(home, "8m"):
        try:
            assert lake.lagoa("flow", "up").returncode == 0
            filler = home / "filler"
            fill(filler)
            full = lake.lagoa("run", "daily")
            assert full.returncode == 1
            assert f"Prefect server answers 500 to POST /api/flows/; 0 MB are free in {home}" in full.stderr
            assert "Traceback" not in full.stderr
            with lake.open() as opened:
                assert opened.tables() == {}
                assert [ref.name for ref in opened.refs()] == ["main"]
            filler.unlink()
            assert lake.lagoa("run", "daily").returncode == 0
            with lake.open() as opened:
                assert opened.sql("select name from bronze.people").fetchall() == [("Ana",)]
        finally:
            lake.server.stop()
