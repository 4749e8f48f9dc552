"""Rewrites a table's files and manifests with the same rows, as a snapshot of Iceberg's kind `replace`."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from pyiceberg.manifest import DATA_FILE_TYPE, DataFile, ManifestContent, ManifestEntry, ManifestEntryStatus
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.table import TableProperties
from pyiceberg.table.snapshots import Operation, Summary
from pyiceberg.table.sorting import SortField, SortOrder
from pyiceberg.table.update.snapshot import _SnapshotProducer
from pyiceberg.utils.concurrent import ExecutorFactory

from lagoa.catalog.table_facts import (
    BUILT_ON,
    BUILT_SNAPSHOT,
    REWRITTEN,
    SAME_ROWS,
    is_models_own,
    rewritten,
    table_document,
)
from lagoa.write.transactions import KeptTransaction

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyiceberg.io import FileIO
    from pyiceberg.manifest import ManifestFile
    from pyiceberg.table import Table, Transaction
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.typedef import Record

    from lagoa.catalog.metadata_files import MetadataFiles

Entries: TypeAlias = "dict[str, list[ManifestEntry]]"
"""The entries of the files that a table has, by the path of the manifest that has them."""

MANIFEST_BYTES = TableProperties.MANIFEST_TARGET_SIZE_BYTES_DEFAULT
"""How large a manifest is to be; one of half of it is left alone."""

_PARTITION = [field.name for field in DATA_FILE_TYPE[2].fields].index("partition")


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Files of a table, and those with the same rows that take their place.

    Attributes:
        removed: the files that are replaced.
        added: the new ones.
    """

    removed: Sequence[DataFile]
    added: Sequence[DataFile]


def live_entries(io: FileIO, manifests: Sequence[ManifestFile]) -> Entries:
    """Return the entries of the files that a table has, by the paths of the manifests."""
    read = ExecutorFactory.get_or_create().map(lambda each: each.fetch_manifest_entry(io), manifests)
    return {manifest.manifest_path: entries for manifest, entries in zip(manifests, read, strict=True)}


def rewrite_files(table: Table, rewrites: Sequence[Rewrite], files: MetadataFiles, entries: Entries) -> Table:
    """Replace files of a table by others with the same rows, and merge its small manifests; one snapshot.

    What is known of the table by its rows stays: which state they came with, and what model built them from what.

    Args:
        table: the table before; it has a snapshot, and each of the removed files.
        rewrites: what is replaced; none to merge manifests only.
        files: the lake's metadata files.
        entries: of manifests that were read before.

    Returns:
        The table after.
    """
    before = table.metadata_location
    own = is_models_own(table_document(before, files.storage.read))
    transaction = KeptTransaction(table)
    with _Replacing(transaction, entries) as snapshot:
        for each in rewrites:
            for file in each.removed:
                snapshot.delete_data_file(file)
            for file in each.added:
                snapshot.append_data_file(file)
        made = snapshot.snapshot_id
    built = {BUILT_ON: before, BUILT_SNAPSHOT: str(made)} if own else {}
    transaction.set_properties({REWRITTEN: rewritten(files.rows_of(before), before, made), **built})
    return transaction.commit_transaction()


@dataclass(frozen=True, slots=True)
class _Found:
    """What the manifests of the state before become.

    Attributes:
        kept: manifests that stay as they are.
        merged: entries of the other manifests, for each manifest to be written, with its partition spec.
    """

    kept: list[ManifestFile]
    merged: list[tuple[int, list[ManifestEntry]]]


