import random
import time
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from feast.entity import Entity
from feast.errors import RequestDataNotFoundInEntityDfException
from feast.feature_service import FeatureService
from feast.feature_view import FeatureView
from feast.field import Field
from feast.infra.offline_stores.offline_utils import (
    DEFAULT_ENTITY_DF_EVENT_TIMESTAMP_COL,
)
from feast.types import Float32, Int32, String
from feast.utils import _utc_now
from tests.universal.feature_repos.repo_configuration import (
    construct_universal_feature_views,
    table_name_from_data_source,
)
from tests.universal.feature_repos.universal.data_sources.file import (
    RemoteOfflineOidcAuthStoreDataSourceCreator,
    RemoteOfflineStoreDataSourceCreator,
    RemoteOfflineTlsStoreDataSourceCreator,
)
from tests.universal.feature_repos.universal.entities import (
    customer,
    driver,
    location,
)
from tests.utils.feature_records import (
    assert_feature_service_correctness,
    assert_feature_service_entity_mapping_correctness,
    get_expected_training_df,
    get_response_feature_name,
    validate_dataframes,
)

np.random.seed(0)


@pytest.mark.integration
@pytest.mark.universal_offline_stores
@pytest.mark.parametrize("full_feature_names", [True, False], ids=lambda v: f"full:{v}")
def test_historical_features_main(
    environment, universal_data_sources, full_feature_names
):
    store = environment.feature_store

    (entities, datasets, data_sources) = universal_data_sources

    feature_views = construct_universal_feature_views(data_sources)

    entity_df_with_request_data = datasets.entity_df.copy(deep=True)
    entity_df_with_request_data["val_to_add"] = [
        i for i in range(len(entity_df_with_request_data))
    ]
    entity_df_with_request_data["driver_age"] = [
        i + 100 for i in range(len(entity_df_with_request_data))
    ]

    feature_service = FeatureService(
        name="convrate_plus100",
        features=[feature_views.driver[["conv_rate"]], feature_views.driver_odfv],
    )
    feature_service_entity_mapping = FeatureService(
        name="entity_mapping",
        features=[
            feature_views.location.with_name("origin").with_join_key_map(
                {"location_id": "origin_id"}
            ),
            feature_views.location.with_name("destination").with_join_key_map(
                {"location_id": "destination_id"}
            ),
        ],
    )

    store.apply(
        [
            driver(),
            customer(),
            location(),
            feature_service,
            feature_service_entity_mapping,
            *feature_views.values(),
        ]
    )

    event_timestamp = (
        DEFAULT_ENTITY_DF_EVENT_TIMESTAMP_COL
        if DEFAULT_ENTITY_DF_EVENT_TIMESTAMP_COL in datasets.orders_df.columns
        else "e_ts"
    )
    full_expected_df = get_expected_training_df(
        datasets.customer_df,
        feature_views.customer,
        datasets.driver_df,
        feature_views.driver,
        datasets.orders_df,
        feature_views.order,
        datasets.location_df,
        feature_views.location,
        datasets.global_df,
        feature_views.global_fv,
        datasets.field_mapping_df,
        feature_views.field_mapping,
        entity_df_with_request_data,
        event_timestamp,
        full_feature_names,
    )

    # Only need the shadow entities features in the FeatureService test
    expected_df = full_expected_df.drop(
        columns=["origin__temperature", "destination__temperature"],
    )

    job_from_df = store.get_historical_features(
        entity_df=entity_df_with_request_data,
        features=[
            "driver_stats:conv_rate",
            "driver_stats:avg_daily_trips",
            "customer_profile:current_balance",
            "customer_profile:avg_passenger_count",
            "customer_profile:lifetime_trip_count",
            "conv_rate_plus_100:conv_rate_plus_100",
            "conv_rate_plus_100:conv_rate_plus_100_rounded",
            "conv_rate_plus_100:conv_rate_plus_val_to_add",
            "order:order_is_success",
            "global_stats:num_rides",
            "global_stats:avg_ride_length",
            "field_mapping:feature_name",
        ],
        full_feature_names=full_feature_names,
    )

    if job_from_df.supports_remote_storage_export():
        files = job_from_df.to_remote_storage()
        assert len(files)  # 0  # This test should be way more detailed

    start_time = _utc_now()
    actual_df_from_df_entities = job_from_df.to_df()

    print(f"actual_df_from_df_entities shape: {actual_df_from_df_entities.shape}")
    end_time = _utc_now()
    print(str(f"Time to execute job_from_df.to_df() = '{(end_time - start_time)}'\n"))

    assert sorted(expected_df.columns) == sorted(actual_df_from_df_entities.columns)
    validate_dataframes(
        expected_df,
        actual_df_from_df_entities,
        sort_by=[event_timestamp, "order_id", "driver_id", "customer_id"],
        event_timestamp_column=event_timestamp,
        timestamp_precision=timedelta(milliseconds=1),
    )

    if not isinstance(
        environment.data_source_creator,
        (
            RemoteOfflineStoreDataSourceCreator,
            RemoteOfflineTlsStoreDataSourceCreator,
            RemoteOfflineOidcAuthStoreDataSourceCreator,
        ),
    ):
        assert_feature_service_correctness(
            store,
            feature_service,
            full_feature_names,
            entity_df_with_request_data,
            expected_df,
            event_timestamp,
        )
        assert_feature_service_entity_mapping_correctness(
            store,
            feature_service_entity_mapping,
            full_feature_names,
            entity_df_with_request_data,
            full_expected_df,
            event_timestamp,
        )
    table_from_df_entities: pd.DataFrame = job_from_df.to_arrow().to_pandas()

    validate_dataframes(
        expected_df,
        table_from_df_entities,
        sort_by=[event_timestamp, "order_id", "driver_id", "customer_id"],
        event_timestamp_column=event_timestamp,
        timestamp_precision=timedelta(milliseconds=1),
    )


