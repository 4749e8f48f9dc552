"""A lake that Lagoa 0.1 made opens, and work in it goes on."""

from __future__ import annotations

import pytest
from older_lakes import Kept, OlderLake, older_lake

pytestmark = pytest.mark.timeout(300)  # they wait for each other


@pytest.fixture
def kept(tmp_path):
    """Return the embedded lake, as it was left."""
    with older_lake(tmp_path) as folder:
        yield Kept("embedded-0.1", folder)


class TestEmbedded(OlderLake):
    """All of `OlderLake`, on a SQLite catalog and files of this machine."""