class _Replacing(_SnapshotProducer["_Replacing"]):
    """A snapshot that replaces data files by others with the same rows, and merges small manifests.

    PyIceberg has none. Manifests with delete files stay as long as a data file from before does.
    """

    def __init__(self, transaction: Transaction, entries: Entries) -> None:
        self._known = entries
        super().__init__(
            operation=Operation.OVERWRITE,
            transaction=transaction,
            io=transaction._table.io,
            snapshot_properties={SAME_ROWS: "true"},
        )

    def _build_delete_files_partition_predicate(self) -> None:
        """Look for no file by its partition: all manifests are read."""

    def _deleted_entries(self) -> list[ManifestEntry]:
        """Name none: each reader would read the entries of all files that are not in the table any more."""
        return []

    def _existing_manifests(self) -> list[ManifestFile]:
        written = []
        for spec, entries in self._found.merged:
            with self.new_manifest_writer(self.spec(spec)) as writer:
                for entry in entries:
                    writer.add_entry(_existing(entry))
            written.append(writer.to_manifest_file())
        return [*written, *self._found.kept]

    def _summary(self, snapshot_properties: Mapping[str, str] = {}) -> Summary:
        summary = super()._summary(dict(snapshot_properties))  # PyIceberg adds up no snapshot of kind `replace`
        return Summary(operation=Operation.REPLACE, **summary.additional_properties)

    @cached_property
    def _found(self) -> _Found:
        snapshot = self._transaction.table_metadata.current_snapshot()
        manifests = snapshot.manifests(self._io) if snapshot else []
        data = [each for each in manifests if each.content == ManifestContent.DATA]
        deletes = [each for each in manifests if each.content != ManifestContent.DATA]
        found: set[DataFile] = set()
        kept: list[ManifestFile] = []
        small: dict[int, list[tuple[ManifestFile, list[ManifestEntry]]]] = defaultdict(list)
        known = self._known | live_entries(self._io, [each for each in data if each.manifest_path not in self._known])
        for manifest in data:
            entries = known[manifest.manifest_path]
            stay = [each for each in entries if each.data_file not in self._deleted_data_files]
            gone = {each.data_file for each in entries if each.data_file in self._deleted_data_files}
            found |= gone
            if not stay:
                continue
            if gone or manifest.manifest_length < MANIFEST_BYTES // 2:
                small[manifest.partition_spec_id].append((manifest, stay))
            else:
                kept.append(manifest)
        if missing := self._deleted_data_files - found:
            raise ValueError(f"the table does not have {min(each.file_path for each in missing)}")
        merged = []
        for spec, parts in small.items():
            if len(parts) == 1 and len(parts[0][1]) == _live_count(parts[0][0]):
                kept.append(parts[0][0])
            else:
                merged += [(spec, entries) for entries in _packed(parts)]
        return _Found([*kept, *(deletes if kept or merged else ())], merged)


def _existing(entry: ManifestEntry) -> ManifestEntry:
    return ManifestEntry.from_args(
        status=ManifestEntryStatus.EXISTING,
        snapshot_id=entry.snapshot_id,
        sequence_number=entry.sequence_number,
        file_sequence_number=entry.file_sequence_number,
        data_file=entry.data_file,
    )


def _live_count(manifest: ManifestFile) -> int:
    return (manifest.added_files_count or 0) + (manifest.existing_files_count or 0)


def _packed(parts: Sequence[tuple[ManifestFile, list[ManifestEntry]]]) -> Iterator[list[ManifestEntry]]:
    """Yield the entries of manifests for one larger manifest after the other."""
    pack: list[ManifestEntry] = []
    size = 0
    for manifest, entries in parts:
        if pack and size + manifest.manifest_length > MANIFEST_BYTES:
            yield pack
            pack, size = [], 0
        pack += entries
        size += manifest.manifest_length
    if pack:
        yield pack


def without_statistics(file: DataFile) -> DataFile:
    """Return what a snapshot that removes a file says of it, without the figures of its columns."""
    entry = DataFile.from_args(
        content=file.content,
        file_path=file.file_path,
        file_format=file.file_format,
        partition=file.partition,
        record_count=file.record_count,
        file_size_in_bytes=file.file_size_in_bytes,
    )
    entry.spec_id = file.spec_id
    return entry


def without_partitions(metadata: TableMetadata) -> TableMetadata:
    """Return a table's metadata for writing files of one partition, which `in_partition` gives them."""
    spec = PartitionSpec(spec_id=metadata.default_spec_id)
    return metadata.model_copy(update={"partition_specs": [spec]})


def by_partition(metadata: TableMetadata) -> TableMetadata:
    """Return a table's metadata for writing files of one partition after the other, each in the table's order."""
    if metadata.spec().is_unpartitioned():
        return metadata
    keys = [SortField(source_id=field.source_id, transform=field.transform) for field in metadata.spec().fields]
    order = SortOrder(*keys, *metadata.sort_order().fields, order_id=metadata.default_sort_order_id)
    return metadata.model_copy(update={"sort_orders": [order]})


def in_partition(file: DataFile, partition: Record) -> DataFile:
    """Return a file that was written by the metadata of `without_partitions` as one of a partition."""
    file[_PARTITION] = partition
    return file
