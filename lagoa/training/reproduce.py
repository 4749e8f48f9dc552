"""Training a run again from its commit and its record, and saying what is different."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.domain.optional import extra
from lagoa.errors import FileError, TrainingError
from lagoa.training.definition import read_model, unpacked
from lagoa.training.digest import digest_of
from lagoa.training.environment import hardware, packages
from lagoa.training.fitted import NEEDS
from lagoa.training.origin import tables_of
from lagoa.training.training_set import Selections, Views, training_set

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from lagoa.context import LakeContext
    from lagoa.domain.training import TrainingRun
    from lagoa.training.evaluation import Split


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A run, and what came of training it again.

    Attributes:
        run: the run.
        digest: hash of the rows as they were built again.
        predictions: hash of the predictions of the model that was trained again.
        metrics: its metrics.
        differences: what is different now, each as (data, code, packages or hardware; what).
        seconds: how long it took.
    """

    run: TrainingRun
    digest: str
    predictions: str
    metrics: Mapping[str, float]
    differences: tuple[tuple[str, str], ...]
    seconds: float

    @property
    def same_rows(self) -> bool:
        """Whether the training set is the same, byte for byte."""
        return self.digest == self.run.rows.digest

    @property
    def same_predictions(self) -> bool:
        """Whether the predictions are the same, bit for bit."""
        return self.predictions == self.run.predictions

    @property
    def largest(self) -> float:
        """The largest difference of a metric; 0 if all are the same."""
        pairs = ((self.run.metrics[name].value, value) for name, value in self.metrics.items())
        return max((abs(a - b) for a, b in pairs if a == a and b == b), default=0.0)  # noqa: PLR0124 - NaN differs


def reproduce(context: LakeContext, run: TrainingRun) -> Reproduction:
    """Build the rows of a run again from the commit that its tag keeps, train its code again, and compare.

    Nothing of MLflow is read: the record of the run has its code and the definitions of its feature views.

    Raises:
        TrainingSetGone: the commit was deleted.
        TrainingError: the code fails with what is installed now.
    """
    import time

    from lagoa.training.train import learn

    with extra("ml", NEEDS):
        import lightgbm  # noqa: F401
        import sklearn  # noqa: F401
    began = time.perf_counter()
    tables = tables_of(context, run)
    with unpacked(run.model, run.files) as model:
        rows = training_set(model, Selections(context, tables), Views.from_json(run.rows.views)).labelled(
            model.definition.label
        )
        trained = learn(model, rows, run.parameters)
    digest = rows.digest()
    differences = [("code", each) for each in _code(context, run)]
    differences += [("packages", each) for each in _changed(run.packages, packages())]
    differences += [("hardware", each) for each in _changed(run.hardware, hardware())]
    if digest != run.rows.digest:
        parts = trained.parts
        differences.insert(0, ("data", _data(run, rows.table, parts, dict(rows.tables))))
    metrics = {name: each.value for name, each in trained.evaluation.metrics.items()}
    took = time.perf_counter() - began
    return Reproduction(run, digest, trained.evaluation.digest, metrics, tuple(differences), took)


def training_rows(context: LakeContext, run: TrainingRun) -> pa.Table:
    """Return the rows of a run, built again: key, moments, label and features.

    Raises:
        TrainingSetGone: the commit was deleted.
        TrainingError: they are others than the run had.
    """
    tables = tables_of(context, run)
    with unpacked(run.model, run.files) as model:
        rows = training_set(model, Selections(context, tables), Views.from_json(run.rows.views)).labelled(
            model.definition.label
        )
    if digest_of(rows.table) != run.rows.digest:
        advice = f"`lagoa ml reproduce {run.id}` says what is different."
        raise TrainingError(f"The rows of {run.id}", "they are not those that it learned from", advice)
    return rows.table


def _code(context: LakeContext, run: TrainingRun) -> list[str]:
    """Return the files of a model that are others now than those of the run, which are what is trained again."""
    try:
        now = read_model(context.settings.ml_folder, run.model).files
    except (TrainingError, FileError):
        return [f"ml/{run.model}.yaml cannot be used any more; the run's own files were taken"]
    names = sorted(name for name in {*now, *run.files} if now.get(name) != run.files.get(name))
    return [f"ml/{name} has changed since; the run's own was taken" for name in names]


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [
        f"{name} {before.get(name, 'none')} then, {now.get(name, 'none')} now"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]


def _data(run: TrainingRun, rows: pa.Table, parts: Split, tables: Mapping[str, str]) -> str:
    """Return in words how the rows differ."""
    moved = [name for name, pointer in tables.items() if run.rows.tables.get(name) != pointer]
    if moved:
        return f"{', '.join(moved)} at this commit are not what the run read"
    if rows.num_rows != run.rows.rows:
        return f"{rows.num_rows:,} rows, and {run.rows.rows:,} then"
    counts = f"{parts.train.num_rows:,} learned from and {parts.test.num_rows:,} tested"
    return f"as many rows ({counts}) with other values: the SELECT gives others each time, such as sums of doubles"
