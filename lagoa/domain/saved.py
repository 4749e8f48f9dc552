"""A lake's own state as a backup keeps it, whatever keeps it in the lake: commits, refs, moves, records."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from lagoa.domain.commits import Commit
    from lagoa.domain.refs import RefInfo
    from lagoa.domain.tables import TableName

WAS = "lagoa.was"
"""Property of a commit that was restored under another id: the ids that it had before, the first one first."""

_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class SavedCommit:
    """A commit with what it changes against its first parent.

    Attributes:
        commit: the commit.
        tables: the new pointer of each changed table; None for one that is removed.
        namespaces: properties of each changed namespace; None for one that is removed.
    """

    commit: Commit
    tables: Mapping[TableName, str | None] = field(default_factory=dict)
    namespaces: Mapping[tuple[str, ...], Mapping[str, str] | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SavedMove:
    """A move of a branch, from the journal: which one, when (UTC), to which commit."""

    branch: str
    at: datetime
    to: str


@dataclass(frozen=True, slots=True)
class SavedCatalog:
    """A catalog at one time.

    Attributes:
        refs: its branches and tags.
        moves: the journal of the branches that are there, oldest first.
        commits: every commit that refs and journal reach by any parent; parents come before their children.
    """

    refs: Sequence[RefInfo]
    moves: Sequence[SavedMove]
    commits: Iterable[SavedCommit]


@dataclass(frozen=True, slots=True)
class SavedRecord:
    """A receipt, a part of receipts, or an approval.

    Attributes:
        kind: which of them.
        document: the JSON that it is kept as.
        kept_by: the login that wrote it, where a server keeps that; else empty.
    """

    kind: Literal["receipt", "part", "approval"]
    document: str
    kept_by: str = ""

    @property
    def is_results(self) -> bool:
        """Whether it is the part with the results of a table, which names no other part."""
        return self.kind == "part" and self.document.startswith("[")


def with_new_ids(text: str, ids: Mapping[str, str]) -> str:
    """Return a text with the ids that commits have now in place of those that they had.

    Args:
        text: any text that may name commits by their whole ids.
        ids: the new id of each commit that has another one.
    """
    return _ID.sub(lambda found: ids.get(found[0], found[0]), text) if ids else text


def with_former_id(properties: Mapping[str, str], former: str) -> dict[str, str]:
    """Return the properties of a commit that is restored under another id."""
    return {**properties, WAS: f"{properties.get(WAS, '')} {former}".strip()}


def former_ids(commit: Commit) -> list[str]:
    """Return the ids that a commit had before it was restored, the first one first."""
    return commit.properties.get(WAS, "").split()
