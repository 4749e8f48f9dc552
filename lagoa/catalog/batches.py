"""The batches of a table: their fingerprints, in small files that its metadata refers to.

A table has at most one such file for each power of sixteen of its batches, so that a batch is found by opening few
files, and a new batch rewrites only the small ones. Files never change: an older state of a table refers to the files
of that state. They are outside of the table's folder, so that other engines do not delete them as orphans.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lagoa.catalog.table_facts import damaged
from lagoa.domain.cache import Cache

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lagoa.storage.port import Storage

BATCHES = "lagoa.batches"
"""Table property: JSON with the folder of the files with the table's batches, and their names."""

_BATCH, _RECEIVED = "lagoa.batch.", "lagoa.received."
"""Prefixes of table properties of versions before 0.5, followed by a batch's id: its fingerprint and record count."""

_FANOUT = 16
_KEPT_FILES = 256


@dataclass(frozen=True, slots=True)
class LoadedBatch:
    """A batch that a table contains.

    Attributes:
        fingerprint: hash of its content, prefixed by the hash function.
        received: its number of records, if it came as a file.
        loaded_at: when it was loaded (UTC, ISO 8601); empty if an older version did not record it.
    """

    fingerprint: str
    received: int | None = None
    loaded_at: str = ""


class BatchFiles:
    """Reads and writes the batches of a lake's tables, with a cache. Threads may share one.

    Args:
        storage: opens the lake's files.
        days: how long a batch is remembered; None for forever. Older ones are dropped when their file is rewritten.
    """

    def __init__(self, storage: Storage, days: int | None = None) -> None:
        self._storage = storage
        self._place = f"{storage.home}/_lagoa/batches"
        self._days = days
        self._kept: Cache[str, Mapping[str, LoadedBatch]] = Cache(_KEPT_FILES)

    def of(self, properties: Mapping[str, str]) -> TableBatches:
        """Return the batches of a table, from its properties."""
        named = json.loads(properties.get(BATCHES, "{}"))
        older = {
            key.removeprefix(_BATCH): LoadedBatch(value, _number(properties.get(_RECEIVED + key.removeprefix(_BATCH))))
            for key, value in properties.items()
            if key.startswith(_BATCH)
        }
        replaced = frozenset(key for key in properties if key.startswith((_BATCH, _RECEIVED)))
        return TableBatches(self, named.get("at", ""), tuple(named.get("files", ())), older, replaced)

    def read(self, location: str) -> Mapping[str, LoadedBatch]:
        """Return the batches in a file; raises `CatalogDamaged`."""
        return self._kept.of(location, lambda: self._read(location))

    def write(self, location: str, batches: Mapping[str, LoadedBatch]) -> None:
        """Write a new file; raises `OSError`."""
        document = {"version": 1, "batches": {name: asdict(each) for name, each in batches.items()}}
        with self._storage.file_io({}).new_output(location).create() as stream:
            stream.write(json.dumps(document, separators=(",", ":"), sort_keys=True).encode())
        self._kept.keep(location, batches)

    def _read(self, location: str) -> Mapping[str, LoadedBatch]:
        try:
            found = json.loads(self._storage.read(location))["batches"]
            batches = {name: LoadedBatch(**each) for name, each in found.items()}
        except (OSError, ValueError, TypeError, KeyError) as error:
            message = f"The file {location} with the batches of a table cannot be read: {error}."
            raise damaged(message, error) from error
        return batches

    def remembered(self, batches: Mapping[str, LoadedBatch]) -> dict[str, LoadedBatch]:
        """Return the batches that are not too old to be remembered."""
        if self._days is None:
            return dict(batches)
        oldest = (datetime.now(UTC) - timedelta(days=self._days)).isoformat()
        return {name: each for name, each in batches.items() if not each.loaded_at or each.loaded_at >= oldest}

    def folder(self, table: str) -> str:
        """Return the folder for the files of a table, by its UUID."""
        return f"{self._place}/{table}"


@dataclass(frozen=True, slots=True)
class TableBatches:
    """The batches of one state of a table; files are opened on demand.

    Attributes:
        files: reads and writes the files.
        at: the folder of the table's files; empty if it has none yet.
        names: names of these files, each `<power>-<number of batches>-<random>.json`.
        older: the batches that an older version stored in the table's properties.
        replaced: the names of these properties.
    """

    files: BatchFiles
    at: str
    names: tuple[str, ...]
    older: Mapping[str, LoadedBatch]
    replaced: frozenset[str]

    def get(self, batch: str) -> LoadedBatch | None:
        """Return a batch by its id, or None if the table does not contain it."""
        if batch in self.older:
            return self.older[batch]
        for name in sorted(self.names):
            found = self._read(name).get(batch)
            if found is not None:
                return found
        return None

    def all(self) -> dict[str, LoadedBatch]:
        """Return every batch by its id."""
        return self._of(self.names)

    def missing_from(self, other: TableBatches) -> dict[str, LoadedBatch]:
        """Return the batches that another state of the table does not contain; files that both share are not opened."""
        theirs = other._of(set(other.names) - set(self.names))
        return {name: each for name, each in self._of(set(self.names) - set(other.names)).items() if name not in theirs}

    def add(self, table: str, added: Mapping[str, LoadedBatch]) -> dict[str, str]:
        """Write batches to the table's files; return the table properties that then refer to them.

        Replaced files are kept for older states.

        Args:
            table: UUID of the table.
            added: what is recorded of each batch, by its id.

        Raises:
            OSError: the file cannot be written.
        """
        at = self.at or self.files.folder(table)
        content, names = {**self.older, **added}, list(self.names)
        for power in range(len(names) + len(content)):
            for name in [each for each in names if _power(each) == power]:
                content = {**self._read(name), **content}
                names.remove(name)
            content = self.files.remembered(content)
            if len(content) < _FANOUT ** (power + 1):
                name = f"{power}-{len(content)}-{uuid.uuid4().hex}.json"
                self.files.write(f"{at}/{name}", content)
                return {BATCHES: json.dumps({"at": at, "files": [*names, name]}, separators=(",", ":"))}
        raise AssertionError("a power of sixteen above every number")  # pragma: no cover

    def _of(self, names: Iterable[str]) -> dict[str, LoadedBatch]:
        found = dict(self.older)
        for name in names:
            found |= self._read(name)
        return found

    def _read(self, name: str) -> Mapping[str, LoadedBatch]:
        return self.files.read(f"{self.at}/{name}")


def _power(name: str) -> int:
    return int(name.partition("-")[0])


def _number(text: Any) -> int | None:
    return None if text is None else int(text)
