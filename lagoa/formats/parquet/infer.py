"""Reads the Iceberg type of each column from a Parquet file's footer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lagoa.errors import SourceError
from lagoa.formats.parquet.options import ParquetSource
from lagoa.formats.parquet.values import MAX_PRECISION
from lagoa.formats.shared.guesses import Guess
from lagoa.formats.shared.names import column_names

if TYPE_CHECKING:
    import pyarrow as pa

    from lagoa.formats.shared.files import SourceFile

_PLAIN = {
    "bool": "boolean", "int8": "int", "int16": "int", "int32": "int", "uint8": "int", "uint16": "int", "uint32": "long",
    "int64": "long", "uint64": "decimal(20, 0)", "halffloat": "float", "float": "float", "double": "double",
    "string": "string", "large_string": "string", "string_view": "string", "binary": "binary", "large_binary": "binary",
    "binary_view": "binary", "date32[day]": "date", "date64[ms]": "date", "null": "string",
}  # fmt: skip


def infer_parquet(file: SourceFile) -> tuple[ParquetSource, list[Guess]]:
    """Return the form of a Parquet file and its columns.

    Raises:
        SourceError: it cannot be read, has a name twice, or has a type that Iceberg does not have.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        schema = parquet.read_schema(file.path)
        names = schema.names
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise file.unreadable(error) from error
    guesses = []
    for field, column in zip(schema, column_names(names), strict=True):
        if names.count(field.name) > 1:
            message = f"it has two columns {field.name!r}."
            raise SourceError(str(file.path), message, "Rename or remove one of the two.")
        try:
            kind = _iceberg(field.type)
        except ValueError as error:
            advice = "Write the file again with another type, or without that column."
            raise SourceError(str(file.path), f"column {field.name!r}: {error}.", advice) from error
        why = f"the file says {field.type}"
        guesses.append(Guess(column, field.name, kind, why, required=not field.nullable))
    return ParquetSource(format="parquet", file=file.name), guesses


def _iceberg(kind: pa.DataType) -> str:
    """Return the Iceberg type that can hold all values of an Arrow type.

    Raises:
        ValueError: there is none.
    """
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _iceberg(kind.value_type)
    found = _PLAIN.get(str(kind)) or _with_numbers(kind) or _nested(kind)
    if found is None:
        raise ValueError(f"no type in Iceberg can hold the type {kind}")
    return found


def _with_numbers(kind: pa.DataType) -> str | None:
    import pyarrow as pa

    has = pa.types
    if has.is_timestamp(kind):
        return "timestamptz" if kind.tz else "timestamp"
    if has.is_time(kind):
        return "time"
    if has.is_decimal(kind) and 0 <= kind.scale <= kind.precision <= MAX_PRECISION:
        return f"decimal({kind.precision}, {kind.scale})"
    if isinstance(kind, pa.UuidType):
        return "uuid"
    return f"fixed[{kind.byte_width}]" if has.is_fixed_size_binary(kind) else None


def _nested(kind: pa.DataType) -> str | None:
    import pyarrow as pa

    has = pa.types
    if has.is_list(kind) or has.is_large_list(kind) or has.is_fixed_size_list(kind):
        return f"list<{_iceberg(kind.value_type)}>"
    if has.is_map(kind):
        return f"map<{_iceberg(kind.key_type)}, {_iceberg(kind.item_type)}>"
    if (
        has.is_struct(kind)
        and kind.num_fields
        and all(re.fullmatch(r"[A-Za-z_]\w*", each.name, re.ASCII) for each in kind)
    ):
        return f"struct<{', '.join(f'{each.name}: {_iceberg(each.type)}' for each in kind)}>"
    return None
