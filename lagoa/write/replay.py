"""Writes of a branch, done again on another state of their tables; see `lagoa.publish.rebase`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from lagoa.errors import CatalogDamaged, WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile, ManifestFile
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.snapshots import Snapshot
    from pyiceberg.types import NestedField

    from lagoa.catalog.batches import LoadedBatch
    from lagoa.context import LakeContext
    from lagoa.domain.commits import Batch, Intent
    from lagoa.domain.tables import TableName
    from lagoa.write.target import Target


@dataclass(frozen=True, slots=True)
class WrittenColumns:
    """The columns of rows that were written for another state of a table.

    Attributes:
        schema: the table's schema then.
        shared: ids of the fields that the table had before both states became different.
    """

    schema: Schema
    shared: frozenset[int]

    def refuse_unfit(self, target: Target) -> None:
        """Raise `WriteError` if a value could be read as that of another column, or be lost.

        A field that both sides had may have another name by now; one that is newer is the same only under its name.
        """
        there = _fields(target.metadata.schema())
        parents_then, parents_now = _parents(self.schema), _parents(target.metadata.schema())
        for number, field in _fields(self.schema).items():
            now = there.get(number)
            if now is None:
                raise _unfit(target.name, f"it has no column {field.name!r}")
            known = number in self.shared or now.name == field.name
            if not (_holds(now, field) and known and parents_now.get(number) == parents_then.get(number)):
                raise _unfit(target.name, f"its column {now.name!r} is another one than {field.name!r}")

    def refuse_renamed(self, target: Target, text: str) -> None:
        """Raise `WriteError` if a text, such as the condition of a delete, has the name of a column that changed."""
        now = _fields(target.metadata.schema())
        for number, field in _fields(self.schema).items():
            same = number in now and now[number].name == field.name
            if not same and re.search(rf"(?<!\w){re.escape(field.name)}(?!\w)", text, re.IGNORECASE):
                raise WriteError(
                    target.name,
                    f"a write of the branch names the column {field.name!r}, which is not the same one on main.",
                    "Do it again on a new branch from main.",
                )


@dataclass(frozen=True, slots=True)
class Addition:
    """The data files of one append, to be added to another state of the table; none of a change of columns alone.

    Attributes:
        intent: the append.
        files: its files.
        columns: the columns that they were written with.
        spec: the partitions that they were written with.
        loaded: what the branch's table recorded of the batch.
    """

    intent: Intent
    files: tuple[DataFile, ...]
    columns: WrittenColumns
    spec: PartitionSpec
    loaded: LoadedBatch | None

    @property
    def batch(self) -> Batch | None:
        """The batch that was appended."""
        return self.intent.batch

    def refuse_unfit(self, target: Target) -> None:
        """Raise `WriteError` if the table cannot have the files as they are."""
        if _parts(self.spec) != _parts(target.metadata.spec()):
            raise _unfit(target.name, "its partitions differ")
        self.columns.refuse_unfit(target)
        for field in target.metadata.schema().fields:
            if field.required and self._may_be_null(field.field_id):
                raise _unfit(target.name, f"its column {field.name!r} is required")

    def intent_in(self, table: TableMetadata) -> Intent:
        """Return the intent of this append in the table that it was added to."""
        number = next(
            (each.schema_id for each in table.schemas if each == self.columns.schema), table.current_schema_id
        )
        snapshot = table.current_snapshot_id if self.files else None
        return replace(self.intent, snapshot=snapshot, schema=number, spec=table.default_spec_id)

    def _may_be_null(self, number: int) -> bool:
        field = _fields(self.columns.schema).get(number)
        if field is None or not field.required:
            return any((file.null_value_counts or {}).get(number, 1) for file in self.files)
        return False


class AppendedFiles:
    """The files of appends to a table, from the manifests of a later state of it, which are listed once.

    Args:
        context: the lake.
    """

    def __init__(self, context: LakeContext) -> None:
        self._context = context
        self._listed: tuple[str, Mapping[int, list[ManifestFile]]] = ("", {})

    def addition(self, intent: Intent, pointer: str, columns: WrittenColumns) -> Addition:
        """Return the files of an append.

        Args:
            intent: the append.
            pointer: the table at the commit of the append, or a later state that has its snapshot.
            columns: those that the files were written with.
        """
        metadata = self._context.metadata.parsed(pointer)
        batches = self._context.batches.of(metadata.properties)
        spec = metadata.specs().get(intent.spec, metadata.spec())
        files = self._files(intent, pointer, metadata)
        return Addition(intent, files, columns, spec, batches.get(intent.batch.id) if intent.batch else None)

    def _files(self, intent: Intent, pointer: str, metadata: TableMetadata) -> tuple[DataFile, ...]:
        """Return the files of an append from the manifests that its snapshot added, where they are still in use.

        A state that does not list the snapshot any more, since others of the same commit followed it, has the files.
        """
        if not intent.files:
            return ()
        snapshot = metadata.snapshot_by_id(intent.snapshot or 0) or metadata.current_snapshot()
        if snapshot is None:
            raise _lost(intent)
        io = self._context.storage.file_io(metadata.properties)
        wanted = set(intent.files)
        found: dict[str, DataFile] = {}
        added = self._added(pointer, metadata, io).get(snapshot.snapshot_id, ())
        for manifest in chain(added, _manifests(snapshot, io)):
            for entry in manifest.fetch_manifest_entry(io, discard_deleted=True):
                if entry.data_file.file_path in wanted:
                    found[entry.data_file.file_path] = entry.data_file
            if len(found) == len(wanted):
                break
        if len(found) < len(wanted):
            raise _lost(intent)
        return tuple(found[path] for path in intent.files)

    def _added(self, pointer: str, metadata: TableMetadata, io: FileIO) -> Mapping[int, list[ManifestFile]]:
        """Return the manifests of a state by the snapshot that added them."""
        known, listed = self._listed
        if known != pointer:
            found: dict[int, list[ManifestFile]] = {}
            current = metadata.current_snapshot()
            for manifest in current.manifests(io) if current else ():
                found.setdefault(manifest.added_snapshot_id or 0, []).append(manifest)
            self._listed = pointer, (listed := found)
        return listed


def _manifests(snapshot: Snapshot, io: FileIO) -> Iterator[ManifestFile]:
    """Yield the manifests of a snapshot, those that it added first; their list is read for the first one."""
    yield from sorted(snapshot.manifests(io), key=lambda each: each.added_snapshot_id != snapshot.snapshot_id)


def written_columns(context: LakeContext, intent: Intent, pointer: str, parted: str | None) -> WrittenColumns:
    """Return the columns that the rows of a write were written with.

    Args:
        context: the lake.
        intent: the write.
        pointer: the table at its commit, or a later state.
        parted: the table before both states became different; None if it did not exist.
    """
    metadata = context.metadata.parsed(pointer)
    schema = next((each for each in metadata.schemas if each.schema_id == intent.schema), metadata.schema())
    shared = _fields(context.metadata.parsed(parted).schema()) if parted else {}
    same = parted and context.metadata.parsed(parted).table_uuid == metadata.table_uuid
    return WrittenColumns(schema, frozenset(shared if same else ()))


def has_snapshot(context: LakeContext, intent: Intent, pointer: str) -> bool:
    """Return whether a state of a table still knows the snapshot that a write created."""
    return context.metadata.parsed(pointer).snapshot_by_id(intent.snapshot or 0) is not None


def _lost(intent: Intent) -> CatalogDamaged:
    message = f"{intent.table} does not know the files of its snapshot {intent.snapshot} any more."
    return CatalogDamaged(message, "Load the rows again.")


def _parts(spec: PartitionSpec) -> list[tuple[int, str, str]]:
    return [(field.source_id, str(field.transform), field.name) for field in spec.fields]


def _fields(schema: Schema) -> Mapping[int, NestedField]:
    """Return every field by its id, nested ones too."""
    from pyiceberg.schema import index_by_id

    return index_by_id(schema)


def _parents(schema: Schema) -> Mapping[int, int]:
    """Return the field that each nested one is in."""
    from pyiceberg.types import ListType, MapType, StructType

    found: dict[int, int] = {}
    for number, field in _fields(schema).items():
        kind, inner = field.field_type, list[int]()
        if isinstance(kind, StructType):
            inner = [each.field_id for each in kind.fields]
        elif isinstance(kind, ListType):
            inner = [kind.element_id]
        elif isinstance(kind, MapType):
            inner = [kind.key_id, kind.value_id]
        found |= dict.fromkeys(inner, number)
    return found


def _holds(now: NestedField, field: NestedField) -> bool:
    """Return whether a field holds the values of an earlier one exactly."""
    from pyiceberg.exceptions import ResolveError
    from pyiceberg.schema import promote

    if not field.field_type.is_primitive:
        return type(field.field_type) is type(now.field_type)
    try:
        return field.field_type == now.field_type or promote(field.field_type, now.field_type) == now.field_type
    except ResolveError:
        return False


def _unfit(table: TableName, reason: str) -> WriteError:
    return WriteError(
        table,
        f"rows of the branch do not fit the table on main: {reason}.",
        "Load them again on a new branch from main.",
    )
