"""`lagoa ingest` of a large file beside a script of DuckDB that writes it as Parquet, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import duckdb

from benchmarks.commands import lagoa
from benchmarks.figures import Figure
from benchmarks.write import PARQUET, base_sql, pairs

PAIRS = 3
TABLE = "bench.facts"
FILES = {  # of 500 MB
    "csv": (7_000_000, "HEADER", "read_csv", 2.5),
    "parquet": (21_000_000, "COMPRESSION zstd", "read_parquet", 1.5),
}


def run() -> list[Figure]:
    """Measure a file of each format; takes some minutes."""
    return [_file(name, *each) for name, each in FILES.items()]


def _file(name: str, rows: int, written: str, reader: str, limit: float) -> Figure:
    with tempfile.TemporaryDirectory(prefix="lagoa-bench-") as folder:
        file, lake = Path(folder, f"facts.{name}"), Path(folder, "lake")
        with closing(duckdb.connect()) as connection:
            connection.execute(f"COPY ({base_sql(rows)}) TO '{file}' (FORMAT {name}, {written})")
        lagoa(folder, "init", "lake")
        lagoa(str(lake), "contract", "infer", str(file), "--table", TABLE)
        for number in range(-1, PAIRS):
            lagoa(str(lake), "branch", "create", f"b{number + 1}")

        def ours(number: int) -> None:
            lagoa(str(lake), "ingest", str(file), "--into", TABLE, "--branch", f"b{number + 1}")

        def theirs(number: int) -> None:
            target = f"{folder}/plain-{number}.parquet"
            script = f"import duckdb; duckdb.execute(\"COPY (FROM {reader}('{file}')) TO '{target}' ({PARQUET})\")"
            subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)

        ratio, mine, other = pairs(ours, theirs, PAIRS)
        size = file.stat().st_size / 1e6
    what = f"`lagoa ingest` of a file of {size:,.0f} MB, {rows:,} rows x 6 columns, {name}"
    return Figure(what, ratio, "x", limit, f"{reader} and COPY in DuckDB: {other:.2f} s", f"{mine:.2f} s")
