"""`lagoa contract infer` of a file with many columns, and the memory that it takes for a large one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.commands import command, lagoa
from benchmarks.figures import Figure
from benchmarks.write import base_sql

COLUMNS, RECORDS = 2_000, 500
ROWS = 141_000_000  # 10 GB


def run(rows: int = ROWS) -> list[Figure]:
    """Measure both files; takes half an hour, nearly all of it for the large one."""
    with tempfile.TemporaryDirectory(prefix="lagoa-bench-") as folder:
        lagoa(folder, "init", "lake")
        wide, large = Path(folder, "wide.csv"), Path(folder, "large.csv")
        with wide.open("w") as file:
            file.write(",".join(f"column_{column}" for column in range(COLUMNS)) + "\n")
            for record in range(RECORDS):
                file.write(",".join(str(record * column % 977) for column in range(COLUMNS)) + "\n")
        seconds, _ = _infer(wide, "bench.wide")
        # A process starts with the peak of the one that starts it: the file is written in another.
        copy = f"COPY ({base_sql(rows)}) TO '{large}' (FORMAT csv, HEADER)"
        subprocess.run([sys.executable, "-c", "import sys, duckdb; duckdb.execute(sys.argv[1])", copy], check=True)
        minutes, memory = _infer(large, "bench.large")
        size = large.stat().st_size / 1e9
    took = f"{minutes / 60:.0f} min"
    return [
        Figure(f"`contract infer` of {COLUMNS:,} columns, {RECORDS:,} rows", seconds, "s", 5),
        Figure(f"memory of `contract infer` of a file of {size:.1f} GB", memory, "MiB", 300, note=took),
    ]


def _infer(file: Path, table: str) -> tuple[float, float]:
    """Return the seconds and the peak of the memory in MiB that the command takes in a process of its own."""
    line = command("contract", "infer", file, "--table", table)
    start = time.perf_counter()
    with subprocess.Popen(line, cwd=file.parent / "lake", stdout=subprocess.DEVNULL) as process:
        _, process.returncode, used = os.wait4(process.pid, 0)
    if process.returncode:
        raise RuntimeError(f"{' '.join(line[2:])} failed")
    return time.perf_counter() - start, used.ru_maxrss / 1024
