"""`make demo` with all installed: files generated, the flow on the lake's Prefect server, the look at the lake."""

from __future__ import annotations

import os
import re
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
LAKE = ("lagoa.toml", "iceberg", "transformations", "soda", "flows", "feature_store", "ml")
ROUNDS = 3
LIMIT_S, FEATURES_S, MODELS_S = 8.0, 6.0, 12.0
_PART = re.compile(r"^(Features|Models) of .* in (\d+\.\d) s", re.MULTILINE)


def run() -> list[Figure]:
    """Measure the demo, each time in a copy of the reference lake without data, whose server has to start.

    A machine's first lake takes as long as a later one: nothing is kept between them.
    """
    took = [_demo() for _ in range(ROUNDS)]
    data, features, models, cpu = (statistics.median(each) for each in zip(*took, strict=True))
    note = f"median of {ROUNDS}; 1.55 million rows generated, loaded, built, audited, published, shown"
    return [
        Figure("make demo on an empty lake, but for features and models", data, "s", LIMIT_S, note=note),
        Figure("its features, applied and put online", features, "s", FEATURES_S, note="with the import of Feast"),
        Figure("its two models, trained and registered", models, "s", MODELS_S, note="with the import of MLflow"),
        Figure("CPU time of the whole", cpu, "s", note="with the server's"),
    ]


def _demo() -> tuple[float, float, float, float]:
    """Return the seconds that the demo took for data, features and models, and the CPU seconds of all its processes."""
    with tempfile.TemporaryDirectory() as folder:
        for name in LAKE:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, Path(folder) / name)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        command = [sys.executable, "-m", "flows.demo"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        environment = {**kept, "PYTHONPATH": str(ROOT), "HOME": folder}  # without settings of Prefect
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=folder, env=environment)
        took = time.perf_counter() - began
        parts = {name: float(seconds) for name, seconds in _PART.findall(done.stdout)}
        features, models = parts["Features"], parts["Models"]
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        server = LakeServer(Path(folder) / ".lagoa")
        running = server.running()
        if running is None:
            raise RuntimeError("The demo did not run on the lake's server.")
        of_server = psutil.Process(running.pid).cpu_times()
        server.stop()
        of_demo = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        return took - features - models, features, models, of_demo + of_server.user + of_server.system
