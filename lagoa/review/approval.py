"""What `[approval]` of lagoa.toml asks for before a branch is published, and which approvals are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.domain.approvals import Consent, Demand, consent
from lagoa.domain.lists import counted, listed
from lagoa.domain.refs import MAIN
from lagoa.domain.roles import owner_of
from lagoa.domain.tables import TableName
from lagoa.errors import ApprovalMissing
from lagoa.publish.work import own_commits
from lagoa.review.diff import table_columns, table_diff
from lagoa.review.diff.breaking import breaking

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lagoa.context import LakeContext
    from lagoa.domain.approvals import Approval
    from lagoa.domain.receipts import Receipt

    Pair = tuple[str | None, str | None]

_LISTED = 5


def gate(context: LakeContext, receipt: Receipt, head: str) -> tuple[Approval, ...]:
    """Return the approvals by which a candidate may be published.

    Args:
        context: the lake.
        receipt: of the candidate's audit: what it changes, on which commit of main, and which checks are loosened.
        head: id of the commit of the branch that is published.

    Raises:
        ApprovalMissing: something asks for an approval that is not there.
    """
    before = context.catalog.tables(receipt.base)
    tables = {TableName.parse(name): pointer for name, pointer in receipt.tables.items()}
    changes = {table: (before.get(table), pointer) for table, pointer in tables.items()}
    found = consent_to(context, receipt.branch, head, demands(context, changes, receipt.loosened))
    if found.missing:
        missing = [each.shown for each in found.missing]
        raise ApprovalMissing(receipt.branch, head, missing, found.ignored)
    return found.approvals


def demands(
    context: LakeContext,
    changes: Mapping[TableName, Pair],
    loosened: Sequence[str],
    removed: Mapping[TableName, int] | None = None,
) -> tuple[Demand, ...]:
    """Return what asks for an approval.

    Args:
        context: the lake.
        changes: the pointer of each changed table before and after; None where there is no table.
        loosened: checks of main that are removed or less strict, a sentence each.
        removed: how many rows are removed from tables, where that is known; counted of the others, if it matters.
    """
    rules = context.settings.approval
    found = list(_of_owners(context, changes)) if rules.owners else []
    if rules.breaking:
        found += _of_schemas(context, changes)
    if rules.loosened and loosened:
        tables = sorted({each.partition("/")[0] for each in loosened})
        reason = f"{counted(len(loosened), 'check')} loosened: {listed(loosened, _LISTED)}"
        found.append(Demand("loosened", tuple(tables), reason))
    if rules.rows_removed is not None:
        found += _of_rows(context, changes, removed or {}, rules.rows_removed)
    return tuple(found)


def consent_to(context: LakeContext, branch: str, head: str, asked: Sequence[Demand]) -> Consent:
    """Return which approvals of a branch's head there are for what asks for them."""
    settings = context.settings
    if not asked:
        return Consent()
    authors = _authors(context, branch, head) if settings.approval.four_eyes else set()
    return consent(asked, context.receipts.approvals(head), authors, enforced=settings.proves_approvals)


def _of_owners(context: LakeContext, changes: Mapping[TableName, Pair]) -> Iterator[Demand]:
    owned: dict[str, list[str]] = {}
    for table in sorted(changes):
        contract = context.contracts.get(table)
        owned.setdefault(contract.owner if contract else "", []).append(str(table))
    for owner, tables in sorted(owned.items()):
        shown = listed(tables, _LISTED)
        if not owner:
            yield Demand("owners", tuple(tables), f"no contract says who owns {shown}")
            continue
        members = context.settings.approval.teams.get(owner, ())
        known = "" if members else f", and [approval.teams] of lagoa.toml names nobody in {owner!r}"
        yield Demand("owners", tuple(tables), f"{owner} owns {shown}{known}", members)


def _of_schemas(context: LakeContext, changes: Mapping[TableName, Pair]) -> Iterator[Demand]:
    for table, (old, new) in sorted(changes.items()):
        if old is None:
            continue
        columns = table_columns(context, (old, new)) if new is not None else ()
        for sentence in breaking("removed" if new is None else "changed", columns):
            yield Demand("breaking", (str(table),), f"{table}: {sentence}")


def _of_rows(
    context: LakeContext, changes: Mapping[TableName, Pair], known: Mapping[TableName, int], limit: int
) -> Iterator[Demand]:
    counts = {
        table: known[table] if table in known else table_diff(context, table, pair, 0).rows_removed
        for table, pair in sorted(changes.items())
        if pair[0] is not None
    }
    if sum(counts.values()) > limit:
        tables = tuple(str(table) for table, count in counts.items() if count)
        reason = f"{counted(sum(counts.values()), 'row')} removed from {listed(tables, _LISTED)}, more than {limit:,}"
        yield Demand("rows_removed", tables, reason)


def _authors(context: LakeContext, branch: str, head: str) -> set[str]:
    """Return who made the commits of a branch that main does not have, also those before a rebase; and whose it is."""
    main = context.catalog.ref(MAIN).commit
    owner = owner_of(branch)
    return {each.author for each in own_commits(context.catalog, head, main)} | ({owner} if owner else set())
