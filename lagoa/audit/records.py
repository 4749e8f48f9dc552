"""Kept audits: of publications, of refused publications, and of refs that were audited without publishing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lagoa.audit.loosened import loosened
from lagoa.domain.receipts import Receipt
from lagoa.domain.refs import MAIN, Ref, is_id
from lagoa.domain.results import ContractsOf
from lagoa.domain.tables import TableName
from lagoa.errors import AuditNotFound, InvalidName, RefNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from lagoa.context import LakeContext
    from lagoa.domain.checks import AuditReport, CheckResult

RECEIPT = "lagoa.receipt"
"""Commit property: id of the publication's receipt."""


@dataclass(frozen=True, slots=True)
class KeptAudit:
    """An audit with all that was kept of it.

    Attributes:
        receipt: what was audited, by whom, when, and every result.
        for_publication: whether it was the gate of a publication; False if a ref was only looked at.
        published_at: when main was moved to the audited commit (UTC); None if it was not.
        outdated: whether it was requested by the name of a branch that has changed since.
    """

    receipt: Receipt
    for_publication: bool
    published_at: datetime | None
    outdated: bool = False

    def __repr__(self) -> str:
        return f"<KeptAudit, {self.state}: {self.report!r}>"

    @property
    def state(self) -> str:
        """Its outcome: `published`, `refused`, `not published` or `looked at`."""
        if self.published_at is not None:
            return "published"
        if not self.for_publication:
            return "looked at"
        return "not published" if self.report.passed else "refused"

    @property
    def report(self) -> AuditReport:
        """The results."""
        return self.receipt.report


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """The result of one check in one audit.

    Attributes:
        result: the result.
        audit: the audit.
    """

    result: CheckResult
    audit: KeptAudit

    def __repr__(self) -> str:
        return f"<CheckRecord of {self.audit.report.ref} ({self.audit.report.commit[:12]}): {self.result!r}>"


def keep_audit(context: LakeContext, report: AuditReport) -> None:
    """Keep the latest audit of a commit that was only looked at; a publication's receipt takes precedence."""
    receipt_id = hashlib.sha256(f"audit of {report.commit}".encode()).hexdigest()[:32]
    kept = context.receipts.of_commit(report.commit)
    if kept is not None and kept.id != receipt_id:
        return
    changed = context.catalog.diff(report.base, report.commit)
    context.receipts.prepare(
        receipt_of(context, receipt_id, report, {table: pointer for table, (_, pointer) in changed.items()})
    )


def receipt_of(
    context: LakeContext, receipt_id: str, report: AuditReport, changed: Mapping[TableName, str | None]
) -> Receipt:
    """Return the receipt of an audit.

    Args:
        context: the lake.
        receipt_id: its id.
        report: the audit.
        changed: pointer of each table that differs from main's, None for a dropped one.
    """
    return Receipt(
        id=receipt_id,
        commit=report.commit,
        base=report.base,
        branch=report.ref,
        author=context.settings.author,
        prepared_at=context.clock(),
        tables={str(table): pointer for table, pointer in sorted(changed.items())},
        contracts=ContractsOf(report.by_table),
        report=report,
        loosened=_loosened(context, report),
    )


def _loosened(context: LakeContext, report: AuditReport) -> tuple[str, ...]:
    """Return what became weaker since main's state, by the tables whose results differ."""
    base = context.receipts.of_commit(report.base)
    if base is None:
        return ()
    before, after = base.report.by_table, report.by_table
    names = [name for name in after.differing(before) if after.table(name)]
    was, now = (
        [each for name in names if (of := results.table(name)) for each in of.results] for results in (before, after)
    )
    contracts = [contract for name in names if (contract := context.contracts.get(TableName.of_text(name)))]
    renames = {
        str(contract.table): {former: column.name for column in contract.columns for former in column.former_names}
        for contract in contracts
    }
    return loosened(was, now, set(names), renames)


