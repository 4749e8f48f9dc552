"""Trained models: repeating a run, and a large training set."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import duckdb

import lagoa
from benchmarks.commands import command
from benchmarks.commands import lagoa as run_lagoa
from benchmarks.demo import LAKE
from benchmarks.figures import Figure
from flows.sources.olist import generate

ROOT = Path(__file__).parents[1]
TIMES, ROWS, FEATURES = 20, 1_000_000, 20
_DEFINITION = f"""
kind: probability
rows: orders.sql
key: [id]
moment: at
known: known
label: late
columns: [{", ".join(f"f{number}" for number in range(FEATURES))}]
"""
_FUNCTION = """
import lightgbm


def orders(features, label):
    said = {"objective": "binary", "num_threads": 2, "verbose": -1}
    return lightgbm.train(said, lightgbm.Dataset(features, label), num_boost_round=10)
"""


def run() -> list[Figure]:
    """Measure both; takes about ten minutes."""
    with tempfile.TemporaryDirectory(prefix="lagoa-bench-") as folder:
        again = _repeated(Path(folder))
    with tempfile.TemporaryDirectory(prefix="lagoa-bench-") as folder:
        return [*again, *_large(Path(folder))]


def _repeated(folder: Path) -> list[Figure]:
    """Repeat a run of each model of the reference lake, each time in a fresh process, while main moves on."""
    for name in LAKE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    generate(folder / "data", scale=0.2)
    with lagoa.open_lake(folder) as lake, lake.run("load") as branch:
        branch.ingest_folder(folder / "data")
        branch.transform()
        branch.publish()
    run_lagoa(folder, "feature", "apply")
    models = [each["model"] for each in json.loads(_said(folder, "ml", "train", "--json"))]
    others: dict[str, int] = {"same_rows": 0, "same_predictions": 0}
    seconds = []
    for number in range(TIMES):
        with lagoa.open_lake(folder) as lake, lake.run("move") as branch:
            branch.delete("bronze.order_reviews", f"review_id LIKE '{number:02x}%'")
            branch.transform()
            branch.publish()
        for model in models:
            began = time.perf_counter()
            found = json.loads(_said(folder, "ml", "reproduce", model, "--json"))
            seconds.append(time.perf_counter() - began)
            for name in others:
                others[name] += not found[name]
    of = f"of {TIMES} for each of {len(models)} models, each in a fresh process, main having moved on as often"
    return [
        Figure("repetitions with other rows", others["same_rows"], "", 0, note=of),
        Figure("repetitions with other predictions", others["same_predictions"], "", 0, note=of),
        Figure("one repetition, from the shell", sorted(seconds)[len(seconds) // 2], "s", note="a fifth of the orders"),
    ]


def _said(folder: Path, *arguments: str) -> str:
    return subprocess.run(command(*arguments), cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


def _large(folder: Path) -> list[Figure]:
    """Train on many rows, and take the time of building them apart."""
    lake = _large_lake(folder)
    with lagoa.open_lake(lake) as opened:
        began = time.perf_counter()
        (trained,) = opened.train()
        whole = time.perf_counter() - began
        began = time.perf_counter()
        opened.training_rows(trained.id)  # raises if their hash is another one
        built = time.perf_counter() - began
    size = f"{ROWS:,} rows of {FEATURES} features"
    return [
        Figure(f"a training set of {size}: read, sorted, checked, hashed", built, "s", 15),
        Figure("training on it", whole, "s", 60, note="LightGBM with ten trees; tested, drawn, registered in MLflow"),
    ]


def _large_lake(folder: Path) -> Path:
    run_lagoa(folder, "init", "lake")
    lake = folder / "lake"
    columns = {"id": "long", "at": "timestamptz", "known": "timestamptz", "late": "boolean"}
    columns |= {f"f{number}": "double" for number in range(FEATURES)}
    properties = [{"name": name, "physicalType": kind} for name, kind in columns.items()]
    key = {**properties[0], "primaryKey": True, "primaryKeyPosition": 1, "required": True}
    schema = {"name": "orders", "physicalName": "gold.orders", "properties": [key, *properties[1:]]}
    head = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "gold.orders", "name": "gold.orders"}
    document = {**head, "version": "1.0.0", "status": "active", "schema": [schema], "team": {"name": "bench"}}
    for path, text in (
        ("iceberg/gold/orders.odcs.yaml", json.dumps(document)),
        ("ml/orders.yaml", _DEFINITION),
        ("ml/orders.sql", "select * from gold.orders"),
        ("ml/orders.py", _FUNCTION),
    ):
        (lake / path).parent.mkdir(parents=True, exist_ok=True)
        (lake / path).write_text(text, "utf-8")
    values = ", ".join(f"(hash(i + {number}) % 1000000) / 1000 AS f{number}" for number in range(FEATURES))
    sql = f"""
        SELECT i AS id, TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds(i * 30) AS at,
               TIMESTAMPTZ '2026-01-02 00:00:00+00' + to_seconds(i * 30) AS known, hash(i) % 10 = 0 AS late, {values}
        FROM range({ROWS}) AS t(i)
    """
    with duckdb.connect() as connection, lagoa.open_lake(lake) as opened, opened.run("load") as branch:
        connection.execute("SET TimeZone = 'UTC'")
        branch.append("gold.orders", connection.execute(sql).to_arrow_reader(100_000))
        branch.publish()
    return lake
