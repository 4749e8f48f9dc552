"""Many processes publish at the same time: how often, and how long the slowest publication takes beside the others."""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import lagoa
from benchmarks.figures import Figure
from benchmarks.publish import NAMES, load, write_contracts

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue
    from multiprocessing.synchronize import Barrier

WRITERS = 8
SECONDS = 20
LIMIT_MS = 200.0
LIMIT_X = 5.0
SETTINGS = 'threads = 1\nmemory_limit = "500MB"\n'


def run() -> list[Figure]:
    """Measure writers that publish a row again and again, each to a table of its own, then all to one."""
    return [*_figures("a table each", NAMES[:WRITERS]), *_figures("one table", NAMES[:1] * WRITERS)]


def _figures(where: str, tables: list[str]) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "lagoa.toml").write_text(f'name = "bench"\n{SETTINGS}')
        write_contracts(root)
        with lagoa.open_lake(root) as lake:
            load(lake.create_branch("run/first"), NAMES, "first").publish()
        return figures(where, publications(root, None, tables), LIMIT_MS)


def figures(where: str, found: list[list[float]], limit_ms: float) -> list[Figure]:
    """Return the figures of what `publications` found."""
    every = sorted(seconds for each in found for seconds in each)
    per_writer = sorted(len(each) for each in found)
    median = statistics.median(every)
    note = f"{len(every)} publications in {SECONDS} s, {per_writer[0]} to {per_writer[-1]} a writer"
    slowest = f"slowest {every[-1]:.2f} s, median {median:.2f} s; from audit to publication"
    name = f"publications of {WRITERS} processes to {where}"
    return [
        Figure(f"{name}, time for one", SECONDS * 1000 / len(every), "ms", limit_ms, note=note),
        Figure(f"{name}, the slowest to the median", every[-1] / median, "x", LIMIT_X, note=slowest),
    ]


def publications(root: Path, profile: str | None, tables: list[str]) -> list[list[float]]:
    """Return how many seconds each publication of each process took, of one process for each table named."""
    spawn = get_context("spawn")
    begin, done = spawn.Barrier(len(tables)), spawn.SimpleQueue()
    processes = [spawn.Process(target=_publish, args=(root, profile, *each, begin, done)) for each in enumerate(tables)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise SystemExit("A writer failed: its error is above.")
    return [done.get() for _ in processes]


def _publish(
    root: Path, profile: str | None, writer: int, table: str, begin: Barrier, done: SimpleQueue[list[float]]
) -> None:
    with closing(lagoa.open_lake(root, profile)) as lake:

        def publish(number: int) -> float:
            branch = load(lake.create_branch(f"run/w{writer}-{number}"), [table], f"{writer}-{number}")
            start = time.perf_counter()
            branch.publish()
            return time.perf_counter() - start

        publish(0)
        begin.wait()
        found: list[float] = []
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            found.append(publish(len(found) + 1))
        done.put(found)
