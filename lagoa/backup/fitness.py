"""Whether a place can have the backup of a lake."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lagoa.backup.manifest import backup_ids, read_backup
from lagoa.domain.saved import former_ids
from lagoa.errors import BackupDamaged, BackupRefused, RefNotFound
from lagoa.storage.port import S3

if TYPE_CHECKING:
    from lagoa.backup.place import Place
    from lagoa.domain.commits import Commit
    from lagoa.domain.ports.catalog import VersionedCatalog
    from lagoa.settings import Settings

_MARK = "lagoa-backup.json"
"""Says which lake a place has the backups of; written before anything else."""


def refuse_overlap(settings: Settings, place: Place) -> None:
    """Raise `BackupRefused` if a place is in the lake's state or warehouse, or contains one of them."""
    here = place.location
    parts = {"warehouse": settings.warehouse_location, "state folder": str(settings.state_folder)}
    if settings.cold_location:
        parts["folder of cold files"] = settings.cold_location
    for what, there in parts.items():
        if here.startswith(S3) != there.startswith(S3):
            continue
        within = _prefix_within if here.startswith(S3) else _folder_within
        if within(here, there):
            raise BackupRefused(here, f"it is in the lake's {what}, {there}, and would be lost with it")
        if within(there, here):
            raise BackupRefused(here, f"the lake's {what}, {there}, is in it")


def refuse_others(place: Place, catalog: VersionedCatalog, root: Commit) -> None:
    """Raise `BackupRefused` if a place has something else than backups of this lake.

    Args:
        place: the place.
        catalog: of the lake.
        root: its first commit.
    """
    if not place.location.startswith(S3) and Path(place.location).exists() and not Path(place.location).is_dir():
        raise BackupRefused(place.location, "it is a file, not a folder")
    marked = _marked(place)
    if marked is None:
        if place.sizes():
            raise BackupRefused(place.location, "it has files that are no backup of Lagoa")
        return
    if marked in {root.id, *former_ids(root)} or _knows(catalog, marked):
        return
    with suppress(BackupDamaged):
        newest = [read_backup(place, id_) for id_ in backup_ids(place)[-1:]]
        if newest and _knows(catalog, newest[0].main):
            return  # the first commits of this lake have expired
    raise BackupRefused(place.location, f"it has the backups of another lake, whose first commit is {marked[:12]}")


def mark(place: Place, name: str, root: str) -> None:
    """Write which lake a place has backups of, if nothing says so yet."""
    if _marked(place) is None:
        with place.create(_MARK) as stream:
            stream.write(json.dumps({"lake": name, "root": root}, indent=1).encode())


def _marked(place: Place) -> str | None:
    try:
        with place.open(_MARK) as stream:
            return str(json.loads(stream.read())["root"])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise BackupDamaged(place.location, _MARK, f"does not say which lake it has ({error})") from error


def _knows(catalog: VersionedCatalog, commit: str) -> bool:
    try:
        catalog.get(commit)
    except RefNotFound:
        return False
    return True


def _prefix_within(inner: str, outer: str) -> bool:
    parts = [[part for part in each.removeprefix(S3).split("/") if part] for each in (inner, outer)]
    return parts[0][: len(parts[1])] == parts[1]


def _folder_within(inner: str, outer: str) -> bool:
    """Return whether one folder is the other or lies in it, however they are spelled, links and mounts included."""
    place = Path(inner).resolve()
    if not Path(outer).exists():
        return place.is_relative_to(Path(outer).resolve())
    return any(each.exists() and each.samefile(outer) for each in (place, *place.parents))
