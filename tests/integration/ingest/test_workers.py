"""Files read by workers: what goes to another process and comes back, and which files are read early."""

from __future__ import annotations

import gzip
import itertools
import multiprocessing
import os
import pickle
import socket
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lakes import LakeFolder
from pydantic import SecretStr

from lagoa.adapters.spark.workers import _done
from lagoa.bootstrap import _worker_engine
from lagoa.contracts import Contracts
from lagoa.domain.handover import read_answer
from lagoa.domain.tables import TableName
from lagoa.errors import SourceError
from lagoa.formats import FORMATS
from lagoa.ingest import ingest_file, ingest_folder, read_delivery
from lagoa.ingest.load import file_load
from lagoa.storage.s3 import Keys, S3Server, S3Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor

    from lagoa.context import LakeContext
    from lagoa.lake import Lake

SALES = TableName.parse("bronze.sales")


class OneWorker:
    """`Workers` that are another process of this machine, in another folder; it counts what was run."""

    def __init__(self, lake: Lake, process: Executor) -> None:
        self._storage, self._process = lake.context.storage, process
        self.tasks: list[str] = []

    def run(self, task: Callable[[Any], Any]) -> Any:
        self.tasks.append(task.args[0].name)  # type: ignore[attr-defined]
        work = pickle.dumps((task, self._storage.for_worker(), partial(_worker_engine, 64 << 20)))
        answer, error = pickle.loads(self._process.submit(_done, work).result())  # noqa: S301
        if error:
            read_answer(error)
        return answer


@dataclass(frozen=True)
class Engine:
    workers: OneWorker
    name: str = "spark"


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    folder = LakeFolder(tmp_path / "lake", threads=2, memory_limit="512MB")
    folder.contract("bronze.sales", "id:long* price:decimal(8,2)!", source={"format": "csv", "file": "sales-*"})
    with folder.open() as found:
        yield found


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawned, os.chdir, (tmp_path_factory.mktemp("worker"),)) as pool:
        yield pool


@pytest.fixture
def workers(lake: Lake, process: Executor) -> OneWorker:
    return OneWorker(lake, process)


@pytest.fixture
def context(lake: Lake, workers: OneWorker) -> LakeContext:
    """Return the lake, whose files are read by workers."""
    settings = lake.context.settings.model_copy(update={"engine": "spark"})
    engine: Any = Engine(workers)
    return replace(lake.context, settings=settings, open_model_engine=lambda: engine)


def put(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.write_text("\n".join(["id,price", *lines, ""]))
    return path


def rows(lake: Lake, ref: str, table: str = "bronze.sales") -> list[tuple[Any, ...]]:
    without = "SELECT COLUMNS(c -> c NOT IN ('_ingested_at', '_quarantined_at'))"
    return lake.sql(f"{without} FROM {table} ORDER BY ALL", ref).fetchall()


def test_workers_read_the_files_of_a_table_side_by_side(
    lake: Lake, context: LakeContext, workers: OneWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for n in (1, 2, 3):
        put(folder, f"sales-{n}.csv", f"{n}1,1.5", f"{n}2,x", f",{n}")
    for branch in ("here", "there"):
        lake.create_branch(branch)
    here = ingest_folder(lake.context, "here", read_delivery(lake.context, folder))
    monkeypatch.chdir(folder)
    there = ingest_folder(context, "there", read_delivery(context, folder.relative_to(folder)))
    assert [replace(each, commit=None, seconds=0) for each in here] == [
        replace(each, commit=None, seconds=0) for each in there
    ]
    assert [(each.received, each.accepted, each.quarantined) for each in there] == [(3, 1, 2)] * 3
    assert rows(lake, "here") == rows(lake, "there")
    quarantine = "quarantine.bronze__sales"
    assert rows(lake, "here", quarantine) == rows(lake, "there", quarantine)
    assert sorted(workers.tasks) == sorted([f"sales-{n}.csv" for n in (1, 2, 3)] * 2)  # each file in two passes, once
    assert all(each.skipped for each in ingest_folder(context, "there", read_delivery(context, folder)))
    assert len(workers.tasks) == 6


def test_the_errors_of_workers_are_those_of_this_process(lake: Lake, context: LakeContext, tmp_path: Path) -> None:
    put(tmp_path, "sales-1.csv", "1,1")
    (tmp_path / "sales-2.csv.gz").write_bytes(gzip.compress(b"id,price\n" + b"2,1.5\n" * 100_000)[:-20])
    (tmp_path / "sales-3.csv").write_text("id,cost\n1,2\n")
    errors = []
    for branch, of in (("here", lake.context), ("there", context)):
        lake.create_branch(branch)
        with pytest.raises(SourceError) as raised:
            ingest_folder(of, branch, read_delivery(of, tmp_path, ["lake"]))
        errors.append(raised.value)
        assert [row[0] for row in rows(lake, branch)] == [1]
    assert vars(errors[0]) == vars(errors[1])
    assert "2 of its 3 files were not loaded" in errors[1].message


def test_a_table_that_changes_after_its_files_were_read_has_them_read_again(
    lake: Lake, context: LakeContext, workers: OneWorker, tmp_path: Path
) -> None:
    lake.create_branch("work")
    ingest_file(context, "work", SALES, put(tmp_path, "sales-1.csv", "1,1"))
    load = file_load(context, SALES, put(tmp_path, "sales-2.csv", "2,2"), workers=workers)
    load.read_early("work")
    lake.branch("work").drop("bronze.sales")
    assert load.commit("work").accepted == 1
    assert workers.tasks == ["sales-1.csv", "sales-2.csv", "sales-2.csv"]
    assert [row[0] for row in rows(lake, "work")] == [2]


def test_a_worker_says_that_it_does_not_have_a_file(lake: Lake, workers: OneWorker, tmp_path: Path) -> None:
    path = put(tmp_path, "sales-1.csv", "1,1")
    load = file_load(lake.context, SALES, path, workers=workers)
    assert load.rows.reader.columns  # this process has the file
    path.rename(tmp_path / "elsewhere")
    lake.create_branch("work")
    with pytest.raises(SourceError, match=rf"sales-1\.csv: the worker on {socket.gethostname()} does not have it"):
        load.commit("work")


def test_what_workers_get_is_what_this_process_has() -> None:
    root = Path(__file__).parents[3]
    for contract in Contracts.load(root / "iceberg", FORMATS):
        assert pickle.loads(pickle.dumps(contract)) == contract  # noqa: S301
    drawn: Iterator[Keys] = (Keys(f"key {n}", SecretStr("secret"), SecretStr("token")) for n in itertools.count())
    storage = S3Storage("s3://lake/house", S3Server("http://127.0.0.1:1", "eu", partial(next, drawn), "ingest"), "/old")
    theirs = pickle.loads(pickle.dumps(storage.for_worker()))  # noqa: S301
    assert (theirs.location, theirs.home, theirs.server.role) == (storage.location, storage.home, "ingest")
    assert theirs.server.keys() == theirs.server.keys() == Keys("key 0", SecretStr("secret"), SecretStr("token"))
