"""Opens the place of a lake's backups."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lagoa.backup.place import Bucket, Folder
from lagoa.bootstrap import backup_objects
from lagoa.errors import SettingsError
from lagoa.storage.port import S3

if TYPE_CHECKING:
    from lagoa.backup.place import Place
    from lagoa.settings import Settings


def place_named(settings: Settings, given: str | None) -> str:
    """Return the place that is given, else that of the settings; raises `SettingsError` if there is none."""
    if given:
        return given
    if not settings.backup.to:
        raise SettingsError("No place for backups is given, nor set.", 'Name one, or set backup = { to = "…" }.')
    to = settings.backup.to
    return to if to.startswith(S3) else str(settings.root / Path(to).expanduser())


def open_place(settings: Settings, place: str) -> Place:
    """Return a place of backups: a folder, or a prefix in a bucket."""
    return Bucket(place, backup_objects(settings)) if place.startswith(S3) else Folder(Path(place).expanduser())
