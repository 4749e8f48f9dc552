"""Where files are today that catalogs, metadata and receipts name by the place where their lake was made.

A lake may be moved, copied or restored elsewhere. What was written stays as it is, commit ids among it: locations begin
with the lake's home for ever, those of files written after the move too, and are mapped whenever a file is opened.
"""

from __future__ import annotations

from dataclasses import dataclass

from lagoa.storage.port import S3, local_path


@dataclass(frozen=True, slots=True)
class Places:
    """The home of a lake, and where it is now.

    Attributes:
        home: the lake's warehouse when it was made: what the locations of its files begin with.
        here: the lake's warehouse today.
    """

    home: str
    here: str

    @property
    def moved(self) -> bool:
        """Whether the lake is elsewhere than where it was made."""
        return self.home != self.here

    def place_of(self, location: str) -> str:
        """Return where the file at a location is today: a path, or an address in an object store."""
        place = local_path(location)
        if self.moved and _within(place, self.home):
            return f"{self.here}{place[len(self.home) :]}"
        return place

    def location_of(self, place: str) -> str:
        """Return the location by which a place of today is named; other locations are returned as they are.

        Where home and the warehouse of today lie within each other, a text may be meant as either: it is taken for
        the one that it shares more with.
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
