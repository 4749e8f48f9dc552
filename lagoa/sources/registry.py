"""The kinds of sources: one line per kind, the rest is in its package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lagoa.sources.files.kind import Files
from lagoa.sources.rest.kind import Rest

if TYPE_CHECKING:
    from lagoa.sources.kind import Kind

_KINDS: tuple[Kind[Any], ...] = (Files(), Rest())

KINDS = {each.name: each for each in _KINDS}
"""The kinds by their names in declarations."""
