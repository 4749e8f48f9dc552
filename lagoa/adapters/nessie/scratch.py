"""Branches of this process's own on a Nessie server, on which commits are made before another branch moves to them."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from lagoa.adapters.nessie.http import PAGE, Conflict, NotThere, at
from lagoa.domain.owners import is_abandoned, own_name, release_name
from lagoa.errors import CatalogBusy, LagoaError, RefNotFound, TerminalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lagoa.adapters.nessie.http import NessieHttp

_TRIES = 3


class Scratch:
    """One branch, used by one thread at a time."""

    def __init__(self, http: NessieHttp, name: str, commit: str) -> None:
        self._http = http
        self.name = name
        self.commit_id = commit

    def commit(self, body: Mapping[str, Any]) -> Any:
        """Make a commit and return the server's answer; raises `Conflict`.

        It is requested once: a second one could be committed on top of a first that was made and not answered.
        """
        answer = self._http.call("POST", f"{at(self.name, self.commit_id)}/history/commit", body=body, again=False)
        self.commit_id = answer["targetBranch"]["hash"]
        return answer

    def move(self, commit: str) -> None:
        """Move to another commit; raises `Conflict`, `NotThere`."""
        if self.commit_id != commit:
            self._http.call("PUT", at(self.name, self.commit_id), body={"type": "DETACHED", "hash": commit})
            self.commit_id = commit

    def remove(self) -> None:
        """Remove the branch, wherever it is."""
        with suppress(LagoaError, NotThere, Conflict):
            try:
                self._http.call("DELETE", at(self.name, self.commit_id), again=False)
            except Conflict:  # it moved, and the answer that said so was lost
                there = self._http.call("GET", at(self.name), again=False)
                self._http.call("DELETE", at(self.name, there["reference"]["hash"]), again=False)
        release_name(self.name.rpartition("/")[2])


class Scratches:
    """The branches of this process: each thread that commits takes one that is idle, or makes one.

    Args:
        http: the server.
        prefix: of their names.
    """

    def __init__(self, http: NessieHttp, prefix: str) -> None:
        self._http = http
        self._prefix = prefix
        self._lock = Lock()
        self._idle: list[Scratch] = []
        self._pid = os.getpid()

    def commit(self, expected: str, body: Mapping[str, Any]) -> Any:
        """Make a commit on top of another and return the server's answer.

        Where it is not known what came of a try, the next one is made on another branch: nobody sees the first.

        Raises:
            RefNotFound: there is no such commit.
            TerminalError: the server refuses it.
        """
        for attempt in self._http.patiently():
            with attempt, self.at(expected) as scratch:
                try:
                    return scratch.commit(body)
                except NotThere as error:
                    raise CatalogBusy(f"Nessie does not have {scratch.name!r} any more.", "Try again.") from error
        raise AssertionError  # pragma: no cover - the loop returns or raises

    @contextmanager
    def at(self, commit: str) -> Iterator[Scratch]:
        """Lend a branch that is at a commit; after an error it is not used again.

        Raises:
            RefNotFound: there is no such commit.
        """
        scratch = self._take(commit)
        try:
            yield scratch
        except Conflict as error:
            scratch.remove()
            raise TerminalError(f"Nessie refused the commit: {error}", "Nothing was written.") from error
        except BaseException:
            scratch.remove()
            raise
        with self._lock:
            self._idle.append(scratch)

    @contextmanager
    def lent(self, commit: str) -> Iterator[Scratch]:
        """Lend a branch that is at a commit, which others may move; it is removed afterwards.

        Raises:
            RefNotFound: there is no such commit.
        """
        scratch = self._take(commit)
        try:
            yield scratch
        finally:
            scratch.remove()

    def close(self) -> None:
        """Remove the branches that are idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        if self._pid == os.getpid():
            for scratch in idle:
                scratch.remove()
            if idle:
                self.sweep()

    def sweep(self) -> None:
        """Remove what processes that were killed have left."""
        now = datetime.now(UTC)
        theirs = {"filter": f"ref.name.startsWith('{self._prefix}')", "max-records": PAGE}
        with suppress(LagoaError):
            for ref in self._http.call("GET", "trees", params=theirs, again=False)["references"]:
                if is_abandoned(ref["name"].rpartition("/")[2], now):
                    Scratch(self._http, ref["name"], ref["hash"]).remove()

    def _take(self, commit: str) -> Scratch:
        with self._lock:
            if self._pid != os.getpid():  # those belong to the parent process
                self._idle, self._pid = [], os.getpid()
            self._idle.sort(key=lambda each: each.commit_id == commit)  # one that is there needs no move
            scratch = self._idle.pop() if self._idle else None
        if scratch is not None:
            try:
                scratch.move(commit)
            except (Conflict, NotThere):  # somebody removed or moved it, or there is no such commit
                scratch.remove()
            else:
                return scratch
        name = f"{self._prefix}{own_name()}"
        try:
            self._http.call(
                "POST", "trees", body={"type": "DETACHED", "hash": commit}, params={"name": name, "type": "BRANCH"}
            )
        except NotThere as error:
            raise RefNotFound(commit, "there is no such commit") from error
        except Conflict as error:
            if error.attempts == 1:
                raise TerminalError(f"Nessie refused a branch: {error}") from error
        return Scratch(self._http, name, commit)
