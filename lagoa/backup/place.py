"""Where backups are: a folder, or a prefix in a bucket. A file there appears as a whole or not at all."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import io
import os
import secrets
import sqlite3
import tempfile
import threading
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lagoa.errors import BackupFailed
from lagoa.storage.port import S3, local_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from typing import BinaryIO

    from lagoa.storage.s3.objects import Objects

_PART = 4 * 2**20
"""Bytes that are read at once."""

_PARTIAL = ".partial-"

_WRITTEN_AHEAD = 4 * 2**20
"""After so many bytes of a file the disk is told to begin with them."""

_TRIES = 3
"""How often the folder of a new file is made, at most."""

_of_thread = threading.local()
"""The buffer of each thread: for many small files, making one takes longer than copying."""


class Place(Protocol):
    """A place for backups; names of files there are relative, with `/` between folders. Threads may share one."""

    @property
    def location(self) -> str:
        """The folder, absolute, or the prefix in an object store."""

    def sizes(self, folder: str = "", *, partial: bool = False) -> dict[str, int]:
        """Return the size in bytes of each file in a folder and those below, by name; nothing if there is none.

        Args:
            folder: the folder; by default the whole place.
            partial: also of files that are being written, or were when their process was killed.
        """

    def open(self, name: str) -> Any:
        """Open a file to read its bytes; raises `FileNotFoundError`, `OSError`."""

    def create(self, name: str, *, durable: bool = False) -> Any:
        """Return a context manager of a stream: what is written is there once the block ends without an error.

        Args:
            name: the file.
            durable: whether it is on the disk by then, before anybody sees it; else `settling` brings it there.
        """

    def remove(self, names: Sequence[str]) -> None:
        """Delete files, those that are not there as well; raises `OSError`, `NotAllowed`."""

    def settling(self) -> AbstractContextManager[None]:
        """Return a context manager at whose end what was written in it is on the disk; raises `OSError`."""


class Folder:
    """A `Place` in a folder of this machine.

    Args:
        path: the folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(local_path(str(path))).absolute()

    @property
    def location(self) -> str:
        """The folder."""
        return str(self.path)

    def sizes(self, folder: str = "", *, partial: bool = False) -> dict[str, int]:
        """Return the size of each file, by name."""
        top, found = str(self.path / folder) if folder else str(self.path), {}
        for place, _, files in os.walk(top, onerror=_refuse_unlisted):
            prefix = os.path.relpath(place, self.path)
            for name in files:
                if partial or _PARTIAL not in name:
                    path = f"{place}/{name}"
                    with suppress(FileNotFoundError):  # removed or renamed meanwhile
                        found[name if prefix == "." else f"{prefix}/{name}"] = os.stat(path).st_size  # noqa: PTH116
        return found

    def open(self, name: str) -> BinaryIO:
        """Open a file."""
        return (self.path / name).open("rb", buffering=0)

    @contextmanager
    def create(self, name: str, *, durable: bool = False) -> Iterator[BinaryIO]:
        """Write beside a file, then rename."""
        target = self.path / name
        partial = target.with_name(f"{target.name}{_PARTIAL}{secrets.token_hex(4)}")
        try:
            with _made(partial) as file:
                yield file
                if durable:
                    os.fsync(file.fileno())
            partial.replace(target)
            if durable:
                _sync_folder(target.parent)
        except BaseException:
            with suppress(OSError):
                partial.unlink()
            raise

    def remove(self, names: Sequence[str]) -> None:
        """Delete files, and folders that are empty then."""
        for name in names:
            path = self.path / name
            path.unlink(missing_ok=True)
            for folder in list(path.parents)[: name.count("/")]:
                try:
                    folder.rmdir()
                except OSError:  # it has other files
                    break

    def settling(self) -> AbstractContextManager[None]:
        """Bring what is written to the disk in the end: one call, as one for each small file takes much longer."""
        return settling(self.path)