@pytest.mark.integration
@pytest.mark.universal_offline_stores
@pytest.mark.parametrize("full_feature_names", [True, False], ids=lambda v: str(v))
def test_historical_features_with_shared_batch_source(
    environment, universal_data_sources, full_feature_names
):
    # Addresses https://github.com/feast-dev/feast/issues/2576

    store = environment.feature_store

    entities, datasets, data_sources = universal_data_sources
    driver_entity = driver()
    driver_stats_v1 = FeatureView(
        name="driver_stats_v1",
        entities=[driver_entity],
        schema=[Field(name="avg_daily_trips", dtype=Int32)],
        source=data_sources.driver,
    )
    driver_stats_v2 = FeatureView(
        name="driver_stats_v2",
        entities=[driver_entity],
        schema=[
            Field(name="avg_daily_trips", dtype=Int32),
            Field(name="conv_rate", dtype=Float32),
        ],
        source=data_sources.driver,
    )

    store.apply([driver_entity, driver_stats_v1, driver_stats_v2])

    with pytest.raises(KeyError):
        store.get_historical_features(
            entity_df=datasets.entity_df,
            features=[
                # `driver_stats_v1` does not have `conv_rate`
                "driver_stats_v1:conv_rate",
            ],
            full_feature_names=full_feature_names,
        ).to_df()


@pytest.mark.integration
@pytest.mark.universal_offline_stores
def test_historical_features_with_missing_request_data(
    environment, universal_data_sources
):
    store = environment.feature_store

    (_, datasets, data_sources) = universal_data_sources
    feature_views = construct_universal_feature_views(data_sources)

    store.apply([driver(), customer(), location(), *feature_views.values()])

    # If request data is missing that's needed for on demand transform, throw an error
    with pytest.raises(RequestDataNotFoundInEntityDfException):
        store.get_historical_features(
            entity_df=datasets.entity_df,
            features=[
                "customer_profile:current_balance",
                "customer_profile:avg_passenger_count",
                "customer_profile:lifetime_trip_count",
                "conv_rate_plus_100:conv_rate_plus_100",
                "conv_rate_plus_100:conv_rate_plus_val_to_add",
                "global_stats:num_rides",
                "global_stats:avg_ride_length",
                "field_mapping:feature_name",
            ],
            full_feature_names=True,
        )


