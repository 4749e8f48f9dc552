"""Features: the point-in-time join, putting them online, reading one entity."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

import lagoa
from benchmarks.commands import command, environment
from benchmarks.commands import lagoa as run_lagoa
from benchmarks.features_job import FEATURES
from benchmarks.figures import Figure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lagoa.lake import Lake

ROOT = Path(__file__).parents[1]
PAIRS, READS = 3, 2_000
PEERS = {"duckdb": ("Feast's DuckDB store over Parquet", 0.7), "iceberg": ("Feast's IcebergSource", 0.3)}
"""Feast's own ways, with limits; over a deep history they run out of memory."""
PEER_PACKAGES = ("feast[duckdb,iceberg]", "duckdb", "pyiceberg[sql-sqlite]", "sqlalchemy")
"""Of the environment in which these run, each as the lock has it."""
JOINS = (("1M entity rows, 10M feature rows of 500,000 keys", 10_000_000, 500_000, 1_000_000, 0.7, True),
         ("1M entity rows, 10M feature rows of 10,000 keys", 10_000_000, 10_000, 1_000_000, 1.0, False))  # fmt: skip
ONLINE = 100_000
_VIEWS = """
from feast import Entity, FeatureService, ValueType

from lagoa.feast import declared_features

key = Entity(name="key", join_keys=["key"], value_type=ValueType.INT64)
events = declared_features(__file__).view("gold.events", [key])
service = FeatureService(name="all", features=[events])
"""


def run() -> list[Figure]:
    """Measure all of it; takes about ten minutes, 12 GB of disk and 8 GB of memory, for Feast's IcebergSource."""
    figures = []
    for name, rows, keys, entities, limit, beside_feast in JOINS:
        with tempfile.TemporaryDirectory(prefix="lagoa-bench-") as folder:
            lake = feature_lake(Path(folder), rows, keys)
            figures += _join(lake, name, entities, limit, PEERS if beside_feast else {})
    with tempfile.TemporaryDirectory(prefix="lagoa-bench-") as folder:
        return [*figures, *online_figures(feature_lake(Path(folder), ONLINE, ONLINE))]


def feature_lake(folder: Path, rows: int, keys: int) -> Path:
    """Make a lake with published features of `keys` entities, and the same rows as a plain Parquet file."""
    run_lagoa(folder, "init", "lake")
    lake = folder / "lake"
    columns = {"key": "long", "at": "timestamptz", **{f"f{number}": "double" for number in range(FEATURES)}}
    properties = [{"name": name, "physicalType": kind, **_KEY.get(name, {})} for name, kind in columns.items()]
    schema = {"name": "events", "physicalName": "gold.events", "properties": properties}
    schema["customProperties"] = [{"property": "lagoa.features", "value": {"event": "at", "domain": "bench"}}]
    head = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "gold.events", "name": "gold.events"}
    document = {**head, "version": "1.0.0", "status": "active", "schema": [schema], "team": {"name": "bench"}}
    (lake / "iceberg/gold").mkdir(parents=True, exist_ok=True)
    (lake / "iceberg/gold/events.odcs.yaml").write_text(json.dumps(document), "utf-8")
    (lake / "feature_store").mkdir()
    settings = (ROOT / "feature_store/feature_store.yaml").read_text("utf-8")
    (lake / "feature_store/feature_store.yaml").write_text(settings, "utf-8")
    (lake / "feature_store/bench_views.py").write_text(_VIEWS, "utf-8")
    values = ", ".join(f"(hash(i + {number}) % 1000000) / 1000 AS f{number}" for number in range(FEATURES))
    sql = f"""
        SELECT i % {keys} AS key, TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds((i // {keys}) * 3600) AS at,
               {values}
        FROM range({rows}) AS t(i)
    """
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"COPY ({sql}) TO '{lake}/events.parquet' (FORMAT parquet, COMPRESSION zstd)")
        with lagoa.open_lake(lake) as opened, opened.run("load") as branch:
            branch.append("gold.events", connection.execute(f"FROM '{lake}/events.parquet'").to_arrow_reader(100_000))
            branch.publish()
    run_lagoa(lake, "feature", "apply")
    return lake


_KEY = {
    "key": {"primaryKey": True, "primaryKeyPosition": 1, "required": True},
    "at": {"primaryKey": True, "primaryKeyPosition": 2, "required": True},
}


def _join(lake: Path, name: str, entities: int, limit: float, peers: Mapping[str, tuple[str, float]]) -> list[Figure]:
    limits = {"by hand": ("ASOF JOIN by hand over Parquet", limit), **peers}
    lock = str(ROOT / "requirements.lock")
    python = environment(lake.parent / "peer", "-c", lock, *PEER_PACKAGES) if peers else ""
    taken: dict[str, list[dict[str, float]]] = {way: [] for way in ("feast", *limits)}
    for _ in range(PAIRS):
        for way, found in taken.items():
            job = [python, "benchmarks/features_peers.py"]
            if way not in peers:
                job = [sys.executable, "-m", "benchmarks.features_job"]
            line = [*job, str(lake), way, str(entities)]
            done = subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
            found.append(json.loads(done.stdout.splitlines()[-1]))

    def median(way: str, what: str) -> float:
        return statistics.median(each[what] for each in taken[way])

    figures = []
    for way, (peer, most) in limits.items():
        pairs = zip(taken["feast"], taken[way], strict=True)
        ratio = statistics.median(ours["seconds"] / theirs["seconds"] for ours, theirs in pairs)
        beside = f"{peer}: {median(way, 'seconds'):.1f} s, {median(way, 'mib'):,.0f} MiB"
        ours = f"{median('feast', 'seconds'):.1f} s"
        figures.append(Figure(f"point-in-time join of {FEATURES} features, {name}", ratio, "x", most, beside, ours))
    return [*figures, Figure(f"its memory, {name}", median("feast", "mib"), "MiB", 1_300)]


def online_figures(lake: Path) -> list[Figure]:
    """Measure putting the features of a lake online, and reading one entity."""
    with lagoa.open_lake(lake) as opened:
        done = opened.materialize_features()
        times = sorted(_timed(opened, key) for key in range(READS))
    began = time.perf_counter()
    subprocess.run(command("feature", "get", "all", "key=5"), cwd=lake, check=True, stdout=subprocess.DEVNULL)
    shell = time.perf_counter() - began
    feast = _by_feast(lake)
    return [
        Figure(f"put {ONLINE:,} entities of {FEATURES} features online", done.seconds, "s", 4),
        Figure("read one entity online, median", times[len(times) // 2], "ms", 1, note="`Lake.online_features`"),
        Figure("read one entity online, 99 %", times[len(times) * 99 // 100], "ms", 10),
        Figure("the same by Feast's `get_online_features`, median", feast[len(feast) // 2], "ms"),
        Figure("`lagoa feature get` from the shell", shell, "s", 1.5),
    ]  # fmt: skip


def _timed(lake: Lake, key: int) -> float:
    began = time.perf_counter()
    lake.online_features(["all"], [{"key": str(key)}])
    return (time.perf_counter() - began) * 1000


def _by_feast(lake: Path) -> list[float]:
    with warnings.catch_warnings(action="ignore"):
        from feast import FeatureStore

        store: Any = FeatureStore(repo_path=str(lake / "feature_store"))
        service = store.get_feature_service("all")
        times = []
        for key in range(READS // 4):
            began = time.perf_counter()
            store.get_online_features(features=service, entity_rows=[{"key": key}])
            times.append((time.perf_counter() - began) * 1000)
    return sorted(times)
