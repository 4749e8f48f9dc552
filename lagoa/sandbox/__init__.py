"""Sandboxes: branches with a time to live, for one person or agent to try something on the real data.

A sandbox `ana` is the branch `sandbox/ana`. When it ends stands in the properties of a commit on that branch, so every
catalog keeps it and whoever sees the branch sees it, too. On a stack with Trino it also has a catalog there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lagoa.domain.commits import Change
from lagoa.domain.suggestions import did_you_mean_name
from lagoa.errors import CommitLost, InvalidName, LagoaError, RefNotFound, StackError

if TYPE_CHECKING:
    from lagoa.context import LakeContext
    from lagoa.domain.ports.catalog import VersionedCatalog
    from lagoa.domain.ports.sql_catalogs import SqlCatalogs
    from lagoa.domain.refs import RefInfo

PREFIX = "sandbox/"
"""Of the names of the branches."""

ENDS = "lagoa.sandbox.ends"
"""Commit property: when the sandbox ends, in ISO 8601 (UTC)."""

SHOWS = "lagoa.sandbox.shows"
"""Commit property: the commit that a read-only sandbox shows over SQL."""

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
        shows: the commit that SQL servers show, for ever, of one that is read-only; else empty.
    """

    name: str
    branch: str
    commit: str
    author: str
    ends_at: datetime | None
    shows: str = ""

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


def create_sandbox(context: LakeContext, name: str, at: str, lives: timedelta, *, read_only: bool = False) -> Sandbox:
    """Create a sandbox; no data is copied.

    Args:
        context: the lake.
        name: its name.
        at: the commit id that it begins at.
        lives: its time to live.
        read_only: let SQL servers show that commit for ever, and let nobody write there.

    Raises:
        InvalidName: of the name, or of a time to live that is not between a minute and a year.
        RefExists: there is one of this name.
        SqlServerUnavailable, StackError: Trino does not answer, or refuses.
    """
    branch, ends = branch_of(name), _end(lives)
    if read_only and context.sql_catalogs is None:
        advice = "A tag or commit is read without a sandbox: `lagoa sql --ref TAG`."
        raise StackError("trino", "only a stack with Trino has read-only sandboxes.", advice)
    follow_sandboxes(context)  # before the branch is there: a Trino that is down is known now
    context.catalog.create_branch(branch, at)
    shows = at if read_only else ""
    commit = context.catalog.commit(branch, at, _change(context, f"Create the sandbox {name}", ends, shows))
    made = Sandbox(name, branch, commit.id, commit.author, ends, shows)
    if context.sql_catalogs is not None:
        _make(context.sql_catalogs, made)
    return made


def sandboxes(context: LakeContext) -> list[Sandbox]:
    """Return all sandboxes, by name."""
    return [_found(context.catalog, ref) for ref in context.catalog.refs() if _is_sandbox(ref)]


def delete_sandbox(context: LakeContext, branch: str, commit: str) -> None:
    """Delete the branch of a sandbox, if it is at this commit, and its catalog.

    The catalog goes first: one whose branch is gone breaks lists of tables for everybody.
    """
    name, catalogs = branch.removeprefix(PREFIX), context.sql_catalogs
    if catalogs is None:
        context.catalog.delete_ref(branch, commit)
        return
    catalogs.drop(name)
    try:
        context.catalog.delete_ref(branch, commit)
    except LagoaError:
        follow(context.catalog, catalogs)
        raise


def follow_sandboxes(context: LakeContext) -> None:
    """Let the lake's SQL server, if there is one, have a catalog for each sandbox; see `follow`."""
    if context.sql_catalogs is not None:
        follow(context.catalog, context.sql_catalogs)


def follow(catalog: VersionedCatalog, catalogs: SqlCatalogs) -> None:
    """Make the catalogs of sandboxes that have none, and drop those of sandboxes that are gone.

    Raises:
        SqlServerUnavailable, StackError: the SQL server does not answer, or refuses.
    """
    there = set(catalogs.names())
    refs = {ref.name.removeprefix(PREFIX): ref for ref in catalog.refs() if _is_sandbox(ref)}
    wanted = {name: ref for name, ref in refs.items() if _NAME.fullmatch(name)}
    for name in sorted(there - wanted.keys()):
        catalogs.drop(name)
    for name in sorted(wanted.keys() - there):
        _make(catalogs, _found(catalog, wanted[name]))


def shown_ref(found: Sandbox) -> str:
    """Return the ref that SQL servers show: the branch, or for ever one commit of it."""
    return f"{found.branch}@{found.shows}" if found.shows else found.branch


def _make(catalogs: SqlCatalogs, made: Sandbox) -> None:
    catalogs.make(made.name, shown_ref(made), read_only=bool(made.shows))


def sandbox(context: LakeContext, name: str) -> Sandbox:
    """Return a sandbox; raises `RefNotFound`, `InvalidName`."""
    branch = branch_of(name)
    found = [ref for ref in context.catalog.refs() if _is_sandbox(ref)]
    for ref in found:
        if ref.name == branch:
            return _found(context.catalog, ref)
    similar = did_you_mean_name(name, (ref.name.removeprefix(PREFIX) for ref in found))
    raise RefNotFound(branch, "there is no such sandbox", "`lagoa sandbox list` lists them.", similar)


def extend_sandbox(context: LakeContext, name: str, lives: timedelta) -> Sandbox:
    """Let a sandbox end later, or earlier: `lives` from now.

    Raises:
        RefNotFound, InvalidName: as `sandbox` and `create_sandbox`.
        CommitLost: others commit to it all the time.
        SqlServerUnavailable, StackError: as `follow`, once it ends later.
    """
    ends = _end(lives)
    found, tries = sandbox(context, name), _TRIES
    while True:
        change = _change(context, f"Extend the sandbox {name}", ends, found.shows)
        try:
            commit = context.catalog.commit(found.branch, found.commit, change)
        except CommitLost:
            tries -= 1
            if not tries:
                raise
            found = sandbox(context, name)
        else:
            follow_sandboxes(context)
            return replace(found, commit=commit.id, author=commit.author, ends_at=ends)


def _end(lives: timedelta) -> datetime:
    if not timedelta(minutes=1) <= lives <= LONGEST:
        raise InvalidName("time to live", str(lives), "between one minute and 365 days")
    return (datetime.now(UTC) + lives).replace(microsecond=0)


def _change(context: LakeContext, what: str, ends: datetime, shows: str) -> Change:
    message = f"{what} until {ends:%Y-%m-%d %H:%M} UTC"
    properties = {ENDS: ends.isoformat()} | ({SHOWS: shows} if shows else {})
    return Change(message=message, properties=properties, author=context.settings.author)


def _found(catalog: VersionedCatalog, ref: RefInfo) -> Sandbox:
    name = ref.name.removeprefix(PREFIX)
    for commit in catalog.log(ref.commit):
        if ENDS in commit.properties:
            ends = datetime.fromisoformat(commit.properties[ENDS])
            return Sandbox(name, ref.name, ref.commit, commit.author, ends, commit.properties.get(SHOWS, ""))
    return Sandbox(name, ref.name, ref.commit, "", None)


def _is_sandbox(ref: RefInfo) -> bool:
    return ref.kind == "branch" and ref.name.startswith(PREFIX)
