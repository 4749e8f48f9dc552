"""Whether a backup of the lake is overdue, for `lagoa status`."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lagoa.backup.lag import Lag, followed_at, lag_of
from lagoa.backup.manifest import backup_ids, read_backup, time_of
from lagoa.backup.places import open_place, place_named
from lagoa.backup.verify import VERIFIED
from lagoa.errors import LagoaError

if TYPE_CHECKING:
    from lagoa.domain.ports.catalog import VersionedCatalog
    from lagoa.settings import Settings


@dataclass(frozen=True, slots=True)
class BackupState:
    """The newest backup of a lake.

    Attributes:
        place: where its backups are.
        at: the time of the newest one (UTC); None if there is none.
        overdue: whether it is older than `backup.every`, and nobody who follows the lake has seen since that it has
            everything.
        behind: number of publications that it does not have.
        lag_s: seconds since the oldest of these was made; what a loss of the lake now would lose.
        followed_at: when somebody who follows the lake saw last that it had everything (UTC).
        verified_at: when the place was verified last; None if it never was.
        sound: whether all was as it was saved then.
        error: why the place cannot be read; empty if it can.
    """

    place: str
    at: datetime | None = None
    overdue: bool = True
    behind: int = 0
    lag_s: float = 0.0
    followed_at: datetime | None = None
    verified_at: datetime | None = None
    sound: bool = True
    error: str = ""


def backup_state(settings: Settings, catalog: VersionedCatalog) -> BackupState | None:
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
        at = time_of(ids[-1]) if ids else None
        lag = lag_of(catalog, read_backup(place, ids[-1])) if ids else Lag(0, None)
        followed = followed_at(place, ids[-1]) if ids else None
    except (LagoaError, OSError, ValueError, KeyError) as error:
        return BackupState(to, error=str(error))
    # One of a time to come, when the clock was ahead, says nothing of what was published since.
    seen = [abs(datetime.now(UTC) - each) for each in (at, followed) if each]
    overdue = not seen or min(seen) > settings.backup.interval
    return BackupState(to, at, overdue, lag.publications, round(lag.seconds, 1), followed, verified, sound)
