"""What compaction writes: every value exactly, the present partitions and order, and a proof that fails if it must."""

from __future__ import annotations

import shutil
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import foreign_tables as others
import pyarrow as pa
import pytest

from lagoa.domain import faults
from lagoa.domain.tables import TableName
from lagoa.errors import WriteError
from lagoa.maintain.compaction import rewriting
from lagoa.maintain.compaction.need import need_of
from lagoa.maintain.compaction.rewriting import rows_digest

VALUES = {
    "b": [True, None, False],
    "d": [-0.0, 0.0, float("nan")],
    "f": [float("inf"), None, -0.0],
    "n": [Decimal("-99999999999999999999999999999999.999999"), Decimal("0.000001"), None],
    "x": [b"", b"\x00\xff", None],
    "s": ["", "a, b", "\U0001f600"],
    "l": [[[1], [2]], [[1, 2]], [None, []]],
    "r": [{"a": -0.0, "b": ["x"]}, {"a": float("nan"), "b": None}, None],
    "m": [[("k", 1)], [], None],
}
TYPES = {
    "b": "boolean", "d": "double", "f": "float", "n": "decimal(38,6)", "x": "binary", "s": "string",
    "l": "list<list<long>>", "r": "struct<a:double,b:list<string>>", "m": "map<string,long>",
}  # fmt: skip
ARROW = {
    "b": pa.bool_(), "d": pa.float64(), "f": pa.float32(), "n": pa.decimal128(38, 6), "x": pa.binary(),
    "s": pa.string(), "l": pa.list_(pa.list_(pa.int64())),
    "r": pa.struct([("a", pa.float64()), ("b", pa.list_(pa.string()))]), "m": pa.map_(pa.string(), pa.int64()),
}  # fmt: skip


def data_files(lake, table, ref="main"):
    return [task.file for task in lake.catalog(ref).load_table(table).scan().plan_files()]


def exact(lake, table):
    """Return all rows so that values which SQL holds for equal differ."""
    return sorted(map(repr, lake.sql(f"select * from {table}").fetchall()))


@pytest.fixture(params=[True, False])
def at_once(request, monkeypatch):
    """Have the old files read once, or a second time to compare them, as large ones are."""
    if not request.param:
        monkeypatch.setattr(rewriting, "AT_ONCE", 0)


def test_each_value_is_the_same(folder, lake, dev, at_once):
    folder.contract("bronze.t", TYPES)
    for row in range(3):
        dev.append("bronze.t", pa.table({name: pa.array([None], ARROW[name]) for name in VALUES}))
        table = dev.catalog().load_table("bronze.t")
        values = {name: pa.array([VALUES[name][row]], ARROW[name]) for name in VALUES}
        table.append(pa.table(values).cast(table.schema().as_arrow()))
    dev.publish()
    before = exact(lake, "bronze.t")
    assert any("-0.0" in each and "nan" in each for each in before)
    assert [each.state for each in lake.compact().tables] == ["compacted"]
    assert exact(lake, "bronze.t") == before
    assert len(data_files(lake, "bronze.t")) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(values (0.0::double, [[1::bigint]]))", "(values (-0.0::double, [[1::bigint]]))"),
        ("(values ('nan'::double, [[1::bigint]]))", "(values (null::double, [[1::bigint]]))"),
        ("(values (0.0::double, [[1::bigint], [2]]))", "(values (0.0::double, [[1::bigint, 2]]))"),
        ("(values (0.0::double, [[1::bigint], []]))", "(values (0.0::double, [[1::bigint], null]))"),
        ("(values (0.0::double, [[1::bigint]]), (1, [[2]]))", "(values (0.0::double, [[2::bigint]]), (1, [[1]]))"),
        ("(values (1.0::double, [[1::bigint]]))", "(values (1.0::double, [[1::bigint]]), (1, [[1]]))"),
    ],
)
def test_rows_that_differ_are_told_apart(folder, lake, dev, one, other):
    folder.contract("bronze.t", {"d": "double", "l": "list<list<long>>"})
    for number in range(2):
        dev.append("bronze.t", pa.table({"d": [float(number)], "l": [[[number]]]}))
    need = need_of(lake.context, TableName.parse("bronze.t"), lake.tables("dev")[TableName.parse("bronze.t")])
    with lake.context.engine.session({}) as session:
        digests = [rows_digest(session, need, f"{each} AS t(d, l)") for each in (one, one, other)]
    assert digests[0] == digests[1] != digests[2]


def test_new_files_with_other_rows_are_refused(folder, lake, dev, at_once):
    folder.contract("bronze.t", "id:long")
    for number in range(5):
        dev.append("bronze.t", pa.table({"id": [number]}))
    dev.publish()
    before = data_files(lake, "bronze.t")

    def spoil(step):
        if step == "compact.written":
            known = {Path(each.file_path) for each in before}
            (new,) = set(Path(before[0].file_path).parents[1].rglob("*.parquet")) - known
            shutil.copy(before[0].file_path, new)

    faults.set_hook(spoil)
    try:
        with pytest.raises(WriteError, match="are not those of the old ones"):
            lake.compact()
    finally:
        faults.set_hook(None)
    assert data_files(lake, "bronze.t") == before


