"""Daft beside Lagoa, as `pip install lagoa daft` would: it reads lists, maps and structs that Lagoa wrote."""

from __future__ import annotations

import subprocess
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from lakes import LakeFolder
from pyarrow import parquet

from tests.wheel.conftest import UV

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(900)]

VERSION = "0.6.14"
"""Of Daft: no part of Lagoa needs it, so that no lock has it."""

READ = """
import sys

import daft
from pyarrow import parquet

import lagoa

with lagoa.open_lake(sys.argv[1]) as lake:
    found = daft.read_iceberg(lake.catalog().load_table("bronze.a")).sort("id")
    assert found.column_names == sys.argv[3].split()
    parquet.write_table(found.exclude("uid", "said").to_arrow(), sys.argv[2])
    assert found.where(daft.col("id") == 2).select("id", "tags").to_pydict() == {"id": [2], "tags": [None]}

    # What it cannot read, as the documentation says: when one of these fails, the documentation is to be changed.
    assert found.select("said").to_pydict() == {"said": [None, None, None]}
    try:
        found.select("uid").to_arrow()
    except Exception as error:
        assert "uuid" in str(error), error
    else:
        raise AssertionError("a UUID was read")
"""

COLUMNS = {
    "id": ("long", pa.int64()),
    "tags": ("list<string>", pa.list_(pa.string())),
    "counts": ("map<string, long>", pa.map_(pa.string(), pa.int64())),
    "place": ("struct<room: string, height: double>", pa.struct({"room": pa.string(), "height": pa.float64()})),
    "parts": (
        "list<struct<name: string, since: date>>",
        pa.list_(pa.struct({"name": pa.string(), "since": pa.date32()})),
    ),
    "nested": ("map<string, list<long>>", pa.map_(pa.string(), pa.list_(pa.int64()))),
    "at": ("timestamptz", pa.timestamp("us", "UTC")),
    "price": ("decimal(12,3)", pa.decimal128(12, 3)),
    "raw": ("binary", pa.binary()),
    "uid": ("uuid", pa.string()),
}
WHOLE = {
    "id": 1,
    "tags": ["a", None, "ü"],
    "counts": [("on", 1), ("off", None)],
    "place": {"room": "r", "height": 1.5},
    "parts": [{"name": "lens", "since": date(2020, 2, 29)}, {"name": None, "since": None}],
    "nested": [("x", [1, 2]), ("y", [])],
    "at": datetime(2026, 9, 1, 6, 30, 0, 123456, UTC),
    "price": Decimal("1.125"),
    "raw": b"\0\xff",
}
EMPTY = {"id": 3, "tags": [], "counts": [], "parts": [], "nested": []}
"""Lists and maps that are empty are not null: PyIceberg's own reader takes a null list of structs for an empty one."""


def test_daft_reads_lists_maps_and_structs(install, tmp_path):
    environment = install()
    where = ["-q", "--python", str(environment.python), f"daft=={VERSION}"]
    subprocess.run([*UV, "pip", "install", *where], check=True)
    folder = LakeFolder(tmp_path / "lake")
    columns = {name: kind for name, (kind, _) in COLUMNS.items()}
    folder.contract("bronze.a", {**columns, "word": "string"}, partition=["bucket(2, id)"])
    schema = pa.schema({name: kind for name, (_, kind) in COLUMNS.items()})
    rows = pa.Table.from_pylist([WHOLE, {"id": 2}, EMPTY, {"id": 4}], schema)
    with folder.open() as lake, lake.run("load") as branch:
        branch.append("bronze.a", rows.append_column("word", pa.array(["a", "b", "c", "d"])))
        branch.delete("bronze.a", "id = 4")
        branch.publish()
    renamed = {"physicalType": "string", "lagoa.formerName": "word"}
    folder.contract("bronze.a", {**columns, "said": renamed}, partition=["bucket(2, id)"])
    with folder.open() as lake, lake.run("rename") as branch:
        branch.evolve()
        branch.publish()
    found = tmp_path / "found.parquet"
    command = [environment.python, "-c", READ, folder.root, found, " ".join([*columns, "said"])]
    variables = {**environment.variables(tmp_path), "DAFT_ANALYTICS_ENABLED": "0", "PYTHONWARNINGS": "default"}
    subprocess.run(command, check=True, env=variables, cwd=tmp_path)
    assert parquet.read_table(found).to_pylist() == rows.slice(0, 3).drop_columns("uid").to_pylist()
