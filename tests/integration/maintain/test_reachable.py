"""Which files some commits need, compared with what is on the disk and what PyIceberg reads."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from lagoa.errors import CatalogDamaged
from lagoa.maintain.reachable import reachable
from lagoa.maintain.seen import Seen


@pytest.fixture
def folder(folder):
    """Return a lake with a table that is appended to, one that is merged into, and a model of both."""
    folder.contract("bronze.log", "n:long* v:string")
    folder.contract("silver.state", "n:long* v:string")
    folder.contract("gold.sums", "v:string* n:long", materialization="full")
    folder.model("gold.sums", "SELECT v, count(*) AS n FROM bronze.log JOIN silver.state USING (v) GROUP BY v")
    return folder


def needed(lake, *commits):
    with Seen() as seen:
        return list(reachable(lake.context, commits, seen))


def rows(*numbers):
    return pa.table({"n": list(numbers), "v": [f"v{n}" for n in numbers]})


def all_files(lake):
    return {str(each) for each in Path(lake.context.storage.location).rglob("*") if each.is_file()}


def test_all_commits_need_every_file_once(lake, dev):
    dev.append("bronze.log", rows(1), batch="first")
    dev.merge("silver.state", rows(1))
    dev.transform()
    dev.append("bronze.log", rows(2))
    dev.transform()
    dev.publish()
    commits = [each.id for each in lake.log("dev")] + [each.id for each in lake.log()]
    found = needed(lake, *commits)
    places = [each.place for each in found]
    assert len(places) == len(set(places))
    assert set(places) == all_files(lake)
    assert all(each.size is None or each.size == Path(each.place).stat().st_size for each in found)
    assert {each.kind for each in found} == {"metadata", "manifest list", "manifest", "data", "batches", "incoming"}


def test_a_commit_needs_its_own_rows_and_no_older_ones(lake, dev):
    dev.replace("bronze.log", rows(1))
    first = dev.head
    dev.replace("bronze.log", rows(2))
    (one,) = (each.place for each in needed(lake, first) if each.kind == "data")
    (two,) = (each.place for each in needed(lake, dev.head) if each.kind == "data")
    assert one != two


def test_the_inputs_of_a_model_are_needed_as_they_were(lake, dev):
    dev.append("bronze.log", rows(1))
    dev.merge("silver.state", rows(1))
    dev.transform()
    then = lake.tables("dev")
    dev.replace("bronze.log", rows(3))
    places = {each.location for each in needed(lake, dev.head) if each.kind == "metadata"}
    assert places == {*then.values(), *lake.tables("dev").values()}


def test_what_was_seen_is_not_opened_again(lake, dev):
    dev.append("bronze.log", rows(1))
    with Seen() as seen:
        assert list(reachable(lake.context, [dev.head], seen))
        for file in all_files(lake):
            Path(file).unlink()
        assert list(reachable(lake.context, [dev.head], seen)) == []


@pytest.mark.parametrize("name", ["*.metadata.json", "snap-*.avro", "*-m0.avro"])
@pytest.mark.parametrize("content", [b"no such file", None])
def test_a_file_that_cannot_be_read_ends_it(lake, dev, name, content):
    dev.append("bronze.log", rows(1))
    (file, *_) = Path(lake.context.storage.location).glob(f"bronze/*/metadata/{name}")
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CatalogDamaged, match=file.name):
        needed(lake, dev.head)
