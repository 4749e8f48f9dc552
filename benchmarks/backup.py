"""A backup of a few GB beside `cp -r` of the same files, a second one after one load, its verification, a restore.

`python -m benchmarks.backup --gb 10 --pairs 1` is a large one. It takes three times as much disk in `--folder`,
with more pairs four times.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import lagoa
from benchmarks.figures import Figure, as_markdown, machine, versions
from lagoa.backup.create import create_backup
from lagoa.backup.follow import follow
from lagoa.backup.restore import restore_backup
from lagoa.backup.verify import verify_backups
from lagoa.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

GB, PAIRS = 2.0, 5
ROWS, FILES_OF_GB = 2_000_000, 8
"""Rows of each file of one table: about 125 MB, as the values are random."""

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


def run(gb: float = GB, pairs: int = PAIRS, folder: Path | None = None) -> list[Figure]:
    """Measure pairs of a backup and a copy, each to a new place and brought to the disk.

    Args:
        gb: size of the lake's files.
        pairs: number of pairs.
        folder: where all is written; by default where the system has temporary files.
    """
    with tempfile.TemporaryDirectory(dir=folder) as made:
        top = Path(made)
        root = top / "lake"
        (root / "iceberg/silver").mkdir(parents=True)
        (root / "lagoa.toml").write_text('name = "bench"\n')
        (root / "iceberg/silver/readings.odcs.yaml").write_text(_CONTRACT)
        files = max(1, round(gb * FILES_OF_GB))
        with lagoa.open_lake(root) as lake:
            for _ in range(files):
                branch = lake.create_branch("load")
                branch.append(TABLE, branch.sql(_LOAD.format(rows=ROWS)).arrow())
                branch.publish()
                lake.delete_ref("load")
        return _figures(top, root, files, pairs)


def _figures(top: Path, root: Path, files: int, pairs: int) -> list[Figure]:
    settings, ratios, times = load_settings(root), [], []
    for number in range(pairs):
        place, copy = top / f"backup{number}", top / f"copy{number}"
        took = _seconds(partial(create_backup, settings, str(place)))
        beside = _seconds(partial(_copy, root / ".lagoa", copy))
        ratios.append(took / beside)
        times.append((took, beside))
        shutil.rmtree(copy)
        if number:
            shutil.rmtree(place)
    first = str(top / "backup0")
    _publish_few(root)
    second = _seconds(lambda: create_backup(settings, first))
    looks = follow(settings, first, every_s=0, ended=Event())
    next(looks)
    _publish_few(root)
    followed = next(looks).lag_s
    verified = _seconds(lambda: verify_backups(settings, first))
    shutil.rmtree(root / ".lagoa")
    restored = _seconds(lambda: restore_backup(settings, first))
    size = sum(each.stat().st_size for each in (root / ".lagoa").rglob("*") if each.is_file()) / 1e9
    note = f"{size:.1f} GB in {files} publications; both end when all is on the disk; median of {pairs} pairs"
    took, beside = (statistics.median(each) for each in zip(*times, strict=True))
    return [
        Figure("a full backup / `cp -r`", statistics.median(ratios), "x", LIMIT, f"cp -r: {beside:.2f} s", note),
        Figure("a full backup", took, "s", note="each file is hashed while it is copied"),
        Figure("the next backup, after a load of 1,000 rows", second, "s", note="so a daily one is short"),
        Figure(
            "the time from such a publication to its backup with `--follow`, without the wait between looks (RPO)",
            followed,
            "s",
            note="`--every` comes on top, 60 s by default",
        ),
        Figure("its verification", verified, "s", note="every file is read and hashed"),
        Figure("a restore of everything (RTO)", restored, "s", note="each file is hashed while it is copied"),
    ]


def _publish_few(root: Path) -> None:
    with lagoa.open_lake(root) as lake:
        branch = lake.create_branch("load")
        branch.append(TABLE, branch.sql(_LOAD.format(rows=1000)).arrow())
        branch.publish()
        lake.delete_ref("load")


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-r", str(source), str(target)], check=True)  # noqa: S607
    subprocess.run(["sync", "-f", str(target)], check=True)  # noqa: S607 - its file system, as a backup waits for


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gb", type=float, default=GB, help="size of the lake's files")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="pairs of a backup and a copy")
    parser.add_argument("--folder", type=Path, help="where all is written")
    given = parser.parse_args()
    print(f"Measured on {machine()}; {versions()}.\n\n{as_markdown(run(given.gb, given.pairs, given.folder))}")
