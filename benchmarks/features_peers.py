"""`features_peers.py LAKE WAY ENTITIES`: a join by one of Feast's own stores, in an environment without Lagoa.

They need one of their own: beside a compiled SQLGlot, Feast's DuckDB store fails.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float64

if TYPE_CHECKING:
    from collections.abc import Callable

    from feast.data_source import DataSource

FEATURES = 20


def duckdb_source(lake: Path, folder: Path) -> DataSource:
    """Return the features as a Parquet file."""
    del folder
    return FileSource(path=str(lake / "events.parquet"), timestamp_field="at")


def iceberg_source(lake: Path, folder: Path) -> DataSource:
    """Return the features as an Iceberg table of the same file."""
    import pyarrow.parquet as pq
    from feast.infra.data_sources.contrib.iceberg_catalog.iceberg_source import IcebergSource
    from pyiceberg.catalog import load_catalog

    where = {"uri": f"sqlite:///{folder}/catalog.db", "warehouse": str(folder)}
    catalog = load_catalog("feast_iceberg", type="sql", **where)
    catalog.create_namespace("gold")
    file = str(lake / "events.parquet")
    catalog.create_table("gold.events", pq.read_schema(file)).add_files([file])
    return IcebergSource(
        warehouse=str(folder),
        namespace="gold",
        table="events",
        catalog_type="sql",
        catalog_properties=where,
        timestamp_field="at",
    )


WAYS: dict[str, Callable[[Path, Path], DataSource]] = {"duckdb": duckdb_source, "iceberg": iceberg_source}


def main(lake: str, way: str, entities: str) -> None:
    """Print the seconds, and the peak of this process's memory in MiB."""
    sql = (Path(__file__).with_name("features_entities.sql")).read_text("utf-8")
    given = duckdb.sql(sql.format(file=f"{lake}/events.parquet", entities=int(entities))).df()
    with tempfile.TemporaryDirectory(prefix="lagoa-bench-") as name:
        folder = Path(name)
        settings: dict[str, Any] = {"project": "peer", "provider": "local", "registry": f"{folder}/registry.db"}
        settings |= {
            "offline_store": {"type": "duckdb"},
            "online_store": {"type": "sqlite", "path": f"{folder}/online.db"},
        }
        store = FeatureStore(config=RepoConfig(**settings, entity_key_serialization_version=3))
        key = Entity(name="key", join_keys=["key"], value_type=ValueType.INT64)
        schema = [Field(name=f"f{number}", dtype=Float64) for number in range(FEATURES)]
        source = WAYS[way](Path(lake), folder)
        view = FeatureView(name="events", entities=[key], ttl=timedelta(0), schema=schema, source=source)
        store.apply([key, view])
        names = [f"events:{each.name}" for each in schema]
        began = time.perf_counter()
        rows = store.get_historical_features(entity_df=given, features=names).to_arrow().num_rows
        seconds = time.perf_counter() - began
    assert rows == len(given)  # noqa: S101 - a measurement of something else would be none
    status = Path("/proc/self/status").read_text("utf-8")  # getrusage has the peak of who started this process
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    print(json.dumps({"seconds": seconds, "mib": int(peak) / 1024}))


if __name__ == "__main__":
    main(*sys.argv[1:4])
