"""The counterexamples of the models of publishing, on the SQLite catalog."""

from __future__ import annotations

import pytest
from counterexamples import Anomalies, Publishing, Rebasing

pytestmark = pytest.mark.slow


class TestPublishing(Publishing):
    """All of `Publishing`."""


class TestRebasing(Rebasing):
    """All of `Rebasing`."""


class TestAnomalies(Anomalies):
    """All of `Anomalies`."""
