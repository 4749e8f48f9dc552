"""Processes that write to one lake, beside one that lets states expire and collects files: for as long as they take.

Grace and policy are of seconds. What they ask for is kept by waiting: a state expires, and files are collected, only
while no operation is older than the grace period, or than the collection before. Each writer notes what it published,
so that all of it can be done again in a plain Python model, one publication after the other.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import serial
from aged import with_retention

import lagoa
from lagoa.domain.refs import MAIN
from lagoa.errors import CommitLost, NothingToPublish, PublishConflict, PublishContended, RefNotFound, StateExpired

if TYPE_CHECKING:
    from collections.abc import Callable, MutableSequence
    from multiprocessing.synchronize import Event

    from lagoa.branch import Branch
    from lagoa.lake import Lake

GRACE_S, BRONZE_S, HISTORY_S, RUN_S = 1.0, 2.0, 4.0, 3.0
"""The policy, in seconds; more writers need a multiple of it, as each operation takes longer."""

_DAY_S = 86_400

_EXPECTED = (CommitLost, NothingToPublish, PublishConflict, PublishContended, RefNotFound)
"""What ends an operation beside others: main or the branch has moved, or is gone."""


def opened(root: Path, scale: float) -> Lake:
    """Open the lake, with a multiple of the policy."""
    return with_retention(
        lagoa.open_lake(root),
        history_days=HISTORY_S * scale / _DAY_S,
        layer_days={"bronze": BRONZE_S * scale / _DAY_S},
        run_days=RUN_S * scale / _DAY_S,
        grace_hours=GRACE_S * scale / 3600,
        trash_days=0,
    )


@dataclass
class _Writer:
    """One writer.

    Attributes:
        lake: the lake.
        name: its own.
        draw: chooses.
        number: of its operations.
    """

    lake: Lake
    name: str
    draw: Random
    number: int = 0

    def operation(self) -> dict[str, Any] | None:
        """Do one operation; return what it published or pinned."""
        self.number += 1
        kinds = {self._publish: 8, self._roll_back: 1, self._compact: 1, self._look: 3, self._leave: 1, self._pin: 1}
        (kind,) = self.draw.choices(list(kinds), list(kinds.values()))
        try:
            return kind()
        except _EXPECTED:
            return None

    def _publish(self) -> dict[str, Any]:
        """Write to a branch, perhaps of a run; publish it, perhaps after a rebase."""
        branch = self.lake.run(self.name) if self.draw.random() < 0.3 else self.lake.create_branch(self._new())
        try:
            done = self._write(branch)
            if self.draw.random() < 0.3:
                branch.rebase()
            return {"commit": branch.publish().commit, "done": done}
        finally:
            if self.draw.random() < 0.8:
                with suppress(*_EXPECTED):
                    self.lake.delete_ref(branch.name)

    def _write(self, branch: Branch) -> list[tuple[str, Any, str | None]]:
        """Do some writes; return those that made a commit."""
        done = []
        for at in range(self.draw.randint(1, 3)):
            what = self.draw.choice(["append", "append", "merge", "delete", "forget"])
            given: Any = self._rows()
            if what == "delete":
                given = self.draw.choice("abc")
            elif what == "forget":
                given = self.draw.randint(0, 4)
            batch = f"{self.name}-{self.number}-{at}" if what == "append" and self.draw.random() < 0.5 else None
            before = branch.head
            serial.write(branch, what, given, batch)
            if branch.head != before:
                done.append((what, given, batch))
        if self.draw.random() < 0.7:
            serial.write(branch, "transform", None, None)
            done.append(("transform", None, None))
        return done

    def _rows(self) -> tuple[serial.Row, ...]:
        count = self.draw.randint(1, 4)
        return tuple((self.draw.randint(0, 9), self.draw.choice("abc"), self.draw.randint(0, 9)) for _ in range(count))

    def _roll_back(self) -> dict[str, Any]:
        target = self._past()
        return {"commit": self.lake.rollback(f"{MAIN}@{target}").commit, "to": target}

    def _compact(self) -> dict[str, Any] | None:
        publication = self.lake.compact().publication
        return {"commit": publication.commit, "done": []} if publication is not None else None

    def _look(self) -> None:
        """Read a state, of which nothing may be missing unless it has expired."""
        ref = f"{MAIN}@{self._past()}"
        for table in self.lake.context.pointers(ref, ()):
            with suppress(StateExpired):
                self.lake.sql(f"select * from {table}", ref).fetchall()

    def _leave(self) -> None:
        """Write to the branch of a run, and leave it."""
        self._write(self.lake.run(self.name))

    def _pin(self) -> dict[str, Any]:
        """Keep a state of main, by a tag or a hold."""
        name, target = f"kept_{self.name}_{self.number}", self._past()
        if self.number % 2:
            self.lake.create_tag(name, f"{MAIN}@{target}")
            return {"ref": name, "state": target}
        self.lake.add_hold(name, "a test", f"{MAIN}@{target}")
        return {"ref": f"hold/{name}", "state": target}

    def _past(self) -> str:
        """Return a state of main, but not the first one, which is empty."""
        return self.draw.choice(self.lake.log(limit=10)[:-1] or self.lake.log(limit=1)).id

    def _new(self) -> str:
        return f"work/{self.name}-{self.number}"


def write(
    root: str, scale: float, number: int, operations: int, begun: MutableSequence[float], collected: Event
) -> None:
    """Be a process that writes, until it did so many operations and garbage has been collected beside it.

    `begun` has when its operation began, and 0 while it does none.
    """
    with opened(Path(root), scale) as lake, notes(Path(root), number).open("a") as file:
        writer = _Writer(lake, f"w{number}", Random(number))  # noqa: S311 - it is to be repeated
        while writer.number < operations or not collected.is_set():
            begun[number] = time.time()
            noted = writer.operation()
            begun[number] = 0
            if noted is not None:
                file.write(json.dumps(noted) + "\n")
                file.flush()


def maintain(root: str, scale: float, begun: MutableSequence[float], collected: Event, ended: Event) -> None:
    """Be a process that lets states expire and collects, until the writers have ended; say when garbage was found."""
    last = 0.0
    with opened(Path(root), scale) as lake:
        while not ended.is_set():
            _wait(begun, lambda: time.time() - GRACE_S * scale / 2)
            lake.expire(dry_run=False)
            _wait(begun, lambda last=last: last)
            if lake.collect(dry_run=False).garbage:
                collected.set()
            last = time.time()


def notes(root: Path, number: int) -> Path:
    """Return the file with the notes of a writer."""
    return root / f"notes-{number}.jsonl"


def _wait(begun: MutableSequence[float], oldest: Callable[[], float]) -> None:
    """Wait until no operation that is going on began before a time."""
    while any(0 < at < oldest() for at in begun):
        time.sleep(0.01)
