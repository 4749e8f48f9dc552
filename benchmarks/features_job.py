"""`python -m benchmarks.features_job LAKE WHAT ENTITIES`: one measurement of features in a process of its own."""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from benchmarks.process import peak_mib

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

FEATURES = 20
_ASOF = """
    CREATE TABLE entities AS FROM given;
    CREATE TABLE joined AS
    SELECT e.*, {features}
    FROM entities AS e ASOF LEFT JOIN read_parquet('{file}') AS f ON e.key = f.key AND e.event_timestamp >= f.at
"""


def feast(lake: Path, given: pd.DataFrame) -> float:
    """Return the seconds of a point-in-time join by Feast on the lake."""
    with warnings.catch_warnings(action="ignore"):
        from feast import FeatureStore

        store = FeatureStore(repo_path=str(lake / "feature_store"))
        names = [f"events:f{number}" for number in range(FEATURES)]
        began = time.perf_counter()
        rows = store.get_historical_features(entity_df=given, features=names).to_arrow().num_rows
    assert rows == len(given)  # noqa: S101 - a measurement of something else would be none
    return time.perf_counter() - began


def by_hand(lake: Path, given: pd.DataFrame) -> float:
    """Return the seconds of the same join as one statement of DuckDB over a plain Parquet file."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("given", given)
        columns = ", ".join(f"f.f{number}" for number in range(FEATURES))
        began = time.perf_counter()
        connection.execute(_ASOF.format(features=columns, file=lake / "events.parquet"))
        connection.execute("FROM joined").to_arrow_table()
        return time.perf_counter() - began


WAYS: dict[str, Callable[[Path, pd.DataFrame], float]] = {"feast": feast, "by hand": by_hand}


def main(lake: str, way: str, entities: str) -> None:
    """Print the seconds, and the peak of this process's memory in MiB."""
    sql = Path(__file__).with_name("features_entities.sql").read_text("utf-8")
    given = duckdb.sql(sql.format(file=f"{lake}/events.parquet", entities=int(entities))).df()
    seconds = WAYS[way](Path(lake), given)
    print(json.dumps({"seconds": seconds, "mib": peak_mib()}))


if __name__ == "__main__":
    main(*sys.argv[1:4])
