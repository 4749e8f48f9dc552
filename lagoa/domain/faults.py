"""Named points at which a test can kill the process. Outside of tests a fault point does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = (
    "write.files",  # data files are written, no metadata refers to them
    "write.metadata",  # metadata files are written, the catalog does not point to them
    "write.committed",  # the branch has moved
    "publish.begun",  # nothing has been done yet
    "publish.candidate",  # the candidate branch is at main's head
    "publish.committed",  # the candidate holds the net change
    "publish.audited",  # every check passed at the candidate's commit
    "publish.turn",  # it is this publication's turn, if it can have one; whether main has moved meanwhile is not known
    "publish.receipt",  # the receipt is prepared, main has not moved
    "publish.swapped",  # main has moved, the candidate branch still exists
    "publish.cleaned",  # the candidate branch is deleted
)
"""Every fault point of any load, in the order in which a load and its publication reach them."""

OF_ENGINES = (
    "engine.asked",  # Spark or Trino is to compute something, and nothing has been done for it
    "engine.lent",  # the branch that it reads and writes is there, without its result
    "engine.done",  # it has written its files, which nothing refers to yet
)
"""Fault points of a load whose rows another engine computes, before `write.files`."""

OF_SOURCES = (
    "source.kept",  # the raw layer has what a source gave, nothing else of it is there
    "source.written",  # rows, refused records and position are written, the branch has not moved
)
"""Fault points of a load from a declared source, before `write.files` and `write.metadata`."""

OF_REBASE = (
    "rebase.begun",  # what is to be done is known
    "rebase.written",  # tables are written on a draft, which nobody else sees
    "rebase.replayed",  # models have run there, too
    "rebase.committed",  # the branch has moved
)
"""Fault points of a rebase."""

OF_COMPACTION = (
    "compact.written",  # the new files of some old ones are written, not compared with them
    "compact.compared",  # all new files have the rows of the old ones, no metadata refers to them
)
"""Fault points of a compaction, before those of a load from `write.files` on."""

OF_COLD = (
    "cold.copied",  # a file is in the cold folder, and still in its place
    "cold.thawed",  # a file is copied beside its link, which is still there
)
"""Fault points of moves to and from cold storage."""

OF_MAINTENANCE = (
    "expire.refs",  # branches whose time is over are deleted, no record says what has expired
    "expire.recorded",  # the record says which states are kept
    "collect.marked",  # everything that is needed is known
    "collect.listed",  # the garbage is known
    "collect.looked",  # what came meanwhile is spared
    "collect.noted",  # the garbage that is to wait is listed for the next collection
    "collect.begun",  # the trash has the list of what is going to be moved
    "collect.moved",  # a file has been moved into the trash
)
"""Fault points of an expiry and a collection."""

OF_BACKUP = (
    "backup.begun",  # the place is known to be fit, nothing of this backup is there
    "backup.records",  # commits and receipts are written
    "backup.files",  # the tables' files are copied
    "backup.listed",  # and listed; nothing names the list
    "backup.written",  # the manifest is there: the backup counts
)
"""Fault points of a backup."""

OF_PRUNING = (
    "prune.condemned",  # the place says which backups are removed
    "prune.uncounted",  # these are no backups any more, their files are there
    "prune.removed",  # a thousand files are removed, or the last ones
)
"""Fault points of a removal of backups."""

OF_RESTORE = (
    "restore.begun",  # the lake is known to be empty
    "restore.files",  # the tables' files are back
    "restore.catalog",  # commits and refs are back, beside the catalog
    "restore.records",  # receipts are back
    "restore.done",  # the catalog is in its place
)
"""Fault points of a restore."""

OF_CLONE = (
    "clone.saved",  # the folder between the lakes has everything
    "clone.restored",  # the new lake has everything, the folder between is still there
)
"""Fault points of a copy of a lake, beside those of its backup and its restore."""

_hook: Callable[[str], None] | None = None


def set_hook(hook: Callable[[str], None] | None) -> None:
    """Call `hook` with the name of each fault point that this process reaches; None removes the hook."""
    global _hook  # noqa: PLW0603 - one process, one hook
    _hook = hook


def fault_point(name: str) -> None:
    """Mark a place named in one of the tuples above."""
    if _hook is not None:
        if name not in (
            *STEPS,
            *OF_ENGINES,
            *OF_REBASE,
            *OF_SOURCES,
            *OF_COMPACTION,
            *OF_COLD,
            *OF_MAINTENANCE,
            *OF_BACKUP,
            *OF_PRUNING,
            *OF_RESTORE,
            *OF_CLONE,
        ):
            raise ValueError(f"{name!r} is not a fault point in lagoa.domain.faults")
        _hook(name)
