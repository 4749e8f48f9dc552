"""Expiry: which states are kept by `[retention]`, and which branches are deleted.

No commit is removed, so that history stays one line on every catalog. A record says which commits are kept, whole or
without the tables of some layers; reading the state of another one is refused, and after the grace period its files may
be collected.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING

from lagoa.catalog.expiry import ExpiryRecord, PartlyKept
from lagoa.domain.faults import fault_point
from lagoa.domain.owners import is_abandoned
from lagoa.domain.refs import MAIN
from lagoa.domain.roles import MAINTAINER
from lagoa.errors import ClockBehind, CommitLost, NotCollectable, RefNotFound
from lagoa.maintain.folders import note_folders
from lagoa.maintain.holds import hold_refs
from lagoa.maintain.lists import FOUND
from lagoa.publish.candidate import abandoned
from lagoa.sandbox import PREFIX as SANDBOX
from lagoa.sandbox import delete_sandbox, sandboxes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
    from datetime import datetime

    from lagoa.context import LakeContext
    from lagoa.domain.commits import Commit
    from lagoa.domain.ports.catalog import VersionedCatalog
    from lagoa.domain.refs import RefInfo

_RUN = "run/"
COMPACTIONS = f"{_RUN}maintain/"
"""What the names of the branches of compactions begin with; behind it is who works on one."""

_RECORDS = 3
"""How many records stay: somebody may be reading the one that was the newest."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """What an expiry did, or would do.

    Attributes:
        at: when (UTC).
        dry_run: whether nothing was done.
        refs: the branches that were deleted: runs, sandboxes and holds whose time is over, and what publications that
            were killed left.
        kept: how many commits are kept, at least in part: with their states, others than main's included.
        expired: how many states of main cannot be read any more, the earlier ones included.
        layers: for each layer that is kept for fewer days: of how many more states of main its tables cannot be read.
    """

    at: datetime
    dry_run: bool
    refs: tuple[str, ...]
    kept: int
    expired: int
    layers: Mapping[str, int]


def expire(context: LakeContext, *, dry_run: bool = True, clock_is_right: bool = False) -> Expiry:
    """Delete the branches whose time is over, and record which states are kept.

    Kept are the states that main had in the last `history_days`, without the tables of layers that are kept for fewer
    days; and with all tables the head of every branch and tag, and what it has since it left main. So what trained
    models, holds, sandboxes, reviews and runs need is kept.

    Args:
        context: the lake.
        dry_run: whether only to say what would be done.
        clock_is_right: go on although something in the lake is of a time to come, which somebody has to know: the clock
            was ahead when that was made. It stays as if it were of its time, which keeps it longer. Nothing is
            collected from then on but what two collections find anew.

    Raises:
        ClockBehind: a commit, publication or record is of a time to come.
        NotCollectable: the lake is on servers, and was opened as another role than the maintainer.
    """
    require_collectable(context)
    now = context.clock() if clock_is_right else time_now(context)
    over = _refs_over(context, now)
    if not dry_run:
        note_folders(context)
        if clock_is_right:  # times in lists of garbage may be wrong, too
            context.storage.discard(f"{context.storage.home}/{FOUND}")
        over = [ref for ref in over if _delete(context, ref)]
    fault_point("expire.refs")
    refs = [each for each in context.catalog.refs() if each not in over]
    published = published_states(context)
    record = _record(context, refs, published, now)
    if not dry_run:
        context.expiry.write(record)
        fault_point("expire.recorded")
        for wrong in context.expiry.files() if clock_is_right else ():
            if context.expiry.record(wrong).at > now:
                context.expiry.discard(wrong)
        for replaced in context.expiry.files()[_RECORDS:]:
            context.expiry.discard(replaced)
    expired = published.keys() - record.ids - record.partly.keys()
    partly = Counter(layer for each in published.keys() & record.partly.keys() for layer in record.partly[each])
    layers = {layer: partly[layer] for layer in sorted({*partly, *context.settings.retention.layer_days})}
    kept = len(record.ids) + len(record.partly)
    return Expiry(now, dry_run, tuple(each.name for each in over), kept, len(expired), layers)


def _record(
    context: LakeContext, refs: Collection[RefInfo], published: Mapping[str, datetime], now: datetime
) -> ExpiryRecord:
    """Return what the policy keeps; what has expired before does not come back, if the policy changed."""
    grace = timedelta(hours=context.settings.retention.grace_hours)
    states = (branch_states(context, refs, published), side_states(context, refs, published, now - grace))
    found = _states_of_main(context, refs, published, now)
    found |= dict.fromkeys(chain.from_iterable(states), frozenset())
    before, heads = context.expiry.newest(), {ref.commit for ref in refs}
    if (
        before is not None and before.at > now
    ):  # the clock was ahead: what was made since is not what had expired by then
        before = replace(before, kept=(*before.kept, *_made_since(context, heads, before)))
    if before is not None:
        known = before.ids | before.partly.keys()
        # What main got since is new, whatever the clock said of who committed it.
        since = {commit.id for commit in main_states(context, refs, lambda commit: commit.id in known)} - known
        for commit in found.keys() - heads - before.ids - since:
            if commit in before.partly:
                found[commit] |= before.partly[commit]
            elif before.has_expired(context.catalog.get(commit)):
                del found[commit]
    kept: dict[frozenset[str], list[str]] = defaultdict(list)
    for commit, without in found.items():
        kept[without].append(commit)
    parts = (PartlyKept(without, tuple(commits)) for without, commits in kept.items() if without)
    runs, ahead = _runs_seen(context, refs, now), _ahead(context, before, now)
    return ExpiryRecord(now, grace, tuple(kept[frozenset()]), tuple(parts), runs, ahead)


def _made_since(context: LakeContext, heads: Collection[str], record: ExpiryRecord) -> set[str]:
    """Return the commits that refs have got since a record, which has all heads of its time."""
    found = set[str]()
    look = [*heads]
    while look:
        commit = look.pop()
        if commit not in found and commit not in record.ids and commit not in record.partly:
            found.add(commit)
            look += context.catalog.get(commit).parents
    return found


def _ahead(context: LakeContext, before: ExpiryRecord | None, now: datetime) -> tuple[datetime, datetime] | None:
    """Return since when the clock is right, and to what time it was ahead; None if all of that has come."""
    known = before.ahead if before is not None else None
    latest = _latest(context)
    if latest > now and (known is None or not known[0] < latest <= known[1]):
        known = (now, latest)
    return known if known is not None and known[1] > now else None


def _states_of_main(
    context: LakeContext, refs: Collection[RefInfo], published: Mapping[str, datetime], now: datetime
) -> dict[str, frozenset[str]]:
    """Return the commits of main that the policy keeps, newest first, each with the layers that it does not.

    The state that main had at the beginning of a time counts to it, however old it is.
    """
    rules = context.settings.retention
    recent = now - timedelta(hours=rules.grace_hours)
    oldest = {layer: min(now - timedelta(days=days), recent) for layer, days in rules.layer_days.items()}
    first = None if rules.history_days is None else min(now - timedelta(days=rules.history_days), recent)

    def moment(commit: Commit) -> datetime:
        return published.get(commit.id, commit.committed_at)

    found = {}
    without = frozenset[str]()
    for commit in main_states(context, refs, lambda commit: first is not None and moment(commit) <= first):
        found[commit.id] = without
        without |= {layer for layer, since in oldest.items() if moment(commit) <= since}
    return found


def published_states(context: LakeContext) -> dict[str, datetime]:
    """Return every commit that main has been at, with the time when it came there."""
    return {commit: moment for moment, commit in context.catalog.moves(MAIN)}


def main_states(context: LakeContext, refs: Collection[RefInfo], last: Callable[[Commit], bool]) -> Iterator[Commit]:
    """Yield the commits of main, newest first, to the first one of which `last` is true."""
    head = next(ref.commit for ref in refs if ref.name == MAIN)
    for commit in context.catalog.log(head):
        yield commit
        if last(commit):
            return


def branch_states(context: LakeContext, refs: Collection[RefInfo], published: Container[str]) -> Iterator[str]:
    """Yield the head of each branch and tag, and what it has since it left main, with the state of both then."""
    catalog = context.catalog
    head = next(ref.commit for ref in refs if ref.name == MAIN)
    for ref in sorted(refs, key=lambda each: each.name):
        yield ref.commit
        if ref.name != MAIN:
            base = _base_of(catalog, ref.commit, head)
            if base:
                yield base
            for commit in catalog.log(ref.commit):
                yield commit.id
                if commit.id == base or commit.id in published:
                    break


def _base_of(catalog: VersionedCatalog, commit: str, head: str) -> str:
    """Return the state of main that a branch left; empty if another program made it from nothing."""
    try:
        return catalog.merge_base(commit, head)
    except RefNotFound:
        return ""


def side_states(
    context: LakeContext, refs: Collection[RefInfo], published: Container[str], since: datetime
) -> Iterator[str]:
    """Yield the commits since a time of branches that main has taken: they are in its history, and can be named."""
    catalog = context.catalog
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
    """Raise `NotCollectable` if the lake is on servers, and was not opened as the role that deletes there."""
    served = context.forgets_branches or not context.storage.can_move
    if context.all_pointers is None or (served and context.settings.role != MAINTAINER):
        raise NotCollectable(context.settings.name)


def time_now(context: LakeContext) -> datetime:
    """Return the time; raises `ClockBehind` if anything in the lake is of a later one: ages are not known then.

    Times that the clock is known to have been ahead to count for nothing.
    """
    latest, newest = _latest(context), context.expiry.newest()
    if newest is not None and newest.ahead is not None and newest.ahead[0] < latest <= newest.ahead[1]:
        latest = newest.ahead[0]
    now = context.clock()  # only then: others may have committed meanwhile
    if latest > now:
        raise ClockBehind(f"{now:%Y-%m-%d %H:%M:%S} UTC", f"{latest:%Y-%m-%d %H:%M:%S} UTC")
    return now


def _latest(context: LakeContext) -> datetime:
    """Return the latest time that a publication, the head of a ref, or the record of an expiry has."""
    catalog, newest = context.catalog, context.expiry.newest()
    moments = [moment for moment, _ in catalog.moves(MAIN, newest=1)]
    moments += [catalog.get(ref.commit).committed_at for ref in catalog.refs()]
    return max([*moments, *([newest.at] if newest else [])])


def _refs_over(context: LakeContext, now: datetime) -> list[RefInfo]:
    """Return the branches whose time is over."""
    catalog = context.catalog
    refs = {ref.name: ref for ref in catalog.refs()}
    over = [refs[each.branch] for each in sandboxes(context) if each.ends_at is not None and each.ends_at <= now]
    over += [ref for ref, hold in hold_refs(context) if hold.ends_by(now)]
    over += abandoned(catalog)
    return [*over, *runs_over(context, now)]


def runs_over(context: LakeContext, now: datetime) -> list[RefInfo]:
    """Return the branches of runs that nobody has used for `run_days`, but those whose state somebody has approved."""
    days = context.settings.retention.run_days
    if days is None:
        return []
    before = now - timedelta(days=days)
    runs = [ref for ref in context.catalog.refs(_RUN) if ref.kind == "branch"]
    seen = _runs_seen(context, runs, now)
    unused = (ref for ref in runs if ref.name not in seen or seen[ref.name][1] <= before)
    return [ref for ref in unused if _used_at(context, ref) <= before and not context.receipts.approvals(ref.commit)]


def compactions_left(context: LakeContext, before: datetime) -> list[RefInfo]:
    """Return the branches of compactions whose process has ended, and that nobody has used since a time."""
    now = context.clock()
    branches = context.catalog.refs(COMPACTIONS)
    left = (ref for ref in branches if is_abandoned(ref.name.removeprefix(COMPACTIONS), now))
    return [ref for ref in left if _used_at(context, ref) <= before]


def _used_at(context: LakeContext, ref: RefInfo) -> datetime:
    committed_at = context.catalog.get(ref.commit).committed_at
    return max(ref.created_at or committed_at, committed_at)


def _runs_seen(context: LakeContext, refs: Iterable[RefInfo], now: datetime) -> dict[str, tuple[str, datetime]]:
    """Return of runs whose catalog does not say when they were made where, and since when, expiries saw them there."""
    record = context.expiry.newest()
    before = record.runs if record is not None else {}
    seen = {}
    for ref in refs:
        if ref.kind == "branch" and ref.name.startswith(_RUN) and ref.created_at is None:
            commit, since = before.get(ref.name, ("", now))
            seen[ref.name] = (ref.commit, since if commit == ref.commit else now)
    return seen


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
