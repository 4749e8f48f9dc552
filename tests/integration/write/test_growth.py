"""A table that is written to again and again: what a write reads and writes does not grow with the writes before it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from lagoa.domain.tables import TableName
from lagoa.write import begin

if TYPE_CHECKING:
    from lakes import LakeFolder
    from pyiceberg.table import Table

    from lagoa.lake import Lake

A = "bronze.a"
KEPT = 3


@pytest.fixture
def folder(folder: LakeFolder) -> LakeFolder:
    folder.settings(snapshots=KEPT)
    folder.contract(A, "k:long* v:string")
    return folder


def row(key: int) -> pa.Table:
    return pa.table({"k": [key], "v": [f"v{key}"]})


def keys(lake: Lake, ref: str) -> list[int]:
    """The keys by DuckDB, after making sure that PyIceberg reads the same."""
    found = [key for (key,) in lake.sql(f"select k from {A} order by k", ref).fetchall()]
    assert sorted(lake.catalog(ref).load_table(A).scan().to_arrow()["k"].to_pylist()) == found
    return found


def entries(table: Table) -> list[Any]:
    snapshot = table.current_snapshot()
    assert snapshot is not None
    return [each for one in snapshot.manifests(table.io) for each in one.fetch_manifest_entry(table.io)]


def test_old_states_read_the_same_when_their_snapshots_are_not_listed_any_more(lake, dev):
    commits = []
    for key in range(8):
        dev.append(A, row(key), batch=f"b{key}")
        commits.append(dev.head)
    table = dev.catalog().load_table(A)
    document = json.loads(Path(table.metadata_location).read_text())
    assert [len(document[name]) for name in ("snapshots", "snapshot-log", "metadata-log")] == [KEPT] * 3
    for number, commit in enumerate(commits):
        assert keys(lake, f"dev@{commit}") == list(range(number + 1))
    assert dev.append(A, row(0), batch="b0").skipped
    dev.restore([A], f"dev@{commits[1]}")
    assert keys(lake, "dev") == [0, 1]
    dev.append(A, row(9))
    assert keys(lake, "dev") == [0, 1, 9]


def test_publications_before_the_listed_snapshots_are_blamed_compared_and_rolled_back_to(lake):
    published = []
    for key in range(KEPT + 3):
        with lake.run("load") as branch:
            branch.append(A, row(key))
            published.append(branch.publish())
    assert [each.commit for each in lake.blame(A, 0).writes] == [published[0].commit]
    (changed,) = lake.diff(f"main@{published[0].commit}", "main").tables
    assert changed.rows_added == KEPT + 2
    lake.rollback(f"main@{published[0].commit}")
    assert keys(lake, "main") == [0]


@pytest.mark.parametrize("at_once", [True, False], ids=["one commit", "a commit each"])
def test_a_rebase_adds_the_files_of_more_writes_than_snapshots_are_listed(lake, dev, at_once):
    dev.append(A, row(0))
    dev.publish()
    ours, theirs = lake.create_branch("ours"), lake.create_branch("theirs")
    if at_once:
        with begin(lake.context, "ours") as tx:
            for key in range(10, 16):
                tx.append(TableName.parse(A), row(key))
    else:
        for key in range(10, 16):
            ours.append(A, row(key))
    theirs.append(A, row(1))
    theirs.publish()
    ours.publish()
    assert keys(lake, "main") == [0, 1, *range(10, 16)]


def test_entries_of_manifests_that_were_put_together_keep_the_snapshot_that_added_their_file(lake, dev):
    added = []
    for key in range(18):
        dev.append(A, row(key))
        added.append(dev.catalog().load_table(A).metadata.current_snapshot_id)
    table = dev.catalog().load_table(A)
    assert len(table.current_snapshot().manifests(table.io)) == 2  # one of sixteen files, one of two
    assert sorted(each.sequence_number for each in entries(table)) == list(range(1, 19))
    assert {each.snapshot_id for each in entries(table)} == set(added)
    assert keys(lake, "dev") == list(range(18))


def test_manifests_are_put_together_after_merges_and_deletes_too(lake, dev):
    for key in range(12):
        dev.merge(A, row(key))
    for key in (2, 3, 7):
        dev.delete(A, f"k = {key}")
    table = dev.catalog().load_table(A)
    live = [each for each in table.current_snapshot().manifests(table.io) if each.has_existing_files()]
    assert len(live) <= 2
    assert keys(lake, "dev") == [0, 1, 4, 5, 6, 8, 9, 10, 11]
    assert keys(lake, "dev~3") == list(range(12))


def test_manifests_of_other_partitions_stay_apart(folder, lake, dev):
    for key in range(3):
        dev.append(A, row(key))
    folder.contract(A, "k:long* v:string", partition=["v"])
    lake.context.refresh()
    for key in range(3, 6):
        dev.append(A, row(key))
    table = dev.catalog().load_table(A)
    assert sorted(each.partition_spec_id for each in table.current_snapshot().manifests(table.io)) == [0, 1]
    assert keys(lake, "dev") == list(range(6))


def test_a_table_may_list_more_snapshots_and_keeps_those_with_a_name(lake, dev):
    dev.append(A, row(0))
    table = dev.catalog().load_table(A)
    table.manage_snapshots().create_tag(table.metadata.current_snapshot_id, "first").commit()
    for key in range(1, 6):
        dev.append(A, row(key))
    table = dev.catalog().load_table(A)
    assert len(table.metadata.snapshots) == KEPT + 1
    assert table.scan(snapshot_id=table.snapshot_by_name("first").snapshot_id).to_arrow().num_rows == 1
    with table.transaction() as tx:
        tx.set_properties({"history.expire.min-snapshots-to-keep": "5"})
    for key in range(6, 10):
        dev.append(A, row(key))
    assert len(dev.catalog().load_table(A).metadata.snapshots) == 5 + 1
