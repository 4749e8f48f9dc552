"""Scoring: the champion says of each new row what it expects, on a branch, from the tables of one commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lagoa.errors import TrainingError
from lagoa.features.offline import TablesAt
from lagoa.training.definition import unpacked
from lagoa.training.elsewhere import predictions, selected
from lagoa.training.environment import one_thread
from lagoa.training.fitted import middle_of
from lagoa.training.training_set import MOMENT, Selections, Views, training_set

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from lagoa.context import LakeContext
    from lagoa.domain.tables import TableName
    from lagoa.domain.training import TrainingRun
    from lagoa.training.definition import Model

_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Scores:
    """What was written.

    Attributes:
        table: where to.
        run: the run whose model scored.
        commit: that the rows were read from.
        rows: how many were scored.
        rank: mean of `training_rank`; 0.5 if the scores are spread as in the model's test. 0 without rows.
    """

    table: TableName
    run: TrainingRun
    commit: str
    rows: int
    rank: float


def score(context: LakeContext, branch: str, table: TableName, run: TrainingRun, days: int) -> Scores:
    """Replace the rows of a table on a branch by scores of the rows whose label is not known yet.

    With the setting `engine` the rows are selected and predicted on Spark, with the same result.

    The table has the key, `moment`, `probability` or a column a quantile (`q10`), `training_rank` (the share of the
    scores in the model's test that are lower), `model`, `model_version` and `data_commit`.

    Args:
        context: the lake's.
        branch: what is read and written.
        table: which; its contract decides about the columns, as for any table.
        run: whose model scores.
        days: how far the moment of a row may be behind the latest one.

    Raises:
        TrainingError: a column that the model needs is gone.
        TrainingUnavailable: the model's files are gone.
        QueryError, TableNotFound, FeatureError: what its rows read is gone.
        EngineUnavailable: the other engine is away.
        WriteError, ContractError, RefProtected: as any write raises them.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from lagoa.write import begin

    tables = TablesAt(context, branch)
    with unpacked(run.model, run.files) as model, one_thread():
        definition = model.definition
        every = training_set(model, Selections(context, tables, selected), Views.from_json(run.rows.views))
        rows = every.table
        newest = pc.max(rows[MOMENT]).as_py()
        new = pc.and_(pc.is_null(rows[definition.label]), pc.greater_equal(rows[MOMENT], (newest or 0) - days * _DAY))
        rows = rows.filter(new)
        saved = context.tracking.files(run)
        predicted = predictions(context, model, saved, rows, every.tables.values()) if rows.num_rows else None
    columns: dict[str, Any] = {name: rows[name] for name in definition.key}
    columns["moment"] = rows[MOMENT].cast(pa.timestamp("us", "UTC"))
    columns |= _predicted(model, predicted)
    ranks = _ranks(run, predicted)
    columns["training_rank"] = pa.array(ranks, pa.float64())
    count = rows.num_rows
    columns["model"] = pa.array([run.model] * count, pa.string())
    columns["model_version"] = pa.array([run.version] * count, pa.int32())
    columns["data_commit"] = pa.array([tables.commit] * count, pa.string())
    with begin(context, branch, f"score {table} by {run.model} {run.version}") as transaction:
        transaction.replace(table, pa.table(columns))
    return Scores(table, run, tables.commit, count, float(ranks.mean()) if count else 0.0)


def score_columns(model: Model) -> list[str]:
    """Return the names of the columns with what a model says."""
    if model.definition.kind == "probability":
        return ["probability"]
    return [f"q{quantile * 100:g}".replace(".", "_") for quantile in model.definition.quantiles]


def _predicted(model: Model, predicted: np.ndarray | None) -> dict[str, pa.Array]:
    import pyarrow as pa

    names = score_columns(model)
    return {
        name: pa.array([] if predicted is None else predicted[:, position], pa.float64())
        for position, name in enumerate(names)
    }


def _ranks(run: TrainingRun, predicted: np.ndarray | None) -> np.ndarray:
    """Return for each score the share of the scores of the test that are lower, in steps of a hundredth."""
    import numpy as np

    if predicted is None:
        return np.empty(0)
    if not run.scores:
        advice = "Train the model again, and promote it."
        raise TrainingError(f"The run {run.id}", "it is of a version that kept no scores of its test", advice)
    found: np.ndarray = np.searchsorted(np.asarray(run.scores), middle_of(predicted)) / len(run.scores)
    return found