@pytest.mark.integration
@pytest.mark.universal_offline_stores
@pytest.mark.parametrize("full_feature_names", [True, False], ids=lambda v: str(v))
def test_historical_features_with_entities_from_query(
    environment, universal_data_sources, full_feature_names
):
    store = environment.feature_store
    (entities, datasets, data_sources) = universal_data_sources
    feature_views = construct_universal_feature_views(data_sources)

    orders_table = table_name_from_data_source(data_sources.orders)
    if not orders_table:
        raise pytest.skip("Offline source is not sql-based")

    data_source_creator = environment.data_source_creator
    if type(data_source_creator).__name__ == "SnowflakeDataSourceCreator":
        entity_df_query = f"""
        SELECT "customer_id", "driver_id", "order_id", "origin_id", "destination_id", "event_timestamp"
        FROM "{orders_table}"
        """
    else:
        entity_df_query = f"""
        SELECT customer_id, driver_id, order_id, origin_id, destination_id, event_timestamp
        FROM {orders_table}
        """

    store.apply([driver(), customer(), location(), *feature_views.values()])

    job_from_sql = store.get_historical_features(
        entity_df=entity_df_query,
        features=[
            "customer_profile:current_balance",
            "customer_profile:avg_passenger_count",
            "customer_profile:lifetime_trip_count",
            "order:order_is_success",
            "global_stats:num_rides",
            "global_stats:avg_ride_length",
            "field_mapping:feature_name",
        ],
        full_feature_names=full_feature_names,
    )

    start_time = _utc_now()
    actual_df_from_sql_entities = job_from_sql.to_df()
    end_time = _utc_now()
    print(str(f"\nTime to execute job_from_sql.to_df() = '{(end_time - start_time)}'"))

    event_timestamp = (
        DEFAULT_ENTITY_DF_EVENT_TIMESTAMP_COL
        if DEFAULT_ENTITY_DF_EVENT_TIMESTAMP_COL in datasets.orders_df.columns
        else "e_ts"
    )
    full_expected_df = get_expected_training_df(
        datasets.customer_df,
        feature_views.customer,
        datasets.driver_df,
        feature_views.driver,
        datasets.orders_df,
        feature_views.order,
        datasets.location_df,
        feature_views.location,
        datasets.global_df,
        feature_views.global_fv,
        datasets.field_mapping_df,
        feature_views.field_mapping,
        datasets.entity_df,
        event_timestamp,
        full_feature_names,
    )

    # Not requesting the on demand transform with an entity_df query (can't add request data in them)
    expected_df_query = full_expected_df.drop(
        columns=[
            get_response_feature_name("conv_rate_plus_100", full_feature_names),
            get_response_feature_name("conv_rate_plus_100_rounded", full_feature_names),
            get_response_feature_name("avg_daily_trips", full_feature_names),
            get_response_feature_name("conv_rate", full_feature_names),
            "origin__temperature",
            "destination__temperature",
        ]
    )
    validate_dataframes(
        expected_df_query,
        actual_df_from_sql_entities,
        sort_by=[event_timestamp, "order_id", "driver_id", "customer_id"],
        event_timestamp_column=event_timestamp,
        timestamp_precision=timedelta(milliseconds=1),
    )

    table_from_sql_entities = job_from_sql.to_arrow().to_pandas()
    for col in table_from_sql_entities.columns:
        # check if col dtype is timezone naive
        if pd.api.types.is_datetime64_dtype(table_from_sql_entities[col]):
            table_from_sql_entities[col] = table_from_sql_entities[col].dt.tz_localize(
                "UTC"
            )
        expected_df_query[col] = expected_df_query[col].astype(
            table_from_sql_entities[col].dtype
        )

    validate_dataframes(
        expected_df_query,
        table_from_sql_entities,
        sort_by=[event_timestamp, "order_id", "driver_id", "customer_id"],
        event_timestamp_column=event_timestamp,
        timestamp_precision=timedelta(milliseconds=1),
    )


