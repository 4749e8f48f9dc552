"""A backup of a few GB beside `cp -r` of the same files, a second one after one load, its verification, a restore."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import lagoa
from benchmarks.figures import Figure
from lagoa.backup.create import create_backup
from lagoa.backup.restore import restore_backup
from lagoa.backup.verify import verify_backups
from lagoa.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

FILES, ROWS, PAIRS = 16, 2_000_000, 5
"""Files of one table, and rows of each: about 2 GB, as the values are random."""

LIMIT = 1.3
TABLE = "silver.readings"
_CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: silver.readings
name: silver.readings
version: 1.0.0
status: active
schema:
  - name: readings
    description: Readings.
    properties:
      - {name: id, logicalType: string, physicalType: string, required: true, primaryKey: true, primaryKeyPosition: 1}
      - {name: a, logicalType: number, physicalType: double}
      - {name: b, logicalType: number, physicalType: double}
"""
_LOAD = "select uuid()::varchar as id, random() as a, random() as b from range({rows})"


def run() -> list[Figure]:
    """Measure pairs of a backup and a copy, each to a new place and brought to the disk."""
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        root = top / "lake"
        (root / "iceberg/silver").mkdir(parents=True)
        (root / "lagoa.toml").write_text('name = "bench"\n')
        (root / "iceberg/silver/readings.odcs.yaml").write_text(_CONTRACT)
        with lagoa.open_lake(root) as lake:
            for _ in range(FILES):
                branch = lake.create_branch("load")
                branch.append(TABLE, branch.sql(_LOAD.format(rows=ROWS)).arrow())
                branch.publish()
                lake.delete_ref("load")
        return _figures(top, root)


def _figures(top: Path, root: Path) -> list[Figure]:
    settings, ratios, times = load_settings(root), [], []
    for number in range(PAIRS):
        place, copy = top / f"backup{number}", top / f"copy{number}"
        took = _seconds(partial(create_backup, settings, str(place)))
        beside = _seconds(partial(_copy, root / ".lagoa", copy))
        ratios.append(took / beside)
        times.append((took, beside))
        shutil.rmtree(copy)
        if number:
            shutil.rmtree(place)
    first = str(top / "backup0")
    with lagoa.open_lake(root) as lake:
        branch = lake.create_branch("load")
        branch.append(TABLE, branch.sql(_LOAD.format(rows=1000)).arrow())
        branch.publish()
    second = _seconds(lambda: create_backup(settings, first))
    verified = _seconds(lambda: verify_backups(settings, first))
    shutil.rmtree(root / ".lagoa")
    restored = _seconds(lambda: restore_backup(settings, first))
    size = sum(each.stat().st_size for each in (root / ".lagoa").rglob("*") if each.is_file()) / 1e9
    note = f"{size:.1f} GB in {FILES} publications; both end when all is on the disk; median of {PAIRS} pairs"
    took, beside = (statistics.median(each) for each in zip(*times, strict=True))
    return [
        Figure("a full backup / `cp -r`", statistics.median(ratios), "x", LIMIT, f"cp -r: {beside:.2f} s", note),
        Figure("a full backup", took, "s", note="each file is hashed while it is copied"),
        Figure("the next backup, after a load of 1,000 rows", second, "s", note="so RPO can be minutes"),
        Figure("its verification", verified, "s", note="every file is read and hashed"),
        Figure("a restore of everything (RTO)", restored, "s", note="each file is hashed while it is copied"),
    ]


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-r", str(source), str(target)], check=True)  # noqa: S607
    subprocess.run(["sync"], check=True)  # noqa: S607


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
