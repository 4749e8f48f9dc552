"""Approvals of a branch, and what asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lagoa.domain.lists import listed
from lagoa.domain.notebooks import moment

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

Rule = Literal["owners", "breaking", "loosened", "rows_removed"]
"""A setting of `[approval]` that asks for an approval."""

NOT_ENFORCED = "not enforced"
"""What is said of an approval by a name that nobody has proven, as where nobody signs in."""

_LISTED = 5


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody's consent that the state of a branch at one commit is published.

    Attributes:
        branch: the branch.
        commit: id of its head, which alone is approved.
        by: who approved.
        at: when (UTC).
        message: what they said of it; may be empty.
        enforced: whether the publisher itself asked the sign-in server who that is, and nobody else can have kept this.
    """

    branch: str
    commit: str
    by: str
    at: datetime
    message: str = ""
    enforced: bool = False

    def __repr__(self) -> str:
        return f"<Approval of {self.branch!r} ({self.commit[:12]}): {self.shown}>"

    @property
    def shown(self) -> str:
        """Who and when, in words; and whether the name is not proven."""
        return f"{self.by}, {moment(self.at)}" + ("" if self.enforced else f", {NOT_ENFORCED}")


@dataclass(frozen=True, slots=True)
class Demand:
    """What asks for an approval.

    Attributes:
        rule: the setting.
        tables: names of the tables that it is about.
        reason: what is the matter, in words.
        who: who can approve; None for anybody.
    """

    rule: Rule
    tables: tuple[str, ...]
    reason: str
    who: tuple[str, ...] | None = None

    @property
    def shown(self) -> str:
        """What is the matter, by which rule, and who can approve, in one line."""
        able = "anybody" if self.who is None else listed(self.who, _LISTED) if self.who else "nobody"
        return f"{self.reason} ({self.rule}; can be approved by {able})"


@dataclass(frozen=True, slots=True)
class Consent:
    """What publishing a branch asks for, and what is there of it.

    Attributes:
        demands: what asks for an approval.
        approvals: those of the branch's head that count.
        ignored: those that do not, as `name: reason`.
    """

    demands: tuple[Demand, ...] = ()
    approvals: tuple[Approval, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[Demand, ...]:
        """The demands that no approval meets."""
        return tuple(each for each in self.demands if not _is_met(each, self.approvals))


def consent(
    demands: Sequence[Demand], approvals: Sequence[Approval], authors: Collection[str], *, enforced: bool
) -> Consent:
    """Return which approvals count, the first of each person.

    Args:
        demands: what asks for them.
        approvals: of the head of the branch.
        authors: who may not approve, since the work is theirs.
        enforced: whether only proven names count.
    """
    counted: dict[str, Approval] = {}
    ignored: dict[str, None] = {}
    for each in sorted(approvals, key=lambda approval: approval.at):
        if enforced and not each.enforced:
            ignored[f"{each.by}: the publisher did not keep it"] = None
        elif each.by.casefold() in {author.casefold() for author in authors}:
            ignored[f"{each.by}: an author of the branch (four_eyes)"] = None
        else:
            counted.setdefault(each.by, each)
    return Consent(tuple(demands), tuple(counted.values()), tuple(ignored))


def _is_met(demand: Demand, approvals: Sequence[Approval]) -> bool:
    return any(demand.who is None or each.by in demand.who for each in approvals)
