"""PyIceberg's transactions with a cache of the table's metadata, and snapshots that have few manifests, all with files.

PyIceberg computes the metadata on each access. A commit accesses it a dozen times, which takes a third of its time. The
updates of a transaction are a tuple that is replaced, never changed, so the tuple's identity shows whether the cached
metadata is still valid.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pyiceberg.manifest import ManifestContent, ManifestEntry, ManifestEntryStatus
from pyiceberg.table import CreateTableTransaction, Transaction
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update.snapshot import _FastAppendFiles, _OverwriteFiles

from lagoa.write.manifests import groups, live_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyiceberg.manifest import ManifestFile
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.update import TableUpdate


class KeptTransaction(Transaction):
    """A transaction on an existing table."""

    _kept: tuple[TableMetadata, tuple[TableUpdate, ...], TableMetadata] | None = None

    @property
    def table_metadata(self) -> TableMetadata:
        """The metadata after the transaction's updates."""
        before, updates = self._table.metadata, self._updates
        if self._kept is None or self._kept[0] is not before or self._kept[1] is not updates:
            self._kept = (before, updates, super().table_metadata)
        return self._kept[2]


class KeptCreateTransaction(KeptTransaction, CreateTableTransaction):
    """A transaction that creates a table."""


class Append(_FastAppendFiles):
    """A snapshot of a transaction that adds files.

    Their entries go into one manifest with those of small manifests, whose number stays small that way; see
    `lagoa.write.manifests`.

    Args:
        transaction: of a table.
    """

    def __init__(self, transaction: Transaction) -> None:
        super().__init__(operation=Operation.APPEND, transaction=transaction, io=transaction._table.io)

    def _manifests(self) -> list[ManifestFile]:
        spec = self._transaction.table_metadata.spec()
        kept: list[ManifestFile] = []
        same: list[ManifestFile] = []
        for each in self._existing_manifests():
            ours = each.content == ManifestContent.DATA and each.partition_spec_id == spec.spec_id
            (same if ours else kept).append(each)
        with_new, others = groups(same, len(self._added_data_files))
        with self.new_manifest_writer(spec) as writer:
            for file in self._added_data_files:
                added = ManifestEntry.from_args(
                    status=ManifestEntryStatus.ADDED,
                    snapshot_id=self._snapshot_id,
                    sequence_number=None,
                    file_sequence_number=None,
                    data_file=file,
                )
                writer.add(added)
            for manifest in with_new:
                for entry in self.fetch_manifest_entry(manifest):
                    writer.existing(entry)
        return [writer.to_manifest_file(), *(_as_one(self, group) for group in others), *kept]


class Overwrite(_OverwriteFiles):
    """A snapshot of a transaction that removes files and adds others.

    It leaves out manifests without a file that is there still. PyIceberg keeps them, one for each overwrite before,
    and each further write and each reader would open all of them. Small manifests are put together, as by `Append`.

    Args:
        transaction: of a table with a snapshot.
    """

    def __init__(self, transaction: Transaction) -> None:
        super().__init__(operation=Operation.OVERWRITE, transaction=transaction, io=transaction._table.io)

    def _existing_manifests(self) -> list[ManifestFile]:
        by_spec: dict[int, list[ManifestFile]] = defaultdict(list)
        kept: list[ManifestFile] = []
        for each in super()._existing_manifests():
            if live_files(each):
                same = by_spec[each.partition_spec_id] if each.content == ManifestContent.DATA else kept
                same.append(each)
        return [*(_as_one(self, group) for same in by_spec.values() for group in groups(same)[1]), *kept]


def _as_one(snapshot: Append | Overwrite, manifests: Sequence[ManifestFile]) -> ManifestFile:
    """Return one manifest with the entries of some of one partition spec; the only one itself."""
    if len(manifests) == 1:
        return manifests[0]
    with snapshot.new_manifest_writer(snapshot.spec(manifests[0].partition_spec_id)) as writer:
        for manifest in manifests:
            for entry in snapshot.fetch_manifest_entry(manifest):
                writer.existing(entry)
    return writer.to_manifest_file()
