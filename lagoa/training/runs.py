"""Finding runs by what people call them, and who is champion and candidate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.domain.suggestions import did_you_mean
from lagoa.domain.training import CANDIDATE, CHAMPION, Promotion, TrainingRun, champion_of
from lagoa.errors import TrainingError
from lagoa.training.definition import model_names
from lagoa.training.origin import is_of_main

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.context import LakeContext

_SHORTEST = 8
"""Characters of a run's id from which on its beginning is enough."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A model of the lake.

    Attributes:
        model: its name.
        runs: newest first.
        champion: the version that was promoted last; None before the first.
        candidate: the newest run of a published state that was trained after the champion; None if there is none.
        promotions: newest first.
    """

    model: str
    runs: tuple[TrainingRun, ...]
    champion: TrainingRun | None
    candidate: TrainingRun | None
    promotions: tuple[Promotion, ...]


def standing(context: LakeContext, model: str) -> Standing:
    """Return where a model stands; one that was never trained has no runs."""
    runs = tuple(context.training.runs(model))
    promotions = tuple(context.training.promotions(model))
    champion = champion_of(runs, promotions)
    candidate = next((each for each in newer(runs, champion) if is_of_main(context, each)), None)
    return Standing(model, runs, champion, candidate, promotions)


def newer(runs: Sequence[TrainingRun], champion: TrainingRun | None) -> list[TrainingRun]:
    """Return the runs after the champion, newest first; versions do not tell: a new store of MLflow begins with 1."""
    return list(runs[: next((at for at, each in enumerate(runs) if champion and each.id == champion.id), len(runs))])


def standings(context: LakeContext) -> list[Standing]:
    """Return where each model stands that is defined or was trained, by name."""
    trained = {each.model for each in context.training.runs()}
    return [standing(context, name) for name in sorted(trained | set(model_names(context.settings.ml_folder)))]


def find_run(context: LakeContext, text: str) -> TrainingRun:
    """Return a run.

    Args:
        context: the lake's.
        text: `<model>@champion`, `<model>@candidate`, `<model>@<version>`, a model for its newest run; or the id of a
            run, or of MLflow's run, or the first 8 or more characters of one.

    Raises:
        TrainingError: there is no such run, or several begin with the text.
    """
    model, _, alias = text.partition("@")
    runs = context.training.runs()
    if alias:
        return _of_alias(context, model, alias, runs)
    of_model = [each for each in runs if each.model == text]
    if of_model:
        return of_model[0]
    if len(text) >= _SHORTEST:
        found = [each for each in runs if each.id.startswith(text) or each.tracking.startswith(text)]
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(each.id for each in found[:5])
            raise TrainingError(f"The run {text!r}", f"{len(found)} runs begin so: {ids}", "Give more of its id.")
    raise _no_run(text, runs)


def _of_alias(context: LakeContext, model: str, alias: str, runs: Sequence[TrainingRun]) -> TrainingRun:
    of_model = [each for each in runs if each.model == model]
    if not of_model:
        raise _no_run(model, runs)
    now = standing(context, model)
    if alias in {CHAMPION, CANDIDATE}:
        found = now.champion if alias == CHAMPION else now.candidate
        if found is None:
            advice = f"`lagoa ml list` shows its runs; `lagoa ml promote {model}` makes one the champion."
            raise TrainingError(f"The model {model}", f"it has no {alias}", advice)
        return found
    by_version = [each for each in of_model if str(each.version) == alias]
    if not by_version:
        versions = ", ".join(str(each.version) for each in of_model[:10])
        reason = f"it has no version or alias {alias!r}"
        raise TrainingError(f"The model {model}", reason, f"Versions: {versions}; aliases: {CHAMPION}, {CANDIDATE}.")
    return by_version[0]


def _no_run(text: str, runs: Sequence[TrainingRun]) -> TrainingError:
    known = sorted({each.model for each in runs})
    reason = f"there is none of this name.{did_you_mean(text, known)}".rstrip(".")
    advice = f"Trained are: {', '.join(known)}." if known else "Nothing was trained yet: `lagoa ml train`."
    return TrainingError(f"The run or model {text[:100]!r}", reason, advice)
