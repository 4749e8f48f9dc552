"""The manifest of a backup, which is written last: a backup without one is none."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zlib
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lagoa.backup.place import copied
from lagoa.errors import BackupDamaged, BackupNotFound, LakeTooNew

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lagoa.backup.place import Place

FORMAT = 1
BACKUPS, LISTS, RECORDS, FILES, STATE = "backups", "lists", "records", "files", "state"
"""Folders of a place: manifests; lists of files; commits and receipts; the tables' files; other files of the lake."""

LIST = ".jsonl.gz"
"""End of the names of compressed lines of JSON."""

_PART = 2**20
"""Bytes that are read at once."""

_STAMP = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True, slots=True)
class Item:
    """A file of a backup.

    Attributes:
        name: its name in the place.
        size: its bytes.
        sha256: of its content.
    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup.

    Attributes:
        id: its name: the time at which it began, and some random digits.
        at: the time of the state that it has (UTC).
        lake: name of the lake.
        root: id of the lake's first commit.
        main: id of the commit that main was at.
        home: the prefix of the locations of the lake's files.
        catalog: what kept the commits: `sqlite` or `nessie`.
        since: id of the backup whose files it builds on; empty for a full one.
        commits: their number.
        refs: number of branches and tags.
        receipts: number of receipts and approvals.
        files: number of the files that its tables need, with those of earlier backups.
        bytes: of these files.
        copied: number of those that this backup copied.
        copied_bytes: of these files.
        seconds: how long it took.
        missing: files that a commit needs and that were not in the warehouse, by location: the lake is damaged.
        items: files of its own, by what is in them.
        lists: the lists of the files of its tables, the oldest first; of one file named twice, the later line counts.
        state: other files of the lake's state, by their place in it.
    """

    id: str
    at: datetime
    lake: str
    root: str
    main: str
    home: str
    catalog: str
    since: str
    commits: int
    refs: int
    receipts: int
    files: int
    bytes: int
    copied: int
    copied_bytes: int
    seconds: float
    missing: tuple[str, ...]
    items: dict[str, Item] = field(default_factory=dict, repr=False)
    lists: tuple[Item, ...] = field(default=(), repr=False)
    state: dict[str, Item] = field(default_factory=dict, repr=False)

    def own_items(self) -> list[Item]:
        """Return the files that the manifest names; the tables' files are in the lists."""
        return [*self.items.values(), *self.lists, *self.state.values()]


@dataclass(frozen=True, slots=True)
class SavedFile:
    """A file of the warehouse in a backup.

    Attributes:
        name: its name below the warehouse.
        size: its bytes.
        sha256: of its content.
        base: the backup in whose folder it is: the one that copied it.
    """

    name: str
    size: int
    sha256: str
    base: str

    @property
    def stored(self) -> str:
        """Its name in the place."""
        return f"{FILES}/{self.base}/{self.name}"


def new_id(at: datetime, random: str) -> str:
    """Return the id of a backup that begins now; ids are in the order of time."""
    return f"{at.astimezone(UTC).strftime(_STAMP)}-{random}"


def time_of(backup: str) -> datetime:
    """Return when a backup began, from its id; raises `ValueError`."""
    return datetime.strptime(backup.rpartition("-")[0], _STAMP).replace(tzinfo=UTC)


def backup_ids(place: Place) -> list[str]:
    """Return the ids of the backups that are complete, oldest first."""
    names = (name.removeprefix(f"{BACKUPS}/").removesuffix(".json") for name in place.sizes(BACKUPS))
    found = []
    for name in names:
        try:
            time_of(name)
        except ValueError:
            continue  # somebody else's file
        found.append(name)
    return sorted(found)


def backup_named(place: Place, ids: Sequence[str], first: str) -> str:
    """Return the one of some ids of a place that begins so; raises `BackupNotFound` if there are none or several."""
    found = [each for each in ids if each.startswith(first)]
    if len(found) != 1:
        raise BackupNotFound(place.location, f"it has {len(found)} backups whose id begins with {first!r}")
    return found[0]


