"""Refs: names of branches and tags, and positions in their history."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Self

from lagoa.errors import InvalidName

MAIN = "main"
"""The branch that readers read; only a publication or a rollback moves it."""

CANDIDATE_PREFIX = "lagoa/candidate/"
"""Only the publisher uses branches with this prefix."""

_SURELY_AN_ID = 16  # digits from which on Nessie takes a name for a commit
_MAX_NAME = 200

_REF_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?:[./][A-Za-z0-9_-]+)*")

ID_LENGTH = 64
"""Number of digits of a commit id."""

_ID = re.compile(rf"[0-9a-f]{{8,{ID_LENGTH}}}")

_REF = re.compile(r"(?P<name>[^@~*]+)(?:@(?P<hash>[^~*]*))?(?:~(?P<back>[^*]*))?(?:\*(?P<at>.*))?", re.DOTALL)


def is_id(text: str) -> bool:
    """Return whether a text can be the id of a commit or receipt, or the first 8 or more digits of one."""
    return _ID.fullmatch(text) is not None


def check_ref_name(name: str) -> str:
    """Return `name` if it is a valid name of a branch or tag.

    The grammar is what Nessie, Trino and Spark all accept: a letter first; then letters, digits, `_` and `-`, in parts
    joined by single dots or slashes; neither `HEAD` nor anything that looks like a commit id.

    Raises:
        InvalidName: otherwise.
    """
    if (
        len(name) > _MAX_NAME
        or not _REF_NAME.fullmatch(name)
        or name in {"HEAD", "DETACHED"}
        or (is_id(name) and len(name) >= _SURELY_AN_ID)
    ):
        rule = (
            f"a letter, then letters, digits, '_' and '-' in parts joined by single '.' or '/', at most {_MAX_NAME}"
            " characters, neither HEAD nor a commit id"
        )
        raise InvalidName("branch or tag", name, rule)
    return name


@dataclass(frozen=True, slots=True)
class Ref:
    """A position in history: `main`, `v1`, `main@<hash>`, `main~2`, `main*<time>`, and `main@<hash>~2`.

    Attributes:
        name: the branch or tag.
        commit: a commit id, or the first 8 or more characters of one; None for the head.
        back: the number of steps back along first parents.
        at: selects the state that was published at this time (for `main`, from the journal).
    """

    name: str
    commit: str | None = None
    back: int = 0
    at: datetime | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a ref. A time without a zone is taken as UTC.

        Raises:
            InvalidName: `text` does not follow the grammar.
        """
        match = _REF.fullmatch(text)
        if match is None:
            raise InvalidName("ref", text, "a branch or tag, optionally followed by @hash, ~number or *time")
        name = match["name"]
        if is_id(name) and (name[0].isdigit() or len(name) >= _SURELY_AN_ID):
            raise InvalidName("ref", text, f"a commit behind the branch or tag that has it, such as main@{text}")
        check_ref_name(name)
        commit, back, at = match["hash"], match["back"], match["at"]
        if commit is not None and not is_id(commit):
            raise InvalidName("ref", text, "8 to 64 hexadecimal digits after @")
        if back is not None and not (back.isascii() and back.isdigit() and len(back) < 7):  # noqa: PLR2004
            raise InvalidName("ref", text, "a number below 1,000,000 after ~")
        moment = None
        if at is not None:
            if commit is not None or back is not None:
                raise InvalidName("ref", text, "*time without @ or ~")
            try:
                moment = datetime.fromisoformat(at)
            except ValueError as error:
                raise InvalidName("ref", text, "an ISO 8601 time after *, such as main*2026-11-20T18:00:00Z") from error
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return cls(name, commit, int(back or 0), moment)

    def __str__(self) -> str:
        at = f"*{self.at.isoformat()}" if self.at else ""
        return f"{self.name}{f'@{self.commit}' if self.commit else ''}{f'~{self.back}' if self.back else ''}{at}"


@dataclass(frozen=True, slots=True)
class RefInfo:
    """A branch or tag at one time.

    Attributes:
        name: its name.
        kind: branch or tag.
        commit: id of the commit it points to.
        created_at: when it was created (UTC); None if the catalog does not record it.
    """

    name: str
    kind: Literal["branch", "tag"]
    commit: str
    created_at: datetime | None

    def __repr__(self) -> str:
        return f"<RefInfo {self.kind} {self.name!r} at {self.commit[:12]}>"
