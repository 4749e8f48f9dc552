"""Reads every file of the backups in a place, and says which is missing or was changed."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lagoa.backup.documents import line
from lagoa.backup.manifest import Item, backup_ids, fault_of, files_of, read_backup
from lagoa.backup.place import failing_as
from lagoa.backup.places import open_place
from lagoa.errors import BackupDamaged, BackupNotFound, LagoaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lagoa.backup.place import Place
    from lagoa.settings import Settings

VERIFIED = "verified.json"
"""Says when a place was verified last, and whether all was well."""

_THREADS = 4


@dataclass(frozen=True, slots=True)
class Fault:
    """A file of a backup that is not what was saved.

    Attributes:
        name: its name in the place.
        reason: what is wrong with it.
        backups: ids of the backups that need it.
    """

    name: str
    reason: str
    backups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found in a place.

    Attributes:
        backups: ids of its backups, oldest first.
        files: number of files that were read.
        bytes: of these files.
        faults: those that are missing or were changed, by name.
    """

    backups: tuple[str, ...]
    files: int
    bytes: int
    faults: tuple[Fault, ...]


def verify_backups(settings: Settings, source: str, tell: Callable[[str], None] = lambda _: None) -> Verification:
    """Read every file of every backup in a place, and compare it with its SHA-256.

    Args:
        settings: of a lake, which says how an object store is signed in to; the lake itself is not read.
        source: the place.
        tell: called with what is done, now and then.

    Raises:
        BackupNotFound: the place has no backup.
        BackupFailed: it cannot be read.
    """
    place = open_place(settings, source)
    with failing_as(place.location):
        ids = backup_ids(place)
        if not ids:
            raise BackupNotFound(place.location)
        faults: dict[str, tuple[str, list[str]]] = {}
        wanted: dict[Item, list[str]] = {}
        for id_ in ids:
            try:
                for item in _items(place, id_):
                    wanted.setdefault(item, []).append(id_)
            except BackupDamaged as error:
                faults.setdefault(error.name, (error.reason, []))[1].append(id_)
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="verify") as pool:
            reasons = pool.map(lambda each: fault_of(place, each), wanted)
            for done, (item, reason) in enumerate(zip(wanted, reasons, strict=True), 1):
                if reason:
                    faults.setdefault(item.name, (reason, []))[1].extend(wanted[item])
                tell(f"reading files: {done:,}/{len(wanted):,}")
        of_pruned = set(ids) - set(backup_ids(place))  # meanwhile
        for name in list(faults):
            faults[name][1][:] = [each for each in faults[name][1] if each not in of_pruned]
            if not faults[name][1]:
                del faults[name]
        _keep(place, sorted({id_ for _, of in faults.values() for id_ in of}))
    listed = [Fault(name, reason, tuple(sorted(set(of)))) for name, (reason, of) in sorted(faults.items())]
    return Verification(tuple(ids), len(wanted), sum(item.size for item in wanted), tuple(listed))


def _items(place: Place, id_: str) -> Iterator[Item]:
    """Yield every file of a backup; raises `BackupDamaged` where it is not known what these are."""
    backup = read_backup(place, id_)
    yield from backup.own_items()
    for file in files_of(place, backup).values():
        yield Item(file.stored, file.size, file.sha256)


def damaged_backups(place: Place) -> set[str]:
    """Return the backups that had a fault when the place was verified last; raises `BackupDamaged`."""
    try:
        with place.open(VERIFIED) as stream:
            return {str(each) for each in json.loads(stream.read()).get("damaged", ())}
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except (ValueError, AttributeError, TypeError) as error:
        raise BackupDamaged(place.location, VERIFIED, f"cannot be read ({error})") from error


def _keep(place: Place, damaged: list[str]) -> None:
    """Write when the place was verified, unless this user may only read it."""
    try:
        with place.create(VERIFIED) as stream:
            stream.write(line({"at": datetime.now(UTC).isoformat(), "ok": not damaged, "damaged": damaged}))
    except (OSError, LagoaError):
        return
