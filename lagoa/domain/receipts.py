"""Receipts of audits, and publications: the moves of `main`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.domain.notebooks import html_table, moment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lagoa.domain.approvals import Approval
    from lagoa.domain.checks import AuditReport

_LISTED = 5


@dataclass(frozen=True, slots=True)
class Receipt:
    """The proof of an audit, written before `main` moves. It is published if its commit is on main.

    Attributes:
        id: 32 hexadecimal digits; also stored in the commit's property `lagoa.receipt`.
        commit: the audited commit, which is the one published.
        base: head of main when the candidate was created.
        branch: the work branch.
        author: who published.
        prepared_at: UTC, before the swap.
        tables: pointer of each changed table, None for a dropped one.
        contracts: hash of each contract that was checked, by table.
        report: the audit.
        unseen: batches that a rollback withdraws, as `table: batch id`.
        held: whether those batches are refused if they are loaded again.
        loosened: checks of main's previous state that are removed or less strict now, a sentence each.
        git: id of the git commit that was checked out in the lake's folder; empty if there was none.
        uncommitted: contracts, models and check files that were not as in that commit: their paths in the repository.
        approvals: those of the branch that the publication asked for.
    """

    id: str
    commit: str
    base: str
    branch: str
    author: str
    prepared_at: datetime
    tables: Mapping[str, str | None]
    contracts: Mapping[str, str]
    report: AuditReport
    unseen: tuple[str, ...] = ()
    held: bool = False
    loosened: tuple[str, ...] = ()
    git: str = ""
    uncommitted: tuple[str, ...] = ()
    approvals: tuple[Approval, ...] = ()

    def __repr__(self) -> str:
        return f"<Receipt {self.id[:12]} of {self.branch}: {self.report!r}>"


@dataclass(frozen=True, slots=True)
class Publication:
    """A move of `main`.

    Attributes:
        commit: id of the commit that main moved to.
        previous: id of the commit that it was at before.
        published_at: the time of the move (UTC).
        receipt: id of its receipt.
        tables: names of the changed tables.
        report: the audit that it passed.
        unseen: batches that a rollback withdrew, as `table: batch id`.
        held: whether those batches are refused if they are loaded again.
        loosened: checks of main's previous state that are removed or less strict now, a sentence each.
        git: id of the git commit that was checked out in the lake's folder; empty if there was none.
        uncommitted: contracts, models and check files that were not as in that commit: their paths in the repository.
        approvals: those of the branch that the publication asked for.
    """

    commit: str
    previous: str
    published_at: datetime
    receipt: str
    tables: tuple[str, ...]
    report: AuditReport
    unseen: tuple[str, ...] = ()
    held: bool = False
    loosened: tuple[str, ...] = ()
    git: str = ""
    uncommitted: tuple[str, ...] = ()
    approvals: tuple[Approval, ...] = ()

    def __repr__(self) -> str:
        more = len(self.tables) - _LISTED
        tables = ", ".join(self.tables[:_LISTED]) + (f" and {more} more" if more > 0 else "")
        return f"<Publication {self.commit[:12]}, {moment(self.published_at)}: {tables}; {self.report.counted}>"

    def _repr_html_(self) -> str:
        """Return the tables that it changed as HTML, for a notebook."""
        note = f"main moved to {self.commit[:12]}, published {moment(self.published_at)}: {self.report.counted}"
        return html_table(("table",), ((table,) for table in self.tables), note)