@pytest.mark.integration
@pytest.mark.universal_offline_stores
@pytest.mark.parametrize("full_feature_names", [True, False], ids=lambda v: str(v))
def test_historical_features_persisting(
    environment, universal_data_sources, full_feature_names
):
    store = environment.feature_store

    (entities, datasets, data_sources) = universal_data_sources
    feature_views = construct_universal_feature_views(data_sources)

    storage = environment.data_source_creator.create_saved_dataset_destination()

    store.apply([driver(), customer(), location(), *feature_views.values()])

    # Added to handle the case that the offline store is remote
    store.registry.apply_data_source(storage.to_data_source(), store.config.project)

    entity_df = datasets.entity_df.drop(
        columns=["order_id", "origin_id", "destination_id"]
    )

    job = store.get_historical_features(
        entity_df=entity_df,
        features=[
            "customer_profile:current_balance",
            "customer_profile:avg_passenger_count",
            "customer_profile:lifetime_trip_count",
            "order:order_is_success",
            "global_stats:num_rides",
            "global_stats:avg_ride_length",
            "field_mapping:feature_name",
        ],
        full_feature_names=full_feature_names,
    )

    saved_dataset = store.create_saved_dataset(
        from_=job,
        name="saved_dataset",
        storage=storage,
        tags={"env": "test"},
        allow_overwrite=True,
    )

    event_timestamp = DEFAULT_ENTITY_DF_EVENT_TIMESTAMP_COL
    expected_df = get_expected_training_df(
        datasets.customer_df,
        feature_views.customer,
        datasets.driver_df,
        feature_views.driver,
        datasets.orders_df,
        feature_views.order,
        datasets.location_df,
        feature_views.location,
        datasets.global_df,
        feature_views.global_fv,
        datasets.field_mapping_df,
        feature_views.field_mapping,
        entity_df,
        event_timestamp,
        full_feature_names,
    ).drop(
        columns=[
            get_response_feature_name("conv_rate_plus_100", full_feature_names),
            get_response_feature_name("conv_rate_plus_100_rounded", full_feature_names),
            get_response_feature_name("avg_daily_trips", full_feature_names),
            get_response_feature_name("conv_rate", full_feature_names),
            "origin__temperature",
            "destination__temperature",
        ]
    )

    validate_dataframes(
        expected_df,
        saved_dataset.to_df(),
        sort_by=[event_timestamp, "driver_id", "customer_id"],
        event_timestamp_column=event_timestamp,
        timestamp_precision=timedelta(milliseconds=1),
    )

    validate_dataframes(
        job.to_df(),
        saved_dataset.to_df(),
        sort_by=[event_timestamp, "driver_id", "customer_id"],
        event_timestamp_column=event_timestamp,
        timestamp_precision=timedelta(milliseconds=1),
    )


@pytest.mark.integration
@pytest.mark.universal_offline_stores
@pytest.mark.parametrize("full_feature_names", [True, False], ids=lambda v: str(v))
def test_historical_features_with_no_ttl(
    environment, universal_data_sources, full_feature_names
):
    store = environment.feature_store

    (entities, datasets, data_sources) = universal_data_sources
    feature_views = construct_universal_feature_views(data_sources)

    # Remove ttls.
    feature_views.customer.ttl = timedelta(seconds=0)
    feature_views.order.ttl = timedelta(seconds=0)
    feature_views.global_fv.ttl = timedelta(seconds=0)
    feature_views.field_mapping.ttl = timedelta(seconds=0)

    store.apply([driver(), customer(), location(), *feature_views.values()])

    entity_df = datasets.entity_df.drop(
        columns=["order_id", "origin_id", "destination_id"]
    )

    job = store.get_historical_features(
        entity_df=entity_df,
        features=[
            "customer_profile:current_balance",
            "customer_profile:avg_passenger_count",
            "customer_profile:lifetime_trip_count",
            "order:order_is_success",
            "global_stats:num_rides",
            "global_stats:avg_ride_length",
            "field_mapping:feature_name",
        ],
        full_feature_names=full_feature_names,
    )

    event_timestamp = DEFAULT_ENTITY_DF_EVENT_TIMESTAMP_COL
    expected_df = get_expected_training_df(
        datasets.customer_df,
        feature_views.customer,
        datasets.driver_df,
        feature_views.driver,
        datasets.orders_df,
        feature_views.order,
        datasets.location_df,
        feature_views.location,
        datasets.global_df,
        feature_views.global_fv,
        datasets.field_mapping_df,
        feature_views.field_mapping,
        entity_df,
        event_timestamp,
        full_feature_names,
    ).drop(
        columns=[
            get_response_feature_name("conv_rate_plus_100", full_feature_names),
            get_response_feature_name("conv_rate_plus_100_rounded", full_feature_names),
            get_response_feature_name("avg_daily_trips", full_feature_names),
            get_response_feature_name("conv_rate", full_feature_names),
            "origin__temperature",
            "destination__temperature",
        ]
    )

    validate_dataframes(
        expected_df,
        job.to_df(),
        sort_by=[event_timestamp, "driver_id", "customer_id"],
        event_timestamp_column=event_timestamp,
        timestamp_precision=timedelta(milliseconds=1),
    )


