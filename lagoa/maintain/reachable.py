"""Every file that some commits need: what a collection must spare, and a backup must copy.

A commit needs the current snapshot of each of its tables, the snapshots that its intents name, and those that tags and
branches inside of a table name. It needs the inputs of its models as these were when they ran, which the next increment
compares. Older snapshots that a metadata file lists belong to older commits.
"""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lagoa.catalog.batches import BATCHES
from lagoa.catalog.table_facts import INPUTS, damaged, table_document
from lagoa.domain.commits import intents_of
from lagoa.domain.tables import TableName
from lagoa.errors import LagoaError, OutsideWarehouse
from lagoa.storage.port import S3

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pyiceberg.io import FileIO

    from lagoa.context import LakeContext
    from lagoa.domain.commits import Commit
    from lagoa.errors import CatalogDamaged
    from lagoa.maintain.seen import Seen
    from lagoa.storage.port import Storage

Kind = Literal["metadata", "manifest list", "manifest", "data", "statistics", "batches", "incoming"]

_HADOOP = re.compile(r"s3[an]://")


@dataclass(frozen=True, slots=True)
class Needed:
    """One file that a commit needs.

    Attributes:
        location: where the catalog or metadata says that it is.
        place: where it is now: a path, or an address in the object store.
        kind: what it is. Data files include files of deletes. Incoming rows may be gone: they are kept for
            `incoming_days` only.
        size: its number of bytes, if what names it says so.
    """

    location: str
    place: str
    kind: Kind
    size: int | None = None


def reachable(
    context: LakeContext, commits: Iterable[str], seen: Seen, without: frozenset[str] = frozenset()
) -> Iterator[Needed]:
    """Yield every file that some commits need, each once.

    A metadata file, list of manifests or manifest is opened once over all commits: give commits in the order of their
    history, as each shares most with the one before. Nothing but `seen` and one manifest is kept in memory.

    Args:
        context: the lake.
        commits: their ids.
        seen: the files that were yielded before, by place; what is in it is neither yielded nor opened again.
        without: layers whose tables are not needed, nor as inputs of models of other layers.

    Raises:
        CatalogDamaged: a metadata file, list of manifests or manifest cannot be read: nobody knows what it needs.
        RefNotFound: there is no such commit.
    """
    walk = _Walk(context.storage, seen, without)
    before: frozenset[tuple[Any, str]] = frozenset()
    for id_ in commits:
        commit = context.catalog.get(id_)
        tables = context.catalog.tables(id_).items()
        pointers = frozenset((table, pointer) for table, pointer in tables if table.layer not in without)
        snapshots = _snapshots_of_intents(commit)
        written = {(table, pointer) for table, pointer in pointers if str(table) in snapshots}
        for table, pointer in sorted((pointers - before) | written):
            yield from walk.table(pointer, snapshots.get(str(table), frozenset()))
        for intent in intents_of(commit):
            for location in intent.incoming if TableName.of_text(intent.table).layer not in without else ():
                yield from walk.once(location, "incoming")
        before = pointers


def files_of(context: LakeContext, pointers: Iterable[str], seen: Seen) -> Iterator[Needed]:
    """Yield every file that tables at some pointers need, each once, without what they were built from.

    Raises:
        CatalogDamaged: a metadata file, list of manifests or manifest cannot be read.
    """
    walk = _Walk(context.storage, seen)
    for pointer in pointers:
        yield from walk.table(pointer, frozenset(), deep=False)


def place_of(storage: Storage, location: str) -> str:
    """Return where the file at a location is now, the same text for each way to write one.

    Raises:
        OutsideWarehouse: it is in another object store.
    """
    place = storage.path(_HADOOP.sub(S3, location))
    return place if place.startswith(S3) else os.path.normpath(place)


def _snapshots_of_intents(commit: Commit) -> Mapping[str, frozenset[int]]:
    found: dict[str, set[int]] = defaultdict(set)
    for intent in intents_of(commit):
        if intent.snapshot is not None:
            found[intent.table].add(intent.snapshot)
    return {table: frozenset(each) for table, each in found.items()}


