"""The main job on the stack: the same rows on `main` as in a lake that is a folder."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

import lagoa
from flows.sources.olist import generate
from lagoa.model import LINEAGE_COLUMNS, MAIN

ROOT = Path(__file__).parents[2]
SCALE = 0.02
MOMENTS = (LINEAGE_COLUMNS[1], "_quarantined_at", "valid_from")

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def folder(tmp_path, empty_nessie):
    """Make a lake of the reference lake's files, with both ways to run it."""
    for name in ("iceberg", "transformations", "soda", "flows"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "lagoa.toml").write_text(
        f'[profiles.stack]\nstate = ".stack"\ncatalog = "nessie"\nnessie_url = "{empty_nessie}"\n'
        f'warehouse = "s3://lagoa/warehouse/{uuid.uuid4().hex}"\n'
    )
    generate(tmp_path / "data", scale=SCALE)
    return tmp_path


def run_daily(folder, *options):
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
        ],
        env={**os.environ, "PREFECT_HOME": str(folder / "prefect"), "PREFECT_LOGGING_LEVEL": "WARNING"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def rows(lake, table):
    """Return a table's rows in an order of their own, without the moments of their loading."""
    return lake.sql(f"SELECT COLUMNS(c -> c NOT IN {MOMENTS}) FROM {table} ORDER BY ALL").arrow()


def test_it_publishes_what_it_publishes_embedded(folder):
    run_daily(folder)
    run_daily(folder, "--profile", "stack")
    with lagoa.open_lake(folder) as embedded, lagoa.open_lake(folder, "stack") as stack:
        tables = sorted(embedded.tables())
        assert tables == sorted(stack.tables())
        assert {pointer.partition("://")[0] for pointer in stack.tables().values()} == {"s3"}
        for table in tables:
            assert rows(stack, table).equals(rows(embedded, table)), table
        assert len(stack.publications()) == len(embedded.publications()) == 1
        head = stack.resolve(MAIN).id
        assert embedded.row_counts() == stack.row_counts()
    run_daily(folder, "--profile", "stack")  # nothing new came
    with lagoa.open_lake(folder, "stack") as stack:
        assert stack.resolve(MAIN).id == head
