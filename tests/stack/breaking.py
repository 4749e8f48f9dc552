"""What the tests that break servers share: a lake on the stack, servers that stop or die, and what must hold after."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import duckdb
import httpx
from small_lake import SmallLake

import lagoa
from lagoa.domain import faults
from lagoa.domain.refs import CANDIDATE_PREFIX, MAIN
from lagoa.errors import NothingToPublish, RefExists
from lagoa.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lagoa.stack.run import Stack

TIMEOUT_S, PATIENCE_S = 1.5, 1.0
QUICK = {"timeout_s": TIMEOUT_S, "patience_s": PATIENCE_S}
"""Settings by which a server that is away is given up soon."""


class StackLake(SmallLake):
    """People, their pets and a count of the pets, on Nessie and MinIO."""

    def __init__(self, root: Path, nessie_url: str) -> None:
        super().__init__(root)
        with (root / "lagoa.toml").open("a") as file:
            file.write(
                f'[profiles.stack]\ncatalog = "nessie"\nnessie_url = "{nessie_url}"\n'
                f'warehouse = "s3://lagoa/warehouse/{uuid.uuid4().hex}"\n'
            )

    def open(self, **settings) -> lagoa.Lake:
        """Open the lake; `settings` go before those of its file and of the environment."""
        return lagoa.open_lake(load_settings(self.root, "stack").model_copy(update=settings))


def without_tables(root: Path, nessie_url: str) -> StackLake:
    """Return a lake on Nessie and MinIO whose folder has settings alone."""
    lake = StackLake(root, nessie_url)
    shutil.rmtree(root / "iceberg")
    shutil.rmtree(root / "transformations")
    return lake


def delivery(number: int) -> str:
    """Return the branch of a delivery: one on which an engineer who signs in may load data."""
    return f"dev/engineer/daily-{number}"


def idle_branches(lake) -> set[str]:
    """Return the hidden branches on which this process makes commits, while it makes none."""
    catalog = lake.context.catalog
    return {each.name for scratches in (catalog._scratches, catalog._own_scratches) for each in scratches._idle}


def load(lake, number: int, rows: int = 1) -> None:
    """Do the job of one delivery, from wherever an earlier try has left it: two tables, a model, and publish."""
    name = delivery(number)
    try:
        branch = lake.create_branch(name)
    except RefExists:
        branch = lake.branch(name)
    first = number * 1_000_000
    ids = f"FROM range({first}, {first + rows}) AS ids(id)"
    people, pets = f"id, md5(id::VARCHAR) AS name, 1::INTEGER AS age {ids}", f"id, id AS owner, 'cat' AS kind {ids}"
    branch.append("bronze.people", duckdb.sql(f"SELECT {people}").to_arrow_table(), batch=f"batch-{number}")
    branch.append("bronze.pets", duckdb.sql(f"SELECT {pets}").to_arrow_table(), batch=f"batch-{number}")
    branch.transform()
    with suppress(NothingToPublish):  # the earlier try came to its end, but did not hear of it
        branch.publish()


def holds(lake, loads: Mapping[int, int], *, tidy: bool = True) -> None:
    """Assert that main has just these deliveries of so many rows, each published once; and no candidate."""
    wanted = [number * 1_000_000 + row for number in sorted(loads) for row in range(loads[number])]
    for table in ("bronze.people", "bronze.pets"):
        assert lake.sql(f"SELECT id FROM {table} ORDER BY id").arrow()["id"].to_pylist() == wanted
    assert lake.sql("SELECT sum(pets) FROM gold.counts").fetchall() == [(len(wanted),)]
    log = lake.log(MAIN)
    published = lake.publications()
    assert [each.commit for each in published] == [each.id for each in log[:-1]]
    assert len(published) == len(loads)
    assert all(each.receipt for each in published)
    if tidy:
        assert [ref.name for ref in lake.refs() if ref.name.startswith(CANDIDATE_PREFIX)] == []


def hidden(nessie_url: str) -> list[str]:
    """Return the branches on which a process makes its commits."""
    with httpx.Client(base_url=f"{nessie_url}/", timeout=30) as http:
        found = http.get("trees", params={"max-records": 1000}).json()["references"]
    return [each["name"] for each in found if each["name"].startswith("lagoa/scratch/")]


@contextmanager
def within(seconds: float):
    """Assert that this takes no longer."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert took < seconds, f"it took {took:.1f} s"


@contextmanager
def paused(stack: Stack, name: str):
    """Let a server neither answer nor refuse, until the block is left."""
    pid = stack._supervisor.state(name)["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def kill(stack: Stack, name: str) -> None:
    """Kill a server; the supervisor starts it again."""
    os.kill(stack._supervisor.state(name)["pid"], signal.SIGKILL)


def restart(stack: Stack, name: str, after_s: float, away_s: float) -> threading.Thread:
    """Begin to stop a server after some seconds, and to start it again after some more; return the thread of this."""

    def work() -> None:
        time.sleep(after_s)
        stack._supervisor.end(name)
        time.sleep(away_s)
        stack.up([name])

    thread = threading.Thread(target=work, name=f"restart-{name}")
    thread.start()
    return thread


@contextmanager
def at_step(step: str, act):
    """Do something once when this process comes to a fault point."""
    left = [act]
    faults.set_hook(lambda name: left.pop()() if name == step and left else None)
    try:
        yield
    finally:
        faults.set_hook(None)


@contextmanager
def small_disk(folder: Path, size: str):
    """Let a folder be a disk of its own, of this size."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"No small disk can be mounted at {folder}; this test needs root: {done.stderr}"
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(filler: Path, left: int = 0) -> None:
    """Write a file until its disk has no more room than `left` bytes, whatever others write there meanwhile."""
    with filler.open("wb", buffering=0) as file:
        try:
            while (room := shutil.disk_usage(filler.parent).free - left) > 0:
                file.write(b"\0" * room)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
