"""Rollback: a publication of an earlier state of `main`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.domain.commits import Batch, Change
from lagoa.domain.faults import fault_point
from lagoa.domain.refs import ID_LENGTH, MAIN, Ref, is_id
from lagoa.errors import CommitLost, NothingToPublish, PublishContended, RefNotFound
from lagoa.publish.candidate import Proposal, publish_proposal, refuse_moved, sweep
from lagoa.publish.moves import ROLLBACK, was_published
from lagoa.publish.turn import Turn
from lagoa.write.holds import with_holds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lagoa.context import LakeContext
    from lagoa.domain.commits import Commit
    from lagoa.domain.ports.catalog import VersionedCatalog
    from lagoa.domain.receipts import Publication
    from lagoa.domain.tables import TableName

_Moves = list[tuple["TableName", Batch]]


def rollback(context: LakeContext, to: str, *, hold: bool = False) -> Publication:
    """Publish an earlier state of `main` again: one commit that restores the old pointers.

    A state with a receipt was audited with exactly these pointers: its checks run for information only. Any other state
    is audited like a publication.

    Args:
        context: the lake.
        to: the state to go back to: `main~1`, a commit id, a tag, `main*<time>`.
        hold: refuse the withdrawn batches if they are loaded again with the same content.

    Returns:
        The move of main, with the batches that it withdraws.

    Raises:
        RefNotFound: the state does not exist, was never a state of main, or has expired.
        NothingToPublish: main's tables are already those of `to`.
        AuditFailed: the state has no receipt, and a check failed.
        PublishContended: main moved meanwhile. Check what was published before rolling back.
    """
    sweep(context)
    catalog = context.catalog
    target = named_state(catalog, to)
    context.expiry.refuse(target, to)
    base = catalog.ref(MAIN).commit
    if not catalog.is_ancestor(target.id, base):
        raise RefNotFound(to, "it was never a state of main")
    differing = catalog.diff(base, target.id)
    if not differing:
        raise NothingToPublish(to)
    fault_point("publish.begun")
    gone, back = moved_batches(context, differing)
    change = Change(
        tables={table: then for table, (_, then) in differing.items()},
        message=f"Roll back to {to} ({target.id[:12]})",
        namespaces=with_holds(catalog.namespaces(base), gone if hold else [], back),
        properties={ROLLBACK: target.id},
        author=context.settings.author,
    )
    proposal = Proposal(
        branch=to,
        base=base,
        change=change,
        gating=not _was_audited(context, target),
        unseen=tuple(f"{table}: {batch.id}" for table, batch in gone),
        held=hold and bool(gone),
    )
    try:
        with Turn(context) as turn:
            turn.take()  # before the audit: that no publication comes first is what a rollback needs most
            refuse_moved(context, base)
            return publish_proposal(context, proposal, turn)
    except CommitLost as error:
        raise PublishContended(to, 1) from error


def named_state(catalog: VersionedCatalog, to: str) -> Commit:
    """Return the commit that a ref names, or the id of a commit of main; raises `RefNotFound`, `InvalidName`."""
    if is_id(to):
        try:
            return catalog.resolve(Ref(MAIN, commit=to))
        except RefNotFound:
            if len(to) == ID_LENGTH:  # a full id cannot be a name
                raise
    return catalog.resolve(Ref.parse(to))


def _was_audited(context: LakeContext, target: Commit) -> bool:
    return was_published(context.catalog, target.id) and context.receipts.of_commit(target.id) is not None


def moved_batches(
    context: LakeContext, differing: Mapping[TableName, tuple[str | None, str | None]]
) -> tuple[_Moves, _Moves]:
    """Return the batches that are withdrawn, and those that come back."""
    gone: _Moves = []
    back: _Moves = []
    for table, pointers in sorted(differing.items()):
        now, then = (context.batches.of(context.metadata.facts(each).properties if each else {}) for each in pointers)
        gone += [(table, Batch(name, each.fingerprint)) for name, each in sorted(now.missing_from(then).items())]
        back += [(table, Batch(name, each.fingerprint)) for name, each in sorted(then.missing_from(now).items())]
    return gone, back
