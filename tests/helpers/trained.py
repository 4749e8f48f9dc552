"""A lake with a model to train: orders with a label that is known ten days after them, and what it depends on."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from lakes import LakeFolder

from lagoa.domain.ports.training import Tracked
from lagoa.errors import TrainingUnavailable
from lagoa.lake import Lake

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lagoa.domain.training import TrainingRun

T0 = datetime(2026, 1, 1)  # noqa: DTZ001 - the table has local times
LATER = timedelta(days=10)

DEFINITION = """
kind: probability
rows: late.sql
key: [id]
moment: placed_at
known: known_at
label: late
columns: [distance, state]
segments: [state]
parameters: {strength: 1.0}
limits:
  auc: {minimum: 0.6}
gate: {margin: 0.02}
trusted: [numpy.dtype]
"""
SELECT = "select id, placed_at, known_at, late, distance, price, state from gold.orders"
FUNCTION = """
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder


def late(features, label, *, strength):
    texts = list(features.select_dtypes("category"))
    prepared = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), texts), remainder=SimpleImputer())
    return make_pipeline(prepared, LogisticRegression(C=strength)).fit(features, label)
"""
QUANTILES = """
kind: quantiles
quantiles: [0.1, 0.5, 0.9]
rows: late.sql
key: [id]
moment: placed_at
known: known_at
label: price
columns: [distance, state]
"""
SCORES = (
    "id:long* moment:timestamptz! probability:double! training_rank:double! model:string! model_version:int! "
    "data_commit:string!"
)
"""Columns of a table with scores of the model `late`."""
BOOSTED = """
import lightgbm


def price(features, label, *, quantile):
    said = {"objective": "quantile", "alpha": quantile, "num_threads": 1, "verbose": -1, "min_data_in_leaf": 5}
    return lightgbm.train(said, lightgbm.Dataset(features, label), num_boost_round=5)
"""


class FolderTracking:
    """Keeps models in a folder, for tests that are not about MLflow; see `lagoa.domain.ports.training.Tracking`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.aliases: dict[tuple[str, str], int] = {}
        self.versions: dict[str, int] = {}
        self.fails = False
        self.fails_to_name = False
        self.preparing_s = 0.0
        self.prepared = Event()

    def prepare(self) -> None:
        """Take the time that is set, as MLflow takes some to make its tables."""
        time.sleep(self.preparing_s)
        self.prepared.set()

    def log(self, run: TrainingRun, model: Path, plots: Path, example: Mapping[str, float | str | None]) -> Tracked:
        """Copy the model."""
        assert list(example) == list(run.rows.features)
        if self.fails:
            raise TrainingUnavailable(str(self._folder), "the disk is full")
        assert any(plots.iterdir())
        version = self.versions[run.model] = self.versions.get(run.model, 0) + 1
        place = self._folder / f"{run.model}-{version}"
        shutil.copytree(model, place / "data/model")  # where MLflow's are: so a process with MLflow finds them, too
        return Tracked(f"run{version:029}", version, str(place))

    def set_alias(self, model: str, alias: str, version: int) -> None:
        """Keep the alias."""
        if self.fails_to_name:
            raise TrainingUnavailable(str(self._folder), "the database is locked")
        self.aliases[model, alias] = version

    def files(self, run: TrainingRun) -> Path:
        """Return the folder of the model, in a copy of the lake that of the copy."""
        return self._folder / Path(run.place).name / "data/model"


class TrainedLake(LakeFolder):
    """The files of the lake."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, author="ana")
        self.tracking = FolderTracking(root / "models")
        self.contract(
            "gold.orders",
            "id:long* placed_at:timestamp! known_at:timestamp late:boolean distance:double price:double state:string",
        )
        self.model_files()

    def model_files(self, definition: str = DEFINITION, function: str = FUNCTION, select: str = SELECT) -> None:
        """Write the files of the model `late`."""
        self.file("ml/late.yaml", definition)
        self.file("ml/late.py", function)
        self.file("ml/late.sql", select)

    def take(self, other: TrainedLake) -> None:
        """Take a copy of another lake, with its models."""
        super().take(other)
        self.tracking.aliases = dict(other.tracking.aliases)
        self.tracking.versions = dict(other.tracking.versions)

    def open_folder(self) -> Lake:
        """Open the lake, with models in a folder in place of MLflow."""
        opened = self.open()
        return Lake(replace(opened.context, open_tracking=lambda: self.tracking))


def begin(folder: TrainedLake, days: int, *branches: str) -> TrainedLake:
    """Publish orders of some days, promote the model that is trained on them, and make branches; return the folder."""
    with folder.open_folder() as lake:
        publish(lake, orders(days))
        lake.train()
        lake.promote_model("late", "the first")
        for branch in branches:
            lake.create_branch(branch)
    return folder


def orders(days: int, seed: int = 1, *, noise: float = 1.0, a_day: int = 8) -> pa.Table:
    """Return some orders a day; the label of those of the last ten days is not known yet."""
    random = np.random.default_rng(seed)
    count = days * a_day
    distance = random.normal(size=count).round(6)
    state = np.where(random.random(count) < 0.5, "SP", "BA")
    late = distance + (state == "BA") + noise * random.normal(size=count) > 1
    at = [
        T0 + timedelta(days=int(day), minutes=int(minute))
        for day, minute in zip(np.arange(count) // a_day, np.arange(count) % a_day, strict=True)
    ]
    price = (10 + distance + random.normal(size=count)).round(4)
    known = [each + LATER for each in at]
    seen = [each < T0 + timedelta(days=days) for each in known]
    return pa.table(
        {
            "id": pa.array(range(count), pa.int64()),
            "placed_at": pa.array(at, pa.timestamp("us")),
            "known_at": pa.array([k if s else None for k, s in zip(known, seen, strict=True)], pa.timestamp("us")),
            "late": pa.array([bool(v) if s else None for v, s in zip(late, seen, strict=True)]),
            "distance": distance,
            "price": pa.array([v if s else None for v, s in zip(price.tolist(), seen, strict=True)]),
            "state": state.tolist(),
        }
    )


def publish(lake: Lake, rows: pa.Table) -> str:
    """Publish a state of the orders; return the commit."""
    with lake.run("load") as branch:
        branch.replace("gold.orders", rows)
        return branch.publish().commit