@dataclass(frozen=True, slots=True)
class _Walk:
    """Follows what tables name; see `reachable`."""

    storage: Storage
    seen: Seen
    without: frozenset[str] = frozenset()

    @property
    def io(self) -> FileIO:
        return self.storage.file_io({})  # with keys that are valid now

    def once(self, location: str, kind: Kind, size: int | None = None) -> Iterator[Needed]:
        try:
            place = place_of(self.storage, location)
        except OutsideWarehouse:  # a file of another store is neither collected nor copied
            return
        if self.seen.add(place):
            yield Needed(location, place, kind, size)

    def table(self, pointer: str, snapshots: frozenset[int], *, deep: bool = True) -> Iterator[Needed]:
        """Yield what a table at a pointer needs.

        Args:
            pointer: its pointer.
            snapshots: those that are needed besides the current one, if the metadata lists them.
            deep: whether the inputs that it was built from are needed, too.
        """
        yield from self.once(pointer, "metadata")
        try:
            place = place_of(self.storage, pointer)
        except OutsideWarehouse:
            return
        if not self.seen.add(f"{place} {deep} {sorted(snapshots)} {sorted(self.without)}"):
            return
        document = table_document(pointer, self.storage.read)
        properties = document.get("properties") or {}
        try:
            wanted = _wanted(document, snapshots)
            batches = json.loads(properties.get(BATCHES, "{}"))
            inputs = json.loads(properties.get(INPUTS, "{}")) if deep else {}
            listed = [each for each in document.get("snapshots") or () if each["snapshot-id"] in wanted]
            statistics = [
                (each["statistics-path"], each.get("file-size-in-bytes"))
                for kind in ("statistics", "partition-statistics")
                for each in document.get(kind) or ()
                if each["snapshot-id"] in wanted
            ]
            lists = [each["manifest-list"] for each in listed]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise damaged(f"The metadata file {pointer} is not understood: {error!r}.", error) from error
        for name in batches.get("files", ()):
            yield from self.once(f"{batches['at']}/{name}", "batches")
        for location, size in statistics:
            yield from self.once(location, "statistics", size)
        for location in lists:
            yield from self._list(location)
        for name, input_pointer in sorted(inputs.items()):
            if TableName.of_text(name).layer not in self.without:
                yield from self.table(input_pointer, frozenset(), deep=False)

    def _list(self, location: str) -> Iterator[Needed]:
        from lagoa.maintain.named import named_manifests

        found = next(self.once(location, "manifest list"), None)
        if found is None:
            return
        yield found
        try:
            manifests = list(named_manifests(self.io.new_input(location)))
        except LagoaError:  # the store does not answer, which says nothing of the file
            raise
        except Exception as error:  # whatever the reader raises of bytes that are no such file
            raise _unreadable("list of manifests", location, error) from error
        for manifest, size in manifests:
            yield from self._manifest(manifest, size)

    def _manifest(self, location: str, size: int) -> Iterator[Needed]:
        from lagoa.maintain.named import named_files

        found = next(self.once(location, "manifest", size), None)
        if found is None:
            return
        yield found
        try:
            files = list(named_files(self.io.new_input(location)))
        except LagoaError:
            raise
        except Exception as error:  # as above
            raise _unreadable("manifest", location, error) from error
        for name, file_size in files:
            yield from self.once(name, "data", file_size)


def _wanted(document: Mapping[str, Any], snapshots: frozenset[int]) -> frozenset[int]:
    current = document.get("current-snapshot-id")
    named = {each["snapshot-id"] for each in (document.get("refs") or {}).values()}
    return frozenset({*named, *snapshots, *([] if current in {None, -1} else [current])})


def _unreadable(what: str, location: str, error: Exception) -> CatalogDamaged:
    return damaged(f"The {what} {location} cannot be read: {error}.", error)
