"""What the process of a measurement has used so far; it runs in environments without Lagoa, too."""

from __future__ import annotations

import re
import time
from pathlib import Path

import psutil


def seconds_alive() -> float:
    """Return the seconds since this process was started, so that imports count."""
    return time.time() - psutil.Process().create_time()


def peak_mib() -> float:
    """Return the peak of this process's memory in MiB; getrusage has the peak of who started it."""
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("utf-8"))
    return int(peak) / 1024


class Laps:
    """How long the phases of a job took that follow one another.

    Attributes:
        seconds: of each phase that has ended, by name.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._began = time.perf_counter()

    def end(self, phase: str) -> None:
        """End a phase; the next one begins."""
        now = time.perf_counter()
        self.seconds[phase], self._began = now - self._began, now
