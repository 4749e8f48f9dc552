"""What keeps making and pruning apart, in a place that has no locks.

A backup that is made says first which one it builds on, then looks whether that one is pruned. Pruning says first which
backups it removes, then looks which ones are built on. So at least one of them sees the other: pruning leaves a backup
that is built on, and no backup builds on one that is removed.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from lagoa.backup.manifest import backup_ids, time_of
from lagoa.errors import BackupDamaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from lagoa.backup.place import Place

MAKING, PRUNED = "making", "pruned"
"""Folders of a place: which backup each one builds on; which backups are removed, or going to be."""

LASTING = timedelta(days=7)
"""How long making a backup may take: without a manifest by then it was killed, and what it wrote is left over."""

_END = ".json"


def standing(place: Place) -> list[str]:
    """Return the ids of the complete backups that are not going to be removed, oldest first."""
    pruned = condemned(place)
    return [each for each in backup_ids(place) if each not in pruned]


def claim(place: Place, id_: str, choose: Callable[[Sequence[str]], str]) -> str:
    """Choose the backup that a new one builds on: it is not removed as long as the new one is made.

    Args:
        place: where they are.
        id_: the new one.
        choose: returns one of the ids that it is given, oldest first; empty for none.
    """
    while True:
        chosen = choose(standing(place))
        with place.create(f"{MAKING}/{id_}{_END}") as stream:
            stream.write(json.dumps({"since": chosen}).encode())
        if not chosen or chosen in standing(place):
            return chosen


def claimed(place: Place, now: datetime) -> set[str]:
    """Return the backups that those which are being made build on; raises `BackupDamaged`."""
    found = set()
    making = ids_in(place, MAKING)
    for id_ in making - set(backup_ids(place)):
        if not is_left_over(id_, now):
            found.add(_since(place, f"{MAKING}/{id_}{_END}"))
    return found - {""}


def condemn(place: Place, ids: Iterable[str]) -> None:
    """Say that backups are removed; it cannot be taken back."""
    there = condemned(place)
    for id_ in ids:
        if id_ not in there:
            with place.create(f"{PRUNED}/{id_}{_END}") as stream:
                stream.write(b"{}")


def condemned(place: Place) -> set[str]:
    """Return the backups that are removed or going to be."""
    return ids_in(place, PRUNED)


def is_left_over(id_: str, now: datetime) -> bool:
    """Return whether a backup without a manifest is not being made any more."""
    return now - time_of(id_) > LASTING


def ids_in(place: Place, folder: str) -> set[str]:
    """Return the ids of backups that files in a folder of a place are named after."""
    found = set()
    for name in place.sizes(folder):
        id_ = name.removeprefix(f"{folder}/").removesuffix(_END)
        try:
            time_of(id_)
        except ValueError:
            continue  # somebody else's file
        found.add(id_)
    return found


def _since(place: Place, name: str) -> str:
    try:
        with place.open(name) as stream:
            return str(json.loads(stream.read())["since"])
    except FileNotFoundError:
        return ""
    except (ValueError, KeyError, TypeError) as error:
        raise BackupDamaged(place.location, name, f"does not say what is built on ({error})") from error
