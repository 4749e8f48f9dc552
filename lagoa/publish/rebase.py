"""Rebase: what a branch did is done again on main as it is now, so that the changes of both stay.

Tables that main left alone stay as they are. Where both changed one, each write of the branch is done again on main's
state: appends add the same files, merges and histories take the rows that their intents keep, deletes their condition,
models run. All of it is one commit on the branch; until then nobody sees any of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.domain.faults import fault_point
from lagoa.errors import CommitLost, PublishConflict, RebaseConflict
from lagoa.publish.rebase_plan import Plan, TableRebase, with_owners
from lagoa.publish.replay import CannotReplayError, Replay
from lagoa.publish.turn import Turn
from lagoa.publish.work import Work, head_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from lagoa.context import LakeContext
    from lagoa.domain.receipts import Publication
    from lagoa.domain.tables import TableName


TOO_MANY = "{} has too many writes since both diverged to do them again (more than some thousands)."


@dataclass(frozen=True, slots=True)
class RebaseResult:
    """A branch that was put on main.

    Attributes:
        branch: the branch.
        onto: the commit of main.
        commit: the branch's new commit; None if nothing was done.
        tables: what became of each table that the branch changed, by name.
    """

    branch: str
    onto: str
    commit: str | None
    tables: tuple[TableRebase, ...]


def rebase(
    context: LakeContext,
    branch: str,
    *,
    ours: Collection[TableName] = (),
    theirs: Collection[TableName] = (),
    dry_run: bool = False,
) -> RebaseResult:
    """Put a branch on main as it is now, with one commit that has main's head as its second parent.

    Args:
        context: the lake.
        branch: the work branch.
        ours: tables whose state on the branch stays as it is, though main changed them.
        theirs: tables whose state on main stays; what the branch did to them is given up.
        dry_run: only find out what would be done.

    Raises:
        RebaseConflict: a table was replaced, restored, dropped or rewritten by another program on the branch, and main
            changed it; or its columns on both sides do not fit together; or the branch has too many writes.
        PublishConflict: main was rolled back to before the state that the branch is based on.
        InvalidName: `ours` or `theirs` has a table that not both changed, or a model's.
        ModelError: a model fails on the new inputs.
        BatchChanged, BatchHeld: main has a batch of the branch with other content, or holds it.
        CommitLost: another writer moved the branch meanwhile.
        RefNotFound, RefProtected: there is no such branch, or it is none to write to.
    """
    work = Work.of(context, branch, head_of(context, branch))
    if work.parted == work.main:
        return RebaseResult(branch, work.main, None, ())
    if work.is_long():
        mine, others = (work.catalog.diff(work.parted, each).keys() for each in (work.head, work.main))
        advice = (
            f"On a new branch from main, `lagoa table restore TABLE --from {branch}` takes the branch's state of each "
            "table that main left alone. Publish more often: what is published need not be done again."
        )
        raise RebaseConflict(branch, sorted(mine & others), work.head, work.main, TOO_MANY.format("the branch"), advice)
    plan = Plan.of(work, frozenset(ours), frozenset(theirs))
    if plan.faults:
        named = list(dict.fromkeys(with_owners(work, plan.faults)))
        raise RebaseConflict(branch, named, work.head, work.main, plan.reasons, plan.advice())
    if dry_run:
        return RebaseResult(branch, work.main, None, plan.results())
    fault_point("rebase.begun")
    replay = Replay(plan)
    try:
        replay.run()
    except CannotReplayError as error:
        raise RebaseConflict(
            branch, with_owners(work, [error.table]), work.head, work.main, error.reason
        ) from error.__cause__
    fault_point("rebase.replayed")
    commit = context.catalog.commit(branch, work.head, replay.change())
    fault_point("rebase.committed")
    return RebaseResult(branch, work.main, commit.id, plan.results(replay.dropped))


def publish_rebased(context: LakeContext, branch: str, publish: Callable[[bool], Publication]) -> Publication:
    """Publish a branch; if main has moved on in what the branch touches, rebase it and publish again.

    A rebase takes the turn to move main, and has it until the publication: so one is enough. One in which models run
    waits for nobody, as others would wait for it; if main has moved on by its end, only what changed since is built,
    within the turn.

    Args:
        context: the lake.
        branch: the work branch.
        publish: publishes it as it is; told whether this has the turn.

    Raises:
        PublishConflict: as `rebase`; or main moved on each of `settings.publish_tries` times.
    """
    tries = context.settings.publish_tries
    with Turn(context) as turn:
        for attempt in range(1, tries + 1):
            try:
                return publish(turn.taken)
            except PublishConflict as conflict:
                if not conflict.behind or attempt == tries:
                    raise
            if attempt > 1 or not _runs_models(context, branch):
                turn.take()
            try:
                rebase(context, branch)
            except CommitLost:
                if attempt == tries:
                    raise
    raise AssertionError  # pragma: no cover - the loop returns or raises


def _runs_models(context: LakeContext, branch: str) -> bool:
    return any(each.how == "built" for each in rebase(context, branch, dry_run=True).tables)
