"""Feature views of Feast: as Lagoa's definitions, and made from data contracts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from feast import Entity, FeatureService, Field, PushSource
from feast import FeatureView as FeastView
from feast.types import from_value_type
from feast.value_type import ValueType

from lagoa.contracts.features import feature_columns, join_keys, time_to_live
from lagoa.domain.feature_values import feature_type, stored_as
from lagoa.domain.features import Definitions, Feature, FeatureView, OnDemandView
from lagoa.domain.suggestions import did_you_mean
from lagoa.domain.tables import TableName
from lagoa.errors import FeatureError
from lagoa.feast.repository import settings_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from feast.protos.feast.core.OnDemandFeatureView_pb2 import OnDemandFeatureView as OnDemandDocument

    from lagoa.contracts import Contracts
    from lagoa.contracts.contract import Contract

DUMMY = "__dummy_id"
"""The join key that Feast gives to views without entities."""

KEY_TYPES = ("INT32", "INT64", "STRING")
"""The types that join keys can have online."""

DOMAIN = "domain"
"""The tag of a view with the part of the business that it belongs to."""


def view_of(view: FeastView) -> FeatureView:
    """Return a feature view of Feast as Lagoa's definition.

    Raises:
        FeatureError: its source is no table of the lake.
    """
    from lagoa.feast.source import lake_source

    source = lake_source(view.batch_source, view.name)
    keys = sorted((each for each in view.entity_columns if each.name != DUMMY), key=lambda each: each.name)
    features = tuple(
        Feature(each.name, each.dtype.to_value_type().name, source.column(each.name)) for each in view.features
    )
    return FeatureView(
        name=view.name,
        table=source.table,
        keys=tuple((each.name, source.column(each.name)) for each in keys),
        key_types=tuple(each.dtype.to_value_type().name for each in keys),
        timestamp=source.column(source.timestamp_field),
        zone=source.zone,
        created=source.column(source.created_timestamp_column) if source.created_timestamp_column else "",
        ttl_s=view.ttl.total_seconds() if view.ttl else 0.0,
        features=features,
        online=view.online,
        domain=view.tags.get(DOMAIN, ""),
        owner=view.owner,
        description=view.description,
    )


def online_view_of(view: FeastView) -> FeatureView:
    """Return a view's definition as `view_of` does.

    Raises:
        FeatureError: also for a view that is online, and has a key or a feature of a type that cannot be.
    """
    found = view_of(view)
    if not found.online:
        return found
    for (name, _), kind in zip(found.keys, found.key_types, strict=True):
        if kind not in KEY_TYPES:
            advice = f"Use a column of one of {', '.join(KEY_TYPES)}, or set `online=False`."
            raise FeatureError(f"The join key {name} of {view.name}", f"{kind} cannot be a key online", advice)
    for feature in found.features:
        if stored_as(feature.type) is None:
            advice = "Leave it out of the view, or set `online=False`."
            raise FeatureError(f"The feature {view.name}:{feature.name}", f"{feature.type} cannot be online", advice)
    return found


def definitions_of(
    project: str, views: Iterable[FeastView], services: Iterable[FeatureService], on_demand: Iterable[OnDemandDocument]
) -> Definitions:
    """Return what Feast's objects define, the views by their names; raises as `online_view_of` does.

    Args:
        project: the name of the project.
        views: the feature views.
        services: the feature services.
        on_demand: the on-demand views as Feast's registry keeps them: made again, each would run code from there.
    """
    found = sorted(map(online_view_of, views), key=lambda each: each.name)
    used = {
        each.name: tuple(
            f"{part.name}:{feature.name}" for part in each.feature_view_projections for feature in part.features
        )
        for each in services
    }
    return Definitions(project, {each.name: each for each in found}, used, dict(map(_on_demand, on_demand)))


def _on_demand(view: OnDemandDocument) -> tuple[str, OnDemandView]:
    """Return the name and definition of an on-demand view."""
    inputs = []
    for source in view.spec.sources.values():
        whole, part = source.feature_view.spec, source.feature_view_projection
        inputs += [f"{whole.name}:{each.name}" for each in whole.features]
        inputs += [f"{part.feature_view_name}:{each.name}" for each in part.feature_columns]
    features = {each.name: ValueType(each.value_type).name for each in view.spec.features}
    return view.spec.name, OnDemandView(features, tuple(inputs))


class DeclaredFeatures:
    """The tables of a lake whose contracts have `lagoa.features`.

    Args:
        contracts: of the lake.
    """

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables."""
        return tuple(str(each.table) for each in self._contracts if each.features)

    def view(
        self,
        table: str,
        entities: Sequence[Entity],
        *,
        name: str | None = None,
        only: Collection[str] | None = None,
        push: str | None = None,
        **others: Any,
    ) -> FeastView:
        """Return the feature view of a table, with what its contract says: types, timestamps, owner, descriptions.

        Args:
            table: its name.
            entities: those of the contract's join keys.
            name: of the view; by default the table's without its layer.
            only: the features that it has; by default all.
            push: name of the source by which rows are pushed between publications: `store.push(name, rows)`.
            others: as of `feast.FeatureView`.

        Raises:
            FeatureError: the table's contract has no `lagoa.features`, or other join keys; or a feature is missing.
        """
        from lagoa.feast.source import LakeSource

        contract = self._contract(table)
        said = contract.features
        assert said is not None  # noqa: S101 - `_contract` has looked
        keys = {each.join_key for each in entities}
        if keys != set(join_keys(contract)):
            reason = f"its entities have the join keys {', '.join(sorted(keys))}"
            raise FeatureError(f"The feature view of {table}", reason, f"Use {', '.join(join_keys(contract))}.")
        columns = feature_columns(contract)
        for each in sorted(set(only or ()) - set(columns)):
            raise FeatureError(
                f"The feature view of {table}",
                f"there is no feature {each!r}.{did_you_mean(each, columns)}".rstrip("."),
                "Name one of the contract.",
            )
        chosen = [each for each in columns if only is None or each in only]
        tags = {**({DOMAIN: said.domain} if said.domain else {}), **others.pop("tags", {})}
        source = LakeSource(
            table=table,
            timestamp_field=said.event,
            created_timestamp_column=said.created,
            zone=said.zone,
            description=contract.description,
            owner=contract.owner,
        )
        return FeastView(
            name=name or TableName.parse(table).name,
            entities=list(entities),
            ttl=time_to_live(said),
            schema=[_field(contract, each) for each in (*join_keys(contract), *chosen)],
            source=source if push is None else PushSource(name=push, batch_source=source),
            online=others.pop("online", said.online),
            description=contract.description,
            owner=contract.owner,
            tags=tags,
            **others,
        )

    def _contract(self, table: str) -> Contract:
        contract = self._contracts.get(TableName.parse(table))
        if contract is None or contract.features is None:
            what = "there is no contract" if contract is None else "its contract has no lagoa.features"
            raise FeatureError(f"The table {table}", what, f"There are: {', '.join(self.tables) or 'none'}.")
        return contract


def _field(contract: Contract, name: str) -> Field:
    column = contract.column(name)
    kind = feature_type(column.type) if column else None
    if column is None or kind is None:
        reason = f"its column {name} has the type {column.type if column else '?'}, and Feast has none for it"
        raise FeatureError(f"The table {contract.table}", reason, "Put it into `exclude` of lagoa.features.")
    return Field(name=name, dtype=from_value_type(ValueType[kind]), description=column.description)


def declared_features(place: str | Path) -> DeclaredFeatures:
    """Return the tables with features of the lake that a file or folder is in: `declared_features(__file__)`."""
    from lagoa.contracts import Contracts
    from lagoa.formats import FORMATS

    settings = settings_of(Path(place))
    return DeclaredFeatures(Contracts.load(settings.contracts_folder, FORMATS))
