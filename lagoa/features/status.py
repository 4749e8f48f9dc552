"""Where the features of a lake stand: what main has, and what is online."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.domain.refs import MAIN
from lagoa.domain.tables import TableName
from lagoa.features.online import applied, at_one_state

if TYPE_CHECKING:
    from datetime import datetime

    from lagoa.context import LakeContext
    from lagoa.domain.features import FeatureView, OnlineView


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """One feature view.

    Attributes:
        view: its definition.
        online: what is online of it; None if nothing is.
        pushed: rows online that were pushed, and are of no commit.
        behind: whether its table on main, or its definition, is another than what is online.
        missing: whether main has no table of it.
    """

    view: FeatureView
    online: OnlineView | None
    pushed: int
    behind: bool
    missing: bool


@dataclass(frozen=True, slots=True)
class FeatureStatus:
    """The features of a lake.

    Attributes:
        offline: the commit of main.
        online: the commit that the online store stands at; None before the first materialization.
        online_at: when it was put there.
        publications: moves of main since it was last at the commit that is online; None if it never was.
        lag_s: seconds since the first of these moves; 0 if there is none, None before the first materialization.
        views: each view.
    """

    offline: str
    online: str | None
    online_at: datetime | None
    publications: int | None
    lag_s: float | None
    views: tuple[ViewStatus, ...]


def feature_status(context: LakeContext) -> FeatureStatus:
    """Return where the features stand; raises `FeatureError` if nothing was applied, `FeaturesUnavailable`."""
    return at_one_state(lambda: _status(context))


def _status(context: LakeContext) -> FeatureStatus:
    store = context.online
    definitions = applied(store)
    state = store.standing()
    head = context.resolve(MAIN).id
    pointers = context.catalog.tables(head)
    moves = list(context.catalog.moves(MAIN))
    last = max((number for number, (_, commit) in enumerate(moves) if state and commit == state.commit), default=None)
    since = moves[last + 1 :] if last is not None else []
    views = []
    for view in definitions.views.values():
        online = state.views.get(view.name) if state else None
        pointer = pointers.get(TableName.parse(view.table))
        same = online is not None and context.metadata.same_rows(online.pointer, pointer) and online.key == view.key
        behind = view.online and not same
        pushed = store.pushed(online.part) if online else 0
        views.append(ViewStatus(view, online, pushed, behind, pointer is None))
    return FeatureStatus(
        offline=head,
        online=state.commit if state else None,
        online_at=state.at if state else None,
        publications=len(since) if last is not None else None,
        lag_s=None if state is None else (context.clock() - since[0][0]).total_seconds() if since else 0.0,
        views=tuple(views),
    )
