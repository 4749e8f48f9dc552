"""Revert: one publication is undone, and what was published later is kept, by doing it again without that one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from lagoa.domain.commits import INTENTS, Change, Intent
from lagoa.errors import NothingToPublish, RefNotFound, RevertConflict
from lagoa.publish.moves import was_published
from lagoa.publish.rebase_plan import Plan, Undone
from lagoa.publish.replay import CannotReplayError, Replay
from lagoa.publish.rollback import moved_batches, named_state
from lagoa.publish.work import Work
from lagoa.write.holds import with_holds

if TYPE_CHECKING:
    from lagoa.context import LakeContext
    from lagoa.domain.commits import Commit
    from lagoa.domain.ports.catalog import VersionedCatalog
    from lagoa.domain.tables import TableName

REVERTED = "lagoa.reverted"
"""Commit property of a revert: the publication that is undone."""


@dataclass(frozen=True, slots=True)
class Reverted:
    """A publication that a branch undoes.

    Attributes:
        publication: the commit of the publication.
        unseen: the batches that main is without then, as `table: id`.
    """

    publication: Commit
    unseen: tuple[str, ...]


def undo(context: LakeContext, branch: str, publication: str, *, hold: bool = False) -> Reverted:
    """Commit to a branch, which is at main's head, what main would be if a publication had not been.

    Tables that only this publication changed get the state before it. Of tables that later ones changed, too, the later
    writes are done again on that state, as by a rebase; those of publications that were undone before are not.

    Args:
        context: the lake.
        branch: the branch.
        publication: a state of main: `main~2`, a commit id, `main*<time>`.
        hold: refuse the batches that this takes away if they are loaded again with the same content.

    Raises:
        RefNotFound: there is no such state of main, or it is the first one.
        NothingToPublish: main has nothing of it any more.
        RevertConflict: a later publication replaced, restored or dropped a table that it changed, or otherwise cannot
            be done again without it.
        ModelError: a model fails on the inputs without it.
    """
    catalog = context.catalog
    head = catalog.ref(branch).commit
    commit = named_state(catalog, publication)
    if not commit.parents or not was_published(catalog, commit.id) or not catalog.is_ancestor(commit.id, head):
        raise RefNotFound(publication, "it is no publication of main", "`lagoa log` lists them.")
    undone, base = _undone(catalog, head, commit)
    if base is None:
        raise NothingToPublish(publication)
    context.expiry.refuse(catalog.get(base), f"{publication}~1")
    plan = Plan.of(Work(context, branch, head, base, base), undone=undone)
    if plan.faults:
        raise RevertConflict(branch, list(plan.faults), head, commit.id, plan.reasons)
    replay = Replay(plan)
    try:
        replay.run()
    except CannotReplayError as error:
        raise RevertConflict(branch, [error.table], head, commit.id, error.reason) from error.__cause__
    tables = replay.tables()
    if not tables:
        raise NothingToPublish(publication)
    before = catalog.tables(head)
    gone, back = moved_batches(context, {table: (before.get(table), pointer) for table, pointer in tables.items()})
    built = [intent for intent in replay.intents() if intent.kind == "model"]
    restored = [Intent("restore", str(table)) for table in tables if str(table) not in {each.table for each in built}]
    change = Change(
        tables=tables,
        message=f"Revert {commit.id[:12]} ({commit.message})",
        namespaces=with_holds(catalog.namespaces(head), gone if hold else [], back),
        properties={REVERTED: commit.id, INTENTS: json.dumps([asdict(each) for each in (*restored, *built)])},
        author=context.settings.author,
    )
    catalog.commit(branch, head, change)
    return Reverted(commit, tuple(f"{table}: {batch.id}" for table, batch in gone))


def _undone(catalog: VersionedCatalog, head: str, commit: Commit) -> tuple[Undone, str | None]:
    """Return all that is undone with a publication, and the commit before the first of it; None if it is undone now."""
    taken: dict[str, str] = {}  # by publication, the later one that took it back
    tables: set[TableName] = set()
    left, first = {commit.id}, head
    for each in catalog.log(head):
        if each.id in left:
            if each.id == commit.id and commit.id in taken:
                return Undone(commit, frozenset(), frozenset()), None
            left.discard(each.id)
            first = each.parents[0]
            tables |= catalog.diff(first, each.id).keys()
        if not left:  # what was taken back before is not in this state
            break
        named = catalog.get(each.parents[1]).properties.get(REVERTED) if each.parents[1:] else None
        if named is not None and each.id not in {*taken, commit.id}:
            taken[named] = each.id
            left.add(named)
    return Undone(commit, frozenset(tables), frozenset({*taken, commit.id, *taken.values()})), first
