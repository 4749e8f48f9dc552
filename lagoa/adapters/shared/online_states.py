"""States of the online store as documents, and the columns of its parts; alike in every database."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lagoa.domain.features import OnlineView, Standing
from lagoa.errors import OnlineStateLost

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lagoa.domain.features import FeatureView

FORMAT = 1
KEPT_STATES = 2
"""The present state and the one before, for readers who began before the last change."""


def part_name(part: int) -> str:
    """Return the name of the table with a part's rows."""
    return f"part_{part}"


def value_columns(count: int) -> list[str]:
    """Return the names of the columns of a part with so many features."""
    return [f"c{position}" for position in range(count)]


def write_views(views: Mapping[str, OnlineView]) -> str:
    """Return the views of a state as a document."""
    return json.dumps(
        {
            name: {**asdict(view), "latest": view.latest.isoformat() if view.latest else None}
            for name, view in views.items()
        }
    )


def read_state(row: tuple[int, str, str, str]) -> Standing:
    """Return a state from its number, commit, time and views."""
    number, commit, at, document = row
    views = {
        name: OnlineView(**{**view, "latest": datetime.fromisoformat(view["latest"]) if view["latest"] else None})
        for name, view in json.loads(document).items()
    }
    return Standing(number, commit, datetime.fromisoformat(at), views)


def parts_of(states: Iterable[Standing]) -> frozenset[int]:
    """Return the parts that some states have."""
    return frozenset(view.part for state in states for view in state.views.values())


def followed(states: Sequence[Standing], expected: int) -> Standing | None:
    """Return the present state, the last one; raises `OnlineStateLost` if it is not the one that is expected."""
    present = states[-1] if states else None
    if (present.number if present else 0) != expected:
        raise OnlineStateLost(f"number {expected}")
    return present


def online_view(states: Sequence[Standing], view: FeatureView) -> OnlineView:
    """Return what there is of a view now; raises `OnlineStateLost` if it has not been put in as it is defined."""
    online = states[-1].views.get(view.name) if states else None
    if online is None or online.key != view.key:
        raise OnlineStateLost(view.name)
    return online


def now() -> datetime:
    """Return the time of a new state."""
    return datetime.now(UTC)
