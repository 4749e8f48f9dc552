"""Holds: states that are kept whatever the policy says, each with a reason and a person, maybe until a time.

A hold `audit_2026` is the branch `hold/audit_2026`: one commit, whose properties say why and until when, on top of the
commit that is held. So every catalog keeps it, and whoever sees the branches sees what is held.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from lagoa.domain.commits import Change
from lagoa.domain.suggestions import did_you_mean_name
from lagoa.errors import InvalidName, LagoaError, RefNotFound

if TYPE_CHECKING:
    from lagoa.context import LakeContext
    from lagoa.domain.refs import RefInfo

PREFIX = "hold/"
"""Of the names of the branches."""

WHY = "lagoa.hold.why"
UNTIL = "lagoa.hold.until"
"""Commit properties: the reason, and when the hold ends, in ISO 8601 (UTC)."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
_LONGEST = 1_000


@dataclass(frozen=True, slots=True)
class Hold:
    """A state that is held.

    Attributes:
        name: of the hold.
        commit: id of the commit that is held.
        why: the reason.
        author: who holds it.
        since: since when (UTC).
        until: when it ends (UTC); None if only `remove` ends it.
    """

    name: str
    commit: str
    why: str
    author: str
    since: datetime
    until: datetime | None = None

    def ends_by(self, now: datetime) -> bool:
        """Return whether it is over at a time."""
        return self.until is not None and self.until <= now

    def __repr__(self) -> str:
        until = f" until {self.until:%Y-%m-%d %H:%M} UTC" if self.until else ""
        return f"<Hold {self.name!r} of {self.commit[:12]}{until}, {self.author}: {self.why!r}>"


def add_hold(context: LakeContext, name: str, at: str, why: str, until: datetime | None = None) -> Hold:
    """Hold a state.

    Args:
        context: the lake.
        name: its name.
        at: the commit id that is held.
        why: the reason.
        until: when the hold ends; never by itself if None.

    Raises:
        InvalidName: of the name, an empty reason, or a time that is over.
        RefExists: there is one of this name.
    """
    branch, now = _branch_of(name), context.clock()
    if not why.strip() or len(why) > _LONGEST:
        expected = f"what the state is held for, in at most {_LONGEST:,} characters"
        raise InvalidName("reason", why, expected, fault="is no reason of a hold")
    if until is not None and until <= now:
        raise InvalidName("end of a hold", until.isoformat(), "a time to come", fault="is no end of a hold")
    properties = {WHY: why} | ({UNTIL: until.isoformat()} if until else {})
    change = Change(message=f"Hold: {why}", properties=properties, author=context.settings.author)
    context.catalog.create_branch(branch, at)
    try:
        commit = context.catalog.commit(branch, at, change)
    except LagoaError:
        context.catalog.delete_ref(branch, at)
        raise
    return Hold(name, at, why, commit.author, commit.committed_at, until)


def holds(context: LakeContext) -> list[Hold]:
    """Return all holds, by name; those that are over are there until the next expiry."""
    return [hold for _, hold in hold_refs(context)]


def hold_refs(context: LakeContext) -> list[tuple[RefInfo, Hold]]:
    """Return the branch of each hold with the hold, by name."""
    found = []
    for ref in context.catalog.refs():
        if ref.kind != "branch" or not ref.name.startswith(PREFIX):
            continue
        commit = context.catalog.get(ref.commit)
        if WHY in commit.properties and commit.parents:
            until = commit.properties.get(UNTIL)
            ends = datetime.fromisoformat(until) if until else None
            name, why = ref.name.removeprefix(PREFIX), commit.properties[WHY]
            found.append((ref, Hold(name, commit.parents[0], why, commit.author, commit.committed_at, ends)))
    return found


def remove_hold(context: LakeContext, name: str) -> Hold:
    """End a hold, and return it; raises `RefNotFound`, `InvalidName`."""
    branch = _branch_of(name)
    found = hold_refs(context)
    for ref, hold in found:
        if ref.name == branch:
            context.catalog.delete_ref(branch, ref.commit)
            return hold
    similar = did_you_mean_name(name, (hold.name for _, hold in found))
    raise RefNotFound(branch, "there is no such hold", "`lagoa hold list` lists them.", similar)


def _branch_of(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InvalidName("hold", name, "a small letter, then small letters, digits and '_', at most 50 characters")
    return f"{PREFIX}{name}"