@pytest.mark.parametrize("told", [{"record_count": 3}, {"null_value_counts": {1: 1}}])
def test_new_files_without_what_manifests_count_are_refused(folder, lake, dev, told):
    folder.contract("bronze.t", "id:long")
    for number in range(5):
        dev.append("bronze.t", pa.table({"id": [number]}))
    others.add_file(dev.catalog().load_table("bronze.t"), pa.table({"id": [5, 6]}), **told)
    dev.publish()
    with pytest.raises(WriteError, match="are not those of the old ones"):
        lake.compact()
    assert len(data_files(lake, "bronze.t")) == 6


def test_a_partitioned_and_sorted_table_has_one_file_a_partition_in_order(folder, lake, dev):
    folder.contract("bronze.t", "day:date n:long", partition=["day"], sort=["n desc"])
    for number in range(5):
        days = [date(2026, 11, day) for day in (1, 2)]
        dev.append("bronze.t", pa.table({"day": days, "n": [number, 10 + number]}))
    dev.publish()
    before = exact(lake, "bronze.t")
    lake.compact()
    assert exact(lake, "bronze.t") == before
    files = data_files(lake, "bronze.t")
    assert sorted((each.partition[0], each.record_count, each.sort_order_id) for each in files) == [
        ((date(2026, 11, day) - date(1970, 1, 1)).days, 5, 1) for day in (1, 2)
    ]
    for each in files:
        in_file = lake.context.engine.session({}).query(f"select n from read_parquet('{each.file_path}')").fetchall()
        assert all(one > other for one, other in pairwise(in_file))
    table = lake.catalog().load_table("bronze.t")
    assert table.scan(row_filter="n >= 10").to_arrow().num_rows == 5


def test_files_of_an_earlier_partition_spec_are_rewritten(folder):
    folder.contract("bronze.t", "day:date n:long")
    days = pa.table({"day": [date(2026, month, 1) for month in (1, 2, 3)], "n": [1, 2, 3]})
    with folder.open() as lake:
        dev = lake.create_branch("dev")
        dev.append("bronze.t", days)
        dev.publish()
    folder.contract("bronze.t", "day:date n:long", partition=["month(day)"])
    with folder.open() as lake:
        lake.branch("dev").append("bronze.t", days)
        lake.branch("dev").publish()
        before = exact(lake, "bronze.t")
        (done,) = lake.compact().tables
        assert (done.rewritten, exact(lake, "bronze.t")) == (1, before)
        spec = lake.catalog().load_table("bronze.t").metadata.default_spec_id
        assert {each.spec_id for each in data_files(lake, "bronze.t")} == {spec}


def test_delete_files_of_others_are_applied_and_gone(folder, lake, dev):
    folder.contract("bronze.t", "id:long")
    for number in range(3):
        dev.append("bronze.t", pa.table({"id": [number, 10 + number]}))
    others.delete_positions(dev.catalog().load_table("bronze.t"), "id", 1, 12)
    dev.publish()
    before = exact(lake, "bronze.t")
    (done,) = lake.compact().tables
    assert (done.state, exact(lake, "bronze.t"), len(before)) == ("compacted", before, 4)
    table = lake.catalog().load_table("bronze.t")
    assert {each.content for each in table.current_snapshot().manifests(table.io)} == {0}
    assert lake.compact().tables == ()


def test_values_deleted_by_equality_are_left_to_others(folder, lake, dev):
    folder.contract("bronze.t", "id:long")
    folder.contract("bronze.u", "id:long")
    dev.append("bronze.t", pa.table({"id": [1, 2]}))
    dev.append("bronze.u", pa.table({"id": [1]}))
    dev.publish()
    others.delete_equal(dev.catalog().load_table("bronze.t"), "id", 1)
    found = need_of(lake.context, TableName.parse("bronze.t"), lake.tables("dev")[TableName.parse("bronze.t")])
    assert found is not None
    assert "equality deletes" in found.reason
    assert not found.due


def test_large_files_stay_and_manifests_become_few(folder, lake, dev):
    folder.contract("bronze.t", "id:long")
    dev.append("bronze.t", pa.table({"id": [0]}))
    table = dev.catalog().load_table("bronze.t")
    for number in range(1, 20):  # others write a manifest each time
        table.append(pa.table({"id": [number]}))
    size = min(each.file_size_in_bytes for each in data_files(lake, "bronze.t", "dev"))
    with table.transaction() as transaction:
        transaction.set_properties({"write.target-file-size-bytes": str(size)})
    dev.publish()
    old = data_files(lake, "bronze.t")
    (done,) = lake.compact().tables
    assert (done.state, done.rewritten, done.manifests) == ("compacted", 0, 20)
    assert set(data_files(lake, "bronze.t")) == set(old)
    table = lake.catalog().load_table("bronze.t")
    assert len(table.current_snapshot().manifests(table.io)) == 1
    assert table.current_snapshot().summary["total-data-files"] == "20"
    assert lake.compact().tables == ()
