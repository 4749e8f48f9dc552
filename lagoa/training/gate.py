"""The gate of a promotion: a version that is worse than the champion on the same commit does not pass."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Literal

from lagoa.domain.features import microseconds_of
from lagoa.domain.training import CHAMPION, HIGHER_IS_BETTER, Promotion
from lagoa.errors import FileError, LagoaError, PromotionRefused, TrainingError, TrainingUnavailable
from lagoa.training.definition import unpacked
from lagoa.training.environment import one_thread
from lagoa.training.evaluation import label_of, predict
from lagoa.training.fitted import load_fitted
from lagoa.training.metrics import draws, interval, scored
from lagoa.training.origin import is_of_main, is_withdrawn, tables_of
from lagoa.training.runs import standing
from lagoa.training.training_set import MOMENT, Selections, Views, training_set

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from lagoa.context import LakeContext
    from lagoa.domain.training import TrainingRun

_FEWEST = 30
"""Rows below which a comparison says nothing."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions on the same rows: those of one commit that are later than what either learned from.

    Attributes:
        run: the version.
        champion: the version that it is compared with.
        commit: of the rows.
        rows: how many.
        metric: by which.
        ours: the figure of the version.
        theirs: that of the champion.
        better: by how much the version is better; negative if it is worse.
        low: lower end of the interval of 95 % of that, from the same draws of days for both.
        high: its upper end.
    """

    run: TrainingRun
    champion: TrainingRun
    commit: str
    rows: int
    metric: str
    ours: float
    theirs: float
    better: float
    low: float
    high: float

    @property
    def text(self) -> str:
        """What was found, in a line."""
        return (
            f"{self.metric} {self.ours:.4f}, {self.theirs:.4f} of version {self.champion.version}, better by "
            f"{self.better:+.4f} [{self.low:+.4f}, {self.high:+.4f}], on {self.rows:,} rows of {self.commit[:12]}"
        )


def compare(context: LakeContext, run: TrainingRun, champion: TrainingRun) -> Comparison:
    """Compare a version with another one on the commit of the first.

    Raises:
        TrainingError: the rows of one cannot be built there, such as when a feature is gone, or too few are in common.
        TrainingSetGone, TrainingUnavailable: the commit or the files of a version are gone.
    """
    with one_thread():
        return _compare(context, run, champion)


def _compare(context: LakeContext, run: TrainingRun, champion: TrainingRun) -> Comparison:
    import numpy as np

    with unpacked(run.model, run.files) as model:
        definition = model.definition
    ours, label, moments = _predicted(context, run, run, champion)
    theirs, other, _ = _predicted(context, champion, run, champion)
    both = [key for key in ours if key in theirs]
    if len(both) < _FEWEST:
        reason = f"{len(both)} rows of {run.commit[:12]} are later than what either learned from"
        raise TrainingError(f"The comparison with version {champion.version}", reason, "Train on a later commit.")
    if any(label[key] != other[key] for key in both):
        reason = "the versions predict different labels"
        raise TrainingError(f"The comparison with version {champion.version}", reason, "Give the model another name.")
    truth = np.asarray([label[key] for key in both])
    weights = draws(np.asarray([moments[key] for key in both]))
    found = [
        scored(definition.kind, truth, np.asarray([each[key] for key in both]), definition.quantiles)
        for each in (ours, theirs)
    ]
    sign = 1 if definition.metric in HIGHER_IS_BETTER else -1

    def figures(weight: np.ndarray) -> tuple[float, float]:
        first, second = (each.figures(weight)[definition.metric] for each in found)
        return first, second

    a, b = figures(np.ones(len(both)))
    drawn = [sign * (x - y) for x, y in map(figures, weights)]
    return Comparison(run, champion, run.commit, len(both), definition.metric, a, b, sign * (a - b), *interval(drawn))


def promote(context: LakeContext, run: TrainingRun, why: str, *, uncompared: bool = False) -> Promotion:
    """Make a version the champion, if it passes the gate.

    Args:
        context: the lake's.
        run: the version.
        why: the reason, which is kept.
        uncompared: promote it although the champion cannot be compared with it; not although it is worse.

    Raises:
        PromotionRefused: it does not pass; with every reason.
        PromotionLost: another version was promoted meanwhile.
        TrainingUnavailable: the records, or MLflow's store, cannot be used.
    """
    now = standing(context, run.model)
    reasons = _reasons(context, run, why)
    lines = [f"{each.name} {each.value:.4f}, {each.limit}" for each in run.limits]
    if now.champion is not None and now.champion.id == run.id:
        context.tracking.set_alias(run.model, CHAMPION, run.version)  # where MLflow did not answer the last time
        reasons.append("it is the champion already")
    elif now.champion is None:
        reasons += _against_baseline(run, lines)
    else:
        try:
            comparison = compare(context, run, now.champion)
        except (LagoaError, FileError) as error:
            said = error.message.splitlines()[0].rstrip(".!")
            lines.append(f"not compared with version {now.champion.version}: {said}")
            if not uncompared:
                reasons.append(f"{lines[-1]} (`--uncompared` promotes it all the same)")
        else:
            lines.append(comparison.text)
            with unpacked(run.model, run.files) as model:
                margin = model.definition.gate.margin
            if not comparison.low >= -margin:  # also if it is not a number
                reasons.append(f"it may be worse than the champion by more than {margin:g}: {comparison.text}")
    if reasons:
        raise PromotionRefused(run.model, run.id, reasons)
    number = now.promotions[0].number + 1 if now.promotions else 1
    done = _promotion(context, number, run, why, tuple(lines))
    context.training.promote(done)
    _show_in_mlflow(context, run)
    return done


def rollback(context: LakeContext, model: str, why: str, version: int | None = None) -> Promotion:
    """Make an earlier champion the champion again, without comparing it: it passed the gate when it was promoted.

    Args:
        context: the lake's.
        model: its name.
        why: the reason, which is kept.
        version: which; by default the one before the present one.

    Raises:
        TrainingError: there was no such champion.
        PromotionLost, TrainingUnavailable: as `promote` raises them.
    """
    now = standing(context, model)
    if not why.strip():
        raise TrainingError(f"The model {model}", "a return to an earlier champion has a reason", "Say why.")
    earlier = {each.version: each for each in now.promotions if now.champion and each.run != now.champion.id}
    if not earlier or (version is not None and version not in earlier):
        known = ", ".join(map(str, sorted(earlier))) or "none"
        reason = "it had no other champion" if version is None else f"version {version} was never its champion before"
        raise TrainingError(f"The model {model}", reason, f"Earlier champions: {known}.")
    back = next(each for each in now.promotions if each.version in earlier and version in {None, each.version})
    run = next(each for each in now.runs if each.id == back.run)
    done = _promotion(context, now.promotions[0].number + 1, run, why, back.gate, kind="rollback")
    context.training.promote(done)
    _show_in_mlflow(context, run)
    return done


def _show_in_mlflow(context: LakeContext, run: TrainingRun) -> None:
    """Let MLflow show a champion; the records have it already."""
    try:
        context.tracking.set_alias(run.model, CHAMPION, run.version)
    except TrainingUnavailable as error:
        advice = (
            f"{run.model} {run.version} is the champion, and MLflow does not show it yet: "
            f"`lagoa ml promote {run.model}@champion --why …` tries that again."
        )
        raise TrainingUnavailable(error.place, error.reason, advice) from error


def _reasons(context: LakeContext, run: TrainingRun, why: str) -> list[str]:
    """Return why a version is not promoted, whatever the champion is."""
    found = []
    if not why.strip():
        found.append("a promotion has a reason: say why")
    if not is_of_main(context, run):
        found.append(f"it learned from {run.ref}, which is not a published state of main")
    elif is_withdrawn(context, run.commit):
        found.append(f"the state {run.commit[:12]} that it learned from was rolled back")
    found += [f"{each.name} is {each.value:.4f}, and must be {each.limit}" for each in run.limits if not each.kept]
    return found


def _against_baseline(run: TrainingRun, lines: list[str]) -> list[str]:
    """Compare the first champion with what could be said without a model."""
    with unpacked(run.model, run.files) as model:
        name = model.definition.metric
    found = run.metrics[name]
    lines.append(f"no champion yet; {name} {found.value:.4f} [{found.low:.4f}, {found.high:.4f}]")
    if found.baseline is None:
        return []
    lines[-1] += f", baseline {found.baseline:.4f}"
    better = found.low > found.baseline if name in HIGHER_IS_BETTER else found.high < found.baseline
    return [] if better else [f"it is not surely better than its baseline ({lines[-1]})"]


def _promotion(
    context: LakeContext,
    number: int,
    run: TrainingRun,
    why: str,
    lines: tuple[str, ...],
    kind: Literal["promote", "rollback"] = "promote",
) -> Promotion:
    return Promotion(
        number=number,
        model=run.model,
        run=run.id,
        version=run.version,
        kind=kind,
        by=context.settings.author,
        why=why.strip(),
        at=context.clock().astimezone(UTC),
        gate=lines,
    )


def _predicted(
    context: LakeContext, run: TrainingRun, at: TrainingRun, other: TrainingRun
) -> tuple[dict[tuple[object, ...], np.ndarray], dict[tuple[object, ...], float], dict[tuple[object, ...], int]]:
    """Return the predictions of a version by key, on rows of another run's commit that neither learned from."""
    import pyarrow.compute as pc

    selections = Selections(context, tables_of(context, at))
    with unpacked(run.model, run.files) as model:
        rows = training_set(model, selections, Views.from_json(run.rows.views)).labelled(model.definition.label)
        from_moment = microseconds_of(max(each.rows.cut for each in (run, other, at)))
        late: pa.Table = rows.table.filter(pc.greater_equal(rows.table[MOMENT], from_moment))
        fitted = load_fitted(context.tracking.files(run), model.definition.trusted)
        predicted = list(predict(model, fitted, late)) if late.num_rows else []
        keys = list(zip(*(late[name].to_pylist() for name in model.definition.key), strict=True))
        label = label_of(late, model.definition).tolist()
    moments = late[MOMENT].to_pylist()
    return (
        dict(zip(keys, predicted, strict=True)),
        dict(zip(keys, label, strict=True)),
        dict(zip(keys, moments, strict=True)),
    )
