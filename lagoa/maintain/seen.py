"""A set of places on disk, for as many files as a lake may have."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from lagoa.maintain.on_disk import OnDisk

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_DIGEST = 16
_CACHE_KB = 128 * 1024
_ASKED = 500


class Seen(OnDisk):
    """Places that were seen, in a temporary SQLite file; one thread uses it.

    It keeps 16 bytes of hash for each, so ten million take about 300 MB of disk and no more than 128 MB of memory.

    Args:
        folder: where the file is made; by default where the system has temporary files.
    """

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__("create table seen (place blob primary key) without rowid", folder)
        self._db.execute(f"pragma cache_size = -{_CACHE_KB}")

    def add(self, place: str) -> bool:
        """Add a place; return whether it is new."""
        return self._db.execute("insert or ignore into seen values (?)", (_digest(place),)).rowcount > 0

    def __contains__(self, place: str) -> bool:
        return bool(self.among([place]))

    def among(self, places: Sequence[str]) -> set[str]:
        """Return those of some places that were added."""
        found: set[str] = set()
        for start in range(0, len(places), _ASKED):
            asked = {_digest(place): place for place in places[start : start + _ASKED]}
            marks = ", ".join("?" * len(asked))
            rows = self._db.execute(f"select place from seen where place in ({marks})", list(asked))  # noqa: S608
            found |= {asked[digest] for (digest,) in rows}
        return found


def _digest(place: str) -> bytes:
    return blake2b(place.encode("utf-8", "surrogateescape"), digest_size=_DIGEST).digest()
