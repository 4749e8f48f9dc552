"""Feast's online store on that of the lake: each answer comes from one commit."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
from feast.infra.online_stores.online_store import OnlineStore
from feast.protos.feast.types.Value_pb2 import Value
from feast.repo_config import FeastConfigBaseModel
from feast.type_map import feast_value_type_to_python_type, python_values_to_proto_values
from feast.value_type import ValueType

from lagoa.domain.feature_values import loaded, stored
from lagoa.domain.features import OnlineRow, entity_key, microseconds_of, moment_of
from lagoa.errors import FeatureError
from lagoa.feast.repository import open_online
from lagoa.feast.views import DUMMY, view_of
from lagoa.features.reading import Pinned, pinned_again

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from feast import FeatureView
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.repo_config import RepoConfig

    from lagoa.domain.features import FeatureView as Definition
    from lagoa.domain.ports.features import OnlineFeatures

_FIELDS = {
    "BOOL": "bool_val", "INT32": "int32_val", "INT64": "int64_val", "FLOAT": "float_val", "DOUBLE": "double_val",
    "STRING": "string_val", "BYTES": "bytes_val", "UUID": "uuid_val", "DECIMAL": "decimal_val",
}  # fmt: skip
"""The fields of Feast's values that hold single ones. They are as they are stored."""

_PINNED: ContextVar[Pinned | None] = ContextVar("lagoa_features_pinned", default=None)


class LakeOnlineStoreConfig(FeastConfigBaseModel):
    """The settings of the store in `feature_store.yaml`: which database it is, is a setting of the lake."""

    type: Literal["lagoa.feast.online_store.LakeOnlineStore"] = "lagoa.feast.online_store.LakeOnlineStore"


class LakeOnlineStore(OnlineStore):
    """Reads what `lagoa feature materialize` has put there."""

    def __init__(self) -> None:
        self._opened: OnlineFeatures | None = None
        self._views: dict[str, tuple[datetime | None, Definition]] = {}

    def features(self, config: RepoConfig) -> OnlineFeatures:
        """Return the online store of the lake."""
        if self._opened is None:
            self._opened = open_online(config)
        return self._opened

    def _view(self, table: FeatureView) -> Definition:
        """Return the definition of a view; kept, as each request has the view made of the registry again."""
        changed, view = self._views.get(table.name, (None, None))
        if view is None or changed != table.last_updated_timestamp:
            view = view_of(table)
            self._views[table.name] = (table.last_updated_timestamp, view)
        return view

    def _read_features_per_fv(self, config: RepoConfig, *others: Any, **named: Any) -> None:
        """Read the features of all views of one request from one state of the store."""

        def read(pinned: Pinned) -> None:
            token = _PINNED.set(pinned)
            try:
                super(LakeOnlineStore, self)._read_features_per_fv(config, *others, **named)
            finally:
                _PINNED.reset(token)

        pinned_again(self.features(config), read)

    def online_read(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKey],
        requested_features: list[str] | None = None,
    ) -> list[tuple[datetime | None, dict[str, Value] | None]]:
        """Return moment and features of each entity; nothing for one that has none."""
        view = self._view(table)
        names = requested_features or [each.name for each in view.features]
        keys = [_key(each) for each in entity_keys]
        pinned = _PINNED.get()
        if pinned is not None:
            rows = pinned.read(view, keys, names)
        else:
            rows = pinned_again(self.features(config), lambda fresh: fresh.read(view, keys, names))
        kinds = [ValueType[feature.type] for name in names if (feature := view.feature(name))]
        values = {key: _protos(view, row, kinds) for key, row in rows.items()}
        return [
            (moment_of(rows[key].moment), dict(zip(names, values[key], strict=True))) if key in rows else (None, None)
            for key in keys
        ]

    def online_write_batch(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: list[tuple[EntityKey, dict[str, Value], datetime, datetime | None]],
        progress: Callable[[int], Any] | None,
    ) -> None:
        """Write pushed rows; a row that is older than what is there is left out.

        Raises:
            FeatureError: a row has no moment or no join key.
        """
        view = view_of(table)
        for key, _, moment, _ in data:
            nothing = [
                name for name, value in zip(key.join_keys, key.entity_values, strict=True) if _python(value) is None
            ]
            nothing += [view.timestamp] if pd.isna(moment) else []
            if nothing:
                reason = f"{', '.join(nothing)} is null in a row that is pushed"
                raise FeatureError(f"The feature view {view.name}", reason, "Leave such rows out; nothing was written.")
        rows = [
            OnlineRow(
                _key(key),
                microseconds_of(moment),
                tuple(stored(each.type, _python(values.get(each.name))) for each in view.features),
            )
            for key, values, moment, _ in data
        ]
        self.features(config).push(view, rows)
        if progress:
            progress(len(rows))

    def update(self, config: RepoConfig, *others: Any, **named: Any) -> None:
        """Do nothing: rows of views that are gone go with the next materialization."""

    def teardown(self, config: RepoConfig, tables: Sequence[FeatureView], entities: Sequence[Any]) -> None:
        """Do nothing: the store is the lake's."""


def _key(key: EntityKey) -> str:
    pairs = sorted((name, value) for name, value in zip(key.join_keys, map(_python, key.entity_values), strict=True))
    return entity_key([value for name, value in pairs if name != DUMMY])


def _python(value: Value | None) -> Any:
    """Return a value of Feast as Python has it."""
    kind = value.WhichOneof("val") if value is not None else None
    if value is None or kind is None or kind == "null_val":
        return None
    return feast_value_type_to_python_type(value)


def _protos(view: Definition, row: OnlineRow, kinds: Sequence[ValueType]) -> list[Value]:
    return [_proto(view, value, kind) for value, kind in zip(row.values, kinds, strict=True)]


def _proto(view: Definition, value: Any, kind: ValueType) -> Value:
    if value is None:
        return Value()
    if kind is ValueType.UNIX_TIMESTAMP:  # Feast has whole seconds alone: the one that has begun, also before 1970
        return Value(unix_timestamp_val=value // 1_000_000)
    if kind.name in _FIELDS:  # Feast's own conversion makes nulls of NaN and of no bytes
        single = Value()
        setattr(single, _FIELDS[kind.name], bool(value) if kind is ValueType.BOOL else value)
        return single
    found = loaded(kind.name, value)
    if isinstance(found, list) and None in found:
        raise FeatureError(
            f"A list of {view.name}",
            "it has a null, which Feast cannot carry",
            "Leave nulls out of the lists of the table, or read it by `lagoa feature get`.",
        )
    return python_values_to_proto_values([found], kind)[0]
