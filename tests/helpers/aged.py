"""Lakes that are older than they are: their files, and what they know of time."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lagoa.lake import Lake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.context import LakeContext


def later(lake: Lake, days: float) -> Lake:
    """Return the same open lake some days later: its clock is ahead, and its files are older.

    The lake that is given is not used any more.
    """
    for file in files_of(lake):
        with suppress(FileNotFoundError):  # moved meanwhile
            found = file.lstat()
            os.utime(file, (found.st_atime, found.st_mtime - days * 86_400), follow_symlinks=False)
    clock = lake.context.clock
    context = _with(lake.context, clock=lambda: clock() + timedelta(days=days))
    lake.context.catalog._clock = context.clock  # type: ignore[attr-defined]
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


def files_of(lake: Lake) -> Iterator[Path]:
    """Yield the files of the warehouse."""
    return (each for each in Path(lake.context.storage.location).rglob("*") if each.is_file())


def paths_of(lake: Lake) -> set[str]:
    """Return the files of the warehouse that are not Lagoa's own records."""
    here = Path(lake.context.storage.location)
    found = {str(each.relative_to(here)) for each in files_of(lake)}
    own = tuple(f"_lagoa/{name}" for name in ("trash", "expiry", "garbage", "draft"))
    return {each for each in found if not each.startswith(own)}


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
