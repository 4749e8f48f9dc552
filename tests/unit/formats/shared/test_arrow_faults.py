"""Bad rows of an Arrow batch are found, and shown, whatever values lie beside them."""

from __future__ import annotations

import pyarrow as pa
import pytest

from lagoa.formats.shared.arrow_faults import as_json, find_faults
from lagoa.formats.shared.arrow_types import picked, recast

BEYOND = 2**63 - 1
MOMENT = pa.timestamp("us", "UTC")


def map_of(keys: pa.Array, values: pa.Array, offsets: list[int]) -> pa.Array:
    return pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), keys, values)


@pytest.mark.parametrize("start", [0, 1])
def test_a_map_with_moments_that_python_has_no_object_for(start):
    moments = pa.array([0, BEYOND, 0, 0], pa.int64()).cast(MOMENT, safe=False)
    array = map_of(pa.array(["a", "b", "a", "a"]), moments, [0, 1, 2, 4])[start:]
    faults = find_faults({"m": array}, {"m": "map<string, timestamptz>"})
    assert {index + start: fault.reason for index, fault in faults.items()} == {
        1: "m is no map<string, timestamptz>: it is outside the years 1 to 9999",
        2: "m has a key twice",
    }


def test_moments_as_keys_of_a_map():
    moments = pa.array([BEYOND, 5, 5, 6], pa.int64()).cast(MOMENT, safe=False)
    array = map_of(moments, pa.array([1, 2, 3, 4]), [0, 1, 3, 4])
    faults = find_faults({"m": array}, {"m": "map<timestamptz, long>"})
    assert sorted(faults) == [0, 1]
    assert "twice" in faults[1].reason
    assert b"9223372036854775807" in as_json({"m": array}, [0])[0]


@pytest.mark.parametrize("indexes", [[], [0], [2], [0, 1, 2], [0, 2], [2, 0, 1], [1, 3, 4]])
def test_rows_are_picked_so_that_maps_can_be_cast(indexes: list[int]) -> None:
    kind = pa.map_(pa.string(), pa.timestamp("us"))
    rows = [[("a", 1), ("b", None)], None, [], [("c", 2)], [("d", 3)]]
    array = pa.array([*rows, [("z", 9)]], kind)
    for whole in (array, array.take(pa.array(range(6))), pa.concat_arrays([array, array]).slice(6)):
        assert recast(whole, pa.map_(pa.large_string(), pa.timestamp("us"))).cast(kind).to_pylist() == array.to_pylist()
        found = picked(whole, indexes).cast(pa.map_(pa.large_string(), pa.string()))
        assert found.cast(kind).to_pylist() == [array[index].as_py() for index in indexes]