class Bucket:
    """A `Place` under a prefix in a bucket.

    Args:
        location: such as `s3://backup/lake`.
        objects: the objects of the store.
    """

    def __init__(self, location: str, objects: Objects) -> None:
        self.location = location.rstrip("/")
        self._objects = objects
        self._top = self.location.removeprefix(S3)

    def sizes(self, folder: str = "", *, partial: bool = False) -> dict[str, int]:  # noqa: ARG002 - a store shows none
        """Return the size of each object, by name."""
        from pyarrow.fs import FileSelector, FileType

        top = f"{self._top}/{folder}".rstrip("/")
        with self._objects.errors_translated():
            selector = FileSelector(top, recursive=True, allow_not_found=True)
            found = self._objects.connection().get_file_info(selector)
        return {each.path.removeprefix(f"{self._top}/"): each.size for each in found if each.type == FileType.File}

    def open(self, name: str) -> Any:
        """Open an object."""
        return self._objects.stream(f"{self._top}/{name}")

    @contextmanager
    def create(self, name: str, *, durable: bool = False) -> Iterator[Any]:  # noqa: ARG002 - the store has what it confirmed
        """Write an object, which is there once the stream is closed."""
        with self._objects.errors_translated():
            stream = self._objects.connection().open_output_stream(f"{self._top}/{name}", compression=None)
            yield stream  # after an error what came of it has no manifest that names it, and is written again
            stream.close()

    def remove(self, names: Sequence[str]) -> None:
        """Delete objects."""
        self._objects.delete([f"{self.location}/{name}" for name in names])

    def settling(self) -> AbstractContextManager[None]:
        """Do nothing: the store has what it confirmed."""
        return nullcontext()


class _NewFile(io.FileIO):
    """A file that the disk writes while more of it comes, so that little is left to wait for in the end."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "xb")
        self._size = self._begun = 0

    def write(self, data: Any) -> int:
        """Write bytes; return how many."""
        count = super().write(data)
        self._size += count
        if self._size - self._begun >= _WRITTEN_AHEAD and hasattr(os, "posix_fadvise"):  # macOS has none
            # They are not going to be read soon, says this, for which they have to be written: it does not wait.
            os.posix_fadvise(self.fileno(), self._begun, self._size - self._begun, os.POSIX_FADV_DONTNEED)
            self._begun = self._size
        return count


def _sync_folder(path: Path) -> None:
    """Bring the names in a folder to the disk."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _refuse_unlisted(error: OSError) -> None:
    """Raise an error of listing a folder, whose files would else seem to be gone; one that is not there has none."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


@contextmanager
def settling(path: Path) -> Iterator[None]:
    """Bring everything in the file system of a folder to the disk as the block ends; the folder may come in it.

    The system tells an error of the disk to those who have opened something there before: whoever comes later hears
    nothing of it if another program has. `os.sync` waits for all file systems, and says nothing of errors; it is taken
    where the system has no better call.

    Raises:
        OSError: the disk could not write something.
    """
    there = next(each for each in (path, *path.parents) if each.is_dir())
    folder = os.open(there, os.O_RDONLY)
    try:
        yield
        call = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
        if call is None:
            os.sync()
        elif call(folder):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(path))
    finally:
        os.close(folder)


def _made(path: Path) -> _NewFile:
    """Make a file, and its folder if there is none: one that is empty may be removed meanwhile."""
    for _ in range(_TRIES):
        with suppress(FileNotFoundError):
            return _NewFile(path)
        path.parent.mkdir(parents=True, exist_ok=True)
    return _NewFile(path)


def copied(source: Any, target: Any | None) -> tuple[int, str]:
    """Copy a stream to another one, or only read it; return its bytes and their SHA-256."""
    digest, size = hashlib.sha256(), 0
    buffer = _buffer()
    while count := _read_into(source, buffer):
        part = buffer[:count]
        digest.update(part)
        if target is not None:
            _write_all(target, part)
        size += count
    return size, digest.hexdigest()


def _buffer() -> memoryview:
    if not hasattr(_of_thread, "buffer"):
        _of_thread.buffer = memoryview(bytearray(_PART))
    buffer: memoryview = _of_thread.buffer
    return buffer


def _read_into(source: Any, buffer: memoryview) -> int:
    if hasattr(source, "readinto"):
        return int(source.readinto(buffer) or 0)
    data = source.read(len(buffer))
    buffer[: len(data)] = data
    return len(data)


def _write_all(target: Any, part: memoryview) -> None:
    """Write all of a part: a file without a buffer may take less, as where its disk is full."""
    while part:
        part = part[target.write(part) or len(part) :]


@contextmanager
def failing_as(place: str) -> Iterator[None]:
    """Raise `BackupFailed` for the errors of the system that writing or reading a place gives."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise BackupFailed(place, "its disk is full") from error
        raise BackupFailed(place, str(error)) from error
    except sqlite3.Error as error:  # of the temporary list of files
        raise BackupFailed(f"The folder of temporary files, {tempfile.gettempdir()},", str(error)) from error
