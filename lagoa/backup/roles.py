"""Restores a backup to a lake whose roles sign in: none may write all parts, so one after the other writes its own."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from lagoa.backup.place import failing_as
from lagoa.backup.places import open_place
from lagoa.backup.restore import chosen_backup, restore_backup, saved_catalog
from lagoa.bootstrap import is_empty, open_lake, refuse_other_home
from lagoa.domain.refs import MAIN
from lagoa.domain.roles import ENGINEER, INGEST, PUBLISHER
from lagoa.domain.saved import former_ids
from lagoa.errors import LakeNotEmpty, NotAllowed, SecretNotFound, SignInFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from lagoa.backup.restore import Restored
    from lagoa.domain.roles import Role
    from lagoa.domain.saved import SavedCatalog
    from lagoa.settings import Settings


def restore_as_roles(
    settings: Settings,
    source: str,
    *,
    at: datetime | None = None,
    id_: str = "",
    tell: Callable[[str], None] = lambda _: None,
) -> Restored:
    """Restore a backup to an empty lake, each part as the role that may write it; see `restore_backup`.

    The engineer writes the files, the publisher the commits and its receipts, then the roles engineer and ingest write
    theirs: a receipt proves who wrote it. One that was killed after the publisher's part goes on with what may be
    missing. Where nobody signs in, one user does all.

    Args:
        settings: of the lake; this machine must be able to sign in as the engineer and as the publisher.
        source: the place with backups.
        at: restore the state of this moment (UTC).
        id_: the backup to take, by the first characters of its id.
        tell: called with what is done, now and then.

    Raises:
        SignInFailed, SecretNotFound: it cannot sign in as one of these two.
        LakeNotEmpty, SettingsError: as `restore_backup`, before anything is written.
    """
    if settings.sign_in == "none":
        return restore_backup(settings, source, at=at, id_=id_, tell=tell)

    def of(role: Role) -> Settings:
        return settings.model_copy(update={"role": role})

    empty = is_empty(of(PUBLISHER))
    place = open_place(of(ENGINEER), source)
    with failing_as(place.location):
        backup = chosen_backup(place, at, id_)
        if not empty and not _is_restored(of(PUBLISHER), saved_catalog(place, backup, at)):
            raise LakeNotEmpty(settings.nessie_url)
    id_ = backup.id  # of all parts: others may be made meanwhile
    refuse_other_home(settings, backup.home)
    files = restore_backup(of(ENGINEER), source, at=at, id_=id_, missing=True, tell=tell)
    done = restore_backup(of(PUBLISHER), source, at=at, id_=id_, missing=not empty, files=False, tell=tell)
    left_out = done.left_out
    if left_out or done.new_ids:
        for again in finish_as_roles(settings, source, id_, at=at, tell=tell):
            left_out -= max(done.backup.receipts - again.left_out, 0)
    return replace(done, files=files.files, there=files.there, left_out=max(left_out, 0))


def _is_restored(settings: Settings, saved: SavedCatalog) -> bool:
    """Return whether main is where a restore of a catalog has put it, and nothing was published since."""
    (wanted,) = (ref.commit for ref in saved.refs if ref.name == MAIN)
    with open_lake(settings) as lake:
        catalog = lake.context.catalog
        return former_ids(catalog.get(catalog.ref(MAIN).commit))[-1:] == [wanted]


def finish_as_roles(
    settings: Settings,
    source: str,
    id_: str,
    *,
    at: datetime | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Restored]:
    """Put back what other roles than the publisher write, once the commits are back; done again, it changes nothing.

    Args:
        settings: of the lake.
        source: the place with backups.
        id_: the backup.
        at: the moment that was restored, if it is another one than that of the backup.
        tell: called with what is done, now and then.

    Returns:
        What each role did; nothing of one that this machine cannot sign in as, and of `ingest` where it may not read
        the place.
    """
    if settings.sign_in == "none":
        return []
    found = []
    for role in (ENGINEER, INGEST):
        unread = (NotAllowed,) if role == INGEST else ()
        with suppress(SignInFailed, SecretNotFound, *unread):  # then its receipts are left out
            own = settings.model_copy(update={"role": role})
            found.append(restore_backup(own, source, at=at, id_=id_, missing=True, files=False, tell=tell))
    return found
