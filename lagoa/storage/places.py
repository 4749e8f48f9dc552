"""Maps locations in catalogs, metadata and receipts, which start with the lake's home, to the files' current places.

A lake may be moved, copied or restored elsewhere. Nothing that was written changes, commit ids included: locations
always start with the lake's home, also of files written after the move, and are mapped when a file is opened.
"""

from __future__ import annotations

from dataclasses import dataclass

from lagoa.storage.port import S3, local_path


@dataclass(frozen=True, slots=True)
class Places:
    """The home of a lake and its current warehouse.

    Attributes:
        home: the lake's warehouse when it was created: the prefix of the locations of its files.
        here: the lake's current warehouse.
    """

    home: str
    here: str

    @property
    def moved(self) -> bool:
        """Whether the current warehouse differs from the home."""
        return self.home != self.here

    def place_of(self, location: str) -> str:
        """Return where the file at a location is now: a path, or an address in an object store."""
        place = local_path(location)
        if self.moved and _within(place, self.home):
            return f"{self.here}{place[len(self.home) :]}"
        return place

    def location_of(self, place: str) -> str:
        """Return the location of a current place; other locations are returned unchanged.

        If one of home and current warehouse contains the other, a text may belong to either: the longer match
        decides.
        """
        path = local_path(place)
        if not self.moved or not _within(path, self.here):
            return place
        if _within(path, self.home) and len(self.home) > len(self.here):
            return place
        scheme = "" if self.home.startswith(S3) else place[: len(place) - len(path)]
        return f"{scheme}{self.home}{path[len(self.here) :]}"


def _within(place: str, folder: str) -> bool:
    return place == folder or place.startswith(f"{folder}/")
