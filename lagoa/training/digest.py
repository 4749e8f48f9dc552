"""A hash of rows, equal for equal rows in equal order, whatever chunks, offsets and padding they lie in; of files."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from lagoa.errors import TrainingError

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa


def digest_of_folder(folder: Path) -> str:
    """Return the SHA-256 of the names and bytes of the files in a folder."""
    digest = hashlib.sha256()
    for path in sorted(each for each in folder.rglob("*") if not each.is_dir()):
        name, data = str(path.relative_to(folder)).encode(), path.read_bytes()
        for part in (name, data):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def digest_of(table: pa.Table) -> str:
    """Return the SHA-256 of a table's columns: their names, types, nulls and values, in the order of the rows.

    Raises:
        TrainingError: a column of lists, structs or maps.
    """
    import pyarrow as pa

    digest = hashlib.sha256(table.num_rows.to_bytes(8, "big"))
    for name in table.column_names:
        column = table[name]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        for part in (name, str(column.type)):
            digest.update(part.encode() + b"\0")
        for buffer in _buffers(name, column):
            digest.update(buffer)
    return digest.hexdigest()


def _buffers(name: str, column: pa.ChunkedArray) -> list[Any]:
    """Return the bytes of a column: which rows are null, and the values without what lies under nulls."""
    import pyarrow as pa
    import pyarrow.compute as pc

    array = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    kind = array.type
    nulls = array.is_null().cast(pa.uint8())
    if pa.types.is_null(kind):
        return [_values(nulls)]
    if pa.types.is_boolean(kind):
        return [_values(nulls), _values(pc.fill_null(array.cast(pa.uint8()), 0))]
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
        filled = pc.fill_null(array.cast(pa.large_binary()), b"")
        lengths = pc.binary_length(filled)
        offsets = memoryview(filled.buffers()[1]).cast("q")
        first, last = offsets[filled.offset], offsets[filled.offset + len(filled)]
        data = filled.buffers()[2]
        return [_values(nulls), _values(lengths), memoryview(data)[first:last] if data else b""]
    if pa.types.is_decimal(kind) or pa.types.is_primitive(kind):
        empty = pa.scalar(Decimal(0) if pa.types.is_decimal(kind) else 0, kind)
        return [_values(nulls), _values(pc.fill_null(array, empty))]
    raise TrainingError(f"The column {name!r}", f"a {kind} cannot be learned from", "Make numbers or text of it.")


def _values(array: pa.Array) -> memoryview:
    """Return the values of an array without nulls and of fixed width."""
    width = array.type.bit_width // 8
    start = array.offset * width
    return memoryview(array.buffers()[1])[start : start + len(array) * width] if len(array) else memoryview(b"")
