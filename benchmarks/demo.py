"""`make demo` with all installed: files generated, the flow on the lake's Prefect server, the look at the lake."""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.figures import Figure
from lagoa.prefect.server import LakeServer

ROOT = Path(__file__).resolve().parent.parent
LAKE = ("lagoa.toml", "iceberg", "transformations", "soda", "flows")
ROUNDS = 3
LIMIT_S = 8.0


def run() -> list[Figure]:
    """Measure the demo, each time in a copy of the reference lake without data, whose server has to start.

    A machine's first lake takes as long as a later one: nothing is kept between them.
    """
    took = [_demo() for _ in range(ROUNDS)]
    note = f"median of {ROUNDS}; 1.55 million rows generated, loaded, built, audited, published, shown"
    return [
        Figure("make demo on an empty lake", statistics.median(wall for wall, _ in took), "s", LIMIT_S, note=note),
        Figure("its CPU time", statistics.median(cpu for _, cpu in took), "s", note="with the server's"),
    ]


def _demo() -> tuple[float, float]:
    """Return the seconds until the demo ended, and the CPU seconds of all its processes."""
    with tempfile.TemporaryDirectory() as folder:
        for name in LAKE:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, Path(folder) / name)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        command = [sys.executable, "-m", "flows.demo"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        environment = {**kept, "PYTHONPATH": str(ROOT), "HOME": folder}  # without settings of Prefect
        subprocess.run(command, check=True, capture_output=True, cwd=folder, env=environment)
        took = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        server = LakeServer(Path(folder) / ".lagoa")
        running = server.running()
        if running is None:
            raise RuntimeError("The demo did not run on the lake's server.")
        of_server = psutil.Process(running.pid).cpu_times()
        server.stop()
        of_demo = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        return took, of_demo + of_server.user + of_server.system
