"""A lake whose champion is served."""

from __future__ import annotations

import pytest
from served import ServedLake, ready


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Return the files of a lake whose champion a module asks, and leaves as it is."""
    return ServedLake(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def shared_lake(shared):
    """Return that lake, with features online and a champion."""
    with ready(shared) as lake:
        yield lake


@pytest.fixture
def folder(tmp_path):
    """Return the files of a lake of one test."""
    return ServedLake(tmp_path)


@pytest.fixture
def lake(folder):
    """Return that lake, with features online and a champion."""
    with ready(folder) as opened:
        yield opened
