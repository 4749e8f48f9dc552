"""The candidate: the publisher's temporary branch, on which a state is built and audited before main moves to it."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from lagoa.audit import audit_commit
from lagoa.audit.records import RECEIPT, receipt_of
from lagoa.domain.faults import fault_point
from lagoa.domain.owners import is_abandoned, own_name, release_name
from lagoa.domain.refs import CANDIDATE_PREFIX, MAIN
from lagoa.errors import AuditFailed, CatalogDamaged, CommitLost, LagoaError
from lagoa.publish.git import git_state
from lagoa.publish.moves import published, was_published
from lagoa.write.incoming import sweep_incoming

if TYPE_CHECKING:
    from lagoa.context import LakeContext
    from lagoa.domain.commits import Change
    from lagoa.domain.ports.catalog import VersionedCatalog
    from lagoa.domain.receipts import Publication
    from lagoa.domain.refs import RefInfo
    from lagoa.publish.turn import Turn

_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Proposal:
    """The proposed next state of main.

    Attributes:
        branch: what is published: the work branch, or the ref that main goes back to.
        base: main's head, which the change is based on.
        change: the change of the one commit.
        gating: whether the audit decides; False if the state was audited before.
        unseen: batches that the publication withdraws.
        held: whether they are refused if they are loaded again.
    """

    branch: str
    base: str
    change: Change
    gating: bool = True
    unseen: tuple[str, ...] = ()
    held: bool = False


def publish_proposal(context: LakeContext, proposal: Proposal, turn: Turn) -> Publication:
    """Commit a proposal on a candidate, audit that commit, write its receipt, and move main to it.

    The turn is taken after the audit, so that nobody waits for that. It ends when main has moved; if main was moved by
    others, it lasts, so that the next proposal succeeds.

    The candidate is deleted afterwards in any case; the commit and the audit of a failed one can still be viewed.

    Raises:
        AuditFailed: a check failed or was not evaluated; main is unchanged.
        ApprovalMissing: the change of a branch asks for an approval that is not there; main is unchanged.
        CommitLost: main moved meanwhile; try again with a new proposal.
    """
    catalog = context.catalog
    own = own_name()
    name = f"{CANDIDATE_PREFIX}{own}"
    try:
        catalog.create_branch(name, proposal.base)
        fault_point("publish.candidate")
        publication = _publish(context, proposal, name, turn)
    finally:
        # A failure here does not change the result: the next publication removes what is left.
        with suppress(LagoaError):
            catalog.delete_ref(name, catalog.ref(name).commit)
        release_name(own)
    fault_point("publish.cleaned")
    return publication


def refuse_moved(context: LakeContext, base: str) -> None:
    """Raise `CommitLost` if main is not at a commit any more: a proposal based on it comes too late."""
    head = context.catalog.ref(MAIN).commit
    if head != base:
        raise CommitLost(MAIN, base, head)


def _publish(context: LakeContext, proposal: Proposal, candidate: str, turn: Turn) -> Publication:
    # The commit contains the receipt's id, and the receipt the commit's id: so the receipt's id is generated before the
    # commit, and the receipt is written after it.
    receipt_id = secrets.token_hex(16)
    properties = {**proposal.change.properties, RECEIPT: receipt_id}
    commit = context.catalog.commit(candidate, proposal.base, replace(proposal.change, properties=properties))
    fault_point("publish.committed")
    with ThreadPoolExecutor(2, "lagoa-flush") as executor:
        git = executor.submit(git_state, context.settings)
        flushed = executor.submit(context.engine.flush)  # main must not point to files that a power failure could lose
        report = audit_commit(context, proposal.branch, commit.id, proposal.base, gating=proposal.gating)
        flushed.result()
        declared = git.result()
    receipt = replace(
        receipt_of(context, receipt_id, report, proposal.change.tables),
        unseen=proposal.unseen,
        held=proposal.held,
        git=declared.commit,
        uncommitted=declared.uncommitted,
    )
    if proposal.gating and not report.passed:
        context.receipts.prepare(receipt, on=proposal.base)  # stored for display only: its commit never gets to main
        raise AuditFailed(report)
    if proposal.change.merged is not None:  # of a branch: what a rollback restores was published before
        receipt = replace(receipt, approvals=context.gate(context, receipt, proposal.change.merged))
    fault_point("publish.audited")
    turn.take()
    fault_point("publish.turn")
    refuse_moved(context, proposal.base)  # before a receipt is written in vain
    context.receipts.prepare(receipt, on=proposal.base)
    fault_point("publish.receipt")
    # Read back: main must move to exactly what was audited, directly on top of its head.
    if context.catalog.get(commit.id).parents[:1] != (proposal.base,):
        message = f"commit {commit.id[:12]} is not based on main's {proposal.base[:12]}."
        raise CatalogDamaged(f"The candidate's {message}", "main is unchanged. Report this as a bug.")
    moment = context.catalog.swap(MAIN, proposal.base, commit.id)
    turn.end()
    fault_point("publish.swapped")
    return published(receipt, moment)


def sweep(context: LakeContext) -> None:
    """Remove abandoned candidates, receipts of publications that did not happen, and old incoming rows.

    A candidate's name contains its publisher's machine and process and the time: it is removed if that process ended or
    no longer uses it, or after a day. Removing one too early could only cause an error there: main is moved to a
    commit, not to a branch.
    """
    catalog = context.catalog
    for ref in abandoned(catalog):
        with suppress(LagoaError):
            catalog.delete_ref(ref.name, ref.commit)
    sweep_incoming(context)
    context.receipts.prune(datetime.now(UTC) - _KEPT, partial(was_published, catalog))


def abandoned(catalog: VersionedCatalog) -> list[RefInfo]:
    """Return the candidates of publications that were killed."""
    now = datetime.now(UTC)
    return [ref for ref in catalog.refs(CANDIDATE_PREFIX) if is_abandoned(ref.name.removeprefix(CANDIDATE_PREFIX), now)]