def find_audit(context: LakeContext, what: str) -> KeptAudit:
    """Return the audit that was kept of a publication, a commit or a branch.

    Args:
        context: the lake.
        what: a ref whose commit was audited; the name of a branch, for its latest audit, even if the branch no longer
            exists; a commit id or a receipt's id, or the first 8 or more digits of one.

    Raises:
        AuditNotFound: no audit was kept of it.
        RefNotFound, InvalidName: there is no such ref.
    """
    receipt = _by_id(context, what) or _by_ref(context, what)
    if receipt is None:
        raise AuditNotFound(what)
    moment = context.catalog.moved_at(MAIN, receipt.commit)
    kept = _kept(context, receipt, {receipt.commit: moment} if moment else {})
    return replace(kept, outdated=_moved_on(context, what, kept))


def check_history(context: LakeContext, check: str, limit: int = 50, *, every: bool = False) -> list[CheckRecord]:
    """Return what a check found, newest first.

    Args:
        context: the lake.
        check: its id, such as `silver.orders/key/order_id`.
        limit: the maximum number of records.
        every: include audits that led to no publication.

    Raises:
        QueryError: no audit has this check.
        AuditNotFound: no audit was kept at all.
    """
    newest: KeptAudit | None = None
    found: list[CheckRecord] = []
    for audit in kept_audits(context, every=every):
        newest = newest or audit
        result = audit.report.by_table.find(check)
        if result is not None:
            found.append(CheckRecord(result, audit))
        if len(found) == limit:
            break
    if newest is None:
        raise AuditNotFound(MAIN)
    return found or [CheckRecord(newest.report.result(check), newest)]


def kept_audits(context: LakeContext, *, every: bool = False) -> Iterator[KeptAudit]:
    """Yield the audits of publications, newest first; with `every` also those that led to none."""
    published = _published(context)
    if every:
        yield from (_kept(context, receipt, published) for receipt in context.receipts.newest())
        return
    for commit in reversed(published):
        receipt = context.receipts.of_commit(commit)
        if receipt is not None:
            yield _kept(context, receipt, published)


def _by_id(context: LakeContext, what: str) -> Receipt | None:
    if not is_id(what):
        return None
    return context.receipts.get(what) or context.receipts.of_commit(what)


def _by_ref(context: LakeContext, what: str) -> Receipt | None:
    try:
        ref = Ref.parse(what)
    except InvalidName:
        if is_id(what):  # of a commit that was not audited, or of none
            return None
        raise
    if str(ref) == ref.name != MAIN and not _is_tag(context, what):
        receipt = context.receipts.of_branch(ref.name)
        if receipt is not None:
            return receipt
    return context.receipts.of_commit(context.catalog.resolve(ref).id)


def _is_tag(context: LakeContext, name: str) -> bool:
    try:
        return context.catalog.ref(name).kind == "tag"
    except RefNotFound:
        return False


def _moved_on(context: LakeContext, name: str, kept: KeptAudit) -> bool:
    """Return whether a branch of this name has moved away from the commit that was audited."""
    if name != kept.receipt.branch:
        return False
    try:
        head = context.catalog.ref(name).commit
    except RefNotFound:
        return False
    audited = kept.receipt.commit
    return head != (context.catalog.get(audited).parents[-1] if kept.for_publication else audited)


def _published(context: LakeContext) -> dict[str, datetime]:
    """Return when main was moved to each commit, oldest first."""
    return {commit: moment for moment, commit in context.catalog.moves(MAIN)}


def _kept(context: LakeContext, receipt: Receipt, published: Mapping[str, datetime]) -> KeptAudit:
    try:
        named = context.catalog.get(receipt.commit).properties.get(RECEIPT)
    except RefNotFound:  # the catalog was restored from a backup that is older than the receipts
        named = None
    return KeptAudit(receipt, named == receipt.id, published.get(receipt.commit))
