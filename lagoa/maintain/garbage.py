"""Files that are to be collected, in a temporary SQLite file: as many as there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.maintain.on_disk import OnDisk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from lagoa.storage.port import Stored

_PAGE = 10_000


class Garbage(OnDisk):
    """Files by place; one thread uses it.

    Args:
        folder: where the file is made; by default where the system has temporary files.
    """

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__("create table garbage (place text primary key, size integer not null) without rowid", folder)

    def add(self, files: Iterable[Stored]) -> None:
        """Add files."""
        self._db.executemany("insert or ignore into garbage values (?, ?)", ((each.place, each.size) for each in files))

    def spare(self, place: str) -> None:
        """Take a file out, if it is there."""
        self._db.execute("delete from garbage where place = ?", (place,))

    def totals(self) -> tuple[int, int]:
        """Return how many files there are, and their bytes."""
        count, size = self._db.execute("select count(*), coalesce(sum(size), 0) from garbage").fetchone()
        return int(count), int(size)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Yield places and sizes, by place."""
        last = ""
        while True:
            rows = self._db.execute(
                "select place, size from garbage where place > ? order by place limit ?", (last, _PAGE)
            ).fetchall()
            yield from rows
            if len(rows) < _PAGE:
                return
            last = rows[-1][0]
