"""Writes through `Branch` beside plain DuckDB, DuckLake and PyIceberg: append, read back, merge."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl

from benchmarks.commands import extension
from benchmarks.figures import Figure
from lagoa.bootstrap import open_lake

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from lagoa.lake import Lake
    from lagoa.write import Source

ROWS = 10_000_000
MERGED = 1_000_000
UPSERT_SHARE = 100  # PyIceberg's upsert is measured on this part of the rows
PAIRS = 5
LIMIT_READ = 1.10
LIMIT_MERGE = 1.25

TABLE = "bench.facts"
LOADED = "an-Arrow-table/0"
"""A branch on which the table has its rows."""

PARQUET = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"
"""As tables are written."""
_CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: bench.facts
name: bench.facts
version: 1.0.0
status: active
description: {purpose: Rows to measure writes with.}
schema:
  - name: facts
    physicalName: bench.facts
    physicalType: table
    description: One row a sale.
    properties:
      - {name: id, logicalType: integer, physicalType: long, required: true, primaryKey: true, description: Key.}
      - {name: customer, logicalType: string, physicalType: string, required: true, description: A hash.}
      - {name: store, logicalType: integer, physicalType: int, description: One of 1000.}
      - {name: amount, logicalType: number, physicalType: "decimal(12, 2)", description: In reais.}
      - {name: sold_at, logicalType: timestamp, physicalType: timestamp, description: The moment.}
      - {name: category, logicalType: string, physicalType: string, description: One of 50.}
team: {name: benchmarks}
"""


def _rows(ids: str, amount: str = "(i % 100000) / 100") -> str:
    return (
        "SELECT i AS id, md5(i::VARCHAR) AS customer, (i * 7919 % 1000)::INTEGER AS store, "
        f"({amount})::DECIMAL(12, 2) AS amount, TIMESTAMP '2020-01-01' + to_seconds(i % 100000000) AS sold_at, "
        f"'category ' || i % 50 AS category FROM (SELECT {ids} AS i)"
    )


def _news(rows: int, merged: int) -> str:
    """Return the keys of a merge: half of them all over those that are there, half behind."""
    half = merged // 2
    return f"unnest(range(0, {rows}, {rows // half}) || range({rows}, {rows + half}))"


@dataclass(frozen=True)
class _Bench:
    """What every measurement needs.

    Attributes:
        folder: for files; emptied in the end.
        lake: a lake with one contract.
        connection: DuckDB alone, which reads the rows as `base` and `news`.
        base: the table's rows.
        news: rows to merge, half of them with keys of the base.
    """

    folder: Path
    lake: Lake
    connection: duckdb.DuckDBPyConnection
    base: pa.Table
    news: pa.Table

    def plain(self, name: str, query: str = "FROM base") -> Path:
        """Write a query as plain Parquet, compressed like the tables."""
        path = self.folder / f"{name}.parquet"
        self.connection.execute(f"COPY ({query}) TO '{path}' ({PARQUET})")
        return path


def run(rows: int = ROWS, merged: int = MERGED) -> list[Figure]:
    """Measure every figure of the write path; takes some minutes."""
    with tempfile.TemporaryDirectory(prefix="lagoa-bench-") as name:
        folder = Path(name)
        (folder / "lagoa.toml").write_text('name = "bench"\n')
        write_contract(folder)
        with open_lake(folder) as lake, closing(duckdb.connect()) as connection:
            base, news = base_rows(rows), _news_rows(rows, merged)
            connection.register("base", base)
            connection.register("news", news)
            bench = _Bench(folder, lake, connection, base, news)
            return [*_append(bench), _read(bench), *_merge(bench), _ducklake(bench), _upsert(bench)]


def write_contract(lake: Path) -> None:
    """Write the table's contract into the folder of a lake."""
    contract = lake / "iceberg" / "bench" / "facts.odcs.yaml"
    contract.parent.mkdir(parents=True)
    contract.write_text(_CONTRACT)


def base_rows(rows: int) -> pa.Table:
    """Return so many rows of the table."""
    with closing(duckdb.connect()) as connection:
        return connection.execute(base_sql(rows)).to_arrow_table()


def base_sql(rows: int) -> str:
    """Return the SELECT of so many rows of the table."""
    return _rows(f"unnest(range({rows}))")


def _news_rows(rows: int, merged: int) -> pa.Table:
    with closing(duckdb.connect()) as connection:
        return connection.execute(_rows(_news(rows, merged), "1")).to_arrow_table()


def pairs(
    ours: Callable[[int], object], theirs: Callable[[int], object], number_of_pairs: int = PAIRS
) -> tuple[float, float, float]:
    """Return the median ratio of pairs in alternating order, and the median seconds of each side."""
    ours(-1), theirs(-1)  # neither is to pay for the first time
    times: list[tuple[float, float]] = []
    for number in range(number_of_pairs):
        if number % 2:
            second, first = _seconds(theirs, number), _seconds(ours, number)
        else:
            first, second = _seconds(ours, number), _seconds(theirs, number)
        times.append((first, second))
    ratio = statistics.median(first / second for first, second in times)
    return ratio, statistics.median(each[0] for each in times), statistics.median(each[1] for each in times)


def _seconds(call: Callable[[int], object], number: int) -> float:
    start = time.perf_counter()
    call(number)
    return time.perf_counter() - start


def _append(bench: _Bench) -> list[Figure]:
    sources: dict[str, tuple[Callable[[], Source], str | None, float]] = {
        "an Arrow table": (lambda: bench.base, None, 1.3),
        "an Arrow table with a batch id": (lambda: bench.base, "b1", 1.5),
        "an Arrow reader": (bench.base.to_reader, None, 1.6),
        "a relation of DuckDB": (lambda: bench.connection.table("base"), None, 1.6),
        "a frame of Polars": (lambda: pl.from_arrow(bench.base), None, 1.6),
    }
    return [_append_of(bench, what, *each) for what, each in sources.items()]


