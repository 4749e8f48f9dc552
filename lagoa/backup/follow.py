"""Makes a backup whenever the lake was written to, until it is told to end; a place that is away is waited for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lagoa.backup.create import create_backup
from lagoa.backup.lag import Lag, lag_of, note_followed
from lagoa.backup.manifest import backup_ids, read_backup
from lagoa.backup.place import failing_as
from lagoa.backup.places import open_place
from lagoa.bootstrap import open_lake
from lagoa.errors import BackupFailed, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Event

    from lagoa.backup.manifest import Backup
    from lagoa.domain.ports.catalog import VersionedCatalog
    from lagoa.settings import Settings

_LONGEST_S = 300
"""The longest time between two attempts to reach a place that is away."""

_DOUBLED = 10
"""How many times that time is doubled, at most."""


@dataclass(frozen=True, slots=True)
class Followed:
    """One look at the lake.

    Attributes:
        at: when it ended (UTC).
        backup: the backup that it made; None if nothing had been written, or it failed.
        lag_s: seconds that the oldest publication waited which came into the backup; of a failure, which waits now.
        error: why it failed; empty if it did not.
        again_s: seconds until the next look.
    """

    at: datetime
    backup: Backup | None
    lag_s: float
    error: str
    again_s: float


def follow(
    settings: Settings, to: str, *, every_s: float, ended: Event, tell: Callable[[str], None] = lambda _: None
) -> Iterator[Followed]:
    """Make a backup when the lake was written to since the last one; yield each look at it, until `ended` is set.

    What is written without a commit, such as the state of flows, comes along with the next backup, and makes for one of
    its own after the time `backup.every`.

    Args:
        settings: of the lake.
        to: a folder, or a prefix in a bucket.
        every_s: seconds from one look to the next.
        ended: ends it, also while files are copied; what was copied for a backup that was not completed is left over.
        tell: called with what is done, now and then.

    Raises:
        BackupRefused, BackupDamaged, NotAllowed, CatalogDamaged: trying again would not help.
    """
    following = _Following(settings, to, ended, tell)
    failures = 0
    while not ended.is_set():
        try:
            made, waited = following.look()
            failures, error, again_s = 0, "", every_s
        except _Ended:
            return
        except (TransientError, BackupFailed) as failure:
            failures += 1
            made, waited, error = None, following.lag.seconds, failure.message
            again_s = min(2.0 ** min(failures, _DOUBLED), _LONGEST_S)
        yield Followed(datetime.now(UTC), made, waited, error, again_s)
        ended.wait(again_s)


class _Ended(Exception):
    """It was told to end."""


class _Following:
    """What is known from one look to the next.

    Attributes:
        lag: what the newest backup did not have when the lake was read last.
    """

    def __init__(self, settings: Settings, to: str, ended: Event, tell: Callable[[str], None]) -> None:
        self._settings = settings
        self._to = to
        self._place = open_place(settings, to)
        self._ended = ended
        self._tell = tell
        self._newest: Backup | None = None
        self._saved: Any = None
        self.lag = Lag(0, None)

    def look(self) -> tuple[Backup | None, float]:
        """Make a backup if there is something new; return it, and how long its oldest publication waited (s)."""
        place, at = self._place, datetime.now(UTC)
        with failing_as(place.location):
            with open_lake(self._settings) as lake:
                catalog = lake.context.catalog
                state = {ref.name: ref.commit for ref in catalog.refs()}, len(lake.context.training.runs())
                if self._newest is not None:
                    self.lag = lag_of(catalog, self._newest)  # also known where the place is away
                self._find_newest(catalog)
            newest = self._newest
            if newest is not None and state == self._saved and at - newest.at <= self._settings.backup.interval:
                note_followed(place, newest.id, at)
                return None, 0.0
            made = create_backup(self._settings, self._to, tell=self._go_on)
            waited, self._newest, self._saved, self.lag = self.lag.seconds, made, state, Lag(0, None)
            note_followed(place, made.id, at)
            return made, waited

    def _find_newest(self, catalog: VersionedCatalog) -> None:
        ids = backup_ids(self._place)
        if not ids and self._newest is not None:  # such as a disk that is not mounted any more
            raise BackupFailed(self._place.location, "its backups are gone")
        if ids and (self._newest is None or self._newest.id != ids[-1]):
            self._newest = read_backup(self._place, ids[-1])
            self.lag = lag_of(catalog, self._newest)

    def _go_on(self, what: str) -> None:
        """Be told what a backup does, now and then, and let it end there."""
        if self._ended.is_set():
            raise _Ended
        self._tell(what)
