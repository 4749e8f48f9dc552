"""Reading the online features of rows, all of one state; what is missing gets a cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lagoa.domain.features import entity_key
from lagoa.errors import OnlineStateLost, TrainingError
from lagoa.features.online import at_one_state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lagoa.domain.features import Definitions, FeatureView, OnlineRow, Standing
    from lagoa.domain.ports.features import OnlineFeatures
    from lagoa.training.fitted import FeatureType
    from lagoa.training.training_set import Views

NO_ROW, EXPIRED, NOT_ONLINE, CHANGED = "no row", "expired", "not online", "changed"
"""Why a feature is missing: the entity has no row; it is older than the ttl of the view; the view is not online, or is
another than the model learned from."""


@dataclass(frozen=True, slots=True)
class WantedView:
    """A view as a model reads it.

    Attributes:
        view: the definition that it learned from.
        features: names of the features.
        columns: positions of the join keys among the columns of a request, in the order of the view's keys.
        places: positions of the features among those of the model.
        readers: of each feature, what makes of a stored value what the model takes; None is null or unknown.
    """

    view: FeatureView
    features: tuple[str, ...]
    columns: tuple[int, ...]
    places: tuple[int, ...]
    readers: tuple[Callable[[Any], float | None], ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """Where a view is read in one state, or why it is not."""

    part: int
    view: FeatureView
    positions: tuple[int, ...]
    missing: str = ""


@dataclass(frozen=True, slots=True)
class _Plan:
    state: Standing | None
    parts: tuple[_Part, ...]


@dataclass(frozen=True, slots=True)
class FoundRow:
    """What was found for a row in one view.

    Attributes:
        values: in the order of the features, as they are stored; empty if the row is missing.
        moment: from which on they are known: microseconds since 1970 in UTC.
        missing: the cause; empty if nothing is.
    """

    values: tuple[Any, ...]
    moment: int | None
    missing: str = ""


class OnlineReader:
    """Reads the views of a model from the online store.

    Which state is the newest is looked up by `refresh`, not at each request: a state that is a second old is one state,
    too, and what was pushed to it is read.

    Args:
        store: the store.
        wanted: the views.
    """

    def __init__(self, store: OnlineFeatures, wanted: Sequence[WantedView]) -> None:
        self._store = store
        self._wanted = tuple(wanted)
        self._plan = self._planned(store.standing()) if wanted else _Plan(None, ())

    def refresh(self) -> None:
        """Go on with the newest state.

        Raises:
            FeaturesUnavailable: the store does not answer.
        """
        if not self._wanted:
            return
        state = self._store.standing()
        if (state and state.number) != (self._plan.state and self._plan.state.number):
            self._plan = self._planned(state)

    @property
    def commit(self) -> str | None:
        """The commit that the features are of; None if none are read, or none are online."""
        return self._plan.state.commit if self._plan.state else None

    def missing(self) -> dict[str, str]:
        """Return the views that cannot be read now, each with the cause."""
        parts = zip(self._wanted, self._plan.parts, strict=True)
        return {each.view.name: part.missing for each, part in parts if part.missing}

    def read(self, rows: Sequence[Sequence[Any]], moments: Sequence[int]) -> tuple[str | None, list[list[FoundRow]]]:
        """Return the commit, and for each view what was found for each row.

        Args:
            rows: the values of the columns of a request.
            moments: of the rows, in microseconds since 1970 in UTC.

        Raises:
            FeaturesUnavailable: the store does not answer.
            OnlineStateLost: states came quicker than they were read, at every try.
        """
        if not self._wanted:
            return None, []

        def once() -> tuple[str | None, list[list[FoundRow]]]:
            plan = self._plan
            try:
                found = [
                    self._of_view(wanted, part, rows, moments)
                    for wanted, part in zip(self._wanted, plan.parts, strict=True)
                ]
            except OnlineStateLost:
                self.refresh()
                raise
            return (plan.state.commit if plan.state else None), found

        return at_one_state(once)

    def _of_view(
        self, wanted: WantedView, part: _Part, rows: Sequence[Sequence[Any]], moments: Sequence[int]
    ) -> list[FoundRow]:
        if part.missing:
            return [FoundRow((), None, part.missing)] * len(rows)
        keys = [_key(row, wanted.columns) for row in rows]
        asked = list({key: None for key in keys if key is not None})
        found = self._store.read(part.part, part.view, asked, part.positions) if asked else {}
        ttl = int(wanted.view.ttl_s * 1_000_000)
        return [_found(found, key, moment, ttl) for key, moment in zip(keys, moments, strict=True)]

    def _planned(self, state: Standing | None) -> _Plan:
        definitions = self._store.definitions()
        parts = tuple(_part(each, state, definitions) for each in self._wanted)
        return _Plan(state, parts)


def _key(row: Sequence[Any], columns: Sequence[int]) -> str | None:
    values = [row[column] for column in columns]
    return None if None in values else entity_key(values)


def _found(rows: Mapping[str, OnlineRow], key: str | None, moment: int, ttl: int) -> FoundRow:
    row = rows.get(key) if key is not None else None
    if row is None:
        return FoundRow((), None, NO_ROW)
    if ttl and row.moment < moment - ttl:
        return FoundRow((), row.moment, EXPIRED)
    return FoundRow(row.values, row.moment)


def _part(wanted: WantedView, state: Standing | None, definitions: Definitions | None) -> _Part:
    learned = wanted.view
    online = state.views.get(learned.name) if state else None
    if online is None:
        return _Part(0, learned, (), NOT_ONLINE)
    now = definitions.views.get(learned.name) if definitions else None
    for view in (learned, now):
        if view is not None and view.key == online.key and _is_same(learned, view, wanted.features):
            names = [each.name for each in view.features]
            return _Part(online.part, view, tuple(names.index(each) for each in wanted.features))
    return _Part(0, learned, (), CHANGED)


def _is_same(learned: FeatureView, now: FeatureView, features: Sequence[str]) -> bool:
    """Return whether a view says of some features what it said when the model learned from them."""
    kept = ("table", "keys", "key_types", "timestamp", "zone", "created")
    return all(getattr(learned, name) == getattr(now, name) for name in kept) and all(
        learned.feature(name) == now.feature(name) for name in features
    )


def wanted_views(
    views: Views, columns: Sequence[str], entities: Mapping[str, str], types: Sequence[FeatureType]
) -> list[WantedView]:
    """Return the views of a model as it reads them.

    Args:
        views: that it learned from.
        columns: of a request.
        entities: the column of each join key.
        types: of the model's features.
    """
    places = {each.name: position for position, each in enumerate(types)}
    found = []
    for name, features in views.wanted.items():
        view = views.definitions.views[name]
        at = tuple(places[f"{name}__{each}"] for each in features)
        keys = tuple(columns.index(entities[key]) for key, _ in view.keys)
        readers = tuple(_reader(view, each, types[place]) for each, place in zip(features, at, strict=True))
        found.append(WantedView(view, tuple(features), keys, at, readers))
    return found


def _reader(view: FeatureView, name: str, kind: FeatureType) -> Callable[[Any], float | None]:
    feature = view.feature(name)
    stored = feature.type if feature else ""
    if (kind.categories is not None) != (stored == "STRING"):
        raise TrainingError(
            f"The feature {view.name}:{name}", f"it is {stored or 'gone'}, and was another", "Train again."
        )
    return _decimal if stored == "DECIMAL" else reader_of(kind)


def category_of(kind: FeatureType) -> Callable[[Any], float | None]:
    """Return what finds the position of a text among the categories of a feature; None for others."""
    return {text: float(position) for position, text in enumerate(kind.categories or ())}.get


def _decimal(value: str | None) -> float | None:
    return None if value is None else float(value)


def reader_of(kind: FeatureType) -> Callable[[Any], float | None]:
    """Return what makes of a number or a text what a model takes; None is null, or a text that it does not know."""
    return _number if kind.categories is None else category_of(kind)


def _number(value: Any) -> float | None:
    return None if value is None or value != value else float(value)  # noqa: PLR0124 - NaN is null to a model
