"""The main job on the stack: the same rows on `main` as in a lake that is a folder."""

from __future__ import annotations

import uuid

import pytest
from main_job import ROOT, SCALE, rows, run_daily

import lagoa
from flows.sources.olist import generate
from lagoa.domain.refs import MAIN

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


MODELS = ["silver.orders", "silver.order_items", "silver.payments", "silver.reviews", "gold.kpi_sales_monthly"]


def deliver_again(folder, lake, branch="again"):
    """Load a part of some files again with other values, run the models, publish; return how each model was built."""
    work = lake.create_branch(branch)
    for table in ("orders", "order_items", "order_payments", "order_reviews"):
        file = folder / "data" / f"olist_{table}_dataset.csv"
        again = folder / "again" / file.name
        again.parent.mkdir(exist_ok=True)
        text = file.read_text("utf-8").replace("canceled", "delivered")
        again.write_text(text[: text.index("\n", len(text) // 9)] + "\n", "utf-8")
        work.ingest(again, f"bronze.{table}")
    built = {str(each.table): (each.how, each.increments, each.reason, each.rows) for each in work.transform()}
    work.publish()
    return built


def differences(lake):
    found = lake.diff("main~1", MAIN)
    assert (found.a, found.b) == (lake.resolve("main~1").id, lake.resolve(MAIN).id)
    return [(each.table, each.kind, each.columns, each.key, *counts(each)) for each in found.tables]


def counts(table):
    return table.rows_added, table.rows_removed, table.rows_changed, len(table.samples)


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
        built = deliver_again(folder, stack)
        assert {name: built[name][0] for name in MODELS} == dict.fromkeys(MODELS, "incremental"), built
        with lagoa.open_lake(folder) as embedded:
            assert deliver_again(folder, embedded) == built
            assert differences(embedded) == differences(stack)
            for table in tables:
                assert rows(stack, table).equals(rows(embedded, table)), table
