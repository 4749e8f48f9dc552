"""Publishing beside its audit: candidate, net change, receipt, swap, for thirty changed tables of a lake of 33."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

import lagoa
from benchmarks.figures import Figure
from lagoa.model import TableName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.branch import Branch

TABLES = 33
CHANGED = 30
ROUNDS = 9
LIMIT_MS = 50.0

_NAMES = [f"bronze.table_{number:02d}" for number in range(TABLES)]
_COLUMNS = ("id", "a", "b", "c", "d")


def run() -> list[Figure]:
    """Measure publications of thirty tables that were audited on their branch before, as `lagoa audit` does."""
    with tempfile.TemporaryDirectory() as folder:
        root = _lake(Path(folder))
        with lagoa.open_lake(root) as lake:
            _load(lake.create_branch("first"), _NAMES, 0).publish()
            beside, whole, checks = [], [], 0
            for number in range(1, ROUNDS + 1):
                branch = _load(lake.create_branch(f"run{number}"), _NAMES[:CHANGED], number)
                branch.audit()
                start = time.perf_counter()
                publication = branch.publish()
                spent = time.perf_counter() - start
                checks = len(publication.report.results)
                whole.append(spent * 1000)
                beside.append((spent - publication.report.seconds) * 1000)
    note = f"{checks} checks, all reused; synced to the disk"
    return [
        Figure(
            f"publish {CHANGED} changed tables, beside the audit", statistics.median(beside), "ms", LIMIT_MS, note=note
        ),
        Figure("the same with its audit, which finds every result", statistics.median(whole), "ms", note=note),
    ]


def _load(branch: Branch, names: Sequence[str], number: int) -> Branch:
    rows = pa.table({column: pa.array([number], pa.int64()) for column in _COLUMNS})
    with branch.write("a row each") as tx:
        for name in names:
            tx.append(TableName.parse(name), rows, batch=f"batch{number}")
    return branch


def _lake(root: Path) -> Path:
    (root / "lagoa.toml").write_text('name = "bench"\n')
    (root / "iceberg" / "bronze").mkdir(parents=True)
    for name in _NAMES:
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
    return root
