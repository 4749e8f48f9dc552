"""PyIceberg's transactions with a cache of the table's metadata, and overwrites that keep live manifests alone.

PyIceberg computes the metadata on each access. A commit accesses it a dozen times, which takes a third of its time. The
updates of a transaction are a tuple that is replaced, never changed, so the tuple's identity shows whether the cached
metadata is still valid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyiceberg.table import CreateTableTransaction, Transaction
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update.snapshot import _OverwriteFiles

if TYPE_CHECKING:
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


class Overwrite(_OverwriteFiles):
    """A snapshot of a transaction that removes files and adds others.

    It leaves out manifests without a file that is there still. PyIceberg keeps them, one for each overwrite before,
    and each further write and each reader would open all of them.

    Args:
        transaction: of a table with a snapshot.
    """

    def __init__(self, transaction: Transaction) -> None:
        super().__init__(operation=Operation.OVERWRITE, transaction=transaction, io=transaction._table.io)

    def _existing_manifests(self) -> list[ManifestFile]:
        found = super()._existing_manifests()
        return [each for each in found if each.has_added_files() or each.has_existing_files()]
