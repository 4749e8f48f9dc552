"""Ready-made Prefect tasks of a lake, and the flow that joins them.

```python
from lagoa.prefect import Publication, flow, lake_run


@flow
def daily(folder: str = "data", lake: str = ".") -> Publication | None:
    return lake_run(folder, lake)
```
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lagoa.domain.receipts import Publication
    from lagoa.prefect.runs import LakeFlow, flow, lake_run, run_branch
    from lagoa.prefect.tasks import audit, build_again, ingest, ingest_all, publish, transform

__all__ = [
    "LakeFlow",
    "Publication",
    "audit",
    "build_again",
    "flow",
    "ingest",
    "ingest_all",
    "lake_run",
    "publish",
    "run_branch",
    "transform",
]


def __getattr__(name: str) -> object:
    # Importing Prefect takes a second: `lagoa status` looks for the server without it.
    if name not in __all__:
        raise AttributeError(f"module 'lagoa.prefect' has no attribute {name!r}")
    os.environ.setdefault("DO_NOT_TRACK", "1")  # Prefect reports its first import otherwise
    from lagoa.prefect import runs, tasks

    return getattr(runs if hasattr(runs, name) else tasks, name)
