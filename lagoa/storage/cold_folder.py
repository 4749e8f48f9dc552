"""A cold folder: files lie on a slower disk, with a link in their place.

Whatever opens a file follows the link. A file is copied, compared and only then replaced by the link, in one step: a
program that is killed leaves one of the two.

A folder belongs to one lake. A copy of a lake has the same links and the same names of files. What one of both deleted
would be gone for the other.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from datetime import UTC, datetime
from pathlib import Path

from lagoa.domain.faults import fault_point
from lagoa.errors import FileNotMoved
from lagoa.storage.port import LEAST_COLD

OWNER = "lagoa-warehouse"
"""The file in a folder of cold files that has the warehouse of its lake."""


def owner_of(cold: Path) -> str | None:
    """Return the warehouse whose files a folder has; None if none has used it. Raises `OSError`."""
    try:
        return (cold / OWNER).read_text("utf-8", "surrogateescape") or None
    except FileNotFoundError:
        return None


def claimed(cold: Path, warehouse: str) -> str:
    """Make a folder that of a warehouse, if it is of none; return whose it is. Raises `OSError`."""
    owner = owner_of(cold)
    if owner is None:
        cold.mkdir(parents=True, exist_ok=True)
        draft = cold / f".{uuid.uuid4().hex}.part"
        draft.write_text(warehouse, "utf-8", "surrogateescape")
        draft.replace(cold / OWNER)  # as a whole, or not at all
        owner = owner_of(cold) or warehouse
    return owner


class ColdFolder:
    """The `ColdPlace` of files in local folders.

    Args:
        folder: where they lie.
        warehouse: where their links are, under the same paths.
    """

    def __init__(self, folder: str, warehouse: str) -> None:
        self._folder = Path(folder)
        self._warehouse = warehouse

    def takes(self, place: str, before: datetime) -> int | None:
        """Return the bytes of a file that may go; None for a link, a small file, or one that is too new."""
        path = Path(place)
        found = path.lstat()
        old = datetime.fromtimestamp(found.st_mtime, UTC) < before
        return found.st_size if old and found.st_size >= LEAST_COLD and not path.is_symlink() else None

    def take(self, place: str) -> None:
        """Copy a file, and put a link in its place."""
        path = Path(place)
        cold = self._folder / path.relative_to(self._warehouse)
        try:
            cold.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileNotMoved(place, str(cold.parent), str(error)) from error
        part = _beside(cold)  # of its own: another command may be moving the same file
        _copied(path, part)
        part.replace(cold)
        _sync_names(cold.parent, until=self._folder)
        fault_point("cold.copied")
        link = _beside(path)
        link.symlink_to(cold)
        link.replace(path)

    def give_back(self, place: str) -> int | None:
        """Copy a file into the place of its link, and remove it from the folder."""
        path = Path(place)
        if not path.is_symlink() or not (cold := path.readlink()).is_relative_to(self._folder):
            return None
        size = cold.stat().st_size
        _copied(cold, part := _beside(path))
        fault_point("cold.thawed")
        part.replace(path)
        _sync_names(path.parent)
        cold.unlink()
        return size


def _sync_names(path: Path, until: Path | None = None) -> None:
    """Bring the names in a folder to the disk, and those in the folders above it, as far as one that has it."""
    for each in (path, *path.parents):
        names = os.open(each, os.O_RDONLY)
        try:
            os.fsync(names)
        finally:
            os.close(names)
        if until is None or each == until:
            return


def _beside(place: Path) -> Path:
    return place.with_name(f".{uuid.uuid4().hex}.part")


def _copied(source: Path, target: Path) -> None:
    """Copy a file with its time, and compare what is on the disk then."""
    try:
        shutil.copy2(source, target)
        with target.open("rb+") as file:
            os.fsync(file.fileno())
        same = _hash(source) == _hash(target)
    except OSError as error:
        target.unlink(missing_ok=True)
        raise FileNotMoved(str(source), str(target.parent), str(error)) from error
    if not same:
        target.unlink()
        raise FileNotMoved(str(source), str(target.parent), "the copy differs")


def _hash(file: Path) -> bytes:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()
