"""The storage port: it opens the files of one lake. Each lake has one, and nothing else opens its tables' files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from pyiceberg.io import FileIO

S3 = "s3://"
"""The prefix of locations in an object store."""

TRASH = "_lagoa/trash"
"""Folder of the warehouse with the files that were collected; see `lagoa.maintain.trash`."""

OWN = tuple(f"_lagoa/{name}" for name in ("trash/", "garbage/", "folders/", "draft/", "expiry", "clock-"))
"""Beginnings of the paths, in the warehouse, of records that Lagoa itself deletes when newer ones replace them."""


LEAST_COLD = 64 * 1024
"""Files of fewer bytes stay out of cold storage: there would be nothing to gain."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that was started and not completed; it may be in progress.

    Attributes:
        location: location of the object that it would create.
        begun: when it started.
    """

    location: str
    begun: datetime | None


@dataclass(frozen=True, slots=True)
class Changed:
    """A file that was overwritten or deleted, but for those that a collection deleted: Lagoa never does that.

    Attributes:
        location: location of the object.
        at: when it was overwritten or deleted.
        deleted: whether it is deleted now.
        first: the version that was written first; the store keeps it for 30 days.
    """

    location: str
    at: datetime | None
    deleted: bool
    first: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of the warehouse.

    Attributes:
        place: where it is: an absolute path.
        size: its number of bytes.
        modified_s: when it was written, in seconds since 1970, by the clock of the store.
        cold: whether its bytes lie in cold storage.
    """

    place: str
    size: int
    modified_s: float
    cold: bool = False


class ColdPlace(Protocol):
    """Where the bytes of files lie that nobody asks for; each is read at its own place as before."""

    def takes(self, place: str, before: datetime) -> int | None:
        """Return the bytes of a file that may go there; None if it is small, new or there already.

        Args:
            place: where the file is.
            before: a time; what was written later is new.
        """

    def take(self, place: str) -> None:
        """Let a file go there; raises `FileNotMoved`, `StorageUnavailable`, `NotAllowed`."""

    def give_back(self, place: str) -> int | None:
        """Bring a file back; return its bytes, None if it was not there. Raises the same."""


class Storage(Protocol):
    """Opens files by their locations in catalogs and metadata; threads may share one.

    A location still starts with the lake's home after the lake was moved; see `lagoa.storage.places`.
    Every method that takes a location raises `OutsideWarehouse` for one in another object store than the lake's.
    """

    @property
    def location(self) -> str:
        """Where the tables' files are now: an absolute folder, or a prefix in an object store."""

    @property
    def folders(self) -> Sequence[str]:
        """Everything that its files may lie in: the location, and the folder of cold files; prefixes end with `/`."""

    @property
    def home(self) -> str:
        """The prefix of the locations of the lake's files: where they were when the lake was created."""

    def path(self, location: str) -> str:
        """Return what an engine opens for a location: a local path, or an address in the object store."""

    def location_of(self, place: str) -> str:
        """Return the location of a file or folder in the current warehouse; others are unchanged."""

    def read(self, location: str) -> bytes:
        """Return the content of a small file, such as a metadata file; raises `OSError`."""

    def file_io(self, properties: Mapping[str, str]) -> FileIO:
        """Return the file IO for PyIceberg.

        Args:
            properties: of the catalog and the table; those about how files are opened are ignored.
        """

    def for_worker(self) -> Storage:
        """Return this storage as another process opens it, which gets it as a pickle.

        It may have temporary keys in it, which are valid for half an hour at least.
        """

    def make_folder(self, location: str) -> None:
        """Create a folder for new files; raises `OSError`."""

    def disposable(self, location: str) -> Sequence[str]:
        """Return the folders in a folder that `discard` can delete; none in a store where the role may not delete."""

    def discard(self, location: str) -> None:
        """Delete a file, or a folder with its files, that no table refers to; where the role may not, it stays."""

    @property
    def can_move(self) -> bool:
        """Whether files can be moved and deleted by the methods below: in an object store only by the maintainer."""

    def files_in(self, location: str) -> Iterator[Stored]:
        """Yield the files in a folder and its subfolders, one folder after the other; none if it does not exist."""

    def move(self, location: str, to: str) -> bool:
        """Move a file; return whether it was there. Folders are made. Raises `OSError`.

        Its time stays in a folder; in an object store it is that of the move.
        """

    def move_all(self, moves: Iterable[tuple[str, str]]) -> Iterator[bool]:
        """Move files as `move` does, each from a location to one; yield, for each that is done, whether it was there.

        In an object store some are moved at a time. One that cannot be moved ends it; others may have been.
        """

    def delete_moved(self, folder: str, moved: Iterable[tuple[str, str]]) -> None:
        """Delete a folder of files that were moved there, with their cold files. Raises `OSError`.

        Args:
            folder: its location.
            moved: the locations that its files have there, and had before.
        """

    def cold_place(self) -> ColdPlace:
        """Return the cold storage of its files; in an object store it raises `SettingsError` if there is none."""

    def unfinished_uploads(self) -> Sequence[Upload]:
        """Return the uploads that were not completed, by location; raises `StorageUnavailable`."""

    def changed_files(self) -> Sequence[Changed]:
        """Return the files that were overwritten or deleted, by location; raises `StorageUnavailable`."""


def local_path(location: str) -> str:
    """Return a local location as a path; any other is returned unchanged."""
    return location.removeprefix("file://") if location.startswith("file://") else location.removeprefix("file:")
