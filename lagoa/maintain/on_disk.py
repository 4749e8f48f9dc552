"""A temporary SQLite file with one table, for as many entries as a lake may have files."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self


class OnDisk:
    """The file, which is gone on leaving, or when the process ends; one thread uses it.

    Args:
        table: the SQL that makes the table.
        folder: where the file is made; by default where the system has temporary files.

    Raises:
        OSError: the disk with the temporary files is full; on leaving, too.
    """

    def __init__(self, table: str, folder: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="lagoa-maintain-", dir=folder)
        self._db = sqlite3.connect(Path(self._folder.name) / "entries.db", isolation_level=None)
        self._db.execute("pragma journal_mode = off")
        self._db.execute("pragma synchronous = off")
        self._db.execute(table)
        self._db.execute("begin")
        with suppress(OSError):  # it is there as long as it is open: so a process that is killed leaves none
            self._folder.cleanup()

    def close(self) -> None:
        """Remove the file."""
        self._db.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        self.close()
        if isinstance(error, sqlite3.Error):
            raise OSError(f"temporary files in {tempfile.gettempdir()}: {error}") from error