@pytest.mark.integration
@pytest.mark.universal_offline_stores
def test_historical_features_containing_backfills(environment):
    store = environment.feature_store

    now = datetime.now().replace(microsecond=0, second=0, minute=0)
    tomorrow = now + timedelta(days=1)
    day_after_tomorrow = now + timedelta(days=2)

    entity_df = pd.DataFrame(
        data=[
            {"driver_id": 1001, "event_timestamp": day_after_tomorrow},
            {"driver_id": 1002, "event_timestamp": day_after_tomorrow},
        ]
    )

    driver_stats_df = pd.DataFrame(
        data=[
            # Duplicated rows simple case
            {
                "driver_id": 1001,
                "avg_daily_trips": 10,
                "event_timestamp": now,
                "created": now,
            },
            {
                "driver_id": 1001,
                "avg_daily_trips": 20,
                "event_timestamp": now,
                "created": tomorrow,
            },
            # Duplicated rows after a backfill
            {
                "driver_id": 1002,
                "avg_daily_trips": 30,
                "event_timestamp": now,
                "created": tomorrow,
            },
            {
                "driver_id": 1002,
                "avg_daily_trips": 40,
                "event_timestamp": tomorrow,
                "created": now,
            },
        ]
    )

    expected_df = pd.DataFrame(
        data=[
            {
                "driver_id": 1001,
                "event_timestamp": day_after_tomorrow,
                "avg_daily_trips": 20,
            },
            {
                "driver_id": 1002,
                "event_timestamp": day_after_tomorrow,
                "avg_daily_trips": 40,
            },
        ]
    )

    driver_stats_data_source = environment.data_source_creator.create_data_source(
        df=driver_stats_df,
        destination_name=f"test_driver_stats_{int(time.time_ns())}_{random.randint(1000, 9999)}",
        timestamp_field="event_timestamp",
        created_timestamp_column="created",
    )

    driver = Entity(name="driver", join_keys=["driver_id"])
    driver_fv = FeatureView(
        name="driver_stats",
        entities=[driver],
        schema=[Field(name="avg_daily_trips", dtype=Int32)],
        source=driver_stats_data_source,
    )

    store.apply([driver, driver_fv])

    offline_job = store.get_historical_features(
        entity_df=entity_df,
        features=["driver_stats:avg_daily_trips"],
        full_feature_names=False,
    )

    start_time = _utc_now()
    actual_df = offline_job.to_df()

    print(f"actual_df shape: {actual_df.shape}")
    end_time = _utc_now()
    print(str(f"Time to execute job_from_df.to_df() = '{(end_time - start_time)}'\n"))

    assert sorted(expected_df.columns) == sorted(actual_df.columns)
    validate_dataframes(
        expected_df,
        actual_df,
        sort_by=["driver_id"],
    )


