"""Where a run comes from: whether its commit is a state of main, and whether that can still be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.domain.refs import MAIN, Ref
from lagoa.errors import RefNotFound, TrainingSetGone
from lagoa.features.offline import TablesAt
from lagoa.publish.moves import ROLLBACK, was_published

if TYPE_CHECKING:
    from lagoa.context import LakeContext
    from lagoa.domain.training import TrainingRun


def is_of_main(context: LakeContext, run: TrainingRun) -> bool:
    """Return whether a run learned from a published state, by a ref that was no other branch."""
    return not run.branch and was_published(context.catalog, run.commit)


def is_withdrawn(context: LakeContext, commit: str) -> bool:
    """Return whether a published state was rolled back: the present state of main does not go back to it."""
    catalog = context.catalog
    at = catalog.get(catalog.ref(MAIN).commit)
    while at.id != commit:
        before = at.properties.get(ROLLBACK) or next(iter(at.parents), None)
        if before is None:
            return True
        at = catalog.get(before)
    return False


def branch_of(context: LakeContext, ref: str) -> str:
    """Return the branch that a ref is of; empty for main and tags."""
    name = Ref.parse(ref).name
    return "" if name == MAIN or context.catalog.ref(name).kind == "tag" else name


def tables_of(context: LakeContext, run: TrainingRun) -> TablesAt:
    """Return the tables of the commit that a run learned from, by its tag, or by main if that is gone.

    Raises:
        TrainingSetGone: neither has the commit.
    """
    for ref in (run.tag, f"{MAIN}@{run.commit}"):
        try:
            tables = TablesAt(context, ref)
        except RefNotFound:
            continue
        if tables.commit == run.commit:
            return tables
    raise TrainingSetGone(
        run.id, run.commit, f"the tag {run.tag} was deleted, and main never had it", _left(context, run)
    )


def _left(context: LakeContext, run: TrainingRun) -> str:
    """Return in words what there still is of a run."""
    now = {str(table): pointer for table, pointer in context.pointers(MAIN).items()}
    same = sum(context.metadata.same_rows(now.get(name), pointer) for name, pointer in run.rows.tables.items())
    return (
        f"its record with code, metrics and the hash of its rows (`lagoa ml show {run.id}`); main has {same} of its "
        f"{len(run.rows.tables)} tables as they were. `lagoa ml train {run.model}` trains it on main."
    )
