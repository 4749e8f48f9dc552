"""Features: the definitions that a feature repository applied, and what the online store holds of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of a view.

    Attributes:
        name: its name in the view.
        type: Feast's name of its type, such as `INT64` or `DOUBLE_LIST`.
        column: the table's column that it is read from.
    """

    name: str
    type: str
    column: str


@dataclass(frozen=True, slots=True)
class FeatureView:
    """Features of one table: one row an entity and moment.

    Attributes:
        name: its name.
        table: the table, such as `gold.customer_features`.
        keys: the join keys of its entities, sorted by name, each with the table's column.
        key_types: Feast's names of their types, in the same order.
        timestamp: the table's column with the moment from which on a row is known.
        zone: the time zone of that column where its type has none, such as `America/Sao_Paulo`.
        created: the column with the moment at which a row was written; of rows of one moment the last written counts.
        ttl_s: for how many seconds after its moment a row may be used offline; 0 for ever.
        features: what it has.
        online: whether it is materialized.
        domain: the part of the business that it belongs to; may be empty.
        owner: who answers for it; may be empty.
        description: its meaning; may be empty.
    """

    name: str
    table: str
    keys: tuple[tuple[str, str], ...]
    key_types: tuple[str, ...]
    timestamp: str
    zone: str
    created: str
    ttl_s: float
    features: tuple[Feature, ...]
    online: bool = True
    domain: str = ""
    owner: str = ""
    description: str = ""

    @property
    def key(self) -> str:
        """A hash of everything that decides which values the online store has of it."""
        said = [self.table, self.keys, self.key_types, self.timestamp, self.zone, self.created]
        columns = [asdict(each) for each in self.features]
        return hashlib.sha256(json.dumps([*said, columns]).encode()).hexdigest()

    def feature(self, name: str) -> Feature | None:
        """Return a feature by its name; None if there is none."""
        return next((each for each in self.features if each.name == name), None)


@dataclass(frozen=True, slots=True)
class OnDemandView:
    """A view that is computed at each request.

    Attributes:
        features: their names, each with Feast's name of its type.
        inputs: the features that it is computed from, as `view:feature`.
    """

    features: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Definitions:
    """What was applied last.

    Attributes:
        project: name of the Feast project.
        views: the feature views, by name.
        services: of each feature service, the features that it has, as `view:feature`.
        on_demand: the on-demand views, by name.
    """

    project: str
    views: Mapping[str, FeatureView] = field(default_factory=dict)
    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    on_demand: Mapping[str, OnDemandView] = field(default_factory=dict)

    def users(self, view: str, feature: str) -> list[str]:
        """Return the services that use a feature of a view, also those that do by an on-demand view."""
        wanted = f"{view}:{feature}"
        computed = {name for name, each in self.on_demand.items() if wanted in each.inputs}
        return sorted(
            name
            for name, used in self.services.items()
            if any(each == wanted or each.partition(":")[0] in computed for each in used)
        )

    def to_json(self) -> str:
        """Return a document that `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        document = json.loads(text)
        views = {name: _view(each) for name, each in document["views"].items()}
        services = {name: tuple(used) for name, used in document["services"].items()}
        computed = document["on_demand"]
        on_demand = {
            name: OnDemandView(computed[name]["features"], tuple(computed[name]["inputs"]))
            if isinstance(computed, dict)
            else OnDemandView()  # the first documents had names alone
            for name in computed
        }
        return cls(document["project"], views, services, on_demand)


def _view(document: dict[str, Any]) -> FeatureView:
    return FeatureView(
        **{
            **document,
            "keys": tuple((name, column) for name, column in document["keys"]),
            "key_types": tuple(document["key_types"]),
            "features": tuple(Feature(**each) for each in document["features"]),
        }
    )


@dataclass(frozen=True, slots=True)
class OnlineView:
    """What the online store holds of one view.

    Attributes:
        part: the part of the store with its rows.
        pointer: of the table that they were read from.
        key: of the definition that they were read by.
        entities: number of rows, one an entity.
        latest: the latest moment of a row; None without rows.
    """

    part: int
    pointer: str
    key: str
    entities: int
    latest: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of the online store: everything in it comes from one commit, but what was pushed since.

    Attributes:
        number: grows by one with each state.
        commit: the commit of main.
        at: when it was put there (UTC).
        views: what there is of each view.
    """

    number: int
    commit: str
    at: datetime
    views: Mapping[str, OnlineView]


@dataclass(frozen=True, slots=True)
class OnlineRow:
    """The features of one entity.

    Attributes:
        key: of the entity; see `entity_key`.
        moment: from which on they are known: microseconds since 1970 in UTC.
        values: in the order of the view's features, each as `lagoa.features.values` stores it.
    """

    key: str
    moment: int
    values: tuple[Any, ...]


def entity_key(values: Sequence[Any]) -> str:
    """Return the key of an entity, from the values of its join keys in the order of their names."""
    return json.dumps(list(values), ensure_ascii=False, separators=(",", ":"))


def moment_of(microseconds: int | None) -> datetime | None:
    """Return the moment of so many microseconds since 1970, in UTC.

    What a local time makes of the last hours of 9999 or the first of the year 1 is the last or first moment of Python.
    """
    if microseconds is None:
        return None
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if microseconds > 0 else datetime.min.replace(tzinfo=UTC)


def microseconds_of(moment: datetime) -> int:
    """Return the microseconds since 1970 of a moment, in UTC where it has no zone."""
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)
