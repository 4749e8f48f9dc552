"""Figures of columns by what the manifests of a table say of its data files; no data file is read."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from lagoa.review.request.results import Figures

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyiceberg.manifest import DataFile
    from pyiceberg.types import IcebergType, NestedField

    from lagoa.review.diff.rows import Tasks


def figures_of_files(tasks: Tasks, columns: Sequence[NestedField | None]) -> list[Figures | None]:
    """Return rows, nulls, and the least and greatest number or time of columns, as far as every file says them.

    None if rows of the files were deleted, as the files say nothing of those that are left; and for a column that is
    not there.
    """
    rows = sum(task.file.record_count for task in tasks)
    if any(task.delete_files for task in tasks) or not rows:
        return [None] * len(columns)
    files = [task.file for task in tasks]
    return [None if each is None else Figures(rows, _nulls(files, each), None, *_ends(files, each)) for each in columns]


def _nulls(files: Sequence[DataFile], column: NestedField) -> int | None:
    found = [(each.null_value_counts or {}).get(column.field_id) for each in files]
    return None if None in found else sum(each for each in found if each is not None)


def _ends(files: Sequence[DataFile], column: NestedField) -> tuple[Any, Any]:
    """Return the least and the greatest value; None if a file with values does not say, or no number or time."""
    lows, highs = [], []
    for file in files:
        if (file.null_value_counts or {}).get(column.field_id) == file.record_count:
            continue
        low, high = (
            _value(column.field_type, (bounds or {}).get(column.field_id))
            for bounds in (file.lower_bounds, file.upper_bounds)
        )
        if low is None or high is None:
            return None, None
        lows.append(low)
        highs.append(high)
    return (min(lows), max(highs)) if lows else (None, None)


def _value(kind: IcebergType, bound: bytes | None) -> Any:
    """Return a bound as a value; None if there is none, or it is of a type whose bounds may be cut, such as text."""
    from pyiceberg.conversions import from_bytes
    from pyiceberg.types import PrimitiveType
    from pyiceberg.utils import datetime as times

    made: Callable[[Any], Any] | None = {
        "date": times.days_to_date,
        "timestamp": times.micros_to_timestamp,
        "timestamptz": times.micros_to_timestamptz,
        **dict.fromkeys(("int", "long", "float", "double", "decimal"), _same),
    }.get(str(kind).partition("(")[0])
    if bound is None or made is None or not isinstance(kind, PrimitiveType):
        return None
    try:
        return made(from_bytes(kind, bound))
    except (struct.error, ValueError, OverflowError):  # written with a narrower type
        return None


def _same(value: Any) -> Any:
    return value
