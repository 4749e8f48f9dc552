"""Guesses the columns of files that declare Arrow's types: the Iceberg type that can hold all values of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.contracts.iceberg_types import MAX_DEPTH, is_field_name, struct_type
from lagoa.errors import SourceError
from lagoa.formats.shared.arrow_types import MAX_PRECISION, is_list, unpacked
from lagoa.formats.shared.guesses import Guess
from lagoa.formats.shared.names import column_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from lagoa.formats.shared.files import SourceFile

_SHOWN = 80

_PLAIN = {
    "bool": "boolean", "int8": "int", "int16": "int", "int32": "int", "uint8": "int", "uint16": "int", "uint32": "long",
    "int64": "long", "uint64": "decimal(20, 0)", "halffloat": "float", "float": "float", "double": "double",
    "string": "string", "large_string": "string", "string_view": "string", "binary": "binary", "large_binary": "binary",
    "binary_view": "binary", "date32[day]": "date", "date64[ms]": "date", "null": "string",
}  # fmt: skip


def guess_fields(file: SourceFile, schema: Iterable[pa.Field]) -> list[Guess]:
    """Return the columns of a file from the fields that it declares.

    Raises:
        SourceError: it has a name twice, or a type that Iceberg does not have.
    """
    fields = list(schema)
    names = [field.name for field in fields]
    guesses = []
    for field, column in zip(fields, column_names(names), strict=True):
        if names.count(field.name) > 1:
            message = f"it has two columns {field.name!r}."
            raise SourceError(str(file.path), message, "Rename or remove one of the two.")
        try:
            kind = iceberg_type(field.type)
        except ValueError as error:
            advice = "Write the file again with another type, or without that column."
            raise SourceError(str(file.path), f"column {field.name!r}: {error}.", advice) from error
        why = f"the file says {field.type}" if len(str(field.type)) <= _SHOWN else "as the file says"
        guesses.append(Guess(column, field.name, kind, why, required=not field.nullable))
    return guesses


def iceberg_type(kind: pa.DataType, depth: int = 0) -> str:
    """Return the Iceberg type that can hold all values of an Arrow type.

    Raises:
        ValueError: there is none.
    """
    if depth > MAX_DEPTH:
        raise ValueError(f"its values are nested more than {MAX_DEPTH} deep")
    kind = _unwrapped(kind)
    found = _PLAIN.get(str(kind)) or _with_numbers(kind) or _nested(kind, depth + 1)
    if found is None:
        raise ValueError(f"no type in Iceberg can hold the type {kind}")
    return found


def _unwrapped(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values of a dictionary or an extension type."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _unwrapped(kind.value_type)
    return unpacked(kind) if isinstance(kind, pa.BaseExtensionType) else kind


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
    # DuckDB writes no `fixed`, and Arrow none to a table that is partitioned by day, as bronze tables are.
    return "binary" if has.is_fixed_size_binary(kind) else None


def _nested(kind: pa.DataType, depth: int) -> str | None:
    import pyarrow as pa

    if is_list(kind):
        return f"list<{iceberg_type(kind.value_type, depth)}>"
    if pa.types.is_map(kind):
        return f"map<{iceberg_type(kind.key_type, depth)}, {iceberg_type(kind.item_type, depth)}>"
    if not pa.types.is_struct(kind):
        return None
    fields = list(kind)
    if not fields:
        raise ValueError("it has a struct without fields")
    for number, field in enumerate(fields):
        if not is_field_name(field.name):
            raise ValueError(f"a field of its struct has the name {field.name!r}")
        for other in fields[:number]:
            if other.name.lower() == field.name.lower():
                twice = "twice" if other.name == field.name else f"and {field.name!r}, which differs by case only"
                raise ValueError(f"its struct has the field {other.name!r} {twice}")
    return struct_type([(field.name, iceberg_type(field.type, depth)) for field in fields])
