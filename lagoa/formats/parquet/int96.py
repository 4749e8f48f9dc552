"""Moments of the old physical type int96, which Spark and others write: days, and nanoseconds within the day.

They are read in microseconds, which hold every year. Reading them again in milliseconds and in nanoseconds shows what
microseconds do not hold: years that have wrapped around, and fractions that were cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.formats.shared.arrow_faults import parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa
    from pyarrow import parquet

UNIT = "us"
"""The unit in which moments are read."""

_PHYSICAL = "INT96"
_CHECKED = ("ms", "ns")
_FURTHEST = 9 * 10**15  # milliseconds from 1970 that microseconds hold


class Int96:
    """The columns of a file that have moments in int96, at any depth, read beside the others.

    Attributes:
        names: the columns' names in the file.

    Args:
        file: the file, with such moments in `UNIT`.
        open_in: opens it again, with such moments in another unit.
    """

    def __init__(self, file: parquet.ParquetFile, open_in: Callable[[str], parquet.ParquetFile]) -> None:
        self.names: list[str] = []
        self._rows: dict[str, _Rows] = {}
        if any(file.schema.column(number).physical_type == _PHYSICAL for number in range(len(file.schema))):
            files = {unit: open_in(unit) for unit in _CHECKED}
            others = files["ns"].schema_arrow
            self.names = [each.name for each in file.schema_arrow if others.field(each.name).type != each.type]
            self._rows = {unit: _Rows(files[unit], self.names) for unit in _CHECKED}

    def misread(self, columns: Mapping[str, pa.Array], count: int) -> dict[str, dict[int, str]]:
        """Return the next rows whose moments microseconds do not hold, by column, with the moment where it is one.

        Args:
            columns: the next rows as they were read in microseconds.
            count: how many they are.
        """
        others = {unit: rows.take(count) for unit, rows in self._rows.items()}
        return {name: _misread(columns[name], *(others[unit].column(name) for unit in _CHECKED)) for name in self.names}


def _misread(micros: pa.Array, millis: pa.Array, nanos: pa.Array) -> dict[int, str]:
    import numpy as np
    import pyarrow as pa

    found: dict[int, str] = {}
    for (us, rows), (ms, _), (ns, _) in zip(parts(micros), parts(millis), parts(nanos), strict=True):
        if not pa.types.is_timestamp(us.type) or us.type == ns.type:
            continue
        number, coarse, fine = map(_numbers, (us, ms, ns))
        with np.errstate(over="ignore"):  # nanoseconds wrap around, as the reader's do
            rest = fine - number * 1000
        wrapped = np.abs(coarse) > _FURTHEST
        for at in np.flatnonzero(wrapped | (rest != 0)):
            text = f"{coarse[at]} ms since 1970" if wrapped[at] else f"{us[at].cast(pa.string())}{rest[at]:03d}"
            found[int(rows[at])] = text
    return found


def _numbers(array: pa.Array) -> npt.NDArray[np.int64]:
    import pyarrow as pa
    from pyarrow import compute

    found: npt.NDArray[np.int64] = compute.fill_null(array.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    return found


class _Rows:
    """Columns of a file, so many rows at a time as the caller wants."""

    def __init__(self, file: parquet.ParquetFile, names: list[str]) -> None:
        self._batches: Iterator[pa.RecordBatch] = file.iter_batches(columns=names)
        self._left: list[pa.RecordBatch] = []

    def take(self, count: int) -> pa.RecordBatch:
        import pyarrow as pa

        while sum(map(len, self._left)) < count:
            self._left.append(next(self._batches))
        table = pa.Table.from_batches(self._left)
        self._left = table.slice(count).to_batches()
        return table.slice(0, count).combine_chunks().to_batches()[0]
