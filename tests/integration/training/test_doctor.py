"""What `lagoa doctor` says of trained models: tags that a killed training left, champions without their files."""

from __future__ import annotations

from pathlib import Path

import pytest
from trained import TrainedLake, begin

from lagoa.errors import TrainingUnavailable
from lagoa.review.doctor import examine


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """Return the files of a lake with a champion."""
    return begin(TrainedLake(tmp_path_factory.mktemp("begun")), 100)


@pytest.fixture
def lake(begun, folder):
    """Return that lake."""
    folder.take(begun)
    with folder.open_folder() as opened:
        yield opened


def test_models_that_are_whole_are_healthy(lake):
    lake.train()
    assert examine(lake.context) == []


def test_a_tag_without_a_run_is_told(lake):
    lake.create_tag("ml/late/20260101T000000-abcdef")
    lake.create_tag("closing")
    (found,) = examine(lake.context)
    assert found.part == "models"
    assert found.message == "The tag ml/late/20260101T000000-abcdef is of a training that left no run."
    assert "`lagoa tag delete ml/late/20260101T000000-abcdef`" in found.advice


def test_a_champion_without_its_files_is_told_and_another_run_is_not(lake, folder, monkeypatch):
    lake.train()
    gone = lake.trained_run("late@champion")

    def files(run):
        if run.id == gone.id:
            raise TrainingUnavailable(run.place, "the files of late 1 are not there")
        return Path(run.place)

    monkeypatch.setattr(folder.tracking, "files", files)
    (found,) = examine(lake.context)
    assert found.part == "models"
    assert found.message.startswith("The champion late 1: ")
    assert "are not there" in found.message
    assert "lagoa ml rollback late" in found.advice


def test_records_that_cannot_be_read_are_told(lake):
    (lake.settings.state_folder / "training.db").write_bytes(b"x" * 9000)
    assert [each.part for each in examine(lake.context)] == ["models"]
