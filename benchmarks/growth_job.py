"""A process that looks at a lake: `python -m benchmarks.growth_job ROOT TABLE [PROFILE]` prints what each step took.

Each step is a line of JSON, its name with wall and CPU ms; the next one begins when a line comes back.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import lagoa
from lagoa.lake import Lake  # noqa: TC001 - imported before the first step, as in any process that opens one

if TYPE_CHECKING:
    from collections.abc import Callable

_SHOWN = 20


def main(root: str, table: str, profile: str = "") -> None:
    """Open the lake and look at it as the commands of these names do."""
    opened = []
    step("open", lambda: opened.append(lagoa.open_lake(Path(root), profile or None)))
    with opened[0] as lake:
        step("tables", lake.tables)
        step("log", lambda: _log(lake))
        step("branches", lake.branches)
        step("status", lambda: (lake.sizes(), lake.branches(), lake.publications(1), lake.stale_models()))
        step("sql", lambda: lake.sql(f"SELECT count(*), max(id) FROM {table}").fetchall())


def step(name: str, call: Callable[[], object]) -> None:
    """Do something, print what it took, and wait for the next line."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    print(json.dumps([name, (time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000]), flush=True)
    sys.stdin.readline()


def _log(lake: Lake) -> object:
    commits = lake.log(limit=_SHOWN)
    receipts = [lake.context.receipts.of_commit(each.id) for each in commits]
    changed = [lake.changed_tables(each) for each in commits]
    return lake.published_at(commits), [each.report.outcomes for each in receipts if each], changed


if __name__ == "__main__":
    main(*sys.argv[1:])
