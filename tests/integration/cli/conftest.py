"""Lakes for the tests of the command line."""

from __future__ import annotations

import pytest
from command_line import new_lake


@pytest.fixture(scope="session")
def loaded(tmp_path_factory):
    """Return a lake with a published table of three people; for tests that leave main alone."""
    folder = tmp_path_factory.mktemp("cli")
    return new_lake(folder)


@pytest.fixture
def lake(tmp_path):
    """Return a lake like `loaded` for a test of its own."""
    return new_lake(tmp_path)
