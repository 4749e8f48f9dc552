"""Copies a lake with its history to an empty one, by a backup and a restore through a folder."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from lagoa.backup.create import create_backup
from lagoa.backup.fitness import refuse_overlap
from lagoa.backup.manifest import backup_ids, read_backup
from lagoa.backup.place import Folder, failing_as
from lagoa.backup.roles import finish_as_roles, restore_as_roles
from lagoa.bootstrap import is_empty, open_lake, refuse_other_home
from lagoa.domain.faults import fault_point
from lagoa.domain.refs import MAIN
from lagoa.domain.saved import former_ids
from lagoa.errors import BackupFailed, LakeNotEmpty, SettingsError, TerminalError
from lagoa.settings import SETTINGS_FILE
from lagoa.storage.port import S3

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lagoa.backup.manifest import Backup
    from lagoa.domain.ports.saving import SavableCatalog
    from lagoa.settings import Settings

BETWEEN = ".lagoa-clone"
"""The folder between the lakes, in that of the new one; it is removed when all is done."""

_FOLDERS = ("iceberg", "transformations", "soda", "flows", "feature_store", "ml", "exposures", "sources", "infra")
_DECLARED = (*_FOLDERS, "prefect.yaml", SETTINGS_FILE)
"""The files of a lake that it declares itself by; the settings, which make a folder a lake, come last."""


@dataclass(frozen=True, slots=True)
class Cloned:
    """A lake that was copied.

    Attributes:
        backup: the state that was copied: that of the moment when it began.
        refs: number of branches and tags.
        left_out: number of receipts and records that were left out; see `lagoa.backup.restore.Restored`.
        ids: for each commit that has another id there, the new one by the former one.
        before: whether all was there before, from a call that was killed at its end.
    """

    backup: Backup
    refs: int
    left_out: int
    ids: Mapping[str, str]
    before: bool


def copy_declarations(source: Path, target: Path) -> list[str]:
    """Copy the settings, contracts, models, checks and flows of a lake to a folder that has none yet.

    Returns:
        What was copied, relative to the folder; nothing if it is a lake already.

    Raises:
        TerminalError: the folder has something else.
    """
    if (target / SETTINGS_FILE).exists():
        return []
    if target.exists() and (not target.is_dir() or {each.name for each in target.iterdir()} - {*_DECLARED}):
        message = f"{target} is not empty, and is no lake: it has no {SETTINGS_FILE}."
        raise TerminalError(
            message, "Name a new folder, or one with the declarations of the lake, such as a git clone."
        )
    copied = [name for name in _DECLARED if (source / name).exists()]
    target.mkdir(parents=True, exist_ok=True)
    for name in copied:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(source / name, target / name)
    return copied


def clone_lake(
    source: Settings, target: Settings, *, through: str = "", tell: Callable[[str], None] = lambda _: None
) -> Cloned:
    """Copy a lake to an empty one: refs, commits, journal, receipts, records of models, and the files they need.

    Others may write to the first one meanwhile; what they publish after it began is not copied. Called again after it
    was killed, it goes on: files that are copied already are not copied again.

    Args:
        source: of the lake.
        target: of the empty one. It may keep commits, receipts and files elsewhere, as on the stack.
        through: the folder between them, which is left as a backup; by default one that is removed at the end.
        tell: called with what is done, now and then.

    Raises:
        LakeNotEmpty: there are commits in the target.
        SettingsError: both are the same lake, or have the same files; the target would not find its files.
        BackupRefused, BackupDamaged, BackupFailed: the folder between them cannot be used, or files of the lake are
            missing.
    """
    between = _between(source, target, through)
    place = Folder(between)
    with failing_as(place.location):
        for each in (source, target):
            refuse_overlap(each, place)
        if not is_empty(target):
            return _found(target, place)
        with open_lake(source) as lake:
            home = lake.context.storage.home
        refuse_other_home(target, home)
        backup = create_backup(source, between, tell=tell)
        if backup.missing:
            reason = f"{len(backup.missing)} files of the lake are missing, such as {backup.missing[0]}"
            raise BackupFailed(place.location, f"{reason}: `lagoa doctor` names their tables")
        fault_point("clone.saved")
        done = restore_as_roles(target, between, tell=tell)
        fault_point("clone.restored")
        if not through:
            shutil.rmtree(between)
    return Cloned(backup, done.refs, done.left_out, done.ids, before=False)


def _between(source: Settings, target: Settings, through: str) -> str:
    if through.startswith(S3):
        raise SettingsError(
            f"{through} is no folder.", "Name a folder of this machine for what lies between the lakes."
        )
    if source.warehouse_location == target.warehouse_location:
        message = f"Both lakes have their files in {source.warehouse_location}."
        raise SettingsError(message, "Give the copy a `warehouse` or `state` of its own.")
    return str(Path(through).expanduser().absolute() if through else target.root / BETWEEN)


def _found(target: Settings, place: Folder) -> Cloned:
    """Return what an earlier call has copied, if it was killed at its end; raises `LakeNotEmpty`."""
    with open_lake(target) as lake:
        catalog = cast("SavableCatalog", lake.context.catalog)
        main = catalog.get(catalog.ref(MAIN).commit)
        ids = backup_ids(place)
        backup = read_backup(place, ids[-1]) if ids else None
        if backup is None or backup.main not in {main.id, *former_ids(main)[-1:]}:
            raise LakeNotEmpty(target.nessie_url if target.catalog == "nessie" else str(target.state_folder))
        with catalog.saved() as saved:
            new = {former: each.commit.id for each in saved.commits for former in former_ids(each.commit)[-1:]}
            refs = len(saved.refs)
    finish_as_roles(target, str(place.path), backup.id)
    if place.path == target.root / BETWEEN:
        shutil.rmtree(place.path)
    return Cloned(backup, refs, 0, new, before=True)
