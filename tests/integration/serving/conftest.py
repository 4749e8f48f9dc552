"""A lake whose champion is served."""

from __future__ import annotations

import pytest
from served import ServedLake, champion, online, publish_served, ready


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Return the files of a lake whose champion a module asks, and leaves as it is."""
    return ServedLake(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def shared_lake(shared):
    """Return that lake, with features online and a champion."""
    with ready(shared) as lake:
        yield lake


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """Return the files of a lake with features online, and no model yet."""
    files = ServedLake(tmp_path_factory.mktemp("begun"))
    with files.open_folder() as lake:
        publish_served(lake)
        online(lake)
    return files


@pytest.fixture
def folder(tmp_path):
    """Return the files of a lake of one test."""
    return ServedLake(tmp_path)


@pytest.fixture
def untrained(begun, folder):
    """Return that lake, with features online, and no model yet."""
    folder.take(begun)
    with folder.open_folder() as lake:
        yield lake


@pytest.fixture(scope="module")
def trained(begun, tmp_path_factory):
    """Return the files of that lake, with a champion."""
    files = ServedLake(tmp_path_factory.mktemp("trained"))
    files.take(begun)
    with files.open_folder() as lake:
        champion(lake)
    return files


@pytest.fixture
def lake(trained, folder):
    """Return that lake, with a champion."""
    folder.take(trained)
    with folder.open_folder() as opened:
        yield opened