def _append_of(bench: _Bench, what: str, source: Callable[[], Source], batch: str | None, limit: float) -> Figure:
    name = what.replace(" ", "-")
    branches = [bench.lake.create_branch(f"{name}/{number}") for number in range(PAIRS + 1)]

    def ours(number: int) -> None:
        branches[number + 1].append(TABLE, source(), batch=batch)

    ratio, mine, other = pairs(ours, lambda number: bench.plain(f"append-{number}"))
    rows = bench.base.num_rows
    files = branches[0].catalog().load_table(TABLE).inspect.files()["file_size_in_bytes"].to_pylist()
    share = sum(files) / (bench.folder / "append-0.parquet").stat().st_size
    note = f"{mine:.2f} s; files of {sum(files) / 2**20:.0f} MiB, {share:.2f} x"
    return Figure(f"append of {rows:,} rows x 6 columns, {what}", ratio, "x", limit, f"COPY: {other:.2f} s", note)


def _read(bench: _Bench) -> Figure:
    plain = bench.folder / "append-0.parquet"
    query = "SELECT store, category, sum(amount), count(*), max(sold_at) FROM {} GROUP BY ALL ORDER BY ALL"
    # A lake of its own, which has not written the files and so goes through the table's metadata.
    with open_lake(bench.folder) as reader:

        def ours(number: int) -> None:
            del number
            reader.sql(query.format(TABLE), LOADED).fetchall()

        def theirs(number: int) -> None:
            del number
            bench.connection.execute(query.format(f"read_parquet('{plain}')")).fetchall()

        ratio, mine, other = pairs(ours, theirs)
    name = f"group-by over the table of {bench.base.num_rows:,} rows, another process than the writer's"
    peer = f"plain Parquet: {other * 1000:.0f} ms"
    return Figure(name, ratio, "x", LIMIT_READ, peer, f"{mine * 1000:.0f} ms, parsing and confinement included")


def _merge(bench: _Bench) -> list[Figure]:
    """Merge into branches of one table: each starts from the same 10M rows, by a pointer."""
    branches = [bench.lake.create_branch(f"merge-{number}", at=LOADED) for number in range(PAIRS + 1)]
    old = bench.folder / "append-0.parquet"
    merged = bench.news.num_rows

    def ours(number: int) -> None:
        result = branches[number + 1].merge(TABLE, bench.news)
        if (result.rows_added, result.rows_removed) != (merged, merged // 2):
            raise AssertionError(f"the merge did something else: {result}")

    by_hand = f"SELECT * FROM news UNION ALL SELECT o.* FROM read_parquet('{old}') o ANTI JOIN news n USING (id)"
    ratio, mine, other = pairs(ours, lambda number: bench.plain(f"merge-{number}", by_hand))
    what = f"merge of {merged:,} rows, half new, into {bench.base.num_rows:,}"
    peer = f"copy-on-write by hand in DuckDB: {other:.2f} s"
    return [Figure(f"{what}, keys all over the table", ratio, "x", LIMIT_MERGE, peer, f"{mine:.2f} s")]


def _ducklake(bench: _Bench) -> Figure:
    file = extension("ducklake")
    if file is None:
        return Figure("DuckLake's MERGE", float("nan"), "s", note="not installed: duckdb-extension-ducklake")
    base = bench.plain("lake-base")
    news = bench.plain("lake-news", "FROM news")
    times = []
    for number in range(PAIRS):
        place = bench.folder / f"ducklake-{number}"
        place.mkdir()
        with closing(duckdb.connect()) as connection:
            connection.execute(f"LOAD '{file}'; ATTACH 'ducklake:{place}/meta.db' AS dl (DATA_PATH '{place}/data')")
            connection.execute(f"CREATE TABLE dl.facts AS FROM read_parquet('{base}')")
            connection.execute(f"CREATE TEMP TABLE news AS FROM read_parquet('{news}')")
            start = time.perf_counter()
            connection.execute(
                "MERGE INTO dl.facts USING news USING (id) WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT"
            )
            times.append(time.perf_counter() - start)
        shutil.rmtree(place)
    note = "it leaves delete files and does not write old rows again, which its readers then pay for"
    return Figure("the same by DuckLake's MERGE INTO", statistics.median(times), "s", note=note)


def _upsert(bench: _Bench) -> Figure:
    """Measure PyIceberg's upsert beside ours on a part of the rows: whole, it takes a quarter of an hour."""
    rows, merged = bench.base.num_rows // UPSERT_SHARE, bench.news.num_rows // UPSERT_SHARE
    bench.lake.create_branch("upsert-theirs").append(TABLE, bench.base.slice(0, rows))
    branch = bench.lake.create_branch("upsert-ours", at="upsert-theirs")
    news = _news_rows(rows, merged)
    table = bench.lake.catalog("upsert-theirs").load_table(TABLE)
    fits = news.select(table.schema().column_names).cast(table.schema().as_arrow())
    start = time.perf_counter()
    branch.merge(TABLE, news)
    ours = time.perf_counter() - start
    start = time.perf_counter()
    table.upsert(fits, join_cols=["id"])
    theirs = time.perf_counter() - start
    name = f"merge of {news.num_rows:,} rows into {rows:,}"
    return Figure(name, ours, "s", None, f"PyIceberg's upsert: {theirs:.2f} s", "once, on a part of the rows")
