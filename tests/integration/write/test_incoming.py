"""Rows that came in by a merge or as observations are kept as they came, for a replay on another state."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lagoa.bootstrap import open_lake

if TYPE_CHECKING:
    from pathlib import Path

    from lagoa.lake import Lake

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def column(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "physicalType": kind, "description": "x", **more}


KEY = {"required": True, "primaryKey": True, "primaryKeyPosition": 1}
PEOPLE = [column("k", "long", **KEY), column("v", "string"), column("t", "long")]
THINGS = [
    column("k", "long", **KEY),
    column("v", "string", required=True),
    column("valid_from", "timestamptz", required=True, primaryKey=True, primaryKeyPosition=2),
    column("valid_to", "timestamptz"),
    column("is_current", "boolean", required=True),
]


def write_contract(root: Path, table: str, properties: list[dict[str, Any]], **custom: Any) -> None:
    layer, name = table.split(".")
    document = {
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": table, "name": table, "version": "1.0.0",
        "schema": [{
            "name": name, "description": "One row a thing.", "properties": properties,
            "customProperties": [{"property": f"lagoa.{key}", "value": value} for key, value in custom.items()],
        }],
    }  # fmt: skip
    path = root / "iceberg" / layer / f"{name}.odcs.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "lagoa.toml").write_text('name = "test"\nthreads = 1\nmemory_limit = "1GB"\n')
    write_contract(tmp_path, "bronze.a", PEOPLE, orderBy="t", partition=["bucket(4, k)"], sort=["v"])
    write_contract(tmp_path, "silver.things", THINGS, materialization="scd2", scd2={"deletions": "marker"})
    return tmp_path


def people(*values: tuple[int, str, int]) -> pa.Table:
    return pa.table({name: [row[at] for row in values] for at, name in enumerate("kvt")})


def intent(lake: Lake) -> dict[str, Any]:
    (found,) = json.loads(lake.log("dev", 1)[0].properties["lagoa.intents"])
    return found


def incoming(lake: Lake) -> list[dict[str, Any]]:
    """The rows in the files that the newest intent names."""
    return [row for path in intent(lake)["incoming"] for row in pq.ParquetFile(path).read().to_pylist()]


def kept_files(root: Path) -> list[Path]:
    return sorted((root / ".lagoa/warehouse/_lagoa/incoming").rglob("*.parquet"))


def test_a_merge_keeps_its_rows_one_a_key_whatever_becomes_of_them(root: Path) -> None:
    with open_lake(root) as lake:
        dev = lake.create_branch("dev")
        dev.merge("bronze.a", people((1, "newest", 9), (2, "b", 1)))
        dev.merge("bronze.a", people((1, "older", 5), (1, "oldest", 4), (3, "c", 1)))
        assert sorted(dev.sql("select v from bronze.a").fetchall()) == [("b",), ("c",), ("newest",)]
        # The older row lost here; on a state without the newest it would not.
        assert sorted(row["v"] for row in incoming(lake)) == ["c", "older"]


def test_columns_are_kept_by_field_id_and_files_by_no_table(root: Path) -> None:
    with open_lake(root) as lake:
        lake.create_branch("dev").merge("bronze.a", people((1, "a", 1), (2, "b", 2)))
        (path,) = intent(lake)["incoming"]
        table = lake.catalog("dev").load_table("bronze.a")
        ids = {field.name: field.field_id for field in table.schema().fields}
        schema = pq.ParquetFile(path).schema_arrow
        assert {field.name: int(field.metadata[b"PARQUET:field_id"]) for field in schema} == ids
        assert path not in {task.file.file_path for task in table.scan().plan_files()}
        assert not path.startswith(table.location())


def test_observations_are_kept_with_the_marks_of_deletions(root: Path) -> None:
    with open_lake(root) as lake:
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


def test_a_model_keeps_none_for_it_is_built_again(root: Path) -> None:
    with open_lake(root) as lake, lake.create_branch("dev").write() as tx:
        tx.merge(lake.context.contracts.tables[0], people((1, "a", 1)), kind="model")
    assert kept_files(root) == []


def test_a_merge_that_is_refused_leaves_the_branch_as_it_was(root: Path) -> None:
    with open_lake(root) as lake:
        dev = lake.create_branch("dev")
        head = dev.head
        with pytest.raises(Exception, match="null"):
            dev.merge("bronze.a", pa.table({"k": pa.array([None], pa.int64()), "v": ["a"], "t": [1]}))
        assert dev.head == head
        assert kept_files(root) == []


def test_nothing_is_kept_where_the_settings_say_so(root: Path) -> None:
    with (root / "lagoa.toml").open("a") as file:
        file.write("incoming_days = 0\n")
    with open_lake(root) as lake:
        lake.create_branch("dev").merge("bronze.a", people((1, "a", 1)))
        assert intent(lake)["incoming"] == []
        assert kept_files(root) == []


def test_a_publication_removes_what_came_in_longer_ago_than_is_kept(root: Path) -> None:
    with open_lake(root) as lake:
        lake.create_branch("dev").merge("bronze.a", people((1, "a", 1)))
        (today,) = (root / ".lagoa/warehouse/_lagoa/incoming").iterdir()
        for days in (29, 31):
            shutil.copytree(today, today.with_name(f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}"))
        strange = today.with_name("of-somebody-else")
        strange.mkdir()
        lake.branch("dev").publish()
        left = {path.name for path in today.parent.iterdir()}
        assert left == {today.name, strange.name, f"{datetime.now(UTC) - timedelta(days=29):%Y-%m-%d}"}
