"""Files that Spark's executors read: the rows, the quarantine and the errors of this process's own reading."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import time
from pathlib import Path
from threading import Thread

import pyarrow as pa
import pytest
from pyarrow import parquet

import lagoa
from lagoa.errors import SourceError
from tests.stack.test_model_engines import lake_on_spark
from tests.stack.test_sign_in import WORK, Servers

pytestmark = [
    pytest.mark.timeout(900),
    # PySpark has a connection for each thread, and leaves it to the garbage collector to close it.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

HERE, THERE = f"{WORK}-here", f"{WORK}-there"
MOMENTS = "'_ingested_at', '_quarantined_at'"


def people(first, count, bad=()):
    lines = [f"{n},name {n} é,{-1 if n in bad else n % 90}" for n in range(first, first + count)]
    return "\n".join(["id,name,age", *lines, ""]).encode()


@pytest.fixture
def small(tmp_path, signed, monkeypatch):
    return lake_on_spark(tmp_path, Servers(signed), monkeypatch)


@pytest.fixture
def files(small):
    return write_files(small)


def write_files(small):
    """Return a folder of files of two tables, in three formats, with records that are refused."""
    small.contract("bronze.people", "id:long* name:string! age:int", source={"format": "csv", "file": "people-*"})
    small.contract("bronze.pets", "id:long* kind:string!", source={"file": "pets.parquet", "format": "parquet"})
    folder = small.root / "in"
    folder.mkdir()
    (folder / "people-1.csv").write_bytes(people(1, 2_000) + b"x,ana,3\n,bo,\xff\n")
    (folder / "people-2.csv.gz").write_bytes(gzip.compress(people(3_000, 2_000)))
    (folder / "people-3.csv").write_bytes(people(6_000, 2_000) + b"9999,\n")
    pets = pa.table({"id": pa.array([1, 2, None, 4], pa.int64()), "kind": ["cat", None, "dog", "dog"]})
    parquet.write_table(pets, folder / "pets.parquet")
    return folder


def content(lake, ref):
    tables = [each for each in sorted(lake.tables(ref)) if not str(each).startswith("gold")]
    return {
        str(each): lake.sql(f"SELECT COLUMNS(c -> c NOT IN ({MOMENTS})) FROM {each} ORDER BY ALL", ref).fetchall()
        for each in tables
    }


def counts(results):
    return [(each.source, each.batch, each.received, each.accepted, each.quarantined, each.rules) for each in results]


def test_executors_read_what_this_process_reads(small, files, monkeypatch):
    monkeypatch.setenv("LAGOA_ENGINE", "duckdb")
    with lagoa.open_lake(small.root, "stack") as lake:
        here = counts(lake.create_branch(HERE).ingest_folder(files))
        wanted = content(lake, HERE)
    assert [each[3:5] for each in here] == [(2_000, 2), (2_000, 0), (2_000, 1), (2, 2)]
    monkeypatch.setenv("LAGOA_ENGINE", "spark")
    monkeypatch.chdir(files)  # executors find a relative path, too
    with lagoa.open_lake(small.root, "stack") as lake:
        work = lake.create_branch(THERE)
        assert counts(work.ingest_folder(Path())) == here
        assert content(lake, THERE) == wanted
        assert all(each.skipped for each in work.ingest_folder(files))
        (files / "people-4.csv").write_bytes(b"id;name;age\n1;ana;3\n")
        head = work.head
        with pytest.raises(SourceError, match=r"people-4\.csv: its line 1 .* separated by ';'"):
            work.ingest_folder(files)
        assert work.head == head
        (files / "people-4.csv.gz").write_bytes(gzip.compress(people(1, 9_000))[:-30])
        (files / "people-4.csv").unlink()
        with pytest.raises(SourceError, match=r"people-4\.csv\.gz: it cannot be read: Compressed file ended"):
            work.ingest_folder(files)
        assert work.head == head


def python_of_executors():
    """Return the ids of the Python processes of all executors."""
    listed = subprocess.run(["ps", "-ewwo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if "pyspark.daemon" in line]


@pytest.mark.nightly
def test_a_worker_that_dies_is_replaced_and_no_row_comes_twice(small, files):
    big = files / "people-9.csv"
    big.write_bytes(people(10_000, 3_000_000))
    with lagoa.open_lake(small.root, "stack") as lake:
        work = lake.create_branch(f"{HERE}-work")
        assert [each.accepted for each in work.ingest_folder(files)] == [2_000, 2_000, 2_000, 3_000_000, 2]
        work = lake.create_branch(f"{HERE}-again")
        results = []
        load = Thread(target=lambda: results.append(work.ingest(big, "bronze.people")))
        load.start()
        killed = False
        while load.is_alive() and not killed:
            time.sleep(1)
            for pid in python_of_executors():
                os.kill(pid, signal.SIGKILL)
                killed = True
        load.join()
        assert killed
        assert results[0].accepted == 3_000_000
        assert lake.sql("SELECT count(*), count(DISTINCT id) FROM bronze.people", f"{HERE}-again").fetchall() == [
            (3_000_000, 3_000_000)
        ]
