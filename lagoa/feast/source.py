"""A table of the lake as a data source of Feast."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feast.data_source import DataSource
from feast.protos.feast.core.DataSource_pb2 import DataSource as Document
from feast.protos.feast.core.SavedDataset_pb2 import SavedDatasetStorage as StorageDocument
from feast.saved_dataset import SavedDatasetStorage
from feast.value_type import ValueType

from lagoa.domain.feature_values import feature_type
from lagoa.domain.tables import TableName
from lagoa.errors import FeatureError
from lagoa.feast.repository import open_repository
from lagoa.features.moments import UTC_ZONE, check_zone, moments_in_sql
from lagoa.features.offline import TablesAt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from feast.repo_config import RepoConfig

_FILE = "file"


class LakeSource(DataSource):
    """A table of the lake that a feature repository belongs to, at whatever ref is read.

    Args:
        table: its name, such as `gold.customer_features`.
        timestamp_field: the column with the moment from which on a row is known.
        created_timestamp_column: the column with the moment at which a row was written.
        zone: the time zone of these columns where their type has none, such as `America/Sao_Paulo`.
        others: as of `feast.data_source.DataSource`.
    """

    def __init__(
        self,
        *,
        table: str,
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        zone: str = UTC_ZONE,
        name: str | None = None,
        **others: Any,
    ) -> None:
        super().__init__(
            name=name or table,
            timestamp_field=timestamp_field,
            created_timestamp_column=created_timestamp_column,
            **others,
        )
        self.table = str(TableName.parse(table))
        self.zone = check_zone(zone, f"The source {self.name}")

    def source_type(self) -> Any:
        """Return Feast's kind of source: one that it does not know."""
        return Document.CUSTOM_SOURCE

    @staticmethod
    def from_proto(data_source: Any) -> LakeSource:
        """Read what `to_proto` wrote."""
        options = json.loads(data_source.custom_options.configuration)
        return LakeSource(
            **options,
            name=data_source.name,
            timestamp_field=data_source.timestamp_field,
            created_timestamp_column=data_source.created_timestamp_column,
            field_mapping=dict(data_source.field_mapping),
            description=data_source.description,
            tags=dict(data_source.tags),
            owner=data_source.owner,
        )

    def _to_proto_impl(self) -> Any:
        return Document(
            name=self.name,
            type=Document.CUSTOM_SOURCE,
            data_source_class_type=f"{__name__}.{type(self).__name__}",
            timestamp_field=self.timestamp_field,
            created_timestamp_column=self.created_timestamp_column,
            field_mapping=self.field_mapping,
            description=self.description,
            tags=self.tags,
            owner=self.owner,
            custom_options=_options({"table": self.table, "zone": self.zone}),
        )

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, LakeSource)
            and bool(super().__eq__(other))  # type: ignore[no-untyped-call]
            and (self.table, self.zone) == (other.table, other.zone)
        )

    __hash__ = DataSource.__hash__

    def column(self, feature: str) -> str:
        """Return the table's column of a feature, an entity or a timestamp."""
        return next((column for column, name in self.field_mapping.items() if name == feature), feature)

    def validate(self, config: RepoConfig) -> None:
        """Raise an error if the table is not there, or its timestamps are none."""
        types = dict(self.get_table_column_names_and_types(config))
        for column in filter(None, (self.timestamp_field, self.created_timestamp_column)):
            moments_in_sql(types, self.table, self.column(column), self.zone)

    def get_table_column_names_and_types(self, config: RepoConfig) -> Iterable[tuple[str, str]]:
        """Return the table's columns with their Iceberg types."""
        with open_repository(config) as lake:
            return list(TablesAt(lake.context, read_ref(config)).types(TableName.parse(self.table)).items())

    @staticmethod
    def source_datatype_to_feast_value_type() -> Callable[[str], ValueType]:
        """Return the function that gives Feast's type of an Iceberg type."""
        return value_type

    def get_table_query_string(self) -> str:
        """Return the table's name."""
        return self.table


def value_type(iceberg: str) -> ValueType:
    """Return Feast's type of an Iceberg type.

    Raises:
        FeatureError: it has none.
    """
    found = feature_type(iceberg)
    if found is None:
        advice = "Leave the column out of the view: list the features in `schema`."
        raise FeatureError(f"A column of the type {iceberg}", "Feast has no type for it", advice)
    return ValueType[found]


def lake_source(source: DataSource | None, view: str) -> LakeSource:
    """Return a view's source.

    Raises:
        FeatureError: it is none of the lake.
    """
    if not isinstance(source, LakeSource):
        kind = type(source).__name__
        raise FeatureError(
            f"The feature view {view}", f"its source is a {kind}", "Use a LakeSource, a table of this lake."
        )
    return source


def read_ref(config: RepoConfig) -> str:
    """Return the ref that is read: that of the `at_ref` around the call, else that of the repository's settings."""
    from lagoa.feast.refs import current_ref

    return current_ref() or str(config.offline_store.ref)


class SavedDatasetParquet(SavedDatasetStorage):
    """A Parquet file that a saved dataset of Feast is kept in.

    Args:
        path: the file.
    """

    _proto_attr_name = "custom_storage"

    def __init__(self, path: str) -> None:
        self.path = path

    @staticmethod
    def from_proto(storage_proto: Any) -> SavedDatasetParquet:
        """Read what `to_proto` wrote."""
        return SavedDatasetParquet(json.loads(storage_proto.custom_storage.configuration)["path"])

    def to_proto(self) -> Any:
        """Return it as Feast's registry keeps it."""
        name = f"{__name__}.{type(self).__name__}"
        return StorageDocument(custom_storage=_options({"path": self.path, "saved_dataset_storage_class": name}))

    def to_data_source(self) -> DataSource:
        """Return the file as a source, for reading the dataset again."""
        from feast import FileSource

        return FileSource(name=Path(self.path).stem, path=self.path)


def _options(options: dict[str, str]) -> Any:
    return Document.CustomSourceOptions(configuration=json.dumps(options).encode())
