"""Lakes for the tests of the command line."""

from __future__ import annotations

import shutil

import pytest
from command_line import new_lake


@pytest.fixture(scope="session")
def loaded(tmp_path_factory):
    """Return a lake with a published table of three people; for tests that leave main alone."""
    folder = tmp_path_factory.mktemp("cli")
    return new_lake(folder)


@pytest.fixture(scope="session")
def pristine(tmp_path_factory):
    """Return the folder of such a lake that nobody opens."""
    folder = tmp_path_factory.mktemp("pristine")
    new_lake(folder)
    return folder


@pytest.fixture
def lake(pristine, tmp_path):
    """Return a lake like `loaded` for a test of its own: a copy, which is made in a sixtieth of the time."""
    shutil.copytree(pristine, tmp_path, dirs_exist_ok=True)
    return tmp_path / "lake"
