"""How long a command takes from the shell's prompt to the next one: each run is a process of its own."""

from __future__ import annotations

import compileall
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import lagoa
from benchmarks.commands import command
from benchmarks.commands import lagoa as run_lagoa
from benchmarks.figures import Figure

ROUNDS = 9
COMMANDS = ((("--version",), 0.3), (("sql", "select 1"), 0.6), (("log",), 0.6))


def run() -> list[Figure]:
    """Measure the commands that should feel immediate; takes about ten seconds."""
    compileall.compile_dir(Path(lagoa.__file__).parent, quiet=1)  # as an installed package is
    with tempfile.TemporaryDirectory() as folder:
        run_lagoa(folder, "init", "lake")
        lake = str(Path(folder) / "lake")
        python = _median([sys.executable, "-c", "pass"], lake)
        return [
            Figure(
                f"lagoa {' '.join(arguments)}",
                _median(command(*arguments), lake),
                "s",
                limit,
                peer=f"Python alone: {python:.2f} s",
                note=f"median of {ROUNDS} processes, bytecode compiled",
            )
            for arguments, limit in COMMANDS
        ]


def _median(line: list[str], cwd: str) -> float:
    environment = {key: value for key, value in os.environ.items() if key != "LAGOA_LAKE"}
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        subprocess.run(line, cwd=cwd, env=environment, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)
