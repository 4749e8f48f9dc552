"""What a catalog and a store of receipts do for a backup, beside their own ports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lagoa.domain.ports.catalog import VersionedCatalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from lagoa.domain.saved import SavedCatalog, SavedRecord


class SavableCatalog(VersionedCatalog, Protocol):
    """A catalog whose history can be saved, and brought back to an empty one."""

    def saved(self) -> AbstractContextManager[SavedCatalog]:
        """Return the catalog as it is at one time; commits are read while the block runs."""

    def is_new(self) -> bool:
        """Return whether nothing was ever committed, but for what a restore that broke off has left."""

    def bring_back(self, saved: SavedCatalog, then: Callable[[Mapping[str, str]], None]) -> None:
        """Replace what a new catalog has by a saved one.

        Times, authors, messages, properties, parents and tables of commits stay. Where the id of a commit is another
        one in this catalog, texts in it that name commits follow, and its property `lagoa.was` has the former id.

        Args:
            saved: what it is to have.
            then: called before anybody sees `main` there, with the new id of each commit that has another one.

        Raises:
            LakeNotEmpty: the catalog is not new.
        """


class SavableRecords(Protocol):
    """A store of receipts that can be saved and brought back."""

    def saved(self) -> Iterator[SavedRecord]:
        """Yield every receipt and approval of one time."""

    def bring_back(self, records: Iterable[SavedRecord]) -> int:
        """Add records that are not there; return how many were left out, as only their login may write them."""
