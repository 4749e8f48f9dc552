"""The beginning of a metadata file: which snapshot and columns it has, without the history that follows.

A metadata file lists every snapshot of its table, so the files of a table that was written to often are large. What is
current stands before that list, in the files of PyIceberg as in those of Iceberg's Java library.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.catalog.table_facts import table_document

if TYPE_CHECKING:
    from lagoa.storage.port import Storage

_BYTES = 64 * 1024

# A quotation mark inside of a text is escaped, so none of these is found in one.
_UUID = re.compile(rb'"table-uuid"\s*:\s*"([^"]+)"')
_SNAPSHOT = re.compile(rb'"current-snapshot-id"\s*:\s*(-?\d+|null)')
_SCHEMAS = re.compile(rb'"schemas"\s*:.*?"partition-spec', re.DOTALL)
_SCHEMA = re.compile(rb'"current-schema-id"\s*:\s*(\d+)')


@dataclass(frozen=True, slots=True)
class TableHead:
    """What is current at one pointer.

    Attributes:
        uuid: the table's id: another one is another table of the same name.
        snapshot: id of the current snapshot; None if the table has none.
        schemas: the table's schemas, and which is current, as text: equal texts are equal columns.
    """

    uuid: str
    snapshot: int | None
    schemas: str


def table_head(storage: Storage, pointer: str) -> TableHead:
    """Return the head of the metadata file at a pointer.

    Raises:
        CatalogDamaged: the file is missing or is not metadata.
    """
    try:
        with storage.file_io({}).new_input(pointer).open() as stream:
            found = _read(stream.read(_BYTES))
    except OSError:  # what is wrong is told below
        found = None
    if found is not None:
        return found
    document = table_document(pointer, storage.read)
    schemas = document.get("schemas") or [document["schema"]]
    current = document.get("current-schema-id", schemas[0].get("schema-id", 0))
    snapshot = document.get("current-snapshot-id")
    return TableHead(str(document.get("table-uuid", "")), _snapshot(snapshot), json.dumps([current, schemas]))


def _read(data: bytes) -> TableHead | None:
    uuid, snapshot, schemas, schema = (each.search(data) for each in (_UUID, _SNAPSHOT, _SCHEMAS, _SCHEMA))
    if uuid is None or snapshot is None or schemas is None or schema is None:
        return None  # compressed, or of more columns than are read here
    number = None if snapshot[1] == b"null" else int(snapshot[1])
    text = f"{int(schema[1])} {schemas[0].decode('utf-8', 'replace')}"
    return TableHead(uuid[1].decode(), _snapshot(number), text)


def _snapshot(number: int | None) -> int | None:
    return None if number == -1 else number
