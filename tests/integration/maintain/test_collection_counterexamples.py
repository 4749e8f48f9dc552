"""The counterexamples of the model of expiry and collection, on the SQLite catalog."""

from __future__ import annotations

import pytest
from counterexamples import Collecting

pytestmark = pytest.mark.slow


@pytest.fixture
def lake(small):
    """Return the small lake, which keeps states of main for three days."""
    text = (small.root / "lagoa.toml").read_text()
    small.file("lagoa.toml", f"{text}\n[retention]\nhistory_days = 3\n")
    with small.open() as opened:
        yield opened


class TestCollecting(Collecting):
    """All of `Collecting`."""