@pytest.mark.integration
@pytest.mark.universal_offline_stores
@pytest.mark.parametrize("full_feature_names", [True, False], ids=lambda v: str(v))
def test_historical_features_field_mapping(
    environment, universal_data_sources, full_feature_names
):
    store = environment.feature_store

    # (entities, datasets, data_sources) = universal_data_sources
    # feature_views = construct_universal_feature_views(data_sources)

    now = datetime.now().replace(microsecond=0, second=0, minute=0)
    tomorrow = now + timedelta(days=1)
    day_after_tomorrow = now + timedelta(days=2)

    entity_df = pd.DataFrame(
        data=[
            {"driver_id": 1001, "event_timestamp": day_after_tomorrow},
            {"driver_id": 1002, "event_timestamp": day_after_tomorrow},
        ]
    )

    driver_stats_df = pd.DataFrame(
        data=[
            {
                "id": 1001,
                "avg_daily_trips": 20,
                "event_timestamp": now,
                "created": tomorrow,
            },
            {
                "id": 1002,
                "avg_daily_trips": 40,
                "event_timestamp": tomorrow,
                "created": now,
            },
        ]
    )

    expected_df = pd.DataFrame(
        data=[
            {
                "driver_id": 1001,
                "event_timestamp": day_after_tomorrow,
                "avg_daily_trips": 20,
            },
            {
                "driver_id": 1002,
                "event_timestamp": day_after_tomorrow,
                "avg_daily_trips": 40,
            },
        ]
    )

    driver_stats_data_source = environment.data_source_creator.create_data_source(
        df=driver_stats_df,
        destination_name=f"test_driver_stats_{int(time.time_ns())}_{random.randint(1000, 9999)}",
        timestamp_field="event_timestamp",
        created_timestamp_column="created",
        # Map original "id" column to "driver_id" join key
        field_mapping={"id": "driver_id"},
    )

    driver = Entity(name="driver", join_keys=["driver_id"])
    driver_fv = FeatureView(
        name="driver_stats",
        entities=[driver],
        schema=[
            Field(name="driver_id", dtype=String),
            Field(name="avg_daily_trips", dtype=Int32),
        ],
        source=driver_stats_data_source,
    )

    store.apply([driver, driver_fv])

    offline_job = store.get_historical_features(
        entity_df=entity_df,
        features=["driver_stats:avg_daily_trips"],
        full_feature_names=False,
    )

    start_time = _utc_now()
    actual_df = offline_job.to_df()

    print(f"actual_df shape: {actual_df.shape}")
    end_time = _utc_now()
    print(str(f"Time to execute job_from_df.to_df() = '{(end_time - start_time)}'\n"))

    assert sorted(expected_df.columns) == sorted(actual_df.columns)
    validate_dataframes(
        expected_df,
        actual_df,
        sort_by=["driver_id"],
    )


@pytest.mark.integration
@pytest.mark.universal_offline_stores(only=["file"])
def test_historical_features_non_entity_retrieval(environment):
    """Test get_historical_features with entity_df=None using start_date/end_date.

    This exercises the non-entity retrieval path where a synthetic entity_df is
    generated internally. Regression test for the bug where start_date was used
    instead of end_date for min_event_timestamp in the synthetic entity_df.
    """
    store = environment.feature_store

    now = datetime.now().replace(microsecond=0, second=0, minute=0)
    two_days_ago = now - timedelta(days=2)
    one_day_ago = now - timedelta(days=1)

    driver_stats_df = pd.DataFrame(
        data=[
            {
                "driver_id": 1001,
                "avg_daily_trips": 10,
                "event_timestamp": two_days_ago,
                "created": two_days_ago,
            },
            {
                "driver_id": 1001,
                "avg_daily_trips": 20,
                "event_timestamp": one_day_ago,
                "created": one_day_ago,
            },
            {
                "driver_id": 1001,
                "avg_daily_trips": 30,
                "event_timestamp": now,
                "created": now,
            },
            {
                "driver_id": 1002,
                "avg_daily_trips": 100,
                "event_timestamp": two_days_ago,
                "created": two_days_ago,
            },
            {
                "driver_id": 1002,
                "avg_daily_trips": 200,
                "event_timestamp": one_day_ago,
                "created": one_day_ago,
            },
            {
                "driver_id": 1002,
                "avg_daily_trips": 300,
                "event_timestamp": now,
                "created": now,
            },
        ]
    )

    start_date = now - timedelta(days=3)
    end_date = now + timedelta(hours=1)

    driver_stats_data_source = environment.data_source_creator.create_data_source(
        df=driver_stats_df,
        destination_name=f"test_driver_stats_{int(time.time_ns())}_{random.randint(1000, 9999)}",
        timestamp_field="event_timestamp",
        created_timestamp_column="created",
    )

    driver_entity = Entity(name="driver", join_keys=["driver_id"])
    driver_fv = FeatureView(
        name="driver_stats",
        entities=[driver_entity],
        schema=[Field(name="avg_daily_trips", dtype=Int32)],
        source=driver_stats_data_source,
    )

    store.apply([driver_entity, driver_fv])

    offline_job = store.get_historical_features(
        entity_df=None,
        features=["driver_stats:avg_daily_trips"],
        full_feature_names=False,
        start_date=start_date,
        end_date=end_date,
    )

    actual_df = offline_job.to_df()

    assert not actual_df.empty, "Result should not be empty"
    assert "avg_daily_trips" in actual_df.columns

    actual_driver_ids = set(actual_df["driver_id"].tolist())
    assert 1001 in actual_driver_ids, "driver 1001 should be in results"
    assert 1002 in actual_driver_ids, "driver 1002 should be in results"

    # Verify timestamps fall within the requested range.
    # Strip tz info to avoid tz-naive vs tz-aware comparison issues.
    ts_start = pd.Timestamp(start_date).tz_localize(None)
    ts_end = pd.Timestamp(end_date).tz_localize(None)
    for ts in actual_df["event_timestamp"]:
        ts_val = pd.Timestamp(ts).tz_localize(None)
        assert ts_val >= ts_start, f"Timestamp {ts_val} before start_date"
        assert ts_val <= ts_end, f"Timestamp {ts_val} after end_date"

    # The latest features must be present -- this is the critical regression check.
    # With the old bug (using start_date instead of end_date), the synthetic entity_df
    # had wrong max_event_timestamp causing the latest rows to be missed.
    actual_trips = set(actual_df["avg_daily_trips"].tolist())
    assert 30 in actual_trips, "Latest trip value 30 for driver 1001 should be present"
    assert 300 in actual_trips, (
        "Latest trip value 300 for driver 1002 should be present"
    )


