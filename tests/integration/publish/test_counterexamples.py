"""The counterexamples of the models of publishing, on the SQLite catalog."""

from __future__ import annotations

from counterexamples import Anomalies, Publishing, Rebasing


class TestPublishing(Publishing):
    """All of `Publishing`."""


class TestRebasing(Rebasing):
    """All of `Rebasing`."""


class TestAnomalies(Anomalies):
    """All of `Anomalies`."""
