"""A collection of ten million files needs no more memory than one of few."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from lagoa.maintain.garbage import Garbage
from lagoa.maintain.seen import Seen
from lagoa.storage.port import Stored

GIB = 2**30
PAGE = 10_000


def place(number: int) -> str:
    """Return a place of the length that they have."""
    return f"/srv/lake/.lagoa/warehouse/bronze/orders-0b6cbd32-5a1b-4f5c-9f4e-4e3c4a9cbb10/data/{number:032x}/f.parquet"


def collect(count: int) -> tuple[int, int]:
    """Mark all but each tenth of some files, and find these; return how many were found, and the peak of memory."""
    with Seen() as seen, Garbage() as garbage:
        for number in range(count):
            if number % 10:
                seen.add(place(number))
        for start in range(0, count, PAGE):
            places = [place(number) for number in range(start, min(start + PAGE, count))]
            marked = seen.among(places)
            garbage.add(Stored(each, 1, 0.0) for each in places if each not in marked)
        found = sum(1 for _ in garbage)
        assert garbage.totals() == (found, found)
    return found, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_each_tenth_is_found():
    assert collect(25_000)[0] == 2_500


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_ten_million_files_take_less_than_a_gibibyte():
    done = subprocess.run(
        [sys.executable, "-c", f"import {__name__} as here; print(*here.collect(10_000_000))"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    found, peak = map(int, done.stdout.split())
    assert found == 1_000_000
    assert peak < GIB
