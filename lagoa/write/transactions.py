"""PyIceberg's transactions, which work out the table's metadata anew each time they look at it, made to keep it.

A commit looks a dozen times, which takes a third of its time. The updates of a transaction are a tuple that is
replaced, never changed, so the tuple tells whether what was kept still holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyiceberg.table import CreateTableTransaction, Transaction

if TYPE_CHECKING:
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.update import TableUpdate


class KeptTransaction(Transaction):
    """A transaction on a table that is there."""

    _kept: tuple[TableMetadata, tuple[TableUpdate, ...], TableMetadata] | None = None

    @property
    def table_metadata(self) -> TableMetadata:
        """The metadata as the transaction leaves it."""
        before, updates = self._table.metadata, self._updates
        if self._kept is None or self._kept[0] is not before or self._kept[1] is not updates:
            self._kept = (before, updates, super().table_metadata)
        return self._kept[2]


class KeptCreateTransaction(KeptTransaction, CreateTableTransaction):
    """A transaction that makes a table."""
