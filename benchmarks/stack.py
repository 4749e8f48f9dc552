"""`python -m benchmarks.stack [--small] [--bi] [--engines] [--tpch] [--features]`: the stack's figures, on own servers.

The whole takes more than an hour and writes its sections of docs/benchmarks.md; `--small` is a look at a part of the
rows, commits and branches, and writes nothing. `--bi` measures only SQL for BI, `--engines` only the job on engines,
`--tpch` only the queries of TPC-H on engines, `--features` only the features that are online.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Figure, as_markdown, machine, versions
from benchmarks.page import write
from benchmarks.stack_catalog import CatalogFigures
from benchmarks.stack_engines import EngineFigures
from benchmarks.stack_features import features_on
from benchmarks.stack_history import grow
from benchmarks.stack_job import JobFigures
from benchmarks.stack_servers import FULL, SMALL, Servers, Size, server_versions
from benchmarks.stack_tpch import TpchFigures
from benchmarks.stack_trino import TrinoFigures
from benchmarks.stack_write import WriteFigures
from benchmarks.stack_writers import writers_on

if TYPE_CHECKING:
    from collections.abc import Sequence

GROWTH_LIMIT = 1.2
"""What a figure may be of itself once there are many branches and commits."""


def run(size: Size) -> list[Figure]:
    """Measure everything on a fresh stack, then again when it holds many branches and commits."""
    with tempfile.TemporaryDirectory(prefix="lagoa-bench-stack-") as name, Servers(Path(name)) as servers:
        figures = _shown(servers.figures())
        parts = [part(servers, size) for part in (CatalogFigures, JobFigures, WriteFigures)]
        parts[0].measure("warm")  # Java compiles what is asked often: else the first figures are those of a start
        before = [figure for part in parts for figure in _shown(part.measure("fresh"))]
        writers = _shown(writers_on(servers))
        grow(servers, size)
        after = [figure for part in parts for figure in _shown(part.measure("grown"))]
        return [*figures, *before, *writers, *_growth(before, after, size)]


def run_bi(size: Size) -> list[Figure]:
    """Measure SQL for BI on a fresh stack."""
    with tempfile.TemporaryDirectory(prefix="lagoa-bench-stack-") as name, Servers(Path(name), "trino") as servers:
        return _shown(TrinoFigures(servers, size).measure())


def run_engines(size: Size) -> list[Figure]:
    """Measure the daily job on DuckDB, Spark and Trino on a fresh stack."""
    with (
        tempfile.TemporaryDirectory(prefix="lagoa-bench-stack-") as name,
        Servers(Path(name), "trino,spark") as servers,
    ):
        return [figure for each in EngineFigures(servers, size).measure() for figure in _shown([each])]


def run_tpch(size: Size) -> list[Figure]:
    """Measure the queries of TPC-H on DuckDB, Trino and Spark on a fresh stack."""
    with (
        tempfile.TemporaryDirectory(prefix="lagoa-bench-stack-") as name,
        Servers(Path(name), "trino,spark") as servers,
    ):
        return _shown(TpchFigures(servers, size).measure())


def run_features(size: Size) -> list[Figure]:
    """Measure features that are online in PostgreSQL; always the whole of them."""
    del size
    with tempfile.TemporaryDirectory(prefix="lagoa-bench-stack-") as name, Servers(Path(name), "postgres") as servers:
        return _shown(features_on(servers))


def _shown(figures: list[Figure]) -> list[Figure]:
    """Show figures as they come: all of them take minutes."""
    sys.stderr.write(
        "".join(f"{each.name}: {each.value:.3g} {each.unit}; {each.peer}; {each.note}\n" for each in figures)
    )
    return figures


def _growth(before: Sequence[Figure], after: Sequence[Figure], size: Size) -> list[Figure]:
    """Return how many times itself each figure that has a limit is, once the stack holds much."""
    there = f"{size.branches:,} branches and {size.commits:,} commits"
    return [
        Figure(
            f"with {there}: {now.name}, to that before",
            now.value / then.value,
            "x",
            GROWTH_LIMIT,
            f"before: {then.value:.3g} {then.unit}",
            f"{now.value:.3g} {now.unit}",
        )
        for then, now in zip(before, after, strict=True)
        if then.limit is not None
    ]


def main(options: Sequence[str]) -> None:
    """Measure, print, and write the section unless only a part was measured."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers are ended on the way out
    small = "--small" in options
    size = SMALL if small else FULL
    when = f"Measured by `make bench-stack`, on servers of its own.\n\n- {datetime.now(UTC):%Y-%m-%d}\n"
    parts = {
        "The stack": run,
        "SQL for BI": run_bi,
        "Engines": run_engines,
        "TPC-H": run_tpch,
        "Features on PostgreSQL": run_features,
    }
    options_of = {
        "--bi": "SQL for BI",
        "--engines": "Engines",
        "--tpch": "TPC-H",
        "--features": "Features on PostgreSQL",
    }
    only = [name for option, name in options_of.items() if option in options]
    for name, measure in parts.items():
        if only and name not in only:
            continue
        text = as_markdown(measure(size))
        sys.stdout.write(text + "\n")
        if not small:
            write({name: f"{when}- {machine()}\n- {versions()}; {server_versions()}\n\n{text}"})


if __name__ == "__main__":
    main(sys.argv[1:])
