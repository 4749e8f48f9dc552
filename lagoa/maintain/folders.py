"""The folders of the warehouse in which files may be garbage: of each table that the lake has or had, and no other.

A table is known by the pointers of commits. A catalog that forgets commits of deleted branches, as Nessie does, would
forget tables that only these had. So the folders that are known are noted in the warehouse, also before branches
expire.
"""

from __future__ import annotations

import re
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

from lagoa.catalog.table_facts import table_document
from lagoa.errors import CatalogDamaged, OutsideWarehouse
from lagoa.maintain.lists import read_list, write_list
from lagoa.maintain.reachable import place_of

if TYPE_CHECKING:
    from lagoa.context import LakeContext
    from lagoa.storage.port import Storage

FOLDER = "_lagoa/folders"
"""Folder of the notes; the newest has all that were known."""

_TABLE = re.compile(r"(?!_)[^/]+/[^/]+[-_][0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""The folder of a table in the warehouse, as Lagoa and Nessie make it."""

GC_ENABLED = "gc.enabled"
"""Iceberg's property of a table whose files others need, too: `false`. What is in its folder is not garbage."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BATCHES = "_lagoa/batches"


def folder_of(storage: Storage, place: str) -> str:
    """Return the folder of the table, or of the batches of a table, that a place is in; empty outside the warehouse."""
    path = place.removeprefix(f"{storage.location}/")
    parts = path.split("/", 3 if path.startswith(f"{_BATCHES}/") else 2)[:-1]
    return f"{storage.location}/{'/'.join(parts)}" if path != place else ""


def known_folders(context: LakeContext) -> set[str]:
    """Return the places of the folders of all tables that the lake has or had, and of their batches."""
    found, spared = _of_commits(context)
    return (found | _noted(context)) - spared


def note_folders(context: LakeContext) -> None:
    """Note the folders that are known now, if the catalog may forget them; raises `OSError`."""
    if not context.forgets_branches:
        return
    known = known_folders(context)
    if known != _noted(context):
        storage = context.storage
        place = f"{storage.home}/{FOLDER}"
        before = [each.place for each in storage.files_in(place)]
        name = f"{context.clock():%Y%m%dT%H%M%S.%fZ}-{uuid.uuid4().hex}.jsonl"
        write_list(storage, f"{place}/{name}", ((each, 0) for each in sorted(known)))
        for each in before:
            storage.discard(storage.location_of(each))


def _of_commits(context: LakeContext) -> tuple[set[str], set[str]]:
    """Return the folders that pointers of commits name; and those of tables whose files others need, too."""
    storage, catalog = context.storage, context.catalog
    heads = {pointer for ref in catalog.refs() for pointer in catalog.tables(ref.commit).values()}
    pointers: dict[str, list[str]] = {}
    for pointer in context.all_pointers(None) if context.all_pointers else ():
        with suppress(OutsideWarehouse):
            folder = folder_of(storage, place_of(storage, pointer))
            known = folder in pointers  # by its latest pointer, which comes first
            if (not known or pointer in heads) and _TABLE.fullmatch(folder.removeprefix(f"{storage.location}/")):
                pointers.setdefault(folder, []).append(pointer)
    folders, spared = set[str](), set[str]()
    for folder, latest in pointers.items():
        documents = []
        for pointer in dict.fromkeys(latest):
            with suppress(CatalogDamaged):  # its metadata was collected before, with its batches
                documents.append(table_document(pointer, storage.read))
        # What one branch says is not undone by a write on another one.
        kept = any(str((each.get("properties") or {}).get(GC_ENABLED)).lower() == "false" for each in documents)
        found = spared if kept else folders
        found.add(folder)
        tables = (str(each.get("table-uuid")) for each in documents)
        found.update(f"{storage.location}/{_BATCHES}/{table}" for table in tables if _UUID.fullmatch(table))
    return folders, spared


def _noted(context: LakeContext) -> set[str]:
    """Return the folders of all notes: an older one is there if writing the newest was interrupted."""
    storage = context.storage
    if not context.forgets_branches:
        return set()
    notes = storage.files_in(f"{storage.home}/{FOLDER}")
    paths = (path for each in notes for path, _ in read_list(storage, storage.location_of(each.place)))
    return {f"{storage.location}/{path}" for path in paths}
