"""The columns of a table whose data files have bloom filters, as Iceberg's table properties name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PROPERTY = "write.parquet.bloom-filter-enabled.column."

BLOOM_TYPES = ("int", "long", "string")
"""Types of columns, in Iceberg's spelling, for which engines look into bloom filters."""


def bloom_columns(properties: Mapping[str, str]) -> tuple[str, ...]:
    """Return the columns that the files of a table with these properties are to have bloom filters of, by name."""
    named = {key.removeprefix(_PROPERTY) for key, value in properties.items() if _is_set(key, value)}
    return tuple(sorted(named))


def bloom_properties(columns: Iterable[str]) -> dict[str, str]:
    """Return the properties of a table whose files are to have bloom filters of some columns."""
    return {f"{_PROPERTY}{column}": "true" for column in columns}


def _is_set(key: str, value: str) -> bool:
    return key.startswith(_PROPERTY) and value.lower() == "true"
