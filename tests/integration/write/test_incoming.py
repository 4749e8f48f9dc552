"""Rows that came in by a merge or as observations are kept as they came, for a replay on another state."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from lakes import LakeFolder

    from lagoa.lake import Lake

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def folder(folder: LakeFolder) -> LakeFolder:
    folder.contract("bronze.a", "k:long* v:string t:long", orderBy="t", partition=["bucket(4, k)"], sort=["v"])
    columns = "k:long* v:string! valid_from:timestamptz* valid_to:timestamptz is_current:boolean!"
    folder.contract("silver.things", columns, materialization="scd2", scd2={"deletions": "marker"})
    return folder


def people(*values: tuple[int, str, int]) -> pa.Table:
    return pa.table({name: [row[at] for row in values] for at, name in enumerate("kvt")})


def intent(lake: Lake) -> dict[str, Any]:
    (found,) = json.loads(lake.log("dev", 1)[0].properties["lagoa.intents"])
    return found


def incoming(lake: Lake) -> list[dict[str, Any]]:
    """The rows in the files that the newest intent names."""
    return [row for path in intent(lake)["incoming"] for row in pq.ParquetFile(path).read().to_pylist()]


def kept_files(folder: LakeFolder) -> list[Path]:
    return sorted((folder.root / ".lagoa/warehouse/_lagoa/incoming").rglob("*.parquet"))


def test_a_merge_keeps_its_rows_one_a_key_whatever_becomes_of_them(folder: LakeFolder) -> None:
    with folder.open() as lake:
        dev = lake.create_branch("dev")
        dev.merge("bronze.a", people((1, "newest", 9), (2, "b", 1)))
        dev.merge("bronze.a", people((1, "older", 5), (1, "oldest", 4), (3, "c", 1)))
        assert sorted(dev.sql("select v from bronze.a").fetchall()) == [("b",), ("c",), ("newest",)]
        # The older row lost here; on a state without the newest it would not.
        assert sorted(row["v"] for row in incoming(lake)) == ["c", "older"]


def test_columns_are_kept_by_field_id_and_files_by_no_table(folder: LakeFolder) -> None:
    with folder.open() as lake:
        lake.create_branch("dev").merge("bronze.a", people((1, "a", 1), (2, "b", 2)))
        (path,) = intent(lake)["incoming"]
        table = lake.catalog("dev").load_table("bronze.a")
        ids = {field.name: field.field_id for field in table.schema().fields}
        schema = pq.ParquetFile(path).schema_arrow
        assert {field.name: int(field.metadata[b"PARQUET:field_id"]) for field in schema} == ids
        assert path not in {task.file.file_path for task in table.scan().plan_files()}
        assert not path.startswith(table.location())


def test_observations_are_kept_with_the_marks_of_deletions(folder: LakeFolder) -> None:
    with folder.open() as lake:
        dev = lake.create_branch("dev")
        seen = pa.table({
            "k": [1, 1, 2],
            "v": ["a", None, "b"],
            "valid_from": pa.array([NOON, NOON + timedelta(hours=1), NOON], pa.timestamp("us", "UTC")),
            "is_deleted": [False, True, False],
        })  # fmt: skip
        assert dev.scd2("silver.things", seen).rows_added == 2
        found = sorted((row["k"], row["valid_from"], row["v"], row["is_current"]) for row in incoming(lake))
        assert found == [(1, NOON, "a", True), (1, NOON + timedelta(hours=1), None, False), (2, NOON, "b", True)]


def test_a_model_keeps_none_for_it_is_built_again(folder: LakeFolder) -> None:
    with folder.open() as lake, lake.create_branch("dev").write() as tx:
        tx.merge(lake.context.contracts.tables[0], people((1, "a", 1)), kind="model")
    assert kept_files(folder) == []


def test_a_merge_that_is_refused_leaves_the_branch_as_it_was(folder: LakeFolder) -> None:
    with folder.open() as lake:
        dev = lake.create_branch("dev")
        head = dev.head
        with pytest.raises(Exception, match="null"):
            dev.merge("bronze.a", pa.table({"k": pa.array([None], pa.int64()), "v": ["a"], "t": [1]}))
        assert dev.head == head
        assert kept_files(folder) == []


def test_nothing_is_kept_where_the_settings_say_so(folder: LakeFolder) -> None:
    folder.settings(incoming_days=0)
    with folder.open() as lake:
        lake.create_branch("dev").merge("bronze.a", people((1, "a", 1)))
        assert intent(lake)["incoming"] == []
        assert kept_files(folder) == []


def test_a_publication_removes_what_came_in_longer_ago_than_is_kept(folder: LakeFolder) -> None:
    with folder.open() as lake:
        lake.create_branch("dev").merge("bronze.a", people((1, "a", 1)))
        (today,) = (folder.root / ".lagoa/warehouse/_lagoa/incoming").iterdir()
        for days in (29, 31):
            shutil.copytree(today, today.with_name(f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}"))
        strange = today.with_name("of-somebody-else")
        strange.mkdir()
        lake.branch("dev").publish()
        left = {path.name for path in today.parent.iterdir()}
        assert left == {today.name, strange.name, f"{datetime.now(UTC) - timedelta(days=29):%Y-%m-%d}"}
