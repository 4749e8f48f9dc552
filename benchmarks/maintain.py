"""Compaction: what many small files cost a reader before and after it, and what it takes beside DuckDB."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

import lagoa
from benchmarks.figures import Figure, median_ms
from benchmarks.write import PARQUET

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from lagoa.lake import Lake

APPENDS, BATCHES = 1000, 1440
SCANS, PAIRS = 9, 5
SCAN_LIMIT, FILES_LIMIT, REWRITE_LIMIT = 1.2, 1.1, 1.5

_COLUMNS = {
    "id": "long",
    "customer": "string",
    "store": "int",
    "amount": "decimal(12,2)",
    "sold_at": "timestamp",
    "category": "string",
}
_LOGICAL = {"long": "integer", "int": "integer", "decimal(12,2)": "number"}
_ROWS = """SELECT i AS id, md5(i::VARCHAR) AS customer, (i * 7919 % 1000)::INTEGER AS store,
((i % 100000) / 100)::DECIMAL(12, 2) AS amount, TIMESTAMP '2020-01-01' + to_seconds(i % 100000000) AS sold_at,
'category ' || i % 50 AS category FROM range({}, {}) AS r(i)"""
_SCAN = "select count(*), sum(amount), max(customer), min(sold_at), count(distinct category) from {}"


def run(appends: int = APPENDS, batches: int = BATCHES) -> list[Figure]:
    """Measure two tables of appended files, and one of a day's batches that were published one by one."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="lagoa-bench-") as folder:
        root = Path(folder)
        (root / "lagoa.toml").write_text('name = "bench"\nauthor = "bench"\nthreads = 2\n')
        for size in (1000, 10_000):
            figures += _appended(root, f"bench.by_{size}", appends, size)
        figures += _day(root, "bench.day", batches, 1000)
    return figures


def _appended(root: Path, table: str, appends: int, size: int) -> list[Figure]:
    """Compact a table of as many files as appends, again and again, beside a plain rewrite of the same files."""
    whole = f"{table}_whole"
    _write_contracts(root, table, whole)
    with lagoa.open_lake(root) as lake, lake.run("load") as branch:
        for number in range(appends):
            branch.append(table, _rows(number * size, (number + 1) * size))
        branch.append(whole, _rows(0, appends * size))
        branch.publish()
    before = _scans(root, table, whole)
    spent = []
    for number in range(PAIRS):
        if number:
            with lagoa.open_lake(root) as lake:
                lake.rollback("main~1")  # to the small files
        spent.append(_pair(root, table))
    ratio = statistics.median(ours / plain for ours, plain in spent)
    ours, plain = (statistics.median(side) for side in zip(*spent, strict=True))
    what = f"{appends:,} files of {size:,} rows"
    peer = f"DuckDB COPY of the same files: {plain:.2f} s"
    note = f"{ours:.2f} s: rewritten, compared, audited, published"
    return [
        Figure(f"maintain of {what}, beside a plain rewrite", ratio, "x", REWRITE_LIMIT, peer, note),
        *_after(root, table, whole, what, before),
    ]


def _day(root: Path, table: str, batches: int, size: int) -> list[Figure]:
    """Compact a table to which a batch was published each minute of a day."""
    whole = f"{table}_whole"
    _write_contracts(root, table, whole)
    with lagoa.open_lake(root) as lake:
        for number in range(batches):
            with lake.run("minute") as run:
                run.append(table, _rows(number * size, (number + 1) * size), batch=f"minute-{number}")
                run.publish()
        with lake.run("load") as branch:
            branch.append(whole, _rows(0, batches * size))
            branch.publish()
    before = _scans(root, table, whole)
    with lagoa.open_lake(root) as lake:
        lake.compact([table])
    return _after(root, table, whole, f"{batches:,} published batches of {size:,} rows", before)


def _after(root: Path, table: str, whole: str, what: str, before: float) -> list[Figure]:
    with lagoa.open_lake(root) as lake:
        files, fresh = (lake.describe_table(each).files or 0 for each in (table, whole))
    return [
        Figure(
            f"scan of {what} after maintain, beside the same rows written at once",
            _scans(root, table, whole),
            "x",
            SCAN_LIMIT,
            note=f"{before:.1f} x before",
        ),
        Figure("the same, its files", files / fresh, "x", FILES_LIMIT, f"{fresh} written at once", f"{files} files"),
    ]


def _scans(root: Path, table: str, whole: str) -> float:
    """Return how many times as long a scan of one table takes as of the other, in a lake that was just opened."""
    with lagoa.open_lake(root) as lake:
        ours, other = (median_ms(_scan(lake, each), SCANS) for each in (table, whole))
    return ours / other


def _scan(lake: Lake, table: str) -> Callable[[], object]:
    return lambda: lake.sql(_SCAN.format(table)).fetchall()


def _pair(root: Path, table: str) -> tuple[float, float]:
    """Return the seconds of a compaction and of a plain rewrite of the same files."""
    with lagoa.open_lake(root) as lake:
        files = [task.file.file_path for task in lake.catalog().load_table(table).scan().plan_files()]
        start = time.perf_counter()
        with duckdb.connect(config={"threads": 2}) as connection:
            target = root / "plain.parquet"
            connection.execute(f"COPY (SELECT * FROM read_parquet({files})) TO '{target}' ({PARQUET})")
        plain = time.perf_counter() - start
        start = time.perf_counter()
        lake.compact([table])
        ours = time.perf_counter() - start
        target.unlink()
    return ours, plain


def _rows(first: int, end: int) -> pa.Table:
    return duckdb.sql(_ROWS.format(first, end)).to_arrow_table()


def _write_contracts(root: Path, *tables: str) -> None:
    for table in tables:
        layer, name = table.split(".")
        columns = [
            {"name": each, "physicalType": kind, "logicalType": _LOGICAL.get(kind, kind), "description": each}
            for each, kind in _COLUMNS.items()
        ]
        schema = {"name": name, "physicalName": table, "physicalType": "table", "properties": columns}
        document: dict[str, object] = {
            "apiVersion": "v3.1.0",
            "kind": "DataContract",
            "id": table,
            "name": table,
            "version": "1.0.0",
        }
        document |= {"status": "active", "schema": [{**schema, "description": table}]}
        file = root / "iceberg" / layer / f"{name}.odcs.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(document))
