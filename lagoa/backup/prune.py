"""Removes backups that no rule keeps, and the files that only they need.

What is to be removed is said in the place before anything is. Manifests go next: a backup that loses files is none any
more. Wherever it is killed, what is left is whole or is no backup, and the next call goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lagoa.backup.claims import MAKING, PRUNED, claimed, condemn, condemned, is_left_over
from lagoa.backup.keeping import kept_by
from lagoa.backup.manifest import (
    BACKUPS,
    FILES,
    LIST,
    LISTS,
    RECORDS,
    STATE,
    Item,
    SavedFile,
    backup_ids,
    files_of,
    read_backup,
    read_lines,
    time_of,
)
from lagoa.backup.place import failing_as
from lagoa.backup.places import open_place
from lagoa.backup.verify import damaged_backups
from lagoa.domain.faults import fault_point
from lagoa.errors import BackupDamaged, BackupFailed, BackupNotFound, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lagoa.backup.place import Place
    from lagoa.settings import Settings

NEWEST, WHOLE, BUILT_ON = "newest", "newest that is whole", "built on"
"""Why a backup is kept that no rule keeps."""

_ENDS = {FILES: "", RECORDS: "", STATE: "", LISTS: LIST, MAKING: ".json"}
"""The folders that files are removed from, with the end of their names after the id of a backup."""

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Point:
    """A backup that there was.

    Attributes:
        id: its id.
        at: the time of the state that it has (UTC).
        kept: why it is kept: names of rules, or that it is the newest, the newest that is whole, or that another one
            which is being made builds on it. Empty if it is removed.
    """

    id: str
    at: datetime
    kept: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pruning:
    """What was removed, or would be.

    Attributes:
        dry_run: whether nothing was done.
        points: the backups, oldest first.
        files: number of files that only removed backups need, with those of backups that were never completed.
        bytes: of these files.
        unfinished: number of files of backups that are not complete and may be being made; they are left.
    """

    dry_run: bool
    points: tuple[Point, ...]
    files: int
    bytes: int
    unfinished: int


def prune_backups(
    settings: Settings, source: str, *, dry_run: bool = True, tell: Callable[[str], None] = lambda _: None
) -> Pruning:
    """Remove the backups that the setting `backup.keep` does not keep, and files that no other one needs.

    Backups may be made meanwhile. The newest backup stays in any case, and so does the newest one that is whole.

    Args:
        settings: of the lake, which have the rules; the lake itself is not read.
        source: the place.
        dry_run: only say what would be removed.
        tell: called with what is done, now and then.

    Raises:
        SettingsError: there are no rules.
        BackupNotFound: the place has no backup.
        BackupDamaged: no backup is whole, or what one that is kept needs cannot be read; nothing more is removed.
        BackupFailed: the place cannot be read or written.
        NotAllowed: this user may not delete there.
    """
    rules = settings.backup.keep
    if not rules.any:
        raise SettingsError(
            "No rule says which backups are kept, so all are.", "Set backup.keep, such as { daily = 7, monthly = 12 }."
        )
    place = open_place(settings, source)
    with failing_as(place.location):
        ids = backup_ids(place)
        if not ids:
            raise BackupNotFound(place.location)
        there, now = place.sizes(partial=True), datetime.now(UTC)
        kept = kept_by(rules, ids)
        kept[ids[-1]].append(NEWEST)
        kept[_whole(place, ids, there)].append(WHOLE)
        begun = condemned(place)
        going = [id_ for id_ in ids if not {NEWEST, WHOLE} & {*kept[id_]} and (not kept[id_] or id_ in begun)]
        if not dry_run:
            condemn(place, going)
            fault_point("prune.condemned")
        built_on = claimed(place, now)
        kept |= {id_: [BUILT_ON] if id_ in built_on else [] for id_ in going}
        gone = [id_ for id_ in going if not kept[id_]]
        if not dry_run:
            with place.settling():
                place.remove([f"{BACKUPS}/{id_}.json" for id_ in gone])
            fault_point("prune.uncounted")
        tell("reading what is kept")
        left = [id_ for id_ in backup_ids(place) if id_ not in gone]
        if lost := sorted({*ids} - {*gone, *begun} - {*left}):
            raise BackupFailed(place.location, f"backup {lost[0]} is not there any more: nothing more was removed")
        garbage, unfinished = _garbage(there, _needed(place, left), {*left, *gone, *begun}, now)
        if not dry_run:
            _remove(place, sorted(garbage), tell)
            others = {_id_of(name) for name in there if name not in garbage}
            place.remove([f"{PRUNED}/{id_}.json" for id_ in sorted({*begun, *gone} - others - {*left})])
    points = tuple(Point(id_, time_of(id_), tuple(kept[id_])) for id_ in ids)
    freed = [there[name] for name in garbage if not name.startswith(f"{MAKING}/")]
    return Pruning(dry_run, points, len(freed), sum(freed), unfinished)


def _whole(place: Place, ids: list[str], there: Mapping[str, int]) -> str:
    """Return the newest backup that missed no file and has all of them, with their sizes; raises `BackupDamaged`."""
    damaged = damaged_backups(place)
    reason = "misses files"
    for id_ in reversed(ids):
        try:
            backup = read_backup(place, id_)
            files = files_of(place, backup).values()
        except BackupDamaged as error:
            reason = error.reason
            continue
        sizes = {item.name: item.size for item in backup.own_items()} | {file.stored: file.size for file in files}
        if id_ not in damaged and not backup.missing and all(there.get(name) == sizes[name] for name in sizes):
            return id_
    raise BackupDamaged(place.location, ids[-1], f"{reason}, and no earlier backup is whole: nothing was removed")


def _needed(place: Place, ids: Iterable[str]) -> set[str]:
    """Return the names of the files that backups need; raises `BackupDamaged` where that cannot be known."""
    needed: set[str] = set()
    lists: set[Item] = set()
    for id_ in ids:
        backup = read_backup(place, id_)
        needed |= {f"{BACKUPS}/{id_}.json", *(item.name for item in backup.own_items())}
        lists |= set(backup.lists)
    for item in lists:
        needed |= {SavedFile(*fields).stored for fields in read_lines(place, item)}
    return needed


def _garbage(there: Mapping[str, int], needed: set[str], ended: set[str], now: datetime) -> tuple[set[str], int]:
    """Return which files can be removed, and how many cannot, as a backup may be being made.

    Args:
        there: the files of the place, listed before it was known what is needed.
        needed: what the remaining backups need.
        ended: ids of backups that are, or were, complete.
        now: the time.
    """
    garbage, unfinished = set(), 0
    for name in there:
        id_ = _id_of(name)
        if id_ is None or name in needed:
            continue
        if id_ in ended or is_left_over(id_, now):
            garbage.add(name)
        elif not name.startswith(f"{MAKING}/"):
            unfinished += 1
    return garbage, unfinished


def _id_of(name: str) -> str | None:
    """Return the backup whose file this is; None if it is of none, or none that pruning removes."""
    folder, _, rest = name.partition("/")
    if folder not in _ENDS:
        return None
    id_ = rest.partition("/")[0].removesuffix(_ENDS[folder])
    try:
        time_of(id_)
    except ValueError:
        return None
    return id_


def _remove(place: Place, names: list[str], tell: Callable[[str], None]) -> None:
    for start in range(0, len(names), _AT_ONCE):
        place.remove(names[start : start + _AT_ONCE])
        fault_point("prune.removed")
        tell(f"removing files: {min(start + _AT_ONCE, len(names)):,}/{len(names):,}")
