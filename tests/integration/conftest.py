"""What tests of several packages share: the small lake of people and their pets."""

from __future__ import annotations

import pytest
from small_lake import SmallLake


@pytest.fixture
def small(tmp_path):
    """Return the files of a lake that is not opened yet."""
    return SmallLake(tmp_path / "lake")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Return the files of a lake that the tests of a module share."""
    return SmallLake(tmp_path_factory.mktemp("shared") / "lake")
