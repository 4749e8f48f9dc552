"""Keeps DuckDB from pruning by partition values that it would compare wrongly.

DuckDB 1.5.5 transforms the constants of a filter to compare them with the partition values of data files. It does that
wrongly for months and days before 1970, truncated decimals, truncated integers next to the type's minimum, buckets of
UUIDs and floating-point numbers, and then leaves out files that have matching rows. In the metadata that it reads, such
a partition field is made the identity of a column of its own, which no query names. The bounds of the files, which it
compares correctly, still prune.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FIRST_ID = 2_000_000_000
"""Field ids of the added columns begin after this one; those of a table's own columns are far below."""

_RESULTS = {"year": "int", "month": "int", "day": "date", "hour": "int", "bucket": "int"}
"""Types of partition values; those of other transforms have the type of their column."""


def prune_by_bounds(document: dict[str, Any]) -> tuple[str, ...]:
    """Change a metadata document so that partition values which DuckDB compares wrongly are not used for pruning.

    Returns:
        Names of the columns that were added to its schemas, which a query must leave out.
    """
    schemas = document.get("schemas") or [document["schema"]]
    kinds = {each["id"]: each["type"] for schema in schemas for each in _fields(schema["fields"])}
    current = document.get("current-schema-id", schemas[0].get("schema-id", 0))
    present = {
        each["id"] for schema in schemas if schema.get("schema-id", 0) == current for each in _fields(schema["fields"])
    }
    added: dict[int, dict[str, Any]] = {}
    for field in _partition_fields(document):
        source, transform = field.get("source-id"), field["transform"].partition("[")[0]
        kind = kinds.get(source)
        if not isinstance(kind, str) or (source in present and _is_right(transform, kind)):
            continue
        number = _FIRST_ID + field["field-id"]
        name = f"_lagoa_partition_{field['field-id']}"
        added[number] = {"id": number, "name": name, "required": False, "type": _RESULTS.get(transform, kind)}
        field.update({"source-id": number, "transform": "identity"})
    for schema in [*schemas, *([document["schema"]] if "schema" in document and "schemas" in document else [])]:
        schema["fields"] = [*schema["fields"], *added.values()]
    return tuple(each["name"] for each in added.values())


def _is_right(transform: str, kind: str) -> bool:
    """Return whether DuckDB compares the partition values of a transform of a column correctly."""
    return (transform == "identity" and kind not in {"float", "double"}) or (transform == "bucket" and kind != "uuid")


def _partition_fields(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each partition field, in any form of metadata; in format 1 some stand there twice."""
    for spec in document.get("partition-specs") or []:
        yield from spec["fields"]
    yield from (each for each in document.get("partition-spec") or [] if "field-id" in each)


def _fields(fields: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield each field, those inside structs too: Iceberg partitions by no element of a list or map."""
    for field in fields:
        yield field
        if isinstance(field["type"], dict) and field["type"]["type"] == "struct":
            yield from _fields(field["type"]["fields"])
