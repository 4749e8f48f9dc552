"""The hash of rows: of what they are, not of how they lie in memory."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from lagoa.errors import TrainingError
from lagoa.training.digest import digest_of

ROWS = pa.table(
    {
        "a": pa.array([1, None, 3], pa.int64()),
        "b": pa.array(["x", None, "ção"]),
        "c": pa.array([True, False, None]),
        "d": pa.array([Decimal("1.50"), None, Decimal("-2.00")], pa.decimal128(14, 2)),
        "e": pa.array([1.5, float("nan"), None]),
        "f": pa.array([date(2026, 1, 1), None, date(2026, 1, 2)]),
        "g": pa.array([datetime(2026, 1, 1), None, datetime(2026, 1, 2)], pa.timestamp("us")),  # noqa: DTZ001
        "h": pa.nulls(3),
        "i": pa.array([b"\0", b"", None]),
    }
)


def test_chunks_offsets_and_dictionaries_are_not_seen():
    chunks = pa.concat_tables([ROWS.slice(0, 1), ROWS.slice(1)])
    longer = pa.concat_tables([ROWS, ROWS]).combine_chunks()
    encoded = ROWS.set_column(1, "b", ROWS["b"].dictionary_encode())
    assert {digest_of(each) for each in (ROWS, chunks, longer.slice(3), encoded)} == {digest_of(ROWS)}


def test_what_lies_under_a_null_is_not_seen():
    values = pa.array([1, 99, 3], pa.int64())
    masked = pa.Array.from_buffers(pa.int64(), 3, [pa.py_buffer(b"\x05"), values.buffers()[1]])
    assert masked.to_pylist() == [1, None, 3]
    assert digest_of(pa.table({"a": masked})) == digest_of(ROWS.select(["a"]))


@pytest.mark.parametrize(
    "other",
    [
        ROWS.rename_columns(["z", *ROWS.column_names[1:]]),
        ROWS.select(["b", "a", *ROWS.column_names[2:]]),
        ROWS.slice(0, 2),
        ROWS.take([1, 0, 2]),
        ROWS.set_column(0, "a", pa.array([1, 0, 3], pa.int64())),
        ROWS.set_column(0, "a", pa.array([1, None, 3], pa.int32())),
        ROWS.set_column(1, "b", pa.array(["x", "", "ção"])),
        ROWS.set_column(1, "b", pa.array(["xç", None, "ão"])),
        ROWS.set_column(2, "c", pa.array([True, None, False])),
        ROWS.set_column(3, "d", pa.array([Decimal("1.51"), None, Decimal("-2.00")], pa.decimal128(14, 2))),
        ROWS.set_column(4, "e", pa.array([1.5, float("nan"), 0.0])),
    ],
)
def test_every_difference_is_seen(other):
    assert digest_of(other) != digest_of(ROWS)


def test_no_rows_have_a_hash_and_lists_have_none():
    assert digest_of(ROWS.slice(0, 0)) == digest_of(ROWS.slice(3)) != digest_of(ROWS)
    with pytest.raises(TrainingError, match="list"):
        digest_of(pa.table({"a": [[1]]}))
