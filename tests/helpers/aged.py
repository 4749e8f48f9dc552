"""Lakes that are older than they are: their files, and what they know of time."""

from __future__ import annotations

import os
import stat
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lagoa.lake import Lake
from lagoa.storage.port import OWN, S3

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.context import LakeContext
    from lagoa.storage.port import Storage, Stored


def later(lake: Lake, days: float) -> Lake:
    """Return the same open lake some days later: its clock is ahead, and its files are older.

    The lake that is given is not used any more.
    """
    _age(lake.context.storage, days * 86_400)
    clock = lake.context.clock
    context = _with(lake.context, clock=lambda: clock() + timedelta(days=days))
    catalog: Any = lake.context.catalog
    if hasattr(catalog, "_options"):
        catalog._options = replace(catalog._options, clock=context.clock)
    else:
        catalog._clock = context.clock
    return Lake(context)


def with_retention(lake: Lake, **rules: Any) -> Lake:
    """Return the same open lake with rules of `[retention]` that may be shorter than settings allow."""
    retention = lake.settings.retention.model_copy(update=rules)
    return Lake(_with(lake.context, settings=lake.settings.model_copy(update={"retention": retention})))


def _with(context: LakeContext, **others: Any) -> LakeContext:
    """Return a context with some other services; it shares what was opened."""
    other = replace(context, **others)
    for name in ("_opened", "_lock", "cache"):
        object.__setattr__(other, name, getattr(context, name))
    return other


def _age(storage: Storage, seconds: float) -> None:
    """Let all files that are there be older; an object store keeps its times, so that this storage tells others."""
    if not storage.location.startswith(S3):
        for file in Path(storage.location).rglob("*"):
            with suppress(FileNotFoundError):  # moved meanwhile
                found = file.lstat()
                if not stat.S_ISDIR(found.st_mode):
                    os.utime(file, (found.st_atime, found.st_mtime - seconds), follow_symlinks=False)
        return
    ages: Counter[str] = vars(storage).setdefault("ages", Counter())
    real = type(storage).files_in

    def aged(location: str) -> Iterator[Stored]:
        return (replace(each, modified_s=each.modified_s - ages[each.place]) for each in real(storage, location))

    ages.update({each.place: int(seconds) for each in real(storage, storage.home)})
    vars(storage)["files_in"] = aged


def files_of(lake: Lake) -> Iterator[Path]:
    """Yield the files of the warehouse."""
    return (each for each in Path(lake.context.storage.location).rglob("*") if each.is_file())


def paths_of(lake: Lake) -> set[str]:
    """Return the files of the warehouse that are not Lagoa's own records."""
    storage = lake.context.storage
    found = {each.place.removeprefix(f"{storage.location}/") for each in storage.files_in(storage.home)}
    own = tuple(each.rstrip("/") for each in OWN)
    return {each for each in found if not each.startswith(own)}


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
