"""The past moves of `main`, each as a publication with its receipt."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from lagoa.domain.checks import AuditReport
from lagoa.domain.receipts import Publication
from lagoa.domain.refs import MAIN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lagoa.context import LakeContext
    from lagoa.domain.commits import Commit
    from lagoa.domain.ports.catalog import VersionedCatalog
    from lagoa.domain.receipts import Receipt

ROLLBACK = "lagoa.rollback"
"""Commit property of a rollback: the commit whose state it restores."""

_CLOCKS = timedelta(days=1)
"""A publication may be older than its commit by so much, where a clock was set back between them."""


def publications(context: LakeContext, limit: int = 50) -> list[Publication]:
    """Return the newest moves of `main` with their audits, newest first, from the journal."""
    found = []
    for moment, commit in reversed(context.catalog.moves(MAIN, max(limit, 0))):
        receipt = context.receipts.of_commit(commit)
        if receipt is not None:
            found.append(published(receipt, moment))
            continue
        previous = context.catalog.get(commit).parents[0]
        tables = tuple(str(table) for table in sorted(context.catalog.diff(previous, commit)))
        unknown = AuditReport(MAIN, commit, previous, (), moment, 0.0)
        found.append(Publication(commit, previous, moment, "", tables, unknown))
    return found


def moments(catalog: VersionedCatalog, commits: Sequence[Commit]) -> dict[str, datetime]:
    """Return when main was moved to commits of a log (newest first), by id; not for those that it was never moved to.

    Of the journal no more is read than goes back to the oldest of them.
    """
    if not commits:
        return {}
    wanted, oldest = {each.id for each in commits}, min(each.committed_at for each in commits) - _CLOCKS
    newest = len(commits)
    while True:
        moves = catalog.moves(MAIN, newest)
        found = {commit: moment for moment, commit in moves if commit in wanted}
        if len(found) == len(wanted) or len(moves) < newest or moves[0][0] < oldest:
            return found
        newest *= 8


def published(receipt: Receipt, moment: datetime) -> Publication:
    """Return the publication of a receipt whose commit main was moved to at `moment`."""
    return Publication(
        commit=receipt.commit,
        previous=receipt.base,
        published_at=moment,
        receipt=receipt.id,
        tables=tuple(receipt.tables),
        report=receipt.report,
        unseen=receipt.unseen,
        held=receipt.held,
        loosened=receipt.loosened,
        git=receipt.git,
        uncommitted=receipt.uncommitted,
        approvals=receipt.approvals,
    )


def was_published(catalog: VersionedCatalog, commit: str) -> bool:
    """Return whether main was ever moved to a commit."""
    return catalog.moved_at(MAIN, commit) is not None
