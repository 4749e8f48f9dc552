"""The journal of swaps on a Nessie server: a branch whose commits say what was about to move where, and when."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lagoa.adapters.nessie.http import Conflict, NotThere, at
from lagoa.domain.commits import Change
from lagoa.domain.roles import JOURNAL
from lagoa.errors import CommitLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lagoa.adapters.nessie.history import History
    from lagoa.adapters.nessie.http import NessieHttp

_BRANCH, _FROM, _TO, _MOMENT = (f"lagoa.move.{name}" for name in ("branch", "from", "to", "moment"))


@dataclass(frozen=True, slots=True)
class Move:
    """A swap: of which branch, from which commit to which, when (UTC)."""

    branch: str
    before: str
    to: str
    moment: datetime

    def properties(self) -> dict[str, str]:
        """Return the move as the properties of a commit."""
        return {_BRANCH: self.branch, _FROM: self.before, _TO: self.to, _MOMENT: self.moment.isoformat()}

    @classmethod
    def of(cls, properties: Mapping[str, str]) -> Move:
        """Return the move that `properties` wrote."""
        moment = datetime.fromisoformat(properties[_MOMENT])
        return cls(properties[_BRANCH], properties[_FROM], properties[_TO], moment)


class Journal:
    """Entries are written before their swaps, as Nessie does not do both at once; one counts if its swap happened.

    Args:
        http: the server.
        history: its commits.
        no_ancestor: what a branch without commits points to.
        enter: commits an entry on the journal if its head is the one given; raises `CommitLost`.
    """

    def __init__(
        self, http: NessieHttp, history: History, no_ancestor: str, enter: Callable[[str, Change], None]
    ) -> None:
        self._http = http
        self._history = history
        self._no_ancestor = no_ancestor
        self._enter = enter

    def announce(self, move: Move) -> datetime:
        """Write a swap that is about to be tried; return its moment, which is later than any before."""
        while True:
            head = self._head() or self.make()
            last = Move.of(self._history.get(head).properties) if head != self._no_ancestor else None
            moment = max(move.moment, last.moment + timedelta(microseconds=1)) if last else move.moment
            entry = Move(move.branch, move.before, move.to, moment)
            with suppress(CommitLost):  # another publisher wrote first
                self._enter(head, Change(message=f"Move {move.branch}", properties=entry.properties()))
                return moment

    def branches(self) -> set[str]:
        """Return the branches of which it has swaps."""
        journal = self._head()
        return set() if journal is None else {entry.branch for entry in self._entries(journal)}

    def moves(self, branch: str, head: str) -> Iterator[tuple[datetime, str]]:
        """Yield the swaps of a branch that happened, newest first: those to commits on the line to its head."""
        journal = self._head()
        if journal is None:
            return
        line = self._history.log(head)
        passed: set[str] = set()
        seen: set[str] = set()
        for entry in self._entries(journal):
            if entry.branch != branch:
                continue
            if entry.to in seen:  # tried again after an answer that was lost: the later entry is the one
                continue
            while entry.to not in passed and (commit := next(line, None)) is not None:
                passed.add(commit.id)
            if entry.to in passed:
                seen.add(entry.to)
                yield entry.moment, entry.to

    def _entries(self, head: str) -> Iterator[Move]:
        """Yield the entries, newest first."""
        if head != self._no_ancestor:
            for commit in self._history.log(head):
                yield Move.of(commit.properties)

    def _head(self) -> str | None:
        try:
            return str(self._http.call("GET", at(JOURNAL))["reference"]["hash"])
        except NotThere:
            return None

    def make(self) -> str:
        """Make the journal if it is not there; return its head."""
        body = {"type": "DETACHED", "hash": self._no_ancestor}
        with suppress(Conflict):  # another publisher made it
            self._http.call("POST", "trees", body=body, params={"name": JOURNAL, "type": "BRANCH"})
        return self._head() or self._no_ancestor