@pytest.mark.integration
@pytest.mark.universal_offline_stores
@pytest.mark.parametrize("full_feature_names", [True, False], ids=lambda v: f"full:{v}")
def test_odfv_projection(environment, universal_data_sources, full_feature_names):
    """
    Test that requesting a subset of ODFV features only returns those features.

    Regression test for issue #6099: OnDemandFeatureViews should honor output
    projection in offline retrieval, matching the behavior of online retrieval.

    Before the fix, offline retrieval would return ALL ODFV output features even
    when only a subset was requested, while online retrieval correctly returned
    only the requested features.
    """
    store = environment.feature_store

    (entities, datasets, data_sources) = universal_data_sources

    feature_views = construct_universal_feature_views(data_sources)

    # Add request data needed for ODFV
    entity_df_with_request_data = datasets.entity_df.copy(deep=True)
    entity_df_with_request_data["val_to_add"] = [
        i for i in range(len(entity_df_with_request_data))
    ]

    store.apply([driver(), *feature_views.values()])

    # The conv_rate_plus_100 ODFV has 3 output features:
    # - conv_rate_plus_100
    # - conv_rate_plus_val_to_add
    # - conv_rate_plus_100_rounded

    # Test 1: Request only ONE ODFV feature
    job = store.get_historical_features(
        entity_df=entity_df_with_request_data,
        features=[
            "conv_rate_plus_100:conv_rate_plus_100",  # Request only this one
        ],
        full_feature_names=full_feature_names,
    )

    actual_df = job.to_df()

    # Determine expected column names based on full_feature_names setting
    expected_feature = (
        "conv_rate_plus_100__conv_rate_plus_100"
        if full_feature_names
        else "conv_rate_plus_100"
    )
    unrequested_feature_1 = (
        "conv_rate_plus_100__conv_rate_plus_val_to_add"
        if full_feature_names
        else "conv_rate_plus_val_to_add"
    )
    unrequested_feature_2 = (
        "conv_rate_plus_100__conv_rate_plus_100_rounded"
        if full_feature_names
        else "conv_rate_plus_100_rounded"
    )

    # Verify the requested feature is present
    assert expected_feature in actual_df.columns, (
        f"Requested feature '{expected_feature}' should be in the result"
    )

    # Verify unrequested ODFV features are NOT present (this is the key fix)
    assert unrequested_feature_1 not in actual_df.columns, (
        f"Unrequested ODFV feature '{unrequested_feature_1}' should NOT be in the result. "
        f"This indicates the bug from issue #6099 still exists."
    )
    assert unrequested_feature_2 not in actual_df.columns, (
        f"Unrequested ODFV feature '{unrequested_feature_2}' should NOT be in the result. "
        f"This indicates the bug from issue #6099 still exists."
    )

    # Test 2: Request TWO out of THREE ODFV features
    job2 = store.get_historical_features(
        entity_df=entity_df_with_request_data,
        features=[
            "conv_rate_plus_100:conv_rate_plus_100",
            "conv_rate_plus_100:conv_rate_plus_val_to_add",
            # Deliberately NOT requesting conv_rate_plus_100_rounded
        ],
        full_feature_names=full_feature_names,
    )

    actual_df2 = job2.to_df()

    # Verify the two requested features are present
    assert expected_feature in actual_df2.columns
    assert unrequested_feature_1 in actual_df2.columns

    # Verify the unrequested feature is NOT present
    assert unrequested_feature_2 not in actual_df2.columns, (
        f"Unrequested ODFV feature '{unrequested_feature_2}' should NOT be in the result"
    )


