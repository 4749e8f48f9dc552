"""Sandboxes: branches with a time to live, for one person or agent to try something on the real data.

A sandbox `ana` is the branch `sandbox/ana`. When it ends stands in the properties of a commit on that branch, so every
catalog keeps it and whoever sees the branch sees it, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lagoa.domain.commits import Change
from lagoa.domain.suggestions import near_name
from lagoa.errors import CommitLost, InvalidName, RefNotFound

if TYPE_CHECKING:
    from lagoa.context import LakeContext
    from lagoa.domain.refs import RefInfo

PREFIX = "sandbox/"
"""Of the names of the branches."""

ENDS = "lagoa.sandbox.ends"
"""Commit property: when the sandbox ends, in ISO 8601 (UTC)."""

LONGEST = timedelta(days=365)
"""The longest time to live; `extend` gives it again."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A sandbox at one time.

    Attributes:
        name: its name.
        branch: its branch.
        commit: id of the branch's head.
        author: who created it, or extended it last.
        ends_at: when it ends (UTC); None if the branch was not made by `create`.
    """

    name: str
    branch: str
    commit: str
    author: str
    ends_at: datetime | None

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return self.ends_at is not None and self.ends_at <= datetime.now(UTC)

    def __repr__(self) -> str:
        until = f"until {self.ends_at:%Y-%m-%d %H:%M} UTC" if self.ends_at else "without an end"
        return f"<Sandbox {self.name!r} {until}, at {self.commit[:12]}>"


def branch_of(name: str) -> str:
    """Return the branch of a sandbox; raises `InvalidName`."""
    if not _NAME.fullmatch(name):  # what names of catalogs and users of SQL engines may be without quotes
        raise InvalidName("sandbox", name, "a small letter, then small letters, digits and '_', at most 50 characters")
    return f"{PREFIX}{name}"


def create_sandbox(context: LakeContext, name: str, at: str, lives: timedelta) -> Sandbox:
    """Create a sandbox; no data is copied.

    Args:
        context: the lake.
        name: its name.
        at: the commit id that it begins at.
        lives: its time to live.

    Raises:
        InvalidName: of the name, or of a time to live that is not between a minute and a year.
        RefExists: there is one of this name.
    """
    branch, ends = branch_of(name), _end(lives)
    context.catalog.create_branch(branch, at)
    commit = context.catalog.commit(branch, at, _change(context, f"Create the sandbox {name}", ends))
    return Sandbox(name, branch, commit.id, commit.author, ends)


def sandboxes(context: LakeContext) -> list[Sandbox]:
    """Return all sandboxes, by name."""
    return [_found(context, ref) for ref in context.catalog.refs() if _is_sandbox(ref)]


def sandbox(context: LakeContext, name: str) -> Sandbox:
    """Return a sandbox; raises `RefNotFound`, `InvalidName`."""
    branch = branch_of(name)
    found = [ref for ref in context.catalog.refs() if _is_sandbox(ref)]
    for ref in found:
        if ref.name == branch:
            return _found(context, ref)
    similar = near_name(name, (ref.name.removeprefix(PREFIX) for ref in found))
    raise RefNotFound(branch, "there is no such sandbox", "`lagoa sandbox list` lists them.", similar)


def extend_sandbox(context: LakeContext, name: str, lives: timedelta) -> Sandbox:
    """Let a sandbox end later, or earlier: `lives` from now.

    Raises:
        RefNotFound, InvalidName: as `sandbox` and `create_sandbox`.
        CommitLost: others commit to it all the time.
    """
    ends = _end(lives)
    found, tries = sandbox(context, name), _TRIES
    while True:
        change = _change(context, f"Extend the sandbox {name}", ends)
        try:
            commit = context.catalog.commit(found.branch, found.commit, change)
        except CommitLost:
            tries -= 1
            if not tries:
                raise
            found = sandbox(context, name)
        else:
            return replace(found, commit=commit.id, author=commit.author, ends_at=ends)


def _end(lives: timedelta) -> datetime:
    if not timedelta(minutes=1) <= lives <= LONGEST:
        raise InvalidName("time to live", str(lives), "between one minute and 365 days")
    return (datetime.now(UTC) + lives).replace(microsecond=0)


def _change(context: LakeContext, what: str, ends: datetime) -> Change:
    message = f"{what} until {ends:%Y-%m-%d %H:%M} UTC"
    return Change(message=message, properties={ENDS: ends.isoformat()}, author=context.settings.author)


def _found(context: LakeContext, ref: RefInfo) -> Sandbox:
    name = ref.name.removeprefix(PREFIX)
    for commit in context.catalog.log(ref.commit):
        if ENDS in commit.properties:
            ends = datetime.fromisoformat(commit.properties[ENDS])
            return Sandbox(name, ref.name, ref.commit, commit.author, ends)
    return Sandbox(name, ref.name, ref.commit, "", None)


def _is_sandbox(ref: RefInfo) -> bool:
    return ref.kind == "branch" and ref.name.startswith(PREFIX)
