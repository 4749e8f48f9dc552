"""What the server of models counts, as Prometheus reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.domain.optional import extra
from lagoa.training.fitted import NEEDS

with extra("ml", NEEDS):
    from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
    from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from lagoa.serving.champions import Champions
    from lagoa.serving.scorer import ScoredRows

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """Counters of one server.

    Args:
        champions: whose state is shown.
    """

    def __init__(self, champions: Champions) -> None:
        self._registry = CollectorRegistry()
        at = self._registry
        self._requests = Counter("lagoa_requests", "Answered requests for scores.", ("model", "status"), registry=at)
        self._seconds = Histogram(
            "lagoa_request_seconds", "From a request's body to its answer.", ("model",), buckets=_SECONDS, registry=at
        )
        self._rows = Counter("lagoa_scored_rows", "Rows that were scored.", ("model", "version"), registry=at)
        said = "Share of the scores in a model's test that are lower: spread evenly, as long as rows are like those."
        ranks = tuple(number / 10 for number in range(1, 11))
        self._ranks = Histogram("lagoa_training_rank", said, ("model",), buckets=ranks, registry=at)
        said = "Values that were missing, and something stood in for."
        self._fallbacks = Counter("lagoa_fallbacks", said, ("model", "feature", "cause"), registry=at)
        at.register(_Standing(champions))

    def answered(self, model: str, status: int, seconds: float, scored: ScoredRows | None) -> None:
        """Count a request.

        Args:
            model: name of a model that is served; empty for others.
            status: of the answer.
            seconds: that it took.
            scored: the answer, if there is one.
        """
        self._requests.labels(model, status).inc()
        self._seconds.labels(model).observe(seconds)
        if scored is not None:
            self._rows.labels(model, scored.version).inc(len(scored.rows))
            for row in scored.rows:
                if row.training_rank is not None:
                    self._ranks.labels(model).observe(row.training_rank)
                for each in row.fallbacks:
                    self._fallbacks.labels(model, each.feature, each.cause).inc()

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)


class _Standing(Collector):
    """What of the champions is true at the moment that it is asked for."""

    def __init__(self, champions: Champions) -> None:
        self._champions = champions

    def collect(self) -> Iterator[Metric]:
        loads = CounterMetricFamily(
            "lagoa_champion_loads",
            "Champions that were loaded, and those that could not be.",
            labels=("model", "result"),
        )
        for (model, result), count in sorted(self._champions.loads.items()):
            loads.add_metric((model, result), count)
        version = GaugeMetricFamily("lagoa_model_version", "The version that answers; 0 for none.", labels=("model",))
        champion = GaugeMetricFamily("lagoa_champion_version", "The champion; 0 if there is none.", labels=("model",))
        missing = GaugeMetricFamily(
            "lagoa_missing_views", "Views of online features that cannot be read.", labels=("model",)
        )
        for each in self._champions.all():
            version.add_metric((each.model,), each.scorer.run.version if each.scorer else 0)
            champion.add_metric((each.model,), each.champion)
            missing.add_metric((each.model,), len(each.scorer.online.missing()) if each.scorer else 0)
        up = 0 if self._champions.unreadable else 1
        watch = GaugeMetricFamily("lagoa_watch_up", "1 if promotions and online features can be looked up.", value=up)
        yield from (loads, version, champion, missing, watch)
