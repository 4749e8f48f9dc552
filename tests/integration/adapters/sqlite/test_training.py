"""The file of the records of trained models."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from trained import TrainedLake, orders, publish

from lagoa.adapters.sqlite.training import SqliteTrainingRuns
from lagoa.domain.training import TrainingRun
from lagoa.errors import LakeTooNew, TrainingUnavailable


@pytest.fixture
def run(tmp_path):
    """Return a run as training makes it."""
    folder = TrainedLake(tmp_path / "lake")
    with folder.open_folder() as lake:
        publish(lake, orders(60))
        return lake.train()[0]


def test_a_run_of_a_training_comes_back_as_it_was(tmp_path, run):
    store = SqliteTrainingRuns(tmp_path / "training.db")
    store.add(run)
    assert store.runs() == store.runs("late") == [run]
    assert TrainingRun.from_json(run.to_json()) == run


def test_a_newer_or_broken_file_is_said(tmp_path, run):
    path = tmp_path / "training.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("pragma user_version = 99")
    with pytest.raises(LakeTooNew):
        SqliteTrainingRuns(path).runs()
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(TrainingUnavailable, match=r"training.db cannot be used"):
        SqliteTrainingRuns(path).add(run)
