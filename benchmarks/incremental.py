"""An incremental model beside a whole build of the same SELECT, when one day of rows comes to many."""

from __future__ import annotations

import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Figure
from lagoa.bootstrap import open_lake
from lagoa.domain.tables import TableName
from lagoa.write import SessionQuery, begin

if TYPE_CHECKING:
    from lagoa.branch import Branch
    from lagoa.lake import Lake

ROWS = 10_000_000
DAYS = 1000
ROUNDS = 5
LIMIT = 0.25

_SALES = TableName(("bronze",), "sales")
_HEAD = """apiVersion: v3.1.0
kind: DataContract
id: {table}
name: {table}
version: 1.0.0
status: active
description: {{purpose: Rows to measure increments with.}}
schema:
  - name: {name}
    physicalName: {table}
    physicalType: table
    description: One row a thing.
    properties:
"""
_COLUMN = "      - {{name: {}, logicalType: {}, physicalType: '{}', description: x}}\n"
_CUSTOM = "      - {{property: lagoa.{}, value: {}}}\n"
_TYPES = {"long": "integer", "string": "string", "date": "date", "timestamp": "timestamp", "decimal(14,2)": "number"}
_BY_TIME = "{by: time, column: day, grain: day, inputs: {bronze.sales: sold_at}}"
_DAILY = {"day": "date", "store": "long", "sales": "long", "customers": "long", "revenue": "decimal(14,2)"}
_SELECT = """select
    cast(sold_at as date) as day,
    store,
    count(*) as sales,
    count(distinct customer) as customers,
    cast(sum(amount) as decimal(14, 2)) as revenue
from bronze.sales
group by 1, 2
"""


def run(rows: int = ROWS) -> list[Figure]:
    """Measure both builds of each round; every day has as many rows."""
    with tempfile.TemporaryDirectory(prefix="lagoa-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        _write_lake(folder)
        lake = stack.enter_context(open_lake(folder))
        branch = lake.create_branch("dev")
        _load(lake, f"unnest(range({rows}))", rows // DAYS)
        branch.transform()
        new = [_round(lake, branch, DAYS + number, rows // DAYS) for number in range(ROUNDS + 1)][1:]
        late = [_round(lake, branch, DAYS // 2 + number, rows // DAYS) for number in range(ROUNDS)]
    return [_figure(f"a new day of {rows // DAYS:,} rows", rows, new), _figure("a late day likewise", rows, late)]


def _figure(what: str, rows: int, times: list[tuple[float, float]]) -> Figure:
    ratio = statistics.median(ours / whole for ours, whole in times)
    ours, whole = (statistics.median(side) for side in zip(*times, strict=True))
    name = f"{what} beside {rows:,}: sales by day and store, incremental"
    return Figure(name, ratio, "x", LIMIT, f"whole build: {whole:.2f} s", f"{ours:.2f} s, commit included")


def _round(lake: Lake, branch: Branch, day: int, size: int) -> tuple[float, float]:
    """Load the rows of a day; return the seconds of the incremental and of the whole build, one after the other."""
    _load(lake, f"unnest(range({day * size}, {(day + 1) * size}))", size)
    results = {table: branch.transform([table])[-1] for table in ("gold.incremental", "gold.whole")}
    if len(results["gold.incremental"].increments) != 1:
        raise AssertionError(f"another day was built: {results}")
    differ = branch.sql("select count(*) from (from gold.incremental except all from gold.whole)").fetchall()
    if differ != [(0,)]:
        raise AssertionError("the tables are not the same")
    return results["gold.incremental"].seconds, results["gold.whole"].seconds


def _load(lake: Lake, ids: str, size: int) -> None:
    rows = (
        f"SELECT i AS id, md5((i % 999983)::VARCHAR) AS customer, i * 7919 % 100 AS store, "
        f"((i % 100000) / 100)::DECIMAL(14, 2) AS amount, "
        f"TIMESTAMP '2020-01-01' + to_seconds((i // {size}) * 86400 + i % 86400) AS sold_at FROM (SELECT {ids} AS i)"
    )
    with lake.context.engine.session({}) as session, begin(lake.context, "dev") as tx:
        tx.append(_SALES, SessionQuery(session, rows))


def _write_lake(folder: Path) -> None:
    (folder / "lagoa.toml").write_text('name = "bench"\n')
    sales = {"id": "long", "customer": "string", "store": "long", "amount": "decimal(14,2)", "sold_at": "timestamp"}
    _write_contract(folder, "bronze.sales", sales, {"partition": "['month(sold_at)']"})
    incremental = {"materialization": "incremental", "incremental": _BY_TIME, "partition": "['month(day)']"}
    for table, custom in (("gold.incremental", incremental), ("gold.whole", {"materialization": "full"})):
        _write_contract(folder, table, _DAILY, custom)
        model = folder / "transformations" / f"{table.replace('.', '/')}.sql"
        model.parent.mkdir(parents=True, exist_ok=True)
        model.write_text(_SELECT)


def _write_contract(folder: Path, table: str, columns: dict[str, str], custom: dict[str, str]) -> None:
    layer, name = table.split(".")
    path = folder / "iceberg" / layer / f"{name}.odcs.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        _HEAD.format(table=table, name=name)
        + "".join(_COLUMN.format(column, _TYPES[kind], kind) for column, kind in columns.items())
        + "    customProperties:\n"
        + "".join(_CUSTOM.format(key, value) for key, value in custom.items())
        + "team: {name: benchmarks}\n"
    )
