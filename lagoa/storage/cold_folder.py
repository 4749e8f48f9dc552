"""Which lake the cold files in a folder belong to.

A copy of a lake has the same links and the same names of files. What one of both deleted would be gone for the other.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

OWNER = "lagoa-warehouse"
"""The file in a folder of cold files that has the warehouse of its lake."""


def owner_of(cold: Path) -> str | None:
    """Return the warehouse whose files a folder has; None if none has used it. Raises `OSError`."""
    try:
        return (cold / OWNER).read_text("utf-8", "surrogateescape") or None
    except FileNotFoundError:
        return None


def claimed(cold: Path, warehouse: str) -> str:
    """Make a folder that of a warehouse, if it is of none; return whose it is. Raises `OSError`."""
    owner = owner_of(cold)
    if owner is None:
        cold.mkdir(parents=True, exist_ok=True)
        draft = cold / f".{uuid.uuid4().hex}.part"
        draft.write_text(warehouse, "utf-8", "surrogateescape")
        draft.replace(cold / OWNER)  # as a whole, or not at all
        owner = owner_of(cold) or warehouse
    return owner
