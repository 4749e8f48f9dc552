"""The storage port: what opens the files of one lake. Each lake has one, and nothing else opens its tables' files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pyiceberg.io import FileIO

S3 = "s3://"
"""How the location of an object store begins."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that was begun and not brought to its end; it may be under way.

    Attributes:
        location: of the object that it would have become.
        begun: when.
    """

    location: str
    begun: datetime | None


@dataclass(frozen=True, slots=True)
class Changed:
    """A file that is not any more what it was when it was written; Lagoa never does that.

    Attributes:
        location: of the object.
        at: when it was written over or deleted.
        deleted: whether nothing is there now.
        first: the version of what was written first, which the store keeps for 30 days.
    """

    location: str
    at: datetime | None
    deleted: bool
    first: str


class Storage(Protocol):
    """Opens files by their locations, as catalogs and metadata name them; threads share one.

    A location is no place: where the lake was moved, it begins with the lake's home still; see `lagoa.storage.places`.
    Every method that takes a location raises `OutsideWarehouse` for one in an object store that is not the lake's.
    """

    @property
    def location(self) -> str:
        """Where the tables' files lie today: an absolute folder, or a prefix in an object store."""

    @property
    def home(self) -> str:
        """What the locations of the lake's files begin with: where they lay when the lake was made."""

    def path(self, location: str) -> str:
        """Return what an engine opens for a location: a path of this machine, or an address of the object store."""

    def location_of(self, place: str) -> str:
        """Return the location by which a file or folder in the warehouse of today is named; others are unchanged."""

    def read(self, location: str) -> bytes:
        """Return what a small file holds, such as a metadata file; raises `OSError`."""

    def file_io(self, properties: Mapping[str, str]) -> FileIO:
        """Return what PyIceberg reads and writes files with.

        Args:
            properties: of the catalog and the table; where they say how files are opened, they are ignored.
        """

    def make_folder(self, location: str) -> None:
        """Make a place for new files; raises `OSError`."""

    def discard(self, location: str) -> None:
        """Remove a file, or a folder with its files, that no table has."""

    def unfinished_uploads(self) -> Sequence[Upload]:
        """Return the uploads that are not at their end, by location; raises `StorageUnavailable`."""

    def changed_files(self) -> Sequence[Changed]:
        """Return the files that were written over or deleted, by location; raises `StorageUnavailable`."""


def local_path(location: str) -> str:
    """Return a location of this machine as a path; any other is returned as it is."""
    return location.removeprefix("file://") if location.startswith("file://") else location.removeprefix("file:")
