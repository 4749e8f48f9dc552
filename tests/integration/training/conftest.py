"""A lake with a model to train; its models are kept in a folder in place of MLflow."""

from __future__ import annotations

import pytest
from trained import TrainedLake


@pytest.fixture
def folder(tmp_path):
    """Return the files of the lake."""
    return TrainedLake(tmp_path)


@pytest.fixture
def lake(folder):
    """Return the lake."""
    with folder.open_folder() as opened:
        yield opened
