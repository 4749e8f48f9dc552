"""Batches that are delivered as rows: a batch that is delivered again is recognised, and another content is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from lagoa.domain.commits import Batch
from lagoa.domain.tables import TableName
from lagoa.errors import BatchChanged, BatchHeld, LakeTooNew

if TYPE_CHECKING:
    from lakes import LakeFolder

    from lagoa.branch import Branch
    from lagoa.lake import Lake

TABLE = TableName.parse("bronze.a")
SOURCE = {"format": "csv", "file": "a.csv"}
OTHER_ENGINE = f"rows-2:{'0' * 64}"
"""What an engine would store that hashes values in another way."""


@pytest.fixture
def folder(folder: LakeFolder) -> LakeFolder:
    folder.contract("bronze.a", "k:long v:string n:decimal(9,2)")
    folder.contract("bronze.lineage", "k:long v:string", source=SOURCE)
    folder.contract("bronze.days", "k:long day:date", partition=["month(day)"])
    return folder


def rows(*keys: int, kind: str = "int64") -> pa.Table:
    return pa.table({"k": pa.array(keys, kind), "v": [f"v{key}" for key in keys], "n": [Decimal(key) for key in keys]})


def fingerprint(lake: Lake, batch: str, table: TableName = TABLE) -> str:
    context = lake.context
    held = context.batches.of(context.metadata.facts(context.pointers("dev")[table]).properties).get(batch)
    assert held is not None
    return held.fingerprint


def test_rows_are_recognised_from_whatever_they_come(lake: Lake, dev: Branch) -> None:
    assert dev.append("bronze.a", rows(1, 2), batch="b").rows_added == 2
    assert fingerprint(lake, "b").startswith("rows-2:")
    small = rows(2, 1, kind="int16")
    for again in (
        small,
        small.to_reader(),
        small.to_pandas(),
        duckdb.connect().from_arrow(small),
        "SELECT k, v, n FROM bronze.a ORDER BY k DESC",
        small.select(["n", "v", "k"]),
    ):
        assert dev.append("bronze.a", again, batch="b").skipped
    with pytest.raises(BatchChanged):
        dev.append("bronze.a", rows(1, 2, 2), batch="b")
    with pytest.raises(BatchChanged):
        dev.replace("bronze.a", rows(1, 3)) and dev.append("bronze.a", rows(1), batch="b")


def test_a_delivery_with_lineage_is_numbered_as_it_came(lake: Lake, dev: Branch) -> None:
    given = pa.table({"k": range(200_000), "v": [str(key) for key in range(200_000)]})
    assert dev.append("bronze.lineage", given, batch="b").rows_added == 200_000
    wrong = "SELECT count(*) FROM bronze.lineage WHERE _row <> k + 1 OR _batch_id <> 'b' OR _source <> 'api'"
    assert lake.sql(wrong, "dev").fetchall() == [(0,)]
    assert dev.append("bronze.lineage", given.to_pandas(), batch="b").skipped
    own = given.slice(0, 2).append_column("_row", pa.array([7, 9]))
    dev.append("bronze.lineage", own, batch="own")
    assert lake.sql("SELECT _row FROM bronze.lineage WHERE _batch_id = 'own' ORDER BY 1", "dev").fetchall() == [
        (7,),
        (9,),
    ]
    assert dev.append("bronze.lineage", own, batch="own").skipped
    with pytest.raises(BatchChanged):
        dev.append("bronze.lineage", own.set_column(2, "_row", pa.array([7, 8])), batch="own")


@pytest.mark.parametrize("publish", [False, True])
def test_where_the_engine_hashes_otherwise_the_stored_rows_decide(lake: Lake, dev: Branch, publish: bool) -> None:
    dev.append("bronze.a", rows(1, 2), batch=Batch("b", OTHER_ENGINE))
    dev.append("bronze.a", rows(3), batch="c")
    if publish:
        dev.publish()
        dev = lake.create_branch("later")
    assert dev.append("bronze.a", rows(2, 1), batch="b").skipped
    with pytest.raises(BatchChanged):
        dev.append("bronze.a", rows(2, 2), batch="b")
    dev.delete("bronze.a", "k = 1")
    assert dev.append("bronze.a", rows(1, 2), batch="b").skipped, "what was delivered counts, not what is left of it"


def test_rows_are_recognised_after_a_column_was_widened_or_added(folder: LakeFolder, lake: Lake, dev: Branch) -> None:
    dev.append("bronze.a", rows(1, 2), batch="b")
    lake.close()
    folder.contract("bronze.a", "k:long v:string n:decimal(20,2) more:long")
    with folder.open() as later:
        more = rows(1, 2).append_column("more", pa.nulls(2, pa.int64()))
        branch = later.branch("dev")
        assert branch.append("bronze.a", more, batch="b").skipped
        with pytest.raises(BatchChanged):
            branch.append("bronze.a", more.set_column(3, "more", pa.array([None, 1])), batch="b")


def test_partitions_and_no_rows(lake: Lake, dev: Branch) -> None:
    days = pd.DataFrame({"k": range(100), "day": pd.date_range("2020-01-01", periods=100).date})
    assert dev.append("bronze.days", days, batch="b").files == 4
    assert dev.append("bronze.days", days[::-1], batch="b").skipped
    assert dev.append("bronze.days", days[:0], batch="none").rows_added == 0
    assert dev.append("bronze.days", days[:0], batch="none").skipped
    with pytest.raises(BatchChanged):
        dev.append("bronze.days", days[:1], batch="none")


def test_a_held_batch_is_recognised_by_its_rows_under_another_id(lake: Lake, dev: Branch) -> None:
    dev.append("bronze.a", rows(0))
    dev.publish()
    dev = lake.create_branch("next")
    dev.append("bronze.a", rows(1, 2), batch="b")
    dev.publish()
    lake.rollback("main~1", hold=True)
    later = lake.create_branch("later")
    for name in ("b", "c"):
        with pytest.raises(BatchHeld):
            later.append("bronze.a", rows(2, 1), batch=name)
    assert later.append("bronze.a", rows(3), batch="d").rows_added == 1


def test_a_fingerprint_of_a_later_version_is_no_changed_batch(lake: Lake, dev: Branch) -> None:
    dev.append("bronze.a", rows(1), batch=Batch("b", f"rows-7:{'0' * 64}"))
    with pytest.raises(LakeTooNew, match="format 7"):
        dev.append("bronze.a", rows(1), batch="b")
    dev.append("bronze.a", rows(1), batch=Batch("file", f"sha256:{'0' * 64}"))
    with pytest.raises(BatchChanged):
        dev.append("bronze.a", rows(1), batch="file")
