"""What a user writes by hand for a lake of TPC-H with six models: counted, after it was built and published."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

import duckdb

from benchmarks.commands import extension, lagoa
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
        lagoa(folder, "init", "lake")
        lagoa(lake, "contract", "infer", *files, "--layer", "bronze")
        lines = 0
        for model in sorted(MODELS.glob("*.sql")):
            layer, name, _ = model.name.split(".")
            target = lake / "transformations" / layer / f"{name}.sql"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(model.read_text("utf-8"), "utf-8")
            lines += sum(bool(line.strip()) for line in model.read_text("utf-8").splitlines())
        lagoa(lake, "ingest", Path(folder, "delivery"))
        lagoa(lake, "contract", "infer", "--model", "all")
        lagoa(lake, "check")
        lagoa(lake, "run", "daily", f"folder={Path(folder, 'delivery')}")
        built = len(list(MODELS.glob("*.sql")))
        lagoa(lake, "flow", "down")
    note = f"8 files, {built} models, {8 + built} contracts, checks, a flow; all the rest is what init and infer wrote"
    return [Figure("lines written by hand for TPC-H, published", lines, "", LIMIT, "dlt with dbt: 80", note)]


def _generate(folder: Path) -> list[Path]:
    """Write the eight tables as CSV files; return their paths."""
    folder.mkdir()
    file = extension("tpch")
    if file is None:
        raise RuntimeError("duckdb-extension-tpch is not installed: run `make install`")
    with closing(duckdb.connect()) as connection:
        connection.execute(f"LOAD '{file}'; CALL dbgen(sf = {SCALE})")
        for table in TABLES:
            connection.execute(f"COPY {table} TO '{folder / f'{table}.csv'}' (HEADER)")
    return [folder / f"{table}.csv" for table in TABLES]
