"""Lagoa: a versioned lakehouse. Data is loaded and checked on a branch; `main` moves only to the state that passed.

```python
import lagoa

lake = lagoa.open_lake("mylake")
with lake.run("load") as branch:
    branch.append("bronze.people", rows, batch="2026-11-20")
    branch.publish()
lake.sql("select count(*) from bronze.people").fetchall()
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lagoa.bootstrap import open_lake
    from lagoa.branch import Branch
    from lagoa.domain.selection import Selection
    from lagoa.lake import Lake

__all__ = ["Branch", "Lake", "Selection", "open_lake"]


def __getattr__(name: str) -> object:
    # `lagoa --version` must not pay for the catalog and the settings.
    if name == "open_lake":
        from lagoa.bootstrap import open_lake

        return open_lake
    if name == "Lake":
        from lagoa.lake import Lake

        return Lake
    if name == "Branch":
        from lagoa.branch import Branch

        return Branch
    if name == "Selection":
        from lagoa.domain.selection import Selection

        return Selection
    raise AttributeError(f"module 'lagoa' has no attribute {name!r}")
