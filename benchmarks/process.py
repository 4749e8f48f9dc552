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
