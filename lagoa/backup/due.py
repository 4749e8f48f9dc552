"""Whether a backup of the lake is overdue, for `lagoa status`."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lagoa.backup.manifest import backup_ids, time_of
from lagoa.backup.places import open_place, place_named
from lagoa.backup.verify import VERIFIED
from lagoa.errors import LagoaError

if TYPE_CHECKING:
    from lagoa.settings import Settings


@dataclass(frozen=True, slots=True)
class BackupState:
    """The newest backup of a lake.

    Attributes:
        place: where its backups are.
        at: the time of the newest one (UTC); None if there is none.
        overdue: whether it is older than `backup.every`.
        verified_at: when the place was verified last; None if it never was.
        sound: whether all was as it was saved then.
        error: why the place cannot be read; empty if it can.
    """

    place: str
    at: datetime | None = None
    overdue: bool = True
    verified_at: datetime | None = None
    sound: bool = True
    error: str = ""


def backup_state(settings: Settings) -> BackupState | None:
    """Return the state of a lake's backups; None if none are set (`backup.to`). It raises nothing."""
    if not settings.backup.to:
        return None
    to = place_named(settings, None)
    try:
        place = open_place(settings, to)
        ids = backup_ids(place)
        verified, sound = None, True
        with suppress(FileNotFoundError, NotADirectoryError), place.open(VERIFIED) as stream:
            found = json.loads(stream.read())
            verified, sound = datetime.fromisoformat(found["at"]), bool(found["ok"])
    except (LagoaError, OSError, ValueError, KeyError) as error:
        return BackupState(to, error=str(error))
    at = time_of(ids[-1]) if ids else None
    # One of a time to come, when the clock was ahead, says nothing of what was published since.
    overdue = at is None or abs(datetime.now(UTC) - at) > settings.backup.interval
    return BackupState(to, at, overdue, verified, sound)
