"""Which row groups of a table's files a filter by one value reads, by their bounds, bloom filters and values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyiceberg.table import StaticTable

_T = TypeVar("_T")

_FILES = 200
"""So many files are looked at; of more, every second, third and so on."""

_READ = 20
"""Of so many files the values of a column are read."""

_BITS = 8.5
"""Bits of a bloom filter for each row, as Lagoa writes it."""

_FALSE_POSITIVES = 0.02


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A row group of a data file.

    Attributes:
        file: the location of the file.
        number: of the row group in it.
        size: in bytes.
        rows: number of its rows.
        bounds: the least and the greatest value of each column that has them.
        columns: size in bytes of each column.
        filtered: the columns of which it has bloom filters.
    """

    file: str
    number: int
    size: int
    rows: int
    bounds: Mapping[str, tuple[Any, Any]]
    columns: Mapping[str, int]
    filtered: frozenset[str]

    def may_have(self, column: str, value: Any) -> bool:
        """Return whether a value is within the bounds of a column."""
        bounds = self.bounds.get(column)
        if bounds is None:
            return True
        try:
            return bool(bounds[0] <= value <= bounds[1])
        except TypeError:  # a type whose bounds are kept as another one
            return True


@dataclass(frozen=True, slots=True)
class Lookups:
    """What filters by single values of a column read, as a share of the bytes of the row groups.

    Attributes:
        now: with the files as they are.
        filtered: with bloom filters of the column.
        pays: whether a bloom filter has at most half of the bytes of the column, which it is read instead of.
    """

    now: float
    filtered: float
    pays: bool


def row_groups(state: StaticTable) -> tuple[list[RowGroup], int]:
    """Return row groups of the table's files, and the bytes of all its files."""
    import pyarrow.parquet as pq

    files = [task.file for task in state.scan().plan_files()]
    groups = []
    for file in _spread(files, _FILES):
        with state.io.new_input(file.file_path).open() as opened:
            footer = pq.read_metadata(opened)
        groups += [
            _row_group(file.file_path, number, footer.row_group(number)) for number in range(footer.num_row_groups)
        ]
    return groups, sum(file.file_size_in_bytes for file in files)


def share(groups: Sequence[RowGroup], column: str, values: pa.Array) -> float:
    """Return the mean share of the bytes in row groups whose bounds contain a value; all of it without bounds."""
    whole = sum(group.size for group in groups)
    read = 0
    for value in values.to_pylist():
        read += sum(group.size for group in groups if group.may_have(column, value))
    return read / (whole * len(values))


def lookups(state: StaticTable, groups: Sequence[RowGroup], column: str, values: pa.Array) -> Lookups:
    """Return what filters by a column's values read, by looking for these in the column of some of the files."""
    import pyarrow.parquet as pq

    files = [list(each) for _, each in groupby(groups, key=lambda group: group.file)]
    whole = now = then = chunks = filters = 0.0
    wanted = values.to_pylist()
    for parts in _spread(files, _READ):
        with state.io.new_input(parts[0].file).open() as stream, pq.ParquetFile(stream) as file:
            for group in parts:
                held = _held(file, group, column, values)
                filter_size = group.rows * _BITS / 8
                whole += group.size * len(wanted)
                chunks += group.columns.get(column, 0)
                filters += filter_size
                for value, there in zip(wanted, held, strict=True):
                    if not group.may_have(column, value):
                        continue
                    now += group.size if there or column not in group.filtered else filter_size
                    then += group.size if there else filter_size + _FALSE_POSITIVES * group.size
    return Lookups(now / whole, min(then / whole, 1.0), filters * 2 <= chunks)


def _held(file: pq.ParquetFile, group: RowGroup, column: str, values: pa.Array) -> list[bool]:
    """Return of each value whether a row group has it; True where that cannot be told."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column not in group.columns:
        return [True] * len(values)
    try:
        found = file.read_row_group(group.number, columns=[column]).column(0).cast(values.type)
    except pa.ArrowException:
        return [True] * len(values)
    held: list[bool] = pc.is_in(values, value_set=pc.unique(found)).to_pylist()
    return held


def _row_group(file: str, number: int, group: pq.RowGroupMetaData) -> RowGroup:
    bounds, sizes, filtered = {}, {}, set()
    for position in range(group.num_columns):
        column = group.column(position)
        statistics = column.statistics
        sizes[column.path_in_schema] = column.total_compressed_size
        if statistics is not None and statistics.has_min_max:
            bounds[column.path_in_schema] = (statistics.min, statistics.max)
        if column.bloom_filter_offset is not None:
            filtered.add(column.path_in_schema)
    return RowGroup(file, number, group.total_byte_size, group.num_rows, bounds, sizes, frozenset(filtered))


def _spread(items: Sequence[_T], most: int) -> Sequence[_T]:
    """Return every second, third or later item, so that they are not more than `most`."""
    return items[:: math.ceil(len(items) / most) or 1]
