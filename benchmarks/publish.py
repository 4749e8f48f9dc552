"""Publishing beside its audit: candidate, net change, receipt, swap, for thirty changed tables of a lake of 33."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

import lagoa
from benchmarks.figures import Figure
from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.branch import Branch
    from lagoa.lake import Lake

TABLES = 33
CHANGED = 30
ROUNDS = 9
LIMIT_MS = 50.0
REBASED = 10
REBASE_LIMIT_MS = 100.0
LARGE_ROWS = 10_000_000

NAMES = [f"bronze.table_{number:02d}" for number in range(TABLES)]
_COLUMNS = ("id", "a", "b", "c", "d")


def run() -> list[Figure]:
    """Measure publications of thirty tables that were audited on their branch before, as `lagoa audit` does."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "lagoa.toml").write_text('name = "bench"\n')
        write_contracts(root)
        with lagoa.open_lake(root) as lake:
            load(lake.create_branch("first"), NAMES, "first").publish()
            beside, whole, checks = publications(lake, "run", ROUNDS)
            small = rebases(lake, "small", ROUNDS)
            with lake.run("large") as run:
                count = ", ".join(f"i AS {name}" for name in _COLUMNS)
                run.append(
                    NAMES[0], lake.sql(f"SELECT {count} FROM range({2**33}, {2**33 + LARGE_ROWS}) AS r(i)").reader()
                )
                run.publish()
            large = rebases(lake, "large", ROUNDS)
    note = f"{checks} checks, all reused; synced to the disk"
    return [
        Figure(f"publish {CHANGED} changed tables, beside the audit", beside, "ms", LIMIT_MS, note=note),
        Figure("the same with its audit, which finds every result", whole, "ms", note=note),
        Figure(f"rebase of {REBASED} tables that main and the branch appended to", small, "ms", REBASE_LIMIT_MS),
        Figure(f"the same, one of them with {LARGE_ROWS:,} rows", large, "ms", REBASE_LIMIT_MS),
    ]


def publications(lake: Lake, prefix: str, rounds: int) -> tuple[float, float, int]:
    """Publish thirty changed tables so many times, from branches whose names begin with `prefix`.

    Returns:
        Median milliseconds of a publication without its audit, those of the whole, and its number of checks.
    """
    beside, whole, checks = [], [], 0
    for number in range(1, rounds + 1):
        branch = load(lake.create_branch(f"{prefix}{number}"), NAMES[:CHANGED], f"{prefix}{number}")
        branch.audit()
        start = time.perf_counter()
        publication = branch.publish()
        spent = time.perf_counter() - start
        checks = len(publication.report.results)
        whole.append(spent * 1000)
        beside.append((spent - publication.report.seconds) * 1000)
    return statistics.median(beside), statistics.median(whole), checks


def rebases(lake: Lake, prefix: str, rounds: int) -> float:
    """Return the median milliseconds of a rebase of a branch that appended to ten tables, as main did meanwhile."""
    spent = []
    for number in range(1, rounds + 1):
        branch, other = (lake.create_branch(f"{prefix}-{which}-{number}") for which in ("ours", "theirs"))
        for each in (branch, other):
            load(each, NAMES[:REBASED], each.name)
        other.publish()
        start = time.perf_counter()
        branch.rebase()
        spent.append((time.perf_counter() - start) * 1000)
    return statistics.median(spent)


def load(branch: Branch, names: Sequence[str], batch: str) -> Branch:
    """Append a row to each of some tables, in one commit, as a batch that they have not seen yet."""
    key = zlib.crc32(batch.encode())
    rows = pa.table({column: pa.array([key], pa.int64()) for column in _COLUMNS})
    with branch.write("a row each") as tx:
        for name in names:
            tx.append(TableName.parse(name), rows, batch=batch)
    return branch


def write_contracts(root: Path, names: Sequence[str] = NAMES) -> None:
    """Write the contract of each table into the folder of a lake."""
    (root / "iceberg" / "bronze").mkdir(parents=True)
    for name in names:
        columns = [
            {"name": column, "logicalType": "integer", "physicalType": "long", "required": True, "description": column}
            for column in _COLUMNS
        ]
        columns[0] |= {"primaryKey": True, "primaryKeyPosition": 1}
        schema = {"name": name.partition(".")[2], "physicalName": name, "physicalType": "table", "properties": columns}
        document = {
            "apiVersion": "v3.1.0",
            "kind": "DataContract",
            "id": name,
            "name": name,
            "version": "1.0.0",
            "status": "active",
            "schema": [{**schema, "description": name}],
        }
        (root / "iceberg" / f"{name.replace('.', '/')}.odcs.yaml").write_text(json.dumps(document))
