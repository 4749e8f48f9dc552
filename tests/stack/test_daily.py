"""The main job on the stack: the same rows on `main` as in a lake that is a folder."""

from __future__ import annotations

import uuid

import pytest
from main_job import ROOT, SCALE, rows, run_daily

import lagoa
from flows.sources.olist import generate
from lagoa.model import MAIN

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
