"""Receipts of audits, and publications: the moves of `main`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lagoa.domain.checks import AuditReport


@dataclass(frozen=True, slots=True)
class Receipt:
    """The proof of an audit, written before `main` moves; it counts as published if its commit is on main.

    Attributes:
        id: 32 hexadecimal digits; it stands in the commit's property `lagoa.receipt`.
        commit: the audited commit, which is the one published.
        base: head of main when the candidate was made.
        branch: the work branch.
        author: who published.
        prepared_at: UTC, before the swap.
        tables: pointer of each table changed, None for a dropped one.
        contracts: hash of each contract that was checked, by table.
        report: the audit.
        unseen: batches that a rollback takes out of sight, as `table: batch id`.
        held: whether those batches are refused when they come again.
        loosened: checks that guarded main's state before and are removed, or ask for less, a sentence each.
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


@dataclass(frozen=True, slots=True)
class Publication:
    """A move of `main`.

    Attributes:
        commit: id of the commit main was moved to.
        previous: id of the commit it was at.
        published_at: the moment of the swap (UTC).
        receipt: id of its receipt.
        tables: names of the tables changed.
        report: the audit that let it through.
        unseen: batches that a rollback took out of sight, as `table: batch id`.
        held: whether those batches are refused when they come again.
        loosened: checks that guarded the state before and are removed, or ask for less, a sentence each.
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
