"""The review of a branch: what publishing it would change on main, before anybody publishes it."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from lagoa.domain.approvals import Consent
from lagoa.domain.refs import MAIN
from lagoa.errors import BatchHeld, LagoaError, PublishConflict, PublishContended, TransientError
from lagoa.lineage.downstream import downstream
from lagoa.lineage.readers import lake_readers
from lagoa.publish.rebase import rebase
from lagoa.publish.work import net_change, own_commits
from lagoa.review.approval import consent_to, demands
from lagoa.review.request.checks import review_checks
from lagoa.review.request.kpis import kpis_of
from lagoa.review.request.results import Review
from lagoa.review.request.tables import changed_columns, review_tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lagoa.context import LakeContext
    from lagoa.domain.commits import Commit
    from lagoa.domain.tables import TableName
    from lagoa.publish.rebase_plan import TableRebase
    from lagoa.review.request.results import ReviewedChecks, TableReview

__all__ = ["Review", "review"]

COMMITS = 100
"""Commits of a branch that are shown; all are counted."""


@dataclass(frozen=True, slots=True)
class _Work:
    """A branch beside main: both commits, the one that they parted at, and what publishing would change.

    `base` is what it is compared with; `refused` says why `publish` would refuse the branch, `rebase` what it would do
    again on main first.
    """

    head: str
    main: str
    parted: str
    base: str
    net: Mapping[TableName, str | None]
    refused: str = ""
    rebase: tuple[TableRebase, ...] = ()

    @classmethod
    def of(cls, context: LakeContext, branch: str) -> Self:
        """Return a branch beside main, all of one moment: again if either moved meanwhile."""
        catalog = context.catalog
        for _ in range(context.settings.publish_tries):
            head, main = catalog.ref(branch).commit, catalog.ref(MAIN).commit
            parted = catalog.merge_base(main, head)
            try:
                found = cls(head, main, parted, main, net_change(context, branch))
            except (PublishConflict, BatchHeld) as error:
                net = {table: new for table, (_, new) in catalog.diff(parted, head).items()}
                found = cls(head, main, parted, parted, net, *_rebased(context, branch, error))
            if (catalog.ref(branch).commit, catalog.ref(MAIN).commit) == (head, main):
                return found
        raise PublishContended(branch, context.settings.publish_tries)


def _rebased(context: LakeContext, branch: str, error: LagoaError) -> tuple[str, tuple[TableRebase, ...]]:
    """Return why a branch that does not fit to main would be refused, else what a rebase would do first."""
    if not isinstance(error, PublishConflict) or not error.behind:
        return str(error), ()
    try:
        return "", rebase(context, branch, dry_run=True).tables
    except PublishConflict as conflict:
        return str(conflict), ()


def review(context: LakeContext, branch: str, *, audit: bool = True, samples: int = 5) -> Review:
    """Return what publishing a branch would change on main; nothing is published.

    The state that is reviewed is main's head with the net change of the branch: what `publish` audits. Where `publish`
    would first have to rebase the branch, or would refuse it, that is said (`rebase`, `refused`), and the branch is
    compared with the state of main that it is based on; then no check runs. Only data files that main or the branch
    does not have are read, but for small tables.

    Args:
        context: the lake.
        branch: the branch.
        audit: run the checks that have no result yet. Else only results that are known are shown.
        samples: how many rows of each kind to show per table.

    Raises:
        NothingToPublish: main has all changes of the branch.
        RefNotFound, RefProtected: no such branch; main, a tag or a candidate.
        CheckError, ContractError: a check file or contract that cannot be used.
        PublishContended: main or the branch moved each time while they were looked at.
    """
    started = time.perf_counter()
    work = _Work.of(context, branch)
    before = context.catalog.tables(work.base)
    after = {table: pointer for table, pointer in {**before, **work.net}.items() if pointer is not None}
    commits, number, authors = _commits(context, work.head, work.main)
    checked = review_checks(context, after, before, work.base, audit=audit and work.base == work.main)
    pairs = {table: (before.get(table), new) for table, new in work.net.items()}
    tables = review_tables(context, pairs, samples)
    readers = lake_readers(context, after)
    asked, unknown = _consent(context, branch, work.head, pairs, checked, tables)
    return Review(
        lake=context.settings.name,
        branch=branch,
        head=work.head,
        main=work.main,
        base=work.base,
        refused=work.refused,
        rebase=work.rebase,
        commits=commits,
        commit_count=number,
        authors=authors,
        tables=tables,
        checks=checked,
        kpis=kpis_of(context, tables, pairs),
        downstream=tuple(downstream(readers, changed_columns(tables), work.net.keys())),
        problems=(*readers.problems, *unknown),
        reviewed_at=context.clock(),
        seconds=time.perf_counter() - started,
        consent=asked,
    )


def _consent(
    context: LakeContext,
    branch: str,
    head: str,
    pairs: Mapping[TableName, tuple[str | None, str | None]],
    checks: ReviewedChecks,
    tables: Sequence[TableReview],
) -> tuple[Consent, tuple[str, ...]]:
    """Return what asks for approvals and which are there; and why that is not known, where a table cannot be read."""
    if not context.settings.approval.any:
        return Consent(), ()
    removed = {each.table: each.rows_removed for each in tables if each.compared}
    try:
        return consent_to(context, branch, head, demands(context, pairs, checks.loosened, removed)), ()
    except TransientError:
        raise
    except LagoaError as error:
        return Consent(), (f"Which approvals are needed: {error.message}",)


def _commits(context: LakeContext, head: str, main: str) -> tuple[tuple[Commit, ...], int, tuple[str, ...]]:
    """Return the newest commits of a branch that main does not have, their number, and all authors, by commits."""
    shown: list[Commit] = []
    authors: Counter[str] = Counter()
    for commit in own_commits(context.catalog, head, main):
        authors[commit.author] += 1
        if len(shown) < COMMITS:
            shown.append(commit)
    return tuple(shown), authors.total(), tuple(name for name, _ in authors.most_common())
