"""The main job, from the start of a process to publication, beside plain DuckDB to Parquet, and dlt with dbt-duckdb."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import dbt_peer
from benchmarks.figures import Figure
from flows.sources.olist import generate

ROOT = Path(__file__).resolve().parent.parent
PAIRS = 5
LIMIT_S = 6.0
FLOOR_RATIO = 2.0
TENFOLD = 10
BEYOND = (
    "beyond the floor it pays its imports (PyIceberg, Soda, and pandas, which DuckDB imports), the checks, metadata "
    "and a second look at the one file with refused records"
)


def run() -> list[Figure]:
    """Measure the main job at full size, again on a changed file, and at ten times the rows; takes some minutes."""
    with tempfile.TemporaryDirectory() as folder:
        data, lake, scratch = (Path(folder) / name for name in ("data", "lake", "floor"))
        generate(data)
        reference_lake(lake)
        peer = dbt_peer.DbtPeer.make(data, Path(folder) / "dbt")
        floors, jobs, dbt_jobs = [], [], []
        for _ in range(PAIRS):
            floors.append(_floor(data, scratch))
            shutil.rmtree(lake / ".lagoa", ignore_errors=True)
            jobs.append(job(data, lake))
            dbt_jobs.append(peer.job())
        same = dbt_peer.check_rows(lake, peer.database)
        floor, whole = statistics.median(floors), statistics.median(each["seconds"] for each in jobs)
        beside = f"plain DuckDB to plain Parquet: {floor:.2f} s"
        size = f"{jobs[0]['received']:,} rows, {jobs[0]['tables']} tables, {jobs[0]['checks']} checks"
        phases = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in jobs[-1]["phases"].items())
        figures = [
            Figure(
                "main job, imports to published",
                whole,
                "s",
                LIMIT_S,
                beside,
                f"{size}; the last one: {phases}; {BEYOND}",
            ),
            Figure("main job to its floor", whole / floor, "x", FLOOR_RATIO, beside, f"median of {PAIRS} pairs"),
            *dbt_peer.figures(jobs, dbt_jobs, same),
            _changed_file(data, lake),
        ]
        shutil.rmtree(lake / ".lagoa")
        return [*figures, _tenfold(Path(folder), whole, floor)]


def reference_lake(folder: Path, settings: str = "") -> None:
    """Make a lake of the reference lake's contracts, models and checks, with settings and a state of its own."""
    folder.mkdir()
    for name in ("iceberg", "transformations", "soda"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "lagoa.toml").write_text(f'name = "bench"\n{settings}', "utf-8")


def job(data: Path, *lake: Path | str) -> dict[str, Any]:
    """Run the main job in a process of its own on a lake, in a profile of it where one is named; return its figures."""
    result: dict[str, Any] = json.loads(_python("benchmarks.job", str(data), *map(str, lake)))
    return result


def _changed_file(data: Path, lake: Path) -> Figure:
    """Ask for the same job when a hundred orders of one file have another state since."""
    file = data / "olist_orders_dataset.csv"
    lines = file.read_bytes().splitlines(keepends=True)
    changed = [line.replace(b",delivered,", b",shipped,") for line in lines[1:101]]
    file.write_bytes(b"".join([lines[0], *changed, *lines[101:]]))
    again = job(data, lake)
    note = f"loaded {', '.join(again['loaded'])}; built the {len(again['built'])} models that rest on it"
    return Figure("main job again, one file changed", again["seconds"], "s", note=note)


def _tenfold(folder: Path, whole: float, floor: float) -> Figure:
    data = folder / "tenfold"
    generate(data, scale=TENFOLD)
    big_floor = _floor(data, folder / "big_floor")
    big = job(data, folder / "lake")
    return Figure(
        f"main job at {TENFOLD} times the rows, to the one above",
        big["seconds"] / whole,
        "x",
        float(TENFOLD),
        f"plain DuckDB: {big_floor / floor:.1f} x",
        f"{big['received']:,} rows in {big['seconds']:.1f} s, peak memory {big['peak_mb']:,.0f} MiB",
    )


def _floor(data: Path, out: Path) -> float:
    shutil.rmtree(out, ignore_errors=True)
    return float(_python("benchmarks.floor", str(data), str(out)).split()[0])


def _python(module: str, *arguments: str) -> str:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    return done.stdout.splitlines()[-1]
