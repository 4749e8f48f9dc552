"""Restores a backup to a lake whose roles sign in: none may write all parts, so one after the other writes its own."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from lagoa.backup.manifest import backup_ids, read_backup
from lagoa.backup.places import open_place
from lagoa.backup.restore import restore_backup
from lagoa.bootstrap import is_empty, refuse_other_home
from lagoa.domain.roles import ENGINEER, INGEST, PUBLISHER
from lagoa.errors import LakeNotEmpty, SecretNotFound, SignInFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from lagoa.backup.restore import Restored
    from lagoa.domain.roles import Role
    from lagoa.settings import Settings


def restore_as_roles(
    settings: Settings, source: str, *, at: datetime | None = None, tell: Callable[[str], None] = lambda _: None
) -> Restored:
    """Restore a backup to an empty lake, each part as the role that may write it; see `restore_backup`.

    The engineer writes the files, the publisher the commits and its receipts, then the roles engineer and ingest write
    theirs: a receipt proves who wrote it. Where nobody signs in, one user does all.

    Args:
        settings: of the lake; this machine must be able to sign in as the engineer and as the publisher.
        source: the place with backups.
        at: restore the state of this moment (UTC).
        tell: called with what is done, now and then.

    Raises:
        SignInFailed, SecretNotFound: it cannot sign in as one of these two.
        LakeNotEmpty, SettingsError: as `restore_backup`, before anything is written.
    """
    if settings.sign_in == "none":
        return restore_backup(settings, source, at=at, tell=tell)

    def of(role: Role) -> Settings:
        return settings.model_copy(update={"role": role})

    if not is_empty(of(PUBLISHER)):
        raise LakeNotEmpty(settings.nessie_url)
    place = open_place(of(ENGINEER), source)
    for id_ in backup_ids(place)[-1:]:
        refuse_other_home(settings, read_backup(place, id_).home)
    files = restore_backup(of(ENGINEER), source, at=at, missing=True, tell=tell)
    done = restore_backup(of(PUBLISHER), source, at=at, files=False, tell=tell)
    left_out = done.left_out
    for role in (ENGINEER, INGEST):
        if left_out:
            with suppress(SignInFailed, SecretNotFound):  # then its receipts are left out
                again = restore_backup(of(role), source, at=at, missing=True, files=False, tell=tell)
                left_out -= max(done.backup.receipts - again.left_out, 0)
    return replace(done, files=files.files, there=files.there, left_out=max(left_out, 0))
