"""What a table's metadata file says, read without building a table of it: a publication looks at many."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from lagoa.domain.tables import TableName
from lagoa.errors import CatalogDamaged
from lagoa.storage import file_io, store_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FINGERPRINT = "lagoa.fingerprint"
"""Table property of a model's table: hash of the model, its contract and the state of each input."""

INPUTS = "lagoa.inputs"
"""Table property of a model's table: JSON, the pointer of each table that it was built from."""

BUILT_SNAPSHOT = "lagoa.built-snapshot"
"""Table property of a model's table: id of the snapshot that the model left; empty where it left none."""

_UUID = re.compile(r"[-_][0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table at one pointer.

    Attributes:
        columns: type of each column, in Iceberg's spelling without spaces, in order.
        properties: the table's properties.
    """

    columns: Mapping[str, str]
    properties: Mapping[str, str]


@lru_cache(maxsize=2048)
def table_facts(location: str) -> TableFacts:
    """Return the facts of the metadata file at `location`; such files never change. Raises `CatalogDamaged`."""
    document = table_document(location)
    schemas = document.get("schemas") or [document["schema"]]
    current = document.get("current-schema-id", schemas[0].get("schema-id", 0))
    schema = next(each for each in schemas if each.get("schema-id", 0) == current)
    columns = {field["name"]: _type(field["type"]) for field in schema["fields"]}
    return TableFacts(columns, document.get("properties") or {})


def table_document(location: str, read: Callable[[str], bytes] | None = None) -> dict[str, Any]:
    """Return the metadata file at `location` as it stands (the Iceberg specification, appendix C).

    Args:
        location: of the file, which may be packed by gzip.
        read: what reads it, where its storage is not to be asked.

    Raises:
        CatalogDamaged: the file is not there or is no metadata.
    """
    try:
        data = (read or read_file)(location)
        document: dict[str, Any] = json.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    except (OSError, EOFError, ValueError) as error:
        message = f"The catalog points to {location}, which cannot be read: {error}."
        raise CatalogDamaged(message, "Put the lake's state folder back from a backup, whole.") from error
    return document


def table_named(location: str) -> TableName:
    """Return the name that a table's location tells: Lagoa and Nessie end it in `<layer>/<table>` and a UUID."""
    *_, layer, folder = ("", *location.rstrip("/").split("/"))
    return TableName((layer,), _UUID.sub("", folder))


def read_file(location: str) -> bytes:
    """Return the bytes of a small file beside the tables' data, such as a metadata file; raises `OSError`."""
    url = urlparse(location)
    if url.scheme in {"", "file"}:
        return Path(unquote(url.path) if url.scheme else location).read_bytes()
    store = store_of(location)
    if store is not None:  # not by PyIceberg's files, whose import takes longer than a publication
        from lagoa.storage.s3_objects import read_metadata

        return read_metadata(store, location)
    with file_io(location).new_input(location).open() as stream:
        return stream.read()


def _type(kind: str | dict[str, Any]) -> str:
    if isinstance(kind, str):
        return plain_type(kind)
    if kind["type"] == "list":
        return f"list<{_type(kind['element'])}>"
    if kind["type"] == "map":
        return f"map<{_type(kind['key'])},{_type(kind['value'])}>"
    fields = ",".join(f"{field['name']}:{_type(field['type'])}" for field in kind["fields"])
    return f"struct<{fields}>"


def plain_type(text: str) -> str:
    """Return a type's spelling without spaces and in lower case, for comparison."""
    return "".join(text.split()).lower()
