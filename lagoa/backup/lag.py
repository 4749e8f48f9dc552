"""How far behind the lake its newest backup is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lagoa.backup.documents import line
from lagoa.domain.refs import MAIN
from lagoa.errors import BackupDamaged

if TYPE_CHECKING:
    from lagoa.backup.manifest import Backup
    from lagoa.backup.place import Place
    from lagoa.domain.ports.catalog import VersionedCatalog

FOLLOWED = "followed.json"
"""Says at which moment a backup had everything."""

_ASKED = 100


@dataclass(frozen=True, slots=True)
class Lag:
    """What a backup does not have.

    Attributes:
        publications: number of publications that it does not have.
        since: when the oldest of these was made (UTC); None if there is none.
    """

    publications: int
    since: datetime | None

    @property
    def seconds(self) -> float:
        """How long that one has waited until now."""
        return max((datetime.now(UTC) - self.since).total_seconds(), 0.0) if self.since else 0.0


def lag_of(catalog: VersionedCatalog, backup: Backup) -> Lag:
    """Return the publications of a lake that a backup of it does not have."""
    asked = _ASKED
    while True:
        moves = catalog.moves(MAIN, asked)
        saved = next((at for at, (_, to) in reversed([*enumerate(moves)]) if to == backup.main), None)
        if saved is not None:
            moves = moves[saved + 1 :]
        elif len(moves) == asked and moves[0][0] > backup.at:
            asked *= 10
            continue
        else:  # main was never moved, or its commits have other ids by now
            moves = [each for each in moves if each[0] > backup.at]
        return Lag(len(moves), moves[0][0] if moves else None)


def note_followed(place: Place, backup: str, at: datetime) -> None:
    """Write that a backup has everything that the lake had at a moment."""
    with place.create(FOLLOWED) as stream:
        stream.write(line({"at": at.isoformat(), "backup": backup}))


def followed_at(place: Place, backup: str) -> datetime | None:
    """Return when a backup had everything, as somebody saw who follows the lake; None if nobody did."""
    try:
        with place.open(FOLLOWED) as stream:
            found = json.loads(stream.read())
            return datetime.fromisoformat(found["at"]) if found["backup"] == backup else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise BackupDamaged(place.location, FOLLOWED, f"cannot be read ({error})") from error