def write_backup(place: Place, backup: Backup) -> None:
    """Write the manifest: the backup is complete with it, and everything else of it has to be on the disk by now."""
    document = {"format": FORMAT, **asdict(backup), "at": backup.at.isoformat()}
    signed = {**document, "sha256": _digest(document)}
    with place.create(f"{BACKUPS}/{backup.id}.json", durable=True) as stream:
        stream.write(json.dumps(signed, indent=1).encode())


def read_backup(place: Place, id_: str) -> Backup:
    """Return a backup by its id; raises `BackupDamaged`, `LakeTooNew`."""
    name = f"{BACKUPS}/{id_}.json"
    try:
        with place.open(name) as stream:
            document: dict[str, Any] = json.loads(stream.read())
        kept = document.pop("sha256")
        found = document.pop("format")
        whole = kept == _digest({"format": found, **document})
    except FileNotFoundError:
        raise BackupDamaged(place.location, name, "is missing") from None
    except (ValueError, KeyError, AttributeError) as error:
        raise BackupDamaged(place.location, name, f"is no manifest of a backup ({error})") from error
    if isinstance(found, int) and found > FORMAT:
        raise LakeTooNew(f"{place.location}/{name}", found, FORMAT)
    if not whole:
        raise BackupDamaged(place.location, name, "was changed: its SHA-256 is another one")
    document["at"] = datetime.fromisoformat(document["at"])
    document["missing"] = tuple(document["missing"])
    document["lists"] = tuple(Item(**each) for each in document["lists"])
    for name in ("items", "state"):
        document[name] = {key: Item(**each) for key, each in document[name].items()}
    return Backup(**document)


def write_lines(place: Place, name: str, lines: Iterable[bytes]) -> Item:
    """Write lines into a compressed file; return it."""
    with place.create(name) as stream:
        counting = _Hashed(stream)
        with gzip.GzipFile("", "wb", 6, counting, mtime=0) as packed:
            for each in lines:
                packed.write(each)
    return Item(name, counting.size, counting.digest.hexdigest())


def read_lines(place: Place, item: Item) -> Iterator[Any]:
    """Yield the documents of a file that `write_lines` wrote, once its hash is known to be right.

    Raises:
        BackupDamaged: it is missing or changed.
    """
    check(place, item)
    try:
        with place.open(item.name) as stream, gzip.GzipFile(fileobj=io.BufferedReader(stream, _PART)) as packed:
            for each in packed:
                yield json.loads(each)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise BackupDamaged(place.location, item.name, f"cannot be read ({error})") from error


def check(place: Place, item: Item) -> None:
    """Raise `BackupDamaged` if a file is missing or is not what was saved."""
    reason = fault_of(place, item)
    if reason:
        raise BackupDamaged(place.location, item.name, reason)


def fault_of(place: Place, item: Item) -> str:
    """Return what is wrong with a file; empty if it is what was saved."""
    try:
        with place.open(item.name) as stream:
            size, digest = copied(stream, None)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error})"
    if size != item.size:
        return f"has {size} bytes in place of {item.size}"
    return "" if digest == item.sha256 else "was changed: its SHA-256 is another one"


def files_of(place: Place, backup: Backup) -> dict[str, SavedFile]:
    """Return the files of the warehouse that a backup has, by name; raises `BackupDamaged`."""
    found: dict[str, SavedFile] = {}
    for item in backup.lists:
        for name, size, digest, base in read_lines(place, item):
            found[name] = SavedFile(name, size, digest, base)
    return found


class _Hashed:
    """A stream that hashes what goes through it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        rest = memoryview(data)
        while rest:
            rest = rest[self._stream.write(rest) or len(rest) :]
        self.size += len(data)
        self.digest.update(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: the stream is flushed when it is closed."""


def _digest(document: dict[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
