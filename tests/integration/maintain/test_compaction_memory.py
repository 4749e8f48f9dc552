"""A compaction of a table that is larger than memory spills, and takes no more than a limit that does not follow it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from lakes import LakeFolder

TABLE = "bronze.sales"
COLUMNS = {"id": "long", "code": "string", "note": "string", "price": "double"}
ROWS, FILES = 100_000, 60
LIMIT = 256
"""MiB: a third of what the rows take in memory."""

OUTSIDE = 400
"""MiB that a process takes beside that: its libraries, and what DuckDB's writer of Parquet does not count."""

COMPACT = """
import json, sys
from lagoa.bootstrap import open_lake

with open_lake(sys.argv[1]) as lake:
    (done,) = lake.compact().tables
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
facts = {"state": done.state, "files": done.files, "written": done.written, "rows": done.rows, "peak": peak / 1024}
print(json.dumps(facts))
"""

ONE = pa.table({"id": [-1], "code": ["x"], "note": ["y"], "price": [1.0]})


def load(folder, files, rows):
    """Append files of rows in no order, whose texts compress badly."""
    select = """
        SELECT CAST(hash(range) % 1000000000 AS BIGINT) AS id, md5(CAST(range AS VARCHAR)) AS code,
            md5(range || 'x') || md5(range || 'y') AS note, random() AS price
        FROM range(?, ?)
    """
    with duckdb.connect() as rowed, folder.open() as lake, lake.run("load") as run:
        for part in range(files):
            run.append(TABLE, rowed.execute(select, [part * rows, (part + 1) * rows]).to_arrow_table())
        run.publish()


def change_layout(folder, **custom):
    """Give the contract another layout, and have the table take it with a row more."""
    folder.contract(TABLE, COLUMNS, **custom)
    with folder.open() as lake, lake.run("more") as run:
        run.append(TABLE, ONE)
        run.publish()


@pytest.mark.slow
@pytest.mark.parametrize("order", [{}, {"sort": ["code"]}], ids=["as they came", "sorted"])
def test_each_of_many_new_partitions_is_one_file(folder, order):
    # DuckDB keeps the files of 100 partitions open, and looks after them every 524,288 rows.
    folder.contract(TABLE, COLUMNS)
    load(folder, 2, 400_000)
    change_layout(folder, partition=["bucket(120, id)"], **order)
    with folder.open() as lake:
        (done,) = lake.compact().tables
    assert (done.rewritten, done.written) == (2, 120)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        ({"sort": ["code"], "bloom": ["code"]}, None, None),
        ({}, None, None),
        ({}, {"partition": ["bucket(300, id)"], "sort": ["code"]}, 300),
        ({}, {"partition": ["bucket(300, id)"]}, 300),
    ],
    ids=["sorted", "as they came", "into other partitions, sorted", "into other partitions"],
)
def test_the_peak_follows_the_limit_and_not_the_table(tmp_path, before, after, written):
    # Files of an earlier partitioning are rewritten together up to four times the target.
    folder = LakeFolder(tmp_path, memory_limit=f"{LIMIT}MB", target_file_mb=128 if after else 32)
    folder.contract(TABLE, COLUMNS, **before)
    load(folder, FILES, ROWS)
    files = FILES
    if after is not None:
        change_layout(folder, **after)
        files += 1
    told = subprocess.run(
        [sys.executable, "-c", COMPACT, str(tmp_path)],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    done = json.loads(told.stdout)
    assert (done["state"], done["files"]) == ("compacted", files)
    assert done["rows"] >= ROWS * FILES
    assert written is None or done["written"] == written
    assert done["peak"] < LIMIT + OUTSIDE, done
