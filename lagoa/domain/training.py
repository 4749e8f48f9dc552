"""Trained models: what a run learned from, how good it was found to be, and which version is the champion."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - pydantic reads it
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Sequence

CHAMPION, CANDIDATE = "champion", "candidate"
"""Aliases: the version that was promoted last; the newest one of a published commit that was trained after it."""

EXPERIMENT = "lagoa"
"""What MLflow calls the runs of a lake together."""

TAGS = "ml/"
"""Tags `ml/<model>/<run>` keep the commits that runs learned from."""

HIGHER_IS_BETTER = frozenset({"auc", "average_precision", "coverage", "kept"})
"""The metrics of which more is better; of all others less is."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of the rows that were kept for testing.

    Attributes:
        value: the figure.
        low: lower end of its interval of 95 %, from resampled days.
        high: upper end.
        baseline: the same figure of the baseline; None if it has none.
    """

    value: float
    low: float
    high: float
    baseline: float | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """How the model does on the rows of one value of a column.

    Attributes:
        column: the column.
        value: the value.
        rows: number of rows for testing.
        observed: mean of the label.
        predicted: mean of what was predicted (of the median, where there are quantiles).
    """

    column: str
    value: str
    rows: int
    observed: float
    predicted: float


@dataclass(frozen=True, slots=True)
class LimitResult:
    """A limit that a model's definition sets, and whether the run keeps it.

    Attributes:
        name: of the metric, or `gap of <column>`.
        limit: as it is written, such as `at least 0.6`.
        value: what was found.
        kept: whether it is within the limit.
    """

    name: str
    limit: str
    value: float
    kept: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """Parameters that a search tried.

    Attributes:
        parameters: of the function.
        value: the metric that versions are compared by, on later rows of those for learning.
    """

    parameters: dict[str, Any]
    value: float


@dataclass(frozen=True, slots=True)
class SetRecord:
    """The training set of a run.

    Attributes:
        digest: SHA-256 of its rows; see `lagoa.training.digest`.
        rows: number of rows with a known label.
        trained: rows that the model learned from.
        tested: rows that it was tested with.
        cut: the moment before which a row and its label had to be known to be learned from (UTC).
        until: the latest moment of a row (UTC).
        tables: the pointer of each table that it was read from.
        views: the definitions of the feature views that it was joined with, as a document.
        features: names of the features, in their order.
        texts: those of them that are texts.
    """

    digest: str
    rows: int
    trained: int
    tested: int
    cut: datetime
    until: datetime
    tables: dict[str, str]
    views: str
    features: tuple[str, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """How the values of a feature are spread over groups.

    Attributes:
        edges: of a number, the values at which the next group begins, rising.
        texts: of a text, the most frequent values; each is a group.
        counts: rows of each group; of a text the last but one has all other values; the last has those without a value.
    """

    edges: tuple[float, ...]
    texts: tuple[str, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time that the way of a model was tested with: fitted by what was known before it.

    Attributes:
        cut: its first moment (UTC).
        rows: its rows.
        metrics: by name.
        baseline: the same figures of the baseline, where it has them.
        elasticities: of this fit; see `TrainingRun`.
    """

    cut: datetime
    rows: int
    metrics: dict[str, float]
    baseline: dict[str, float]
    elasticities: dict[str, float]


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One training of a model, with all that is needed to repeat it.

    Attributes:
        id: its id.
        model: name of the model.
        at: when it began (UTC).
        author: who trained.
        ref: the ref that was named.
        branch: the branch that this is of; empty for main and tags.
        commit: the commit that it stood for.
        tag: the tag of the lake that keeps this commit.
        files: the text of each file of the model, by its name.
        parameters: what the function was called with.
        rows: the training set.
        metrics: by name.
        segments: of each column that the definition names.
        limits: what the definition demands.
        importances: by feature, by how much the gate's metric gets worse when its values are shuffled.
        drift: by feature, the population stability index between the rows for learning and those for testing.
        predictions: SHA-256 of the predictions on the rows for testing.
        packages: versions of what was used, by name.
        hardware: what the machine is.
        notes: what the one who trains should know.
        seconds: how long it took, without the time to log it.
        scores: what it predicted in its test (the median, where there are quantiles), at each hundredth from the least
            to the greatest.
        trials: what a search tried, the best first; empty without a search.
        receipt: of the publication that made the commit; empty if main was never there.
        spreads: how each feature was spread over the rows that it learned from.
        elasticities: by feature, by how many percent predictions rise with 1 % more of it, on average over the test.
        backtest: earlier spans of time that the model was fitted and tested for, if its definition says so.
        version: of the model in MLflow's registry; 0 before it is registered.
        tracking: id of MLflow's run.
        place: where MLflow keeps the model's files.
        saved: SHA-256 of these files; empty in records of earlier versions.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(ser_json_inf_nan="constants")  # a figure may be NaN

    id: str
    model: str
    at: datetime
    author: str
    ref: str
    branch: str
    commit: str
    tag: str
    files: dict[str, str]
    parameters: dict[str, Any]
    rows: SetRecord
    metrics: dict[str, Metric]
    segments: tuple[Segment, ...]
    limits: tuple[LimitResult, ...]
    importances: dict[str, float]
    drift: dict[str, float]
    predictions: str
    packages: dict[str, str]
    hardware: dict[str, str]
    notes: tuple[str, ...]
    seconds: float
    scores: tuple[float, ...] = ()
    trials: tuple[Trial, ...] = ()
    receipt: str = ""
    spreads: dict[str, Spread] = field(default_factory=dict)
    elasticities: dict[str, float] = field(default_factory=dict)
    backtest: tuple[Window, ...] = ()
    version: int = 0
    tracking: str = ""
    place: str = ""
    saved: str = ""

    @property
    def code(self) -> str:
        """SHA-256 of the model's files."""
        return files_digest(self.files)

    def to_json(self) -> str:
        """Return a document that `from_json` reads."""
        return _RUN.dump_json(self).decode()

    @staticmethod
    def from_json(text: str) -> TrainingRun:
        """Read what `to_json` wrote."""
        return _RUN.validate_json(text)


@dataclass(frozen=True, slots=True)
class Promotion:
    """A version became the champion.

    Attributes:
        number: counts the promotions of the model from 1.
        model: its name.
        run: id of the run.
        version: of the model.
        kind: a promotion through the gate, or a return to an earlier champion.
        by: who did it.
        why: the reason that was given.
        at: when (UTC).
        gate: what the gate found, a line each.
    """

    number: int
    model: str
    run: str
    version: int
    kind: Literal["promote", "rollback"]
    by: str
    why: str
    at: datetime
    gate: tuple[str, ...] = field(default=())

    def to_json(self) -> str:
        """Return a document that `from_json` reads."""
        return _PROMOTION.dump_json(self).decode()

    @staticmethod
    def from_json(text: str) -> Promotion:
        """Read what `to_json` wrote."""
        return _PROMOTION.validate_json(text)


def champion_of(runs: Sequence[TrainingRun], promotions: Sequence[Promotion]) -> TrainingRun | None:
    """Return the run of a model that was promoted last; None before the first promotion.

    Args:
        runs: of the model.
        promotions: of the model, newest first.
    """
    return next((each for each in runs if promotions and each.id == promotions[0].run), None)


def files_digest(files: dict[str, str]) -> str:
    """Return the SHA-256 of some files' names and texts."""
    digest = hashlib.sha256()
    for name, text in sorted(files.items()):
        for part in (name, text):
            encoded = part.encode()
            digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()


_RUN = TypeAdapter(TrainingRun)
_PROMOTION = TypeAdapter(Promotion)
