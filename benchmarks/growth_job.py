"""A process that looks at a lake: `python -m benchmarks.growth_job ROOT TABLE` prints what each step took."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import lagoa
from lagoa.lake import Lake  # noqa: F401 - imported before the first step, as in any process that opens one

if TYPE_CHECKING:
    from collections.abc import Callable


def main(root: str, table: str) -> None:
    """Open the lake and look at it as `status`, `log`, `table list` and `sql` do; print wall and CPU ms of each."""
    spent: dict[str, tuple[float, float]] = {}

    def step(name: str, call: Callable[[], object]) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        spent[name] = ((time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000)

    opened = []
    step("open", lambda: opened.append(lagoa.open_lake(Path(root))))
    with opened[0] as lake:
        step("tables", lake.tables)
        step("log", lake.log)
        step("status", lambda: (lake.describe(), lake.branches(), lake.publications(1)))
        step("sql", lambda: lake.sql(f"SELECT count(*), max(id) FROM {table}").fetchall())
    print(json.dumps(spent))


if __name__ == "__main__":
    main(*sys.argv[1:])
