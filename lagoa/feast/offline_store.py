"""Feast's offline store on the tables of one commit of a lake."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from feast import FileSource
from feast.errors import SavedDatasetLocationAlreadyExists
from feast.infra.offline_stores import offline_utils
from feast.infra.offline_stores.offline_store import OfflineStore, RetrievalJob, RetrievalMetadata
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import FeastConfigBaseModel
from feast.utils import _get_requested_feature_views_to_features_dict, compute_non_entity_date_range

from lagoa.domain.features import microseconds_of
from lagoa.domain.refs import MAIN
from lagoa.domain.sql_names import name_in_sql, names_in_sql, table_in_sql
from lagoa.domain.tables import TableName
from lagoa.errors import FeatureError
from lagoa.feast.repository import open_repository
from lagoa.feast.source import LakeSource, lake_source, read_ref
from lagoa.feast.views import DUMMY, view_of
from lagoa.features.entity_rows import EntityRows, entity_rows
from lagoa.features.moments import AND_ONE, UTC_ZONE, moments_in_sql
from lagoa.features.offline import COMMIT, TablesAt, features_at
from lagoa.features.online import tables_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    import pandas as pd
    import pyarrow as pa
    from feast import FeatureView
    from feast.infra.registry.base_registry import BaseRegistry
    from feast.repo_config import RepoConfig

    from lagoa.lake import Lake

EVENT_TIMESTAMP = "event_timestamp"


class LakeOfflineStoreConfig(FeastConfigBaseModel):
    """The settings of the store in `feature_store.yaml`.

    Attributes:
        type: this class.
        ref: what is read where a call is in no `at_ref`.
    """

    type: Literal["lagoa.feast.offline_store.LakeOfflineStore"] = "lagoa.feast.offline_store.LakeOfflineStore"
    ref: str = "main"


class LakeRetrievalJob(RetrievalJob):
    """Features that are read when they are requested, of a commit that is known before.

    Args:
        read: reads them.
        commit: what they are read from.
        metadata: what Feast keeps of them.
        on_demand: views that are computed from them.
        full_names: whether names of features begin with those of their views.
    """

    def __init__(
        self,
        read: Callable[[], pa.Table],
        commit: str,
        metadata: RetrievalMetadata | None = None,
        on_demand: Sequence[OnDemandFeatureView] = (),
        *,
        full_names: bool = False,
    ) -> None:
        self._read = read
        self.commit = commit
        self._metadata = metadata
        self._on_demand = list(on_demand)
        self._full_names = full_names

    @property
    def full_feature_names(self) -> bool:
        """Whether names of features begin with those of their views."""
        return self._full_names

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        """The views that are computed from what is read."""
        return self._on_demand

    @property
    def metadata(self) -> RetrievalMetadata | None:
        """What Feast keeps of the result."""
        return self._metadata

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:  # noqa: ARG002 - the signature is Feast's
        return self._read()

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:  # noqa: ARG002
        return self._read().to_pandas()

    def to_df(self, validation_reference: Any = None, timeout: int | None = None) -> pd.DataFrame:
        """Return the features as a DataFrame; its `attrs["lagoa.commit"]` is the commit."""
        frame = super().to_df(validation_reference, timeout)
        frame.attrs[COMMIT] = self.commit
        return frame

    def persist(self, storage: Any, allow_overwrite: bool = False, timeout: int | None = None) -> None:
        """Write the features to a Parquet file."""
        from pyarrow import parquet

        path = Path(storage.path)  # of a SavedDatasetParquet
        if path.exists() and not allow_overwrite:
            raise SavedDatasetLocationAlreadyExists(location=str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(self.to_arrow(timeout=timeout), path)


class LakeOfflineStore(OfflineStore):
    """Reads features from the tables of one commit; see `lagoa.features.offline.features_at`."""

    supports_filter_by_created_timestamp = True

    @staticmethod
    def get_historical_features(
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: pd.DataFrame | str | None,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,
        **kwargs: Any,
    ) -> RetrievalJob:
        """Return a job that joins rows of entities with the features that were known at their moments.

        Args:
            config: the repository's.
            feature_views: those of the features.
            feature_refs: the features, as `view:feature`.
            entity_df: the rows of entities, or a SELECT of them over the lake's tables; None for each row of the tables
                between the `start_date` and the `end_date` of `kwargs`.
            registry: the repository's.
            project: its name.
            full_feature_names: whether names of features begin with those of their views.
            kwargs: see above; with `filter_by_created_timestamp` a row counts only from when it was written.
        """
        on_demand = OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry)
        by_view, _ = _get_requested_feature_views_to_features_dict(feature_refs, feature_views, on_demand)
        with open_repository(config) as lake:
            tables = tables_at(lake.context, read_ref(config))
            if entity_df is None:
                between = compute_non_entity_date_range(feature_views, kwargs.get("start_date"), kwargs.get("end_date"))
                rows = _all_rows(tables, feature_views, between)
            else:
                rows = _given_rows(lake, tables, entity_df)
            wanted = []
            for view, features in by_view.items():
                renamed = view.projection.join_key_map
                prefix = f"{view.projection.name_alias or view.name}__" if full_feature_names else ""
                definition = view_of(view)
                keys = {key: renamed.get(key, key) for key, _ in definition.keys}
                wanted.append(tables.wanted(definition, [(each, f"{prefix}{each}") for each in features], keys))
                rows.require(keys.values())
        by_knowledge = bool(kwargs.get("filter_by_created_timestamp"))

        def read() -> pa.Table:
            with open_repository(config) as again:
                return features_at(tables.opened(again.context), rows, wanted, by_knowledge=by_knowledge)

        return LakeRetrievalJob(
            read, tables.commit, _metadata(feature_refs, rows), on_demand, full_names=full_feature_names
        )

    @staticmethod
    def pull_latest_from_table_or_query(
        config: RepoConfig,
        data_source: Any,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None,
        start_date: datetime,
        end_date: datetime,
    ) -> RetrievalJob:
        """Return a job that reads the newest row of each entity between two moments."""
        columns = _Columns(join_key_columns, feature_name_columns, timestamp_field, created_timestamp_column)
        return _pull(config, data_source, columns, (start_date, end_date), latest=True)

    @staticmethod
    def pull_all_from_table_or_query(
        config: RepoConfig,
        data_source: Any,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> RetrievalJob:
        """Return a job that reads all rows between two moments."""
        columns = _Columns(join_key_columns, feature_name_columns, timestamp_field, created_timestamp_column)
        if isinstance(data_source, FileSource):
            return _saved(data_source, columns)
        return _pull(config, data_source, columns, (start_date, end_date), latest=False)

    @staticmethod
    def offline_write_batch(
        config: RepoConfig, feature_view: FeatureView, table: pa.Table, progress: Callable[[int], Any] | None
    ) -> None:
        """Append rows to the table of a view, on the work branch that the call is at.

        Raises:
            FeatureError: the ref is main or another that is not written to.
        """
        ref, source = read_ref(config), lake_source(feature_view.batch_source, feature_view.name)
        if ref == MAIN:
            raise FeatureError(
                f"The feature view {feature_view.name}",
                "main is written to by publications alone",
                "Write on a branch: `with at_ref(branch): store.push(…)`; then publish it.",
            )
        with open_repository(config) as lake:
            types = TablesAt(lake.context, ref).types(TableName.parse(source.table))
            lake.branch(ref).append(source.table, _in_zones_of(source, types, table))
        if progress:
            progress(table.num_rows)


class _Columns:
    """The columns that are pulled from a source."""

    def __init__(self, keys: list[str], features: list[str], timestamp: str, created: str | None) -> None:
        self.keys = [each for each in keys if each != DUMMY]
        self.dummy = DUMMY in keys
        self.timestamp, self.created = timestamp, created
        self.all = list(dict.fromkeys([*self.keys, *features, timestamp, *([created] if created else [])]))


def _pull(
    config: RepoConfig,
    source: Any,
    columns: _Columns,
    between: tuple[datetime | None, datetime | None],
    *,
    latest: bool,
) -> RetrievalJob:
    found = lake_source(source, source.name)
    table = TableName.parse(found.table)
    with open_repository(config) as lake:
        tables = TablesAt(lake.context, read_ref(config))
        types = tables.types(table)
    moment = moments_in_sql(types, found.table, columns.timestamp, found.zone)
    bounds = [f"{moment} {sign} {microseconds_of(at)}" for sign, at in zip((">=", "<="), between, strict=True) if at]
    order = f"{moment} DESC" + (f", {name_in_sql(columns.created)} DESC NULLS LAST" if columns.created else "")
    by = f"PARTITION BY {names_in_sql(columns.keys)} " if columns.keys else ""
    once = f" QUALIFY row_number() OVER ({by}ORDER BY {order}{AND_ONE}) = 1" if latest else ""
    selected = names_in_sql(columns.all) + (f", '' AS {name_in_sql(DUMMY)}" if columns.dummy else "")
    where = f" WHERE {' AND '.join(bounds)}" if bounds else ""
    query = f"SELECT {selected} FROM {table_in_sql(table)}{where}{once}"  # noqa: S608 - names are quoted

    def read() -> pa.Table:
        with open_repository(config) as again, tables.opened(again.context).session([table]) as session:
            return session.query(query).arrow()

    return LakeRetrievalJob(read, tables.commit)


def _in_zones_of(source: LakeSource, types: Mapping[str, str], rows: pa.Table) -> pa.Table:
    """Return rows with moments as a table has them: without a zone in that of the source, or in UTC."""
    import pyarrow as pa
    import pyarrow.compute as pc

    local = {source.column(source.timestamp_field), source.column(source.created_timestamp_column)}
    for position, field in enumerate(rows.schema):
        if not pa.types.is_timestamp(field.type):
            continue
        zone = source.zone if field.name in local else UTC_ZONE
        moments = rows[field.name].cast(pa.timestamp("us", field.type.tz))
        if types.get(field.name) == "timestamp" and field.type.tz:
            moments = pc.local_timestamp(moments.cast(pa.timestamp("us", zone)))
        elif types.get(field.name) == "timestamptz" and not field.type.tz:
            moments = moments.cast(pa.timestamp("us", "UTC"))  # Feast's rule for moments without a zone
        rows = rows.set_column(position, field.name, moments)
    return rows


def _saved(source: FileSource, columns: _Columns) -> RetrievalJob:
    """Return a job that reads a saved dataset: what `persist` wrote, with the commit that it came from."""
    from pyarrow import parquet

    said = parquet.read_schema(source.path).metadata or {}
    commit = said.get(COMMIT.encode(), b"").decode()
    return LakeRetrievalJob(lambda: parquet.read_table(source.path, columns=columns.all), commit)


def _given_rows(lake: Lake, tables: TablesAt, given: pd.DataFrame | str) -> EntityRows:
    if isinstance(given, str):
        given = lake.sql(given, tables.exact_ref).df()
    try:
        timestamp = offline_utils.infer_event_timestamp_from_entity_df(dict(given.dtypes))
    except Exception as error:  # Feast raises its own, for each way in which it finds none
        raise FeatureError(
            "The entity rows", str(error).rstrip("."), f"Give them a column {EVENT_TIMESTAMP!r} of moments."
        ) from error
    return entity_rows(given, timestamp)


def _all_rows(tables: TablesAt, views: Sequence[FeatureView], between: tuple[datetime, datetime]) -> EntityRows:
    """Return each entity and moment of the views' tables between two moments."""
    keys = sorted({key for view in views for key, _ in view_of(view).keys})
    parts, names = [], []
    for view in views:
        found = view_of(view)
        table = TableName.parse(found.table)
        columns = dict(found.keys)
        types = tables.types(table)
        moment = moments_in_sql(types, found.table, found.timestamp, found.zone)
        selected = [f"{name_in_sql(columns[key]) if key in columns else 'NULL'} AS {name_in_sql(key)}" for key in keys]
        low, high = map(microseconds_of, between)
        parts.append(
            f"SELECT {', '.join([*selected, f'make_timestamptz({moment}) AS {EVENT_TIMESTAMP}'])} "  # noqa: S608
            f"FROM {table_in_sql(table)} WHERE {moment} BETWEEN {low} AND {high}"
        )
        names.append(table)
    with tables.session(names) as session:
        return entity_rows(session.query(" UNION ".join(parts)).df(), EVENT_TIMESTAMP)


def _metadata(features: list[str], rows: EntityRows) -> RetrievalMetadata:
    import pyarrow.compute as pc

    limits = pc.min_max(rows.table[rows.timestamp]).as_py()
    keys = [each for each in rows.table.column_names if each != rows.timestamp]
    return RetrievalMetadata(features, keys, limits["min"], limits["max"])
