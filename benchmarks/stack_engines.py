"""The daily job on each engine: the same files on an empty lake of the stack, once and ten times as many rows."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from benchmarks.figures import Figure
from benchmarks.main_job import TENFOLD, job, reference_lake
from benchmarks.stack_servers import PROFILE, variables
from flows.sources.olist import generate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.stack_servers import Servers, Size

ENGINES = ("duckdb", "spark", "trino")


class EngineFigures:
    """Measures the job, without Prefect, from the start of its process to the publication.

    Args:
        servers: the stack.
        size: how much is measured.
    """

    def __init__(self, servers: Servers, size: Size) -> None:
        self._servers, self._size = servers, size

    def measure(self) -> Iterator[Figure]:
        """Yield the figures, one run each, those at once the rows first; a job that fails says why and has none."""
        for times in (1, TENFOLD):
            data = self._servers.folder / f"olist-{times}"
            generate(data, scale=self._size.scale * times)
            jobs: dict[str, dict[str, Any]] = {}
            for engine in ENGINES:
                with suppress(subprocess.CalledProcessError):
                    jobs[engine] = self._job(engine, data, f"{engine}-{times}")
                    yield _figure(engine, times, jobs)
            shutil.rmtree(data)

    def _job(self, engine: str, data: Path, name: str) -> dict[str, Any]:
        folder = self._servers.folder / name
        reference_lake(folder, self._servers.profile(name))
        self._servers.reset()
        with variables(LAGOA_ENGINE=engine):
            return job(data, folder, PROFILE)


def _figure(engine: str, times: int, jobs: dict[str, dict[str, Any]]) -> Figure:
    done = jobs[engine]
    phases = ", ".join(f"{phase} {spent:.1f} s" for phase, spent in done["phases"].items())
    beside = jobs["duckdb"]["seconds"]
    peer = f"DuckDB: {beside:.1f} s, {done['seconds'] / beside:.1f} x" if engine != "duckdb" else ""
    note = f"{done['received']:,} rows; {phases}; this process {done['peak_mb']:,.0f} MiB"
    return Figure(f"daily job at {times} x on {engine}", done["seconds"], "s", peer=peer, note=note)
