"""The five roles of a lake with sign-in, and which of them may move which branch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from lagoa.domain.refs import CANDIDATE_PREFIX, MAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

Role = Literal["reader", "ingest", "engineer", "publisher", "maintainer"]

PUBLISHER: Role = "publisher"

SqlRole = Literal["reader", "ingest", "engineer"]
"""Roles whose users query over SQL: all but the publisher and the maintainer, as whom no person signs in."""

INGEST: Role = "ingest"
"""Of flows: it loads data on branches `run/…`."""

ENGINEER: Role = "engineer"

READER: Role = "reader"
"""Cannot read the quarantine, which contains records as they were received."""

MAINTAINER: Role = "maintainer"
"""Lets states expire and collects files: it alone deletes files of tables, and it commits to no branch."""

SCRATCH = "lagoa/scratch/"
"""Branches on which a process creates commits before another branch moves to them; never listed."""

JOURNAL = "lagoa/journal"
"""The branch that records each move of main with its time; never listed."""

OWNED = "own/"
"""Where those branches are below a role's prefix of `SCRATCH` on which commits for a branch of one user are made."""

_RUN = "run/"
_OWN = "dev/"
"""Branches `dev/<name>/…` belong to the user of that name, an engineer."""
_SANDBOX = "sandbox/"
"""Branches `sandbox/<name>` and `sandbox/<name>_…` likewise."""


WHO_LANDS = (
    "Data comes into this layer by the role ingest, on `run/…`; an engineer writes it on branches of their own, "
    "such as `dev/<name>/…`."
)
"""Who writes the layers that the policy of a lake calls landing."""


def is_owned(branch: str) -> bool:
    """Return whether a branch belongs to one user, by its name: there engineers write every layer."""
    return branch.startswith((_OWN, _SANDBOX))


def owner_of(branch: str) -> str:
    """Return the user whom a branch belongs to by its name; empty if it belongs to no one."""
    if branch.startswith(_OWN):
        return branch.removeprefix(_OWN).partition("/")[0]
    if branch.startswith(_SANDBOX):
        return branch.removeprefix(_SANDBOX).partition("_")[0]
    return ""


def who_may_move(branch: str) -> tuple[Role, ...]:
    """Return the roles that may create, move or delete a branch; the catalog server enforces the rules."""
    if branch in {MAIN, JOURNAL} or branch.startswith(CANDIDATE_PREFIX):
        return (PUBLISHER,)
    if branch.startswith(SCRATCH):
        return tuple(role for role in get_args(Role) if role == PUBLISHER or branch.startswith(f"{SCRATCH}{role}/"))
    if branch.startswith(_RUN):
        return ("ingest", "engineer", PUBLISHER)
    return ("engineer", PUBLISHER)


WHO_ROLLS_BACK: tuple[Role, ...] = (ENGINEER, PUBLISHER)
"""Who may have main rolled back."""


def who_may(branch: str) -> str:
    """Return a sentence that says which roles may create, move or delete a branch."""
    if branch.startswith(_OWN):
        owner = branch.removeprefix(_OWN).partition("/")[0]
        return f"The engineer {owner!r} may, and the role {PUBLISHER}: `dev/<name>/…` belongs to one user."
    if branch.startswith(_SANDBOX):
        return (
            f"The engineer whose name it begins with may (`sandbox/<name>`, `sandbox/<name>_…`), the role {ENGINEER}, "
            f"as which Lagoa works, and {PUBLISHER}."
        )
    return roles_may(who_may_move(branch))


def roles_may(roles: Sequence[Role]) -> str:
    """Return a sentence that says which roles may do something."""
    *others, last = roles
    return f"The roles {', '.join(others)} and {last} may." if others else f"The role {last} may."
