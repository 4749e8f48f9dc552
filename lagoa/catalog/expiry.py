"""The record of which states are kept: what is older and not in it has expired.

An expiry writes a new record, which never changes. So every process of a lake knows which states may be read, whatever
the settings of its machine say.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from lagoa.catalog.table_facts import damaged
from lagoa.domain.cache import Cache
from lagoa.errors import CatalogDamaged, StateExpired

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from lagoa.domain.commits import Commit
    from lagoa.storage.port import Storage, Stored

FOLDER = "_lagoa/expiry"
"""Folder of the records in the warehouse; their names begin with their time, so that they sort by it."""

_FORMAT = 1
_AGAIN = (
    "Nothing expires or is collected until then: restore the file from a backup; or, if [retention] keeps no more than "
    "it did, delete it and run `lagoa maintain --expire --yes`, before anything else."
)
_KEPT = 4


@dataclass(frozen=True, slots=True)
class PartlyKept:
    """Commits of which the tables of some layers are not kept any more.

    Attributes:
        without: these layers.
        kept: ids of the commits, those of one line one after the other.
    """

    without: frozenset[str]
    kept: tuple[str, ...]


@dataclass(frozen=True)
class ExpiryRecord:
    """Which states were kept at one time.

    Attributes:
        at: when (UTC).
        grace: how long any write may take: commits that were made so shortly before count as newer.
        kept: ids of the commits that are kept with all tables, those of one line one after the other.
        parts: those that are kept without the tables of some layers.
        runs: by name of a branch `run/…`, the commit that it was at, and since when expiries have seen it there; only
            of catalogs that do not say when a branch was made.
        ahead: when the clock was known to be right again, and the latest time that it had been ahead to; None if it was
            not. What is of a time between was made before the first.
    """

    at: datetime
    grace: timedelta
    kept: tuple[str, ...]
    parts: tuple[PartlyKept, ...] = ()
    runs: Mapping[str, tuple[str, datetime]] = field(default_factory=dict)
    ahead: tuple[datetime, datetime] | None = None

    @cached_property
    def ids(self) -> frozenset[str]:
        """The commits that are kept with all tables."""
        return frozenset(self.kept)

    @cached_property
    def partly(self) -> Mapping[str, frozenset[str]]:
        """The layers whose tables are not kept, by commit, of those that are kept in part."""
        return {commit: part.without for part in self.parts for commit in part.kept}

    def has_expired(self, commit: Commit) -> bool:
        """Return whether the state of a commit is not kept, nor any part of it."""
        known = commit.id in self.ids or commit.id in self.partly
        return not known and commit.committed_at < self.at - self.grace

    def renamed(self, ids: Mapping[str, str]) -> ExpiryRecord:
        """Return the record of a lake that was restored to a catalog which gave its commits new ids, as the newest."""
        parts = tuple(PartlyKept(part.without, _renamed(part.kept, ids)) for part in self.parts)
        runs = {name: (ids.get(commit, commit), since) for name, (commit, since) in self.runs.items()}
        at = self.at + timedelta(microseconds=1)
        return ExpiryRecord(at, self.grace, _renamed(self.kept, ids), parts, runs, self.ahead)


class ExpiryRecords:
    """The records of one lake. Threads may share one.

    Args:
        storage: opens the lake's files.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._place = f"{storage.home}/{FOLDER}"
        self._read: Cache[str, ExpiryRecord] = Cache(_KEPT)

    def files(self) -> list[Stored]:
        """Return the files of the records, the newest first."""
        return sorted(self._storage.files_in(self._place), key=lambda each: each.place, reverse=True)

    def record(self, file: Stored) -> ExpiryRecord:
        """Return the record in a file; raises `CatalogDamaged`."""
        return self._read.of(file.place, lambda: self._parsed(file.place))

    def newest(self) -> ExpiryRecord | None:
        """Return the newest record; None if nothing has ever expired."""
        found = self.files()
        return self.record(found[0]) if found else None

    def refuse(self, commit: Commit, ref: str, layers: Collection[str] | None = None) -> None:
        """Raise `StateExpired` if the state of a commit is not kept.

        Args:
            commit: the commit.
            ref: what names it.
            layers: those whose tables are going to be read; all by default.
        """
        record = self.newest()
        if record is None:
            return
        gone = record.partly.get(commit.id, frozenset[str]())
        wanted = gone if layers is None else gone.intersection(layers)
        if wanted or record.has_expired(commit):
            raise StateExpired(ref, f"{record.at:%Y-%m-%d %H:%M} UTC", tuple(sorted(wanted)))

    def write(self, record: ExpiryRecord) -> Stored:
        """Write a record; raises `OSError`."""
        name = f"{record.at:%Y%m%dT%H%M%S.%fZ}.json"
        document = {
            "version": _FORMAT,
            "at": record.at.isoformat(),
            "grace_s": record.grace.total_seconds(),
            "kept": record.kept,
            "parts": [{"without": sorted(part.without), "kept": part.kept} for part in record.parts],
            "runs": {name: (commit, since.isoformat()) for name, (commit, since) in record.runs.items()},
        }
        if record.ahead is not None:
            document["ahead"] = [each.isoformat() for each in record.ahead]
        place = f"{self._place}/{name}"
        draft = f"{self._place}.draft/{name}" if self._storage.can_move else place  # a store has an object as a whole
        with self._storage.file_io({}).new_output(draft).create(overwrite=True) as stream:
            stream.write(json.dumps(document, separators=(",", ":")).encode())
        if draft != place:
            self._storage.move(draft, place)  # as a whole, or not at all
        return next(each for each in self.files() if each.place.endswith(f"/{name}"))

    def discard(self, file: Stored) -> None:
        """Remove a record that newer ones replace."""
        self._storage.discard(self._storage.location_of(file.place))

    def _parsed(self, place: str) -> ExpiryRecord:
        try:
            found = json.loads(self._storage.read(self._storage.location_of(place)))
            at = _moment(found["at"])
            parts = (PartlyKept(frozenset(part["without"]), tuple(part["kept"])) for part in found.get("parts", ()))
            runs = {name: (commit, _moment(since)) for name, (commit, since) in found.get("runs", {}).items()}
            grace = timedelta(seconds=found["grace_s"])
            ahead = (_moment(found["ahead"][0]), _moment(found["ahead"][1])) if "ahead" in found else None
            return ExpiryRecord(at, grace, tuple(found["kept"]), tuple(parts), runs, ahead)
        except (OSError, ValueError, TypeError, KeyError) as error:
            message = f"The record {place} of the states that are kept cannot be read: {error}."
            if isinstance(error, OSError):
                raise damaged(message, error) from error
            raise CatalogDamaged(message, _AGAIN) from error


def _renamed(commits: tuple[str, ...], ids: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(ids.get(each, each) for each in commits)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
