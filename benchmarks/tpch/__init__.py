"""What a user writes by hand for a lake of TPC-H with six models: counted, after it was built and published."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import duckdb

from benchmarks.figures import Figure

SCALE = 0.01
LIMIT = 100
TABLES = ("customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier")
MODELS = Path(__file__).parent


def run() -> list[Figure]:
    """Build the lake as a user would, with contracts that `infer` wrote as they are; takes about a minute."""
    with tempfile.TemporaryDirectory(prefix="lagoa-bench-") as folder:
        files = _generate(Path(folder, "delivery"))
        lake = Path(folder, "lake")
        _lagoa(folder, "init", "lake")
        _lagoa(lake, "contract", "infer", *files, "--layer", "bronze")
        lines = 0
        for model in sorted(MODELS.glob("*.sql")):
            layer, name, _ = model.name.split(".")
            target = lake / "transformations" / layer / f"{name}.sql"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(model.read_text("utf-8"), "utf-8")
            lines += sum(bool(line.strip()) for line in model.read_text("utf-8").splitlines())
        _lagoa(lake, "ingest", Path(folder, "delivery"))
        _lagoa(lake, "contract", "infer", "--model", "all")
        _lagoa(lake, "check")
        _lagoa(lake, "run", "daily", f"folder={Path(folder, 'delivery')}")
        built = len(list(MODELS.glob("*.sql")))
        _lagoa(lake, "flow", "down")
    note = f"8 files, {built} models, {8 + built} contracts, checks, a flow; all the rest is what init and infer wrote"
    return [Figure("lines written by hand for TPC-H, published", lines, "", LIMIT, "dlt with dbt: 80", note)]


def _generate(folder: Path) -> list[Path]:
    """Write the eight tables as CSV files; return their paths."""
    folder.mkdir()
    package = find_spec("duckdb_extension_tpch")
    if package is None or not package.submodule_search_locations:
        raise RuntimeError("duckdb-extension-tpch is not installed: run `make install`")
    place = Path(package.submodule_search_locations[0], "extensions", f"v{duckdb.__version__}")
    with closing(duckdb.connect()) as connection:
        connection.execute(f"LOAD '{place / 'tpch.duckdb_extension'}'; CALL dbgen(sf = {SCALE})")
        for table in TABLES:
            connection.execute(f"COPY {table} TO '{folder / f'{table}.csv'}' (HEADER)")
    return [folder / f"{table}.csv" for table in TABLES]


def _lagoa(folder: Path | str, *arguments: object) -> None:
    command = [sys.executable, "-m", "lagoa.cli", *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[2:])} failed:\n{done.stdout}\n{done.stderr}")
