"""Expiry: which states are kept by `[retention]`, and which branches are deleted.

No commit is removed, so that history stays one line on every catalog. A record says which commits are kept; reading the
state of another one is refused, and after the grace period its files may be collected.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING

from lagoa.catalog.expiry import ExpiryRecord
from lagoa.domain.faults import fault_point
from lagoa.domain.refs import MAIN
from lagoa.errors import ClockBehind, CommitLost, NotCollectable, RefNotFound
from lagoa.maintain.holds import hold_refs
from lagoa.sandbox import PREFIX as SANDBOX
from lagoa.sandbox import delete_sandbox, sandboxes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from datetime import datetime

    from lagoa.context import LakeContext
    from lagoa.domain.commits import Commit
    from lagoa.domain.refs import RefInfo

_RUN = "run/"
_RECORDS = 3
"""How many records stay: somebody may be reading the one that was the newest."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """What an expiry did, or would do.

    Attributes:
        at: when (UTC).
        dry_run: whether nothing was done.
        refs: the branches that were deleted: runs, sandboxes and holds whose time is over.
        kept: how many commits are kept: with their states, others than main's included.
        expired: how many states of main cannot be read any more, the earlier ones included.
    """

    at: datetime
    dry_run: bool
    refs: tuple[str, ...]
    kept: int
    expired: int


def expire(context: LakeContext, *, dry_run: bool = True) -> Expiry:
    """Delete the branches whose time is over, and record which states are kept.

    Kept are the states that main had in the last `history_days`, the head of every branch and tag, and what it
    has since it left main. So what trained models, holds, sandboxes, reviews and runs need is kept.

    Args:
        context: the lake.
        dry_run: whether only to say what would be done.

    Raises:
        ClockBehind: a commit, publication or record is of a time to come.
        NotCollectable: the lake's files are in an object store, or its catalog on a server.
    """
    require_collectable(context)
    now = context.clock()
    refuse_clock_behind(context, now)
    over = _refs_over(context, now)
    if not dry_run:
        over = [ref for ref in over if _delete(context, ref)]
    fault_point("expire.refs")
    refs = [each for each in context.catalog.refs() if each not in over]
    kept = _kept(context, refs, now)
    published = {commit for _, commit in context.catalog.moves(MAIN)}
    if not dry_run:
        grace = timedelta(hours=context.settings.retention.grace_hours)
        context.expiry.write(ExpiryRecord(now, grace, kept))
        fault_point("expire.recorded")
        for replaced in context.expiry.files()[_RECORDS:]:
            context.expiry.discard(replaced)
    return Expiry(now, dry_run, tuple(each.name for each in over), len(kept), len(published.difference(kept)))


def _kept(context: LakeContext, refs: Collection[RefInfo], now: datetime) -> tuple[str, ...]:
    """Return the commits that the policy keeps; what has expired before does not come back, if the policy changed."""
    catalog, days = context.catalog, context.settings.retention.history_days
    published = {commit: moment for moment, commit in catalog.moves(MAIN)}
    recent = now - timedelta(hours=context.settings.retention.grace_hours)
    oldest = None if days is None else min(now - timedelta(days=days), recent)

    def last(commit: Commit) -> bool:
        """Return whether a commit is the state that main had at the beginning of the time that is kept."""
        return oldest is not None and published.get(commit.id, commit.committed_at) <= oldest

    states = (main_states(context, refs, last), branch_states(context, refs), side_states(context, refs, recent))
    found = dict.fromkeys(chain.from_iterable(states))
    before, heads = context.expiry.newest(), {ref.commit for ref in refs}
    if before is None:
        return tuple(found)
    return tuple(
        each for each in found if each in before.ids or each in heads or not before.has_expired(catalog.get(each))
    )


def main_states(context: LakeContext, refs: Collection[RefInfo], last: Callable[[Commit], bool]) -> Iterator[str]:
    """Yield the commits of main, newest first, to the first one of which `last` is true."""
    head = next(ref.commit for ref in refs if ref.name == MAIN)
    for commit in context.catalog.log(head):
        yield commit.id
        if last(commit):
            return


def branch_states(context: LakeContext, refs: Collection[RefInfo]) -> Iterator[str]:
    """Yield the head of each branch and tag, and what it has since it left main, with the state of both then."""
    catalog = context.catalog
    published = {commit for _, commit in catalog.moves(MAIN)}
    head = next(ref.commit for ref in refs if ref.name == MAIN)
    for ref in sorted(refs, key=lambda each: each.name):
        yield ref.commit
        if ref.name != MAIN:
            base = catalog.merge_base(ref.commit, head)
            yield base
            for commit in catalog.log(ref.commit):
                yield commit.id
                if commit.id == base or commit.id in published:
                    break


def side_states(context: LakeContext, refs: Collection[RefInfo], since: datetime) -> Iterator[str]:
    """Yield the commits since a time of branches that main has taken: they are in its history, and can be named."""
    catalog = context.catalog
    published = {commit for _, commit in catalog.moves(MAIN)}
    head = next(ref.commit for ref in refs if ref.name == MAIN)
    for taken in catalog.log(head):
        if taken.committed_at < since:
            return
        for parent in taken.parents[1:]:
            for commit in catalog.log(parent):
                if commit.id in published or commit.committed_at < since:
                    break
                yield commit.id


def require_collectable(context: LakeContext) -> None:
    """Raise `NotCollectable` where Lagoa cannot know or delete all files of a lake."""
    if context.all_pointers is None or not context.storage.can_move:
        raise NotCollectable(context.settings.name)


def refuse_clock_behind(context: LakeContext, now: datetime) -> None:
    """Raise `ClockBehind` if anything in the lake is of a later time than now: ages are not known then."""
    catalog, records = context.catalog, context.expiry
    moments = [moment for moment, _ in catalog.moves(MAIN, newest=1)]
    moments += [catalog.get(ref.commit).committed_at for ref in catalog.refs()]
    newest = records.newest()
    latest = max([*moments, *([newest.at] if newest else [])])
    if latest > now:
        raise ClockBehind(f"{now:%Y-%m-%d %H:%M:%S} UTC", f"{latest:%Y-%m-%d %H:%M:%S} UTC")


def _refs_over(context: LakeContext, now: datetime) -> list[RefInfo]:
    """Return the branches whose time is over."""
    catalog = context.catalog
    refs = {ref.name: ref for ref in catalog.refs()}
    over = [refs[each.branch] for each in sandboxes(context) if each.ends_at is not None and each.ends_at <= now]
    over += [ref for ref, hold in hold_refs(context) if hold.ends_by(now)]
    days = context.settings.retention.run_days
    for ref in refs.values() if days is not None else ():
        if ref.kind == "branch" and ref.name.startswith(_RUN) and ref.created_at is not None:
            used = max(ref.created_at, catalog.get(ref.commit).committed_at)
            if used <= now - timedelta(days=days or 0):
                over.append(ref)
    return over


def _delete(context: LakeContext, ref: RefInfo) -> bool:
    """Delete a branch; return whether it is gone: not if somebody has moved it meanwhile."""
    try:
        if ref.name.startswith(SANDBOX):
            delete_sandbox(context, ref.name, ref.commit)
        else:
            context.catalog.delete_ref(ref.name, ref.commit)
    except RefNotFound:
        return True
    except CommitLost:
        return False
    return True
