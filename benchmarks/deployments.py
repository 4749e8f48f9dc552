"""Runs of a deployment on a worker, beside the same runs by hand, both on the lake's own Prefect server."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import httpx
import psutil

from benchmarks.commands import command
from benchmarks.figures import Figure
from lagoa.prefect.server import LakeServer
from lagoa.templates import make_lake

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 200_000
PAIRS = 6
RATIO = 1.1
START_S = 5.0
LIMIT_S = 300.0

_HEAD = """apiVersion: v3.1.0
kind: DataContract
id: {table}
name: {table}
version: 1.0.0
status: active
description: {{purpose: Rows to measure runs with.}}
team: {{name: benchmarks}}
schema:
  - name: {name}
    physicalName: {table}
    physicalType: table
    description: One row a thing.
    customProperties: [{{property: lagoa.{key}, value: {value}}}]
    properties:
"""
_COLUMN = "      - {{name: {}, logicalType: {}, physicalType: '{}', description: x}}\n"
_VISITS = (("id", "integer", "long"), ("day", "date", "date"), ("amount", "number", "decimal(14,2)"))
_DAYS = (("day", "date", "date"), ("visits", "integer", "long"), ("amount", "number", "decimal(14,2)"))
_SELECT = """select day, count(*) as visits, cast(sum(amount) as decimal(14, 2)) as amount
from bronze.visits
group by day
"""


@dataclass(frozen=True, slots=True)
class _Run:
    """Seconds of one run: from when it was due until it was Running, and from then until it was Completed."""

    start: float
    work: float


def run() -> list[Figure]:
    """Measure pairs of runs in alternating order, each with a file of its own; takes some minutes."""
    with tempfile.TemporaryDirectory(prefix="lagoa-bench-") as folder:
        lake = Path(folder) / "lake"
        _write_lake(lake)
        server = LakeServer(lake / ".lagoa")
        try:
            with _deployed(lake):
                api = f"{server.wait().api}/"
                with httpx.Client(base_url=api, timeout=60) as http:
                    _pair(http, lake, -1)  # neither is to pay for the first time
                    load = os.getloadavg()[0]
                    pairs = [_pair(http, lake, number) for number in range(PAIRS)]
        finally:
            server.stop()
    deployed, by_hand = zip(*pairs, strict=True)
    ratio = statistics.median(one.work / other.work for one, other in pairs)
    work, hand = (statistics.median(each.work for each in side) for side in (deployed, by_hand))
    rows = f"{PAIRS} pairs; {ROWS:,} rows of CSV, a model"
    note = f"{work:.2f} s; {rows}; load {load:.1f} before, {os.getloadavg()[0]:.1f} after"
    start = statistics.median(each.start for each in deployed)
    poll = "a poll each second, then a process of its own"
    return [
        Figure("Running to Completed, of a deployment", ratio, "x", RATIO, f"`lagoa run`: {hand:.2f} s", note),
        Figure("a run that is due until it is Running", start, "s", START_S, note=poll),
    ]


def _pair(http: httpx.Client, lake: Path, number: int) -> tuple[_Run, _Run]:
    """Run one file by the deployment and another by hand, which of them first in turns."""
    sides = (_by_deployment, _by_hand) if number % 2 else (_by_hand, _by_deployment)
    took = {side: side(http, lake, _folder(lake, f"{side.__name__}{number}")) for side in sides}
    return took[_by_deployment], took[_by_hand]


def _by_deployment(http: httpx.Client, _: Path, folder: str) -> _Run:
    (found,) = _post(http, "deployments/filter", deployments={"name": {"any_": ["daily"]}})
    made = _post(http, f"deployments/{found['id']}/create_flow_run", parameters={"folder": folder})
    return _ended(http, made["id"])


def _by_hand(http: httpx.Client, lake: Path, folder: str) -> _Run:
    subprocess.run(
        command("run", "daily", f"folder={folder}"), cwd=lake, env=_environment(), check=True, capture_output=True
    )
    (latest,) = _post(http, "flow_runs/filter", sort="START_TIME_DESC", limit=1)
    return _ended(http, latest["id"])


def _ended(http: httpx.Client, run: str) -> _Run:
    deadline = time.monotonic() + LIMIT_S
    while (found := http.get(f"flow_runs/{run}").raise_for_status().json())["state_type"] != "COMPLETED":
        if found["state_type"] in {"FAILED", "CRASHED", "CANCELLED"} or time.monotonic() > deadline:
            raise RuntimeError(f"The run is {found['state']}.")
        time.sleep(0.2)
    due, began, ended = (datetime.fromisoformat(found[f"{name}_time"]) for name in ("expected_start", "start", "end"))
    return _Run((began - due).total_seconds(), (ended - began).total_seconds())


def _post(http: httpx.Client, path: str, **body: Any) -> Any:
    return http.post(path, json=body).raise_for_status().json()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "LAGOA_"))}


@contextmanager
def _deployed(lake: Path) -> Iterator[None]:
    """Deploy, and let a worker run in this block."""
    subprocess.run(command("flow", "deploy"), cwd=lake, env=_environment(), check=True, capture_output=True)
    with (lake / "worker.log").open("wb") as log:
        worker = subprocess.Popen(command("flow", "worker"), cwd=lake, env=_environment(), stdout=log, stderr=log)
        try:
            yield
        finally:
            for each in psutil.Process(worker.pid).children(recursive=True):
                each.kill()
            worker.kill()
            worker.wait()


def _write_lake(lake: Path) -> None:
    make_lake(lake)
    tables = {
        "bronze.visits": (_VISITS, "source", "{format: csv, file: 'visits*.csv'}"),
        "gold.days": (_DAYS, "materialization", "full"),
    }
    for table, (columns, key, value) in tables.items():
        layer, name = table.split(".")
        file = lake / "iceberg" / layer / f"{name}.odcs.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        head = _HEAD.format(table=table, name=name, key=key, value=value)
        file.write_text(head + "".join(_COLUMN.format(*column) for column in columns))
    model = lake / "transformations/gold/days.sql"
    model.parent.mkdir(parents=True, exist_ok=True)
    model.write_text(_SELECT)


def _folder(lake: Path, name: str) -> str:
    """Write a file of rows into a folder of its own, and return the folder."""
    number = len(list(lake.glob("*/visits-*.csv")))
    (lake / name).mkdir()
    first = number * ROWS
    rows = (
        f"SELECT {first} + i AS id, DATE '2026-01-01' + (i % 365)::INTEGER AS day, (i % 9973) / 100 AS amount "
        f"FROM range({ROWS}) ids(i)"
    )
    with closing(duckdb.connect()) as connection:
        connection.execute(f"COPY ({rows}) TO '{lake / name}/visits-{name}.csv' (HEADER)")
    return name
