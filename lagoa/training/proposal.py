"""A proposal to train again: a candidate of main, with its scores on a branch, for a person to decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.audit import audit
from lagoa.domain.tables import TableName
from lagoa.errors import TrainingError, TrainingUnavailable
from lagoa.training.definition import unpacked
from lagoa.training.gate import compare
from lagoa.training.runs import newer, standing
from lagoa.training.score import score
from lagoa.training.train import train

if TYPE_CHECKING:
    from lagoa.context import LakeContext
    from lagoa.domain.checks import AuditReport
    from lagoa.domain.training import TrainingRun
    from lagoa.training.gate import Comparison

BRANCHES = "retrain/"
"""Branches `retrain/<model>/<run>` have the scores of a candidate."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A candidate beside the champion.

    Attributes:
        run: the candidate.
        champion: the champion.
        branch: the branch of the candidate, with its scores if the model's definition names a table for them.
        new: whether it was made now; False for one that waits since an earlier call.
        comparison: of both; None if they could not be compared, or for one that waits.
        why: why they could not be compared.
        audit: of the branch; None without scores, or for one that waits.
    """

    run: TrainingRun
    champion: TrainingRun
    branch: str
    new: bool
    comparison: Comparison | None = None
    why: str = ""
    audit: AuditReport | None = None


def propose(context: LakeContext, model: str, days: int) -> Proposal:
    """Train a candidate on main, compare it with the champion, and write its scores to a branch of its own.

    Nothing moves by that: a person promotes the candidate and publishes the branch, or deletes it. As long as the
    branch of a candidate is there, no other one is proposed.

    Args:
        context: the lake's.
        model: its name.
        days: how far the rows that are scored may be behind the latest one.

    Raises:
        TrainingError: the model has no champion, or cannot be trained or scored with.
    """
    now = standing(context, model)
    if now.champion is None:
        advice = f'`lagoa ml promote {model} --why "…"` makes a version the champion.'
        raise TrainingError(f"The model {model}", "it has no champion that could be replaced", advice)
    there = {each.name for each in context.catalog.refs()}
    for run in newer(now.runs, now.champion):
        if _branch(run) in there:
            return Proposal(run, now.champion, _branch(run), new=False)
    (run,) = train(context, [model])
    comparison, why = None, ""
    try:
        comparison = compare(context, run, now.champion)
    except (TrainingError, TrainingUnavailable) as error:
        why = str(error)
    context.catalog.create_branch(_branch(run), run.commit)
    try:
        report = _score(context, run, days)
    except BaseException:
        context.catalog.delete_ref(_branch(run), context.resolve(_branch(run)).id)
        raise
    return Proposal(run, now.champion, _branch(run), new=True, comparison=comparison, why=why, audit=report)


def _branch(run: TrainingRun) -> str:
    return f"{BRANCHES}{run.model}/{run.id}"


def _score(context: LakeContext, run: TrainingRun, days: int) -> AuditReport | None:
    with unpacked(run.model, run.files) as model:
        table = model.definition.scores
    if not table:
        return None
    score(context, _branch(run), TableName.parse(table), run, days)
    return audit(context, _branch(run))
