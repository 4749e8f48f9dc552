"""The main job, run as a user runs it, and what it leaves on main."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lagoa.domain.tables import LINEAGE_COLUMNS

ROOT = Path(__file__).parents[2]
SCALE = 0.02
_MOMENTS = (LINEAGE_COLUMNS[1], "_quarantined_at", "valid_from")


def run_daily(folder, *options, engine=None):
    """Run the daily flow on the files in `data` of a lake's folder."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "lagoa.cli",
            "--lake",
            str(folder),
            *options,
            "run",
            "daily",
            f"folder={folder / 'data'}",
            *([f"--engine={engine}"] if engine else []),
        ],
        env={
            **os.environ,
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_LOGGING_LEVEL": "WARNING",
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # a busy machine does not keep its 20
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def rows(lake, table):
    """Return a table's rows in an order of their own, without the moments of their loading."""
    return lake.sql(f"SELECT COLUMNS(c -> c NOT IN {_MOMENTS}) FROM {table} ORDER BY ALL").arrow()
