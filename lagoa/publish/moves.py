"""The past moves of `main`, each as a publication with its receipt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.domain.checks import AuditReport
from lagoa.domain.receipts import Publication
from lagoa.domain.refs import MAIN

if TYPE_CHECKING:
    from datetime import datetime

    from lagoa.context import LakeContext
    from lagoa.domain.ports.catalog import VersionedCatalog
    from lagoa.domain.receipts import Receipt

ROLLBACK = "lagoa.rollback"
"""Commit property of a rollback: the commit whose state it restores."""


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
