"""The counterexamples of the models of publishing, on the SQLite catalog."""

from __future__ import annotations

from counterexamples import Anomalies, Publishing


class TestPublishing(Publishing):
    """All of `Publishing`."""


class TestAnomalies(Anomalies):
    """All of `Anomalies`."""
