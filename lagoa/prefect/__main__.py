"""`python -m lagoa.prefect HOME LOCK IDLE_S`: the process of a lake's Prefect server; `LakeServer` starts it."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> None:
    """Serve in a process that nobody waits for."""
    if os.fork():
        return
    from lagoa.prefect.serving import serve

    home, lock, idle_s = sys.argv[1:]
    serve(Path(home), int(lock), float(idle_s))


main()
