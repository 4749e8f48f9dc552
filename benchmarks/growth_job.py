"""A process that looks at a lake: `python -m benchmarks.growth_job ROOT TABLE` prints what each step took."""

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


def main(root: str, table: str) -> None:
    """Open the lake and look at it as the commands of these names do; print wall and CPU ms of each step."""
    spent: dict[str, tuple[float, float]] = {}

    def step(name: str, call: Callable[[], object]) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        spent[name] = ((time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000)

    opened = []
    step("open", lambda: opened.append(lagoa.open_lake(Path(root))))
    with opened[0] as lake:
        step("tables", lake.tables)
        step("log", lambda: _log(lake))
        step("branches", lake.branches)
        step("status", lambda: (lake.sizes(), lake.branches(), lake.publications(1), lake.stale_models()))
        step("sql", lambda: lake.sql(f"SELECT count(*), max(id) FROM {table}").fetchall())
    print(json.dumps(spent))


def _log(lake: Lake) -> list[object]:
    commits = lake.log(limit=20)
    receipts = [lake.context.receipts.of_commit(each.id) for each in commits]
    outcomes = [each.report.outcomes for each in receipts if each]
    return [lake.published_at(commits), outcomes, [lake.changed_tables(each) for each in commits]]


if __name__ == "__main__":
    main(*sys.argv[1:])
