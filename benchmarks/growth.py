"""A lake that gets a small publication after the other, and many tables: what each costs early among few, and at last.

`python -m benchmarks.growth --publications 10000 --tables 1000` is a large one, which takes about 15 minutes. With
`--stack` it is on servers of its own (Nessie, MinIO, PostgreSQL, Keycloak), and requests and bytes are counted. After
`--minutes` (45) of the large lake it takes the figures of what was published by then, and says so.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

import lagoa
from benchmarks.counting import counted
from benchmarks.figures import Figure, as_markdown
from benchmarks.publish import load, write_contracts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from benchmarks.counting import Counted
    from lagoa.lake import Lake

MEMORY_AT = 2_000
MEMORY_FROM = 100
MAINTAINED = 50
"""`lagoa maintain` runs after so many publications, as its deployment does: many small files are slow to read."""

OPEN = "open"
"""The first step of a process."""

ROUNDS = 20
LOOKS = 5
MINUTES = 45.0
LIMIT = 1.2
MEMORY_LIMIT_MIB = 50.0

_PARTS = {"wall": ("time", "ms", "cpu"), "requests": ("requests", "", "wall"), "octets": ("KB", "", "wall")}
"""Of what was spent: its name, its unit, and what is told beside it."""

_SERVERS = ("LAGOA_NESSIE_URL", "LAGOA_S3_ENDPOINT", "LAGOA_POSTGRES_URL")


@dataclass(frozen=True, slots=True)
class Size:
    """How large the lakes are.

    Attributes:
        publications: of the large one.
        tables: likewise.
        first: publications after which the other figures are taken.
        few: tables of the lake in which they are.
    """

    publications: int
    tables: int
    first: int
    few: int


EMBEDDED = Size(publications=2_000, tables=1_000, first=100, few=100)
ON_SERVERS = Size(publications=300, tables=300, first=20, few=10)


@dataclass(frozen=True, slots=True)
class Spent:
    """What something took.

    Attributes:
        wall: milliseconds.
        cpu: milliseconds of the processor, which other processes on the machine do not change.
        requests: to servers.
        octets: bytes to and from them.
    """

    wall: float
    cpu: float
    requests: float
    octets: float

    def plus(self, other: Spent) -> Spent:
        """Return both together."""
        return Spent(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Place:
    """Where lakes are.

    Attributes:
        settings: TOML of `lagoa.toml`, besides the name.
        profile: of the lake; None without one.
        prefix: of the names of branches.
        servers: the servers that are counted.
    """

    settings: str = ""
    profile: str | None = None
    prefix: str = ""
    servers: Sequence[Counted] = ()

    def counts(self) -> tuple[int, int]:
        """Return the requests and the bytes so far."""
        return sum(each.requests for each in self.servers), sum(each.octets for each in self.servers)

    @contextmanager
    def counting(self, into: deque[Spent]) -> Iterator[None]:
        """Add what the block takes."""
        before, wall, cpu = self.counts(), time.perf_counter(), time.process_time()
        yield
        wall, cpu = (time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000
        requests, octets = (after - start for after, start in zip(self.counts(), before, strict=True))
        into.append(Spent(wall, cpu, requests, octets))


@dataclass(slots=True)
class Costs:
    """What was spent around one publication: each a median.

    Attributes:
        publication: its number.
        steps: by what was done.
    """

    publication: int
    steps: dict[str, Spent] = field(default_factory=dict)

    def add(self, name: str, spent: Collection[Spent]) -> None:
        """Add the median of some."""
        parts = ("wall", "cpu", "requests", "octets")
        self.steps[name] = Spent(*(statistics.median(getattr(each, part) for each in spent) for part in parts))


def run(size: Size = EMBEDDED, minutes: float = MINUTES) -> list[Figure]:
    """Publish one row after the other to one table of an embedded lake."""
    place = Place()
    few, _ = _grown(place, size.few, size.first)
    many, memory = _grown(place, size.tables, size.publications, minutes)
    size = replace(size, first=few.publication, publications=many.publication)
    figures = [_figure(name, (before, many.steps[name]), size, "wall") for name, before in few.steps.items()]
    if size.publications <= MEMORY_FROM:
        return figures
    note = f"resident, between publication {MEMORY_FROM} and {min(MEMORY_AT, size.publications):,}"
    return [*figures, Figure("memory of the process that publishes", memory, "MiB", MEMORY_LIMIT_MIB, note=note)]


def run_on_stack(size: Size = ON_SERVERS, minutes: float = MINUTES) -> list[Figure]:
    """Publish one row after the other to one table of a lake on servers, as flows do; count requests and bytes."""
    from benchmarks.stack_servers import PROFILE, Servers, variables

    with tempfile.TemporaryDirectory(prefix="lagoa-bench-growth-") as name, Servers(Path(name), "nessie") as servers:
        with ExitStack() as between:
            found = [between.enter_context(counted(os.environ.pop(each))) for each in _SERVERS]
            between.enter_context(variables(**dict(zip(_SERVERS, (each.url for each in found), strict=True))))
            lakes = []
            sizes = ((size.few, size.first, math.inf), (size.tables, size.publications, minutes))
            for tables, publications, limit in sizes:
                servers.reset()
                place = Place(servers.profile(f"growth-{tables}"), PROFILE, "run/", found)
                lakes.append(_grown(place, tables, publications, limit)[0])
        few, many = lakes
        size = replace(size, first=few.publication, publications=many.publication)
        return [
            _figure(name, (before, many.steps[name]), size, part)
            for name, before in few.steps.items()
            for part in ("requests", "octets")
        ]


def _figure(name: str, costs: tuple[Spent, Spent], size: Size, part: str) -> Figure:
    """Return how much more something takes in the large lake than it took in the small one, by one part of it."""
    what, unit, other = _PARTS[part]
    was, now = (getattr(each, part) / (1000 if part == "octets" else 1) for each in costs)
    beside = ", then ".join(f"{getattr(each, other):.1f} ms" for each in costs)
    at = f"at publication {size.publications:,} among {size.tables:,} tables"
    return Figure(
        f"{name}: {what} {at}, by that at {size.first:,} among {size.few:,}",
        now / was if was else 1.0 + now,
        "x",
        LIMIT,
        peer=f"{was:,.1f} {unit or what}, then {now:,.1f}",
        note=f"one row each to one table; {'CPU' if other == 'cpu' else 'time'} {beside}",
    )


def _grown(place: Place, tables: int, publications: int, minutes: float = math.inf) -> tuple[Costs, float]:
    """Make a lake and publish so often, or so long; return the costs at last, and the growth of memory in MiB."""
    names = [f"bronze.table_{number:04d}" for number in range(tables)]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "lagoa.toml").write_text(f'name = "bench"\n{place.settings}')
        write_contracts(root, names)
        with lagoa.open_lake(root, place.profile) as lake:
            first = f"{place.prefix}first"
            load(lake.create_branch(first), names, "first").publish()
            lake.delete_ref(first)
            return _grow(place, lake, names[0], publications, time.monotonic() + 60 * minutes)


def _grow(place: Place, lake: Lake, table: str, publications: int, until: float) -> tuple[Costs, float]:
    process, began, grown = psutil.Process(), 0.0, 0.0
    appends: deque[Spent] = deque(maxlen=ROUNDS)
    publishes: deque[Spent] = deque(maxlen=ROUNDS)
    for number in range(1, publications + 1):
        with lake.run("load") as branch:
            with place.counting(appends):
                load(branch, [table], f"batch-{number}")
            with place.counting(publishes):
                branch.publish()
        if number == MEMORY_FROM:
            began = process.memory_info().rss / 2**20
        if MEMORY_FROM <= number <= MEMORY_AT:
            grown = process.memory_info().rss / 2**20 - began
        if number % MAINTAINED == 0:
            lake.compact([table])
        if number % 500 == 0:
            print(f"{number:,} publications, {process.memory_info().rss / 2**20:.0f} MiB", file=sys.stderr, flush=True)
        if number >= ROUNDS and time.monotonic() > until:
            break
    costs = Costs(number)
    costs.add("append", appends)
    costs.add("publish", publishes)
    looks = [_look(place, lake.settings.root, table) for _ in range(LOOKS)]
    for name in looks[0]:
        costs.add(name if name == OPEN else f"{OPEN} and {name}", [each[name] for each in looks])
    return costs, grown


def _look(place: Place, root: Path, table: str) -> Mapping[str, Spent]:
    """Return what it takes to open the lake, and what to open it and do each step: a command does both."""
    line = [sys.executable, "-m", "benchmarks.growth_job", str(root), table, place.profile or ""]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as job:
        assert job.stdin, job.stdout  # noqa: S101 - opened as pipes
        found: dict[str, Spent] = {}
        before = place.counts()
        for answer in job.stdout or ():
            name, wall, cpu = json.loads(answer)
            after = place.counts()
            spent = Spent(wall, cpu, after[0] - before[0], after[1] - before[1])
            found[name] = spent if name == OPEN else found[OPEN].plus(spent)
            before = after
            job.stdin.write("\n")
            job.stdin.flush()
    if job.returncode:
        raise subprocess.CalledProcessError(job.returncode, line)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--publications", type=int)
    parser.add_argument("--tables", type=int)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="publish no longer than that (default: 45)")
    parser.add_argument("--stack", action="store_true")
    given = parser.parse_args()
    size = ON_SERVERS if given.stack else EMBEDDED
    wanted = replace(size, publications=given.publications or size.publications, tables=given.tables or size.tables)
    print(as_markdown((run_on_stack if given.stack else run)(wanted, given.minutes)))
