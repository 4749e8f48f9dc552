"""The trash: files that were collected, until they are deleted or brought back.

Each collection has a folder in it. The list of its files is written before the first of them is moved, so a collection
that ended in the middle can be brought back, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lagoa.domain.lists import counted
from lagoa.errors import RefNotFound
from lagoa.maintain.lists import FOUND, read_list, write_list
from lagoa.storage.port import TRASH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lagoa.storage.port import Storage

LIST = "list/files.jsonl"


@dataclass(frozen=True, slots=True)
class Trash:
    """The files of one collection.

    Attributes:
        name: the time of the collection.
        moved_at: when it was made, by the clock of the store (UTC).
        files: how many there are; some may have been brought back.
        size: their bytes.
    """

    name: str
    moved_at: datetime
    files: int
    size: int

    def __repr__(self) -> str:
        return f"<Trash {self.name!r}: {counted(self.files, 'file')}, {self.size:,} bytes>"


class TrashFolder:
    """The trash of one lake.

    Args:
        storage: where the lake's files are.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._here = storage.location
        self._place = f"{storage.home}/{TRASH}"

    def all(self) -> list[Trash]:
        """Return what each collection moved, the newest first."""
        found = []
        for location in self._storage.disposable(self._place):
            name = location.rpartition("/")[2]
            for file in self._storage.files_in(f"{location}/list"):
                count = size = 0
                for _, each in self._listed(name):
                    count, size = count + 1, size + each
                found.append(Trash(name, datetime.fromtimestamp(file.modified_s, UTC), count, size))
        return sorted(found, key=lambda each: each.name, reverse=True)

    def begin(self, name: str, files: Iterable[tuple[str, int]]) -> None:
        """Write the list of what is going to be moved: places and sizes; raises `OSError`, as of a full disk."""
        write_list(self._storage, f"{self._place}/{name}/{LIST}", files)

    def put(self, name: str, places: Iterable[str]) -> Iterator[bool]:
        """Move files into the trash of a collection; yield, for each that is done, whether it was there."""
        paths = (place.removeprefix(f"{self._here}/") for place in places)
        return self._storage.move_all((self._location(path), self._in_trash(name, path)) for path in paths)

    def bring_back(self, name: str) -> int:
        """Move the files of a collection back to where they were; return how many.

        Nothing is moved again for the grace period: collections begin anew.

        Raises:
            RefNotFound: there is no such collection in the trash.
        """
        if name not in {each.name for each in self.all()}:
            raise RefNotFound(name, "no such collection is in the trash", "`lagoa maintain --trash` lists them.")
        self._storage.discard(f"{self._storage.home}/{FOUND}")
        moves = ((self._in_trash(name, path), self._location(path)) for path, _ in self._listed(name))
        count = sum(self._storage.move_all(moves))
        self._storage.discard(f"{self._place}/{name}/files")
        self._storage.discard(f"{self._place}/{name}")
        return count

    def delete_older(self, days: int, store_now_s: float) -> list[Trash]:
        """Delete for good what was moved more than some days ago, by the clock of the store; return it."""
        oldest = datetime.fromtimestamp(store_now_s, UTC) - timedelta(days=days)
        old = [each for each in self.all() if each.moved_at <= oldest]
        for each in old:
            moved = ((self._in_trash(each.name, path), self._location(path)) for path, _ in self._listed(each.name))
            self._storage.delete_moved(f"{self._place}/{each.name}/files", moved)
            self._storage.discard(f"{self._place}/{each.name}")  # with the list, last of all
        return old

    def _location(self, path: str) -> str:
        return self._storage.location_of(f"{self._here}/{path}")

    def _in_trash(self, name: str, path: str) -> str:
        return f"{self._place}/{name}/files/{path}"

    def _listed(self, name: str) -> Iterator[tuple[str, int]]:
        return read_list(self._storage, f"{self._place}/{name}/{LIST}")
