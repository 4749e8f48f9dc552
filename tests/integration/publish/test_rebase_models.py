"""A rebase and models: each holds what its whole SELECT makes of what both sides loaded."""

from __future__ import annotations

from typing import Any

import pytest
from lakes import LakeFolder

from lagoa.domain.refs import MAIN

pytestmark = pytest.mark.slow

SALES = "id:long ts:timestamp n:long seen:long"
DAILY = {"by": "time", "column": "day", "grain": "day", "inputs": {"bronze.sales": "ts"}}
BY_BATCH = {"by": "batch", "input": "bronze.sales"}
HISTORY = "id:long* n:long valid_from:timestamp* valid_to:timestamp is_current:boolean!"
MODELS: dict[str, tuple[str, dict[str, Any], str]] = {
    "gold.daily": (
        "day:date sales:long n:long",
        {"materialization": "incremental", "partition": ["month(day)"], "incremental": DAILY},
        "select cast(ts as date) as day, count(*) as sales, cast(sum(n) as bigint) as n from bronze.sales group by 1",
    ),
    "gold.doubled": (
        "id:long n:long",
        {"materialization": "incremental", "incremental": BY_BATCH},
        "select id, n * 2 as n from bronze.sales where n > 1",
    ),
    "gold.latest": (
        "id:long* n:long seen:long",
        {"materialization": "incremental", "orderBy": "seen", "incremental": BY_BATCH},
        """select id, n, seen from bronze.sales
        qualify row_number() over (partition by id order by seen desc, _row desc, _batch_id) = 1""",
    ),
    "gold.merged": (
        "id:long* n:long",
        {"materialization": "merge"},
        "select id, cast(sum(n) as bigint) as n from bronze.sales group by id",
    ),
    "gold.total": (
        "n:long",
        {"materialization": "full"},
        "select cast(sum(n) as bigint) as n from gold.daily",
    ),
    "gold.history": (
        HISTORY,
        {"materialization": "scd2"},
        "select distinct id, n, ts as valid_from from bronze.sales",
    ),
}


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a lake with models of every kind over one table."""
    folder = LakeFolder(tmp_path / "lake", workers=1, author="ana")
    folder.contract("bronze.sales", SALES, source={"format": "csv"}, partition=["month(ts)"])
    for table, (columns, custom, sql) in MODELS.items():
        folder.contract(table, columns, **custom)
        folder.model(table, sql)
    return folder


def load(folder, branch, batch, *rows):
    """Load rows of id, day of January, number."""
    lines = ["id,ts,n,seen", *(f"{i},2026-01-{day:02} 10:00:00,{n},{n}" for i, day, n in rows)]
    branch.ingest(folder.file(f"{batch}.csv", "\n".join(lines) + "\n"), "bronze.sales", batch=batch)


def all_of(lake, ref):
    return {table: lake.sql(f"select * from {table} order by all", ref=ref).fetchall() for table in MODELS}


@pytest.mark.parametrize("again", ["nothing", "late", "same file", "delete", "second rebase", "rollback"])
def test_models_of_every_kind(folder, again):
    with folder.open() as lake:
        first = lake.create_branch("first")
        load(folder, first, "b1", (1, 1, 1), (2, 2, 2))
        first.transform()
        first.publish()
        one, two = lake.create_branch("one"), lake.create_branch("two")
        load(folder, two, "b2", (1, 3, 5), (3, 3, 3))
        two.transform()
        load(folder, two, "b3", (4, 1, 4))
        if again == "same file":
            load(folder, two, "c1", (2, 4, 9), (5, 1, 7))
        if again == "delete":
            two.delete("bronze.sales", "n = 1 or n = 9")
        two.transform()
        load(folder, one, "c1", (2, 4, 9), (5, 1, 7))
        one.transform()
        one.publish()
        if again == "late":
            third = lake.create_branch("third")
            load(folder, third, "c2", (6, 1, 6))
            third.publish()
        if again in {"second rebase", "rollback"}:
            two.rebase()
            third = lake.create_branch("third")
            load(folder, third, "c2", (6, 1, 6))
            third.transform()
            third.publish()
        two.rebase()
        two.publish()
        if again == "rollback":
            lake.rollback("main~1")
            lake.rollback("main~1")
        found = all_of(lake, MAIN)
        for table, (_, _, sql) in MODELS.items():
            if table in {"gold.history", "gold.merged"}:
                continue
            assert found[table] == lake.sql(f"select * from ({sql}) order by all").fetchall(), table
        assert lake.stale_models()[0] == []
        fresh = lake.create_branch("fresh")
        fresh.transform()
        for each in MODELS:
            fresh.backfill(each)
        assert all_of(lake, "fresh") == found
