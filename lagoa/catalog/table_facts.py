"""Facts from a table's metadata file, read without building a PyIceberg table: a publication reads many."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lagoa.domain.tables import TableName
from lagoa.errors import CatalogDamaged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.snapshots import Snapshot

FINGERPRINT = "lagoa.fingerprint"
"""Table property of a model's table: hash of the model, its contract and the state of each input."""

INPUTS = "lagoa.inputs"
"""Table property of a model's table: JSON with the pointer of each table that it was built from."""

BUILT_SNAPSHOT = "lagoa.built-snapshot"
"""Table property of a model's table: id of the snapshot that the model created; empty if it created none."""

BUILT_ON = "lagoa.built-on"
"""Table property of a model's table: the metadata file before the one that the model wrote; empty for the first."""

REWRITTEN = "lagoa.rewritten"
"""Table property of a table whose files were rewritten with the same rows: see `rewritten`."""

SAME_ROWS = "lagoa.same-rows"
"""Key in the summary of a snapshot that has the rows of the one before it, in other files."""

POSITIONS = "lagoa.positions"
"""Table property: JSON object with how far the table has what each source has, by the source's name."""

_TARGET = "write.target-file-size-bytes"

_UUID = re.compile(r"[-_][0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table at one pointer.

    Attributes:
        columns: type of each column, in Iceberg's spelling without spaces, in order.
        properties: the table's properties.
        version: of the Iceberg specification that the table is of.
        rows_of: pointer of the state whose rows these are, if this one was only rewritten since; else None.
    """

    columns: Mapping[str, str]
    properties: Mapping[str, str]
    version: int
    rows_of: str | None = None


def table_facts(document: Mapping[str, Any]) -> TableFacts:
    """Return the facts of a metadata file; see `table_document`."""
    schemas = document.get("schemas") or [document["schema"]]
    current = document.get("current-schema-id", schemas[0].get("schema-id", 0))
    schema = next(each for each in schemas if each.get("schema-id", 0) == current)
    columns = {field["name"]: _type(field["type"]) for field in schema["fields"]}
    version = int(document.get("format-version", 1))
    return TableFacts(columns, document.get("properties") or {}, version, _rows_of(document))


def rewritten(rows_of: str, before: str, snapshot: int | None) -> str:
    """Return the value of `REWRITTEN`: it counts only for the metadata file that was written with it.

    Args:
        rows_of: pointer of the state whose rows the table still has.
        before: pointer of the state that was rewritten.
        snapshot: id of the snapshot that the rewrite left.
    """
    return json.dumps({"rows": rows_of, "before": before, "snapshot": snapshot})


def _rows_of(document: Mapping[str, Any]) -> str | None:
    """Return the state whose rows a table has since it was rewritten; None if anything was written to it since.

    Other programs keep the property when they write: the metadata file before, and the snapshot, show that.
    """
    try:
        kept = json.loads((document.get("properties") or {}).get(REWRITTEN, "{}"))
        rows, before, snapshot = str(kept["rows"]), kept["before"], kept["snapshot"]
    except (ValueError, KeyError, TypeError):
        return None
    return rows if (before, snapshot) == (_file_before(document), _snapshot_of(document)) else None


def rewritten_snapshot(metadata: TableMetadata, snapshot: int | None) -> int | None:
    """Return the snapshot that a snapshot of a table was rewritten to with the same rows; None if it was not."""
    found = None
    while snapshot is not None:
        snapshot = next((each.snapshot_id for each in metadata.snapshots if _rewrites(each, snapshot)), None)
        found = found if snapshot is None else snapshot
    return found


def _rewrites(snapshot: Snapshot, before: int) -> bool:
    same = snapshot.summary is not None and SAME_ROWS in snapshot.summary.additional_properties
    return snapshot.parent_snapshot_id == before and same


def is_models_own(document: Mapping[str, Any]) -> bool:
    """Return whether the model itself was the last to write its table, but for rewrites of the same rows.

    The previous metadata file shows it, and the snapshot, since Nessie's Iceberg REST catalog names no previous file.
    """
    properties, snapshot = document.get("properties") or {}, _snapshot_of(document)
    return bool(
        properties.get(BUILT_ON) == _file_before(document)
        and properties.get(BUILT_SNAPSHOT) == ("" if snapshot is None else str(snapshot))
    )


def _file_before(document: Mapping[str, Any]) -> str:
    before = document.get("metadata-log") or [{"metadata-file": ""}]
    return str(before[-1]["metadata-file"])


def _snapshot_of(document: Mapping[str, Any]) -> int | None:
    snapshot = document.get("current-snapshot-id")
    return None if snapshot in {None, -1} else int(str(snapshot))


def table_document(location: str, read: Callable[[str], bytes]) -> dict[str, Any]:
    """Return the JSON of the metadata file at `location` (the Iceberg specification, appendix C).

    Args:
        location: location of the file, which may be compressed with gzip.
        read: returns the bytes of a file.

    Raises:
        CatalogDamaged: the file is missing or is not metadata.
    """
    try:
        data = read(location)
        document: dict[str, Any] = json.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    except (OSError, EOFError, ValueError) as error:
        raise damaged(f"The catalog points to {location}, which cannot be read: {error}.", error) from error
    return document


def damaged(message: str, error: Exception) -> CatalogDamaged:
    """Return the error of a file of metadata that cannot be read, with what to do."""
    if isinstance(error, PermissionError):
        return CatalogDamaged(message, "Nothing is lost: let the user that runs Lagoa read the lake's files.")
    return CatalogDamaged(message, "Restore the lake's complete state folder from a backup.")


def target_bytes(properties: Mapping[str, str], default: int) -> int:
    """Return how large a table's data files are to be: as its property says, as Iceberg spells it, or the default."""
    text = properties.get(_TARGET, "")
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else default


def table_named(location: str) -> TableName:
    """Return a table's name from its location: Lagoa and Nessie end it with `<layer>/<table>` and a UUID."""
    *_, layer, folder = ("", *location.rstrip("/").split("/"))
    return TableName((layer,), _UUID.sub("", folder))


def _type(kind: str | dict[str, Any]) -> str:
    if isinstance(kind, str):
        return plain_type(kind)
    if kind["type"] == "list":
        return f"list<{_type(kind['element'])}>"
    if kind["type"] == "map":
        return f"map<{_type(kind['key'])},{_type(kind['value'])}>"
    fields = ",".join(f"{plain_type(field['name'])}:{_type(field['type'])}" for field in kind["fields"])
    return f"struct<{fields}>"


def plain_type(text: str) -> str:
    """Return a type's spelling for comparison: in lower case, without spaces and the marks around odd field names."""
    return "".join(text.replace("`", "").split()).lower()


def positions_of(properties: Mapping[str, str]) -> dict[str, Any]:
    """Return how far a table has what each source has, by the source's name."""
    found: dict[str, Any] = json.loads(properties.get(POSITIONS, "{}"))
    return found