@pytest.mark.integration
@pytest.mark.universal_offline_stores
def test_historical_features_filter_by_created_timestamp(environment):
    store = environment.feature_store

    now = datetime.now().replace(microsecond=0, second=0, minute=0)
    tomorrow = now + timedelta(days=1)
    day_after_tomorrow = now + timedelta(days=2)

    entity_df = pd.DataFrame(
        data=[
            {"driver_id": 1001, "event_timestamp": tomorrow},
            {"driver_id": 1002, "event_timestamp": tomorrow},
        ]
    )

    driver_stats_df = pd.DataFrame(
        data=[
            # Values that were already created at the entity timestamp
            {
                "driver_id": 1001,
                "avg_daily_trips": 10,
                "event_timestamp": now,
                "created": now,
            },
            {
                "driver_id": 1002,
                "avg_daily_trips": 30,
                "event_timestamp": now,
                "created": now,
            },
            # Backfilled values for the same event timestamps, created after the entity timestamp
            {
                "driver_id": 1001,
                "avg_daily_trips": 20,
                "event_timestamp": now,
                "created": day_after_tomorrow,
            },
            {
                "driver_id": 1002,
                "avg_daily_trips": 40,
                "event_timestamp": now,
                "created": day_after_tomorrow,
            },
        ]
    )

    driver_stats_data_source = environment.data_source_creator.create_data_source(
        df=driver_stats_df,
        destination_name=f"test_driver_stats_{int(time.time_ns())}_{random.randint(1000, 9999)}",
        timestamp_field="event_timestamp",
        created_timestamp_column="created",
    )

    driver = Entity(name="driver", join_keys=["driver_id"])
    driver_fv = FeatureView(
        name="driver_stats",
        entities=[driver],
        schema=[Field(name="avg_daily_trips", dtype=Int32)],
        source=driver_stats_data_source,
    )

    store.apply([driver, driver_fv])

    # Default: the backfilled values win the dedup
    actual_df = store.get_historical_features(
        entity_df=entity_df,
        features=["driver_stats:avg_daily_trips"],
        full_feature_names=False,
    ).to_df()
    expected_df = pd.DataFrame(
        data=[
            {"driver_id": 1001, "event_timestamp": tomorrow, "avg_daily_trips": 20},
            {"driver_id": 1002, "event_timestamp": tomorrow, "avg_daily_trips": 40},
        ]
    )
    validate_dataframes(expected_df, actual_df, sort_by=["driver_id"])

    try:
        job = store.get_historical_features(
            entity_df=entity_df,
            features=["driver_stats:avg_daily_trips"],
            full_feature_names=False,
            filter_by_created_timestamp=True,
        )
    except NotImplementedError:
        pytest.skip("The offline store does not support filter_by_created_timestamp")
    actual_df = job.to_df()
    expected_df = pd.DataFrame(
        data=[
            {"driver_id": 1001, "event_timestamp": tomorrow, "avg_daily_trips": 10},
            {"driver_id": 1002, "event_timestamp": tomorrow, "avg_daily_trips": 30},
        ]
    )
    validate_dataframes(expected_df, actual_df, sort_by=["driver_id"])
