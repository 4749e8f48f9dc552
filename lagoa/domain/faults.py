"""Named places at which a test lets the process die. Outside tests a fault point does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = (
    "write.files",  # data files are written, no metadata names them
    "write.metadata",  # metadata files are written, the catalog does not point to them
    "write.committed",  # the branch has moved
    "publish.begun",  # nothing was done yet
    "publish.candidate",  # the candidate branch stands at main's head
    "publish.committed",  # the candidate holds the net change
    "publish.audited",  # every check passed at the candidate's commit
    "publish.receipt",  # the receipt is prepared, main stands where it was
    "publish.swapped",  # main has moved, the candidate branch is still there
    "publish.cleaned",  # the candidate branch is gone
)
"""Every fault point, in the order in which a load and its publication pass them."""

_hook: Callable[[str], None] | None = None


def set_hook(hook: Callable[[str], None] | None) -> None:
    """Call `hook` with the name of each fault point that this process passes; None takes the hook away."""
    global _hook  # noqa: PLW0603 - one process, one hook
    _hook = hook


def fault_point(name: str) -> None:
    """Mark a place named in `STEPS`."""
    if _hook is not None:
        if name not in STEPS:
            raise ValueError(f"{name!r} is not in faults.STEPS")
        _hook(name)
