"""The set of places on disk."""

from __future__ import annotations

import sqlite3

import pytest

from lagoa.maintain.seen import Seen


def test_a_place_is_new_once(tmp_path):
    with Seen(tmp_path) as seen:
        assert seen.add("/a/ç.parquet")
        assert not seen.add("/a/ç.parquet")
        assert "/a/ç.parquet" in seen
        assert "/a/b.parquet" not in seen


def test_many_are_asked_for_at_once(tmp_path):
    with Seen(tmp_path) as seen:
        for number in range(0, 3000, 2):
            seen.add(f"/{number}")
        assert seen.among([f"/{number}" for number in range(3000)]) == {f"/{number}" for number in range(0, 3000, 2)}
        assert seen.among([]) == set()


def test_nothing_stays_behind_whatever_happens_to_the_process(tmp_path):
    with Seen(tmp_path) as seen:
        assert all(seen.add(f"/{number}") for number in range(5_000))
        assert list(tmp_path.iterdir()) == []
        assert "/4999" in seen


def test_a_full_disk_is_an_error_of_the_system(tmp_path):
    with pytest.raises(OSError, match=r"temporary files in .*: database or disk is full"), Seen(tmp_path):
        raise sqlite3.OperationalError("database or disk is full")
