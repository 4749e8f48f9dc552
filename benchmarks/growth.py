"""A lake that gets a small publication after the other: what each costs at the hundredth, and at the last.

`python -m benchmarks.growth --publications 10000 --tables 1000` is a large one, which takes more than an hour.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

import lagoa
from benchmarks.figures import Figure, as_markdown
from benchmarks.publish import load, write_contracts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lagoa.lake import Lake

PUBLICATIONS = 2_000
TABLES = 100
FIRST = 100
MEMORY_AT = 2_000
MAINTAINED = 50
"""`lagoa maintain` runs after so many publications, as its deployment does: many small files are slow to read."""

ROUNDS = 20
LOOKS = 5
LIMIT = 1.2
MEMORY_LIMIT_MIB = 50.0


@dataclass(frozen=True, slots=True)
class Costs:
    """What was spent around one publication, in ms: each a median.

    Attributes:
        wall: by what was done.
        cpu: the same, as seconds of the processor, which other processes on the machine do not change.
    """

    wall: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, spent: Sequence[tuple[float, float]]) -> None:
        """Add the medians of pairs of wall and CPU ms."""
        self.wall[name], self.cpu[name] = (statistics.median(each) for each in zip(*spent, strict=True))


def run(publications: int = PUBLICATIONS, tables: int = TABLES) -> list[Figure]:
    """Publish one row after the other to one table of a lake."""
    names = [f"bronze.table_{number:04d}" for number in range(tables)]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "lagoa.toml").write_text('name = "bench"\n')
        write_contracts(root, names)
        with lagoa.open_lake(root) as lake:
            load(lake.create_branch("first"), names, "first").publish()
            lake.delete_ref("first")
            first, last, memory = _grow(lake, names[0], publications)
    where = f"one row each to one of {tables:,} tables"
    figures = [
        Figure(
            f"{name}, at publication {publications:,} by that at {FIRST}",
            last.wall[name] / first.wall[name],
            "x",
            LIMIT,
            peer=f"{first.wall[name]:.1f} ms, then {last.wall[name]:.1f} ms",
            note=f"{where}; CPU {first.cpu[name]:.1f} ms, then {last.cpu[name]:.1f} ms",
        )
        for name in first.wall
    ]
    at = min(MEMORY_AT, publications)
    note = f"resident, between publication {FIRST} and {at:,}"
    return [*figures, Figure("memory of the process that publishes", memory, "MiB", MEMORY_LIMIT_MIB, note=note)]


def _grow(lake: Lake, table: str, publications: int) -> tuple[Costs, Costs, float]:
    """Publish so many times; return the costs around the hundredth and the last, and the growth of memory in MiB."""
    process, began = psutil.Process(), 0.0
    costs: list[Costs] = []
    appends: list[tuple[float, float]] = []
    publishes: list[tuple[float, float]] = []
    grown = 0.0
    for number, (append, publish) in enumerate(_publications(lake, table, publications), 1):
        appends.append(append)
        publishes.append(publish)
        if number in {FIRST, publications}:
            found = Costs()
            found.add("append", appends[-ROUNDS:])
            found.add("publish", publishes[-ROUNDS:])
            looks = [_look(lake.settings.root, table) for _ in range(LOOKS)]
            for name in looks[0]:
                found.add(name, [each[name] for each in looks])
            costs.append(found)
        if number == FIRST:
            began = process.memory_info().rss / 2**20
        if number <= MEMORY_AT:
            grown = process.memory_info().rss / 2**20 - began
        if number % MAINTAINED == 0:
            lake.compact([table])
        if number % (FIRST * 5) == 0:
            print(f"{number:,} publications, {process.memory_info().rss / 2**20:.0f} MiB", file=sys.stderr, flush=True)
    return costs[0], costs[-1], grown


def _publications(lake: Lake, table: str, count: int) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """Publish one row so many times; yield the wall and CPU ms of each append and of its publication."""
    for number in range(count):
        with lake.run("load") as branch:
            before = time.perf_counter(), time.process_time()
            load(branch, [table], f"batch-{number}")
            between = time.perf_counter(), time.process_time()
            branch.publish()
            after = time.perf_counter(), time.process_time()
        yield _ms(before, between), _ms(between, after)


def _ms(start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    return (end[0] - start[0]) * 1000, (end[1] - start[1]) * 1000


def _look(root: Path, table: str) -> dict[str, tuple[float, float]]:
    """Return the wall and CPU ms of each step of a process that opens the lake and looks at it."""
    line = [sys.executable, "-m", "benchmarks.growth_job", str(root), table]
    done = subprocess.run(line, check=True, capture_output=True, text=True)
    return {name: (spent[0], spent[1]) for name, spent in json.loads(done.stdout).items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--publications", type=int, default=PUBLICATIONS)
    parser.add_argument("--tables", type=int, default=TABLES)
    given = parser.parse_args()
    print(as_markdown(run(given.publications, given.tables)))
