"""What a benchmark hands back, and what it was measured on."""

from __future__ import annotations

import platform
import sqlite3
import statistics
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class Figure:
    """One number beside what it is held against.

    Attributes:
        name: what was measured, in words.
        value: the median.
        unit: `ms`, `s`, `MiB`, or `x` for a ratio.
        limit: what it must not exceed, in the same unit; None where it only stands beside others.
        peer: what it is compared with and what that took, such as `DuckDB COPY: 2.35 s`.
        note: how it was measured; for a missed one also what holds it back.
    """

    name: str
    value: float
    unit: str
    limit: float | None = None
    peer: str = ""
    note: str = ""

    @property
    def missed(self) -> bool:
        """Whether the figure is over its limit."""
        return self.limit is not None and self.value > self.limit


def median_ms(call: Callable[[], object], rounds: int = 9) -> float:
    """Return the median time of a call in milliseconds, each round measured by itself."""
    return statistics.median(_ms(call) for _ in range(rounds))


def machine() -> str:
    """Return the machine in one line: processor, cores, memory, system."""
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.release()}"
    return f"{_processor()}, {psutil.cpu_count()} cores, {memory:.0f} GiB memory, {system}"


def versions() -> str:
    """Return the versions of what the figures depend on, in one line."""
    named = ", ".join(f"{name} {version(name)}" for name in ("lagoa", "duckdb", "pyiceberg", "pyarrow"))
    return f"{named}, SQLite {sqlite3.sqlite_version}, Python {platform.python_version()}"


def as_markdown(figures: Sequence[Figure]) -> str:
    """Return the figures as one Markdown table; a missed one is bold."""
    lines = ["| figure | measured | limit | beside | |", "| --- | ---: | ---: | --- | --- |"]
    for figure in figures:
        measured = f"{_number(figure.value)} {figure.unit}"
        measured = f"**{measured}, missed**" if figure.missed else measured
        limit = "" if figure.limit is None else f"{_number(figure.limit)} {figure.unit}"
        lines.append(f"| {figure.name} | {measured} | {limit} | {figure.peer} | {figure.note} |")
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits are read


def _ms(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
