"""Files of a lake in local folders."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lagoa.errors import OutsideWarehouse
from lagoa.storage.cold_folder import ColdFolder, owner_of
from lagoa.storage.places import Places
from lagoa.storage.port import Stored, local_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pyarrow.fs import FileSystem
    from pyiceberg.io import FileIO
    from pyiceberg.io.pyarrow import PyArrowFile

    from lagoa.storage.port import Changed, ColdPlace, Storage, Upload


class LocalStorage:
    """A `Storage` in a folder.

    Args:
        location: the folder.
        home: where the files were when the lake was created; `location` by default.
        cold: the folder of cold files, in whose places in `location` are links; empty if there is none.
    """

    def __init__(self, location: Path | str, home: str = "", cold: str = "") -> None:
        self._cold = cold
        here = str(Path(local_path(str(location))).absolute())
        self._places = Places(local_path(home).rstrip("/") or here, here)

    @property
    def location(self) -> str:
        """The folder, absolute."""
        return self._places.here

    @property
    def folders(self) -> Sequence[str]:
        """The folder, and that of cold files if there is one."""
        return [self.location, *([self._cold] if self._cold else [])]

    @property
    def home(self) -> str:
        """The prefix of the locations of the lake's files."""
        return self._places.home

    def path(self, location: str) -> str:
        """Return the path of the file at a location; raises `OutsideWarehouse`."""
        path = self._places.place_of(location)
        if "://" in path:
            raise OutsideWarehouse(location)
        return path

    def location_of(self, place: str) -> str:
        """Return the location of a file or folder in the warehouse."""
        return self._places.location_of(place)

    def read(self, location: str) -> bytes:
        """Return the content of a file; raises `OSError`."""
        return Path(self.path(location)).read_bytes()

    def file_io(self, properties: Mapping[str, str]) -> FileIO:
        """Return the file IO for PyIceberg."""
        from lagoa.storage.files import StorageFiles

        return StorageFiles(properties, self._file)

    def for_worker(self) -> Storage:
        """Return the same folder: workers find it at the same path."""
        return LocalStorage(self.location, self.home, self._cold)

    def make_folder(self, location: str) -> None:
        """Create a folder and its parents; raises `OSError` if it exists."""
        Path(self.path(location)).mkdir(parents=True)

    def disposable(self, location: str) -> Sequence[str]:
        """Return the folders in a folder; none if it does not exist."""
        path = Path(self.path(location))
        return [f"{location}/{each.name}" for each in path.iterdir()] if path.is_dir() else ()

    def discard(self, location: str) -> None:
        """Remove a file or a folder."""
        path = Path(self.path(location))
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()

    @property
    def can_move(self) -> bool:
        """True: a folder has no rules of its own."""
        return True

    def files_in(self, location: str) -> Iterator[Stored]:
        """Yield the files in a folder and its subfolders, and links to cold files; no link to a folder is followed."""
        folders = [self.path(location)]
        while folders:
            with suppress(FileNotFoundError), os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif entry.is_file():
                        with suppress(FileNotFoundError):  # it was moved meanwhile
                            written = entry.stat(follow_symlinks=False).st_mtime
                            yield Stored(entry.path, entry.stat().st_size, written, entry.is_symlink())

    def move(self, location: str, to: str) -> bool:
        """Move a file, and remove the folder of one write if it was its last; raises `OSError`."""
        source, target = Path(self.path(location)), Path(self.path(to))
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            source.rename(target)
        except FileNotFoundError:
            return False
        if source.parent.parent.name == "data":  # no later write makes its files in it
            with suppress(OSError):
                source.parent.rmdir()
        return True

    def move_all(self, moves: Iterable[tuple[str, str]]) -> Iterator[bool]:
        """Move files one after the other; raises `OSError`."""
        return (self.move(location, to) for location, to in moves)

    def delete_moved(self, folder: str, moved: Iterable[tuple[str, str]]) -> None:
        """Delete files that `move` has moved, the cold files of former places that are links to these, and the folder.

        Cold files of another lake, of which this one is a copy, stay. Raises `OSError`.
        """
        own = bool(self._cold) and owner_of(Path(self._cold)) in {None, self.location}
        for location, moved_from in moved:
            path, former = Path(self.path(location)), Path(self.path(moved_from))
            if own and path.is_symlink() and not os.path.lexists(former):
                cold = Path(self._cold) / former.relative_to(self.location)
                if path.readlink() == cold:
                    cold.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
        self.discard(folder)

    def cold_place(self) -> ColdPlace:
        """Return the folder of cold files."""
        return ColdFolder(self._cold, self.location)

    def unfinished_uploads(self) -> Sequence[Upload]:
        """Return nothing: a file system has no uploads."""
        return ()

    def changed_files(self) -> Sequence[Changed]:
        """Return nothing: a file system keeps no earlier versions of a file."""
        return ()

    def _file(self, location: str) -> PyArrowFile:
        from pyiceberg.io.pyarrow import PyArrowFile

        return PyArrowFile(location, os.path.abspath(self.path(location)), self._system)  # noqa: PTH100 - thousands of files

    @cached_property
    def _system(self) -> FileSystem:
        from pyiceberg.io.pyarrow import PyArrowLocalFileSystem

        return PyArrowLocalFileSystem()
