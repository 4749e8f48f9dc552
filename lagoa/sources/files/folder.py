"""Reads the files of a folder that a pattern names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lagoa.domain.file_patterns import HIDDEN
from lagoa.errors import SourceError
from lagoa.formats.shared.files import SourceFile
from lagoa.sources.kind import Extract

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lagoa.domain.tables import TableName
    from lagoa.sources.files.kind import FilesSource
    from lagoa.sources.kind import Position, Workplace

_PARTIAL = (".part", ".partial", ".tmp", ".crdownload", ".filepart", "~")
"""How the names of files end that programs are still writing."""


class Folder:
    """A folder with files; see `Connection`."""

    def __init__(self, source: str, declared: FilesSource, place: Workplace) -> None:
        self._source = source
        self._declared = declared
        self._clock = place.clock
        self._folder = place.root / declared.connection.folder

    def check(self) -> None:
        """Make sure that the folder is there and may be read; see `Connection`."""
        try:
            if not self._folder.is_dir():
                raise SourceError(
                    str(self._folder), f"there is no such folder (source {self._source}).", "Fix `folder`."
                )
            os.listdir(self._folder)  # noqa: PTH208 - the same as `iterdir`, which reads nothing yet
        except OSError as error:
            message = f"it cannot be read: {error.strerror}."
            raise SourceError(str(self._folder), message, "Give this user the right to read it.") from error

    def read(self, table: TableName, position: Position | None) -> Iterator[Extract]:
        """Yield each file, by path: the batches of the table say which are new. See `Connection`.

        If each file replaces the one before, it is the last one alone, and only if its content is not in the table.
        """
        self.check()
        said = self._declared.tables[str(table)]
        now = self._clock().timestamp()  # a time to come is that of another clock, and says nothing
        files = [path for path in self._matching(said.files) if abs(now - path.stat().st_mtime) >= said.still_s]
        if said.mode != "replace":
            for path in files:
                yield Extract((path,))
        elif files:
            content = {"sha256": SourceFile(files[-1]).fingerprint()}
            if content != position:
                yield Extract((files[-1],), content)

    def _matching(self, pattern: str) -> list[Path]:
        """Return the files of a pattern; raises `SourceError` for one outside of the folder, by a link."""
        root = self._folder.resolve()
        found = []
        for path in sorted(self._folder.glob(pattern.replace("[", "[[]"))):
            inner = path.relative_to(self._folder)
            if any(part.startswith(HIDDEN) for part in inner.parts) or path.name.endswith(_PARTIAL):
                continue
            if not path.resolve().is_relative_to(root):
                message = f"it leads out of the folder of the source {self._source}."
                raise SourceError(str(path), message, "Put the file itself there, not a link.")
            if path.is_file():
                found.append(path)
        return found
