"""The files that a table's batches are kept in: few, small, never changed."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lagoa.catalog.batches import BATCHES, BatchFiles, LoadedBatch
from lagoa.errors import CatalogDamaged
from lagoa.storage.local import LocalStorage

NOW = datetime.now(UTC)


def loaded(number: int, *, days: int = 0) -> LoadedBatch:
    return LoadedBatch(f"rows-1:{number:064x}", number, (NOW - timedelta(days=days)).isoformat())


def filled(files: BatchFiles, numbers: range, properties: dict[str, str] | None = None) -> dict[str, str]:
    properties = properties or {}
    for number in numbers:
        properties = files.of(properties).add("table", {f"b{number}": loaded(number)})
    return properties


def test_each_batch_is_found_with_all_that_was_kept_of_it(tmp_path):
    properties = filled(BatchFiles(LocalStorage(tmp_path)), range(300))
    fresh = BatchFiles(LocalStorage(tmp_path)).of(properties)  # nothing of the writing is in memory
    assert all(fresh.get(f"b{number}") == loaded(number) for number in range(300))
    assert fresh.get("b300") is None
    assert len(fresh.all()) == 300


@pytest.mark.parametrize("count", [1, 15, 16, 17, 255, 256, 300])
def test_a_table_names_at_most_one_file_for_each_power_of_sixteen(tmp_path, count):
    named = json.loads(filled(BatchFiles(LocalStorage(tmp_path)), range(count))[BATCHES])
    assert len(named["files"]) <= math.floor(math.log(count, 16)) + 1
    assert len(json.dumps(named)) < 400


def test_a_new_batch_rewrites_only_small_files(tmp_path):
    files = BatchFiles(LocalStorage(tmp_path))
    properties = filled(files, range(600))
    before = set(tmp_path.rglob("*.json"))
    filled(files, range(600, 615), properties)
    written = sum(path.stat().st_size for path in set(tmp_path.rglob("*.json")) - before)
    all_of_it = sum(path.stat().st_size for path in before if path.name in json.loads(properties[BATCHES])["files"])
    assert written < 15 * all_of_it / 4


def test_a_table_at_an_older_state_holds_what_it_held(tmp_path):
    files = BatchFiles(LocalStorage(tmp_path))
    then = filled(files, range(20))
    now = filled(files, range(20, 40), then)
    assert len(files.of(then).all()) == 20
    assert len(files.of(now).all()) == 40


@pytest.mark.parametrize("common", [0, 1, 15, 40])
@pytest.mark.parametrize("left", [0, 1, 17])
@pytest.mark.parametrize("right", [0, 1, 17])
def test_what_one_state_holds_and_another_does_not(tmp_path, common, left, right):
    files = BatchFiles(LocalStorage(tmp_path))
    base = filled(files, range(common))
    a = files.of(filled(files, range(1000, 1000 + left), base))
    b = files.of(filled(files, range(2000, 2000 + right), base))
    assert a.missing_from(b).keys() == {f"b{number}" for number in range(1000, 1000 + left)}
    assert b.missing_from(a).keys() == {f"b{number}" for number in range(2000, 2000 + right)}


def test_properties_of_an_older_version_are_read_and_replaced(tmp_path):
    old = {"lagoa.batch.a": "1" * 64, "lagoa.received.a": "7", "lagoa.batch.b": "2" * 64, "owner": "sales"}
    batches = BatchFiles(LocalStorage(tmp_path)).of(old)
    assert batches.get("a") == LoadedBatch("1" * 64, 7)
    assert batches.get("b") == LoadedBatch("2" * 64)
    properties = batches.add("table", {"c": loaded(3)})
    assert batches.replaced == {"lagoa.batch.a", "lagoa.received.a", "lagoa.batch.b"}
    assert BatchFiles(LocalStorage(tmp_path)).of(properties).all() == {**batches.all(), "c": loaded(3)}


def test_a_batch_is_known_for_as_long_as_the_policy_says(tmp_path):
    files = BatchFiles(LocalStorage(tmp_path), days=30)
    properties: dict[str, str] = {}
    for number, days in enumerate([40, 29, 0]):
        properties = files.of(properties).add("table", {f"b{number}": loaded(number, days=days)})
    assert files.of(properties).all().keys() == {"b1", "b2"}


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"batches": {"a": {"strange": 1}}}'])
def test_a_file_that_is_lost_or_damaged_is_an_error_that_names_it(tmp_path, content):
    properties = filled(BatchFiles(LocalStorage(tmp_path)), range(1))
    (path,) = Path(tmp_path).rglob("*.json")
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(CatalogDamaged, match=path.name):
        BatchFiles(LocalStorage(tmp_path)).of(properties).get("b0")
