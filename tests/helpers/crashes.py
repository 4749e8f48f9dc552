"""Processes that work on a small lake and are killed at a named point, beside a plain record of what main must hold.

On servers these are stopped among the kills, at a random moment of the work, and started again. After each of both main
has what it had before or what the work makes of it, whole; the work is done again to its end, and leaves what one run
without a kill leaves. At the end every state that main ever had reads as it did.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

import pyarrow as pa

import lagoa
from lagoa.backup.create import create_backup
from lagoa.backup.verify import verify_backups
from lagoa.domain import faults
from lagoa.domain.refs import CANDIDATE_PREFIX, MAIN
from lagoa.domain.roles import MAINTAINER
from lagoa.errors import NothingToPublish, RefExists, TransientError
from lagoa.publish.candidate import RECEIPT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Thread

    from lakes import LakeFolder

    from lagoa.branch import Branch
    from lagoa.lake import Lake

_LOG = logging.getLogger(__name__)

PEOPLE, STATE, COUNTS = "bronze.people", "silver.state", "gold.counts"

_MOMENTS_S, _AWAY_S = 0.3, 3.0
"""After a named point a server is stopped within so many seconds, and started again within so many more."""

_PATIENCE_S = (1.0, 90.0)
"""How long a server that is away is waited for: the work ends with an error, or outlasts it."""

_PUBLISH = tuple(step for step in faults.STEPS if step.startswith("publish."))
_WRITE = tuple(step for step in faults.STEPS if step.startswith("write."))

Main = tuple[frozenset[int], tuple[tuple[int, str], ...]]
"""What main holds: people by id, and states by id."""


def describe(folder: LakeFolder) -> None:
    """Write the contracts of the lake's tables, and the model."""
    folder.contract(PEOPLE, "id:long* name:string")
    folder.contract(STATE, "id:long* state:string")
    folder.contract(COUNTS, "name:string! people:long!", materialization="full")
    folder.model(COUNTS, f"SELECT name, count(*) AS people FROM {PEOPLE} GROUP BY name")


def _branch(lake: Lake, name: str) -> Branch:
    with suppress(RefExists):
        return lake.create_branch(name)
    return lake.branch(name)


def _published(branch: Branch) -> None:
    with suppress(NothingToPublish):
        branch.publish()


def _load(lake: Lake, number: int, _: str) -> None:
    branch = _branch(lake, f"run/load-{number}")
    rows = pa.table({"id": pa.array([number], pa.int64()), "name": ["eva"]})
    branch.append(PEOPLE, rows, batch=f"load-{number}")
    branch.transform()
    _published(branch)


def _merge(lake: Lake, number: int, _: str) -> None:
    branch = _branch(lake, f"run/merge-{number}")
    branch.merge(STATE, pa.table({"id": pa.array([number % 5], pa.int64()), "state": [f"s{number}"]}))
    _published(branch)


def _rebase(lake: Lake, _: int, name: str) -> None:
    branch = lake.branch(name)
    branch.rebase()
    _published(branch)


def _review(lake: Lake, _: int, name: str) -> None:
    branch = lake.branch(name)
    with suppress(NothingToPublish):
        assert {each.table.name for each in branch.review().tables} >= {"people"}
        branch.publish()


def _revert(lake: Lake, _: int, commit: str) -> None:
    with suppress(NothingToPublish):
        lake.revert(commit)


def _rollback(lake: Lake, _: int, commit: str) -> None:
    with suppress(NothingToPublish):
        lake.rollback(f"{MAIN}@{commit}", hold=True)


def _compact(lake: Lake, _: int, __: str) -> None:
    lake.compact()


def _backup(lake: Lake, _: int, folder: str) -> None:
    create_backup(lake.settings, folder)
    assert verify_backups(lake.settings, folder).faults == ()


def _collect(lake: Lake, _: int, __: str) -> None:
    """Expire and collect, as the role that may; files wait for a day before they are moved, so that none are."""
    with lagoa.open_lake(lake.settings.model_copy(update={"role": MAINTAINER})) as own:
        own.expire(dry_run=False)
        own.collect(dry_run=False)


WORK: dict[str, tuple[Callable[[Lake, int, str], None], tuple[str, ...]]] = {
    "load": (_load, faults.STEPS),
    "merge": (_merge, faults.STEPS),
    "rebase": (_rebase, (*faults.OF_REBASE, *_PUBLISH)),
    "review": (_review, _PUBLISH),
    "revert": (_revert, _PUBLISH),
    "rollback": (_rollback, _PUBLISH),
    "compact": (_compact, (*faults.OF_COMPACTION, *_WRITE, *_PUBLISH)),
    "backup": (_backup, faults.OF_BACKUP),
    "collect": (_collect, faults.OF_MAINTENANCE),
}
"""What a process does, and the named points that it comes by."""


def _be_killed(root: str, profile: str, what: str, number: int, given: str, step: str) -> None:
    """Be a process that works, and is killed at a point."""
    faults.set_hook(lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == step else None)
    with lagoa.open_lake(root, profile or None) as lake:
        WORK[what][0](lake, number, given)


@dataclass(frozen=True)
class Servers:
    """Servers of a lake that can be away.

    Attributes:
        names: their names.
        restart: returns a thread that stops one after some seconds, and starts it again after some more.
    """

    names: Sequence[str]
    restart: Callable[[str, float, float], Thread]


@dataclass
class Crashes:
    """A lake on which processes are killed.

    Attributes:
        lake: the lake.
        process: makes processes.
        seed: of the order; None for another one each time. The log says which.
        servers: those that it needs; none of a lake of files.
        killed: how many processes were killed, by what they did.
        away: how often each server was.
    """

    lake: Lake
    process: Callable[..., Any]
    seed: int | None = None
    servers: Servers | None = None
    killed: Counter[str] = field(default_factory=Counter)
    away: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.seed = secrets.randbits(32) if self.seed is None else self.seed
        _LOG.warning("The seed is %s.", self.seed)
        self.random = Random(self.seed)  # noqa: S311 - any order will do
        self._number = 100
        self._states: dict[str, Main] = {}
        for _ in range(6):
            self._number += 1
            _load(self.lake, self._number, "")
        _merge(self.lake, self._number, "")
        self._keep()

    def kill(self, times: int, outages: int = 0) -> None:
        """Interrupt work so often, in a random order, and examine the lake after each.

        Args:
            times: how many processes are killed.
            outages: how often a server is away.
        """
        interruptions = [self._killed] * times + [self._without_server] * outages
        self.random.shuffle(interruptions)
        for each in interruptions:
            while not self._one(each):
                pass  # the work did not come by that point
        self.examine()
        _LOG.warning("Killed: %s. Away: %s.", dict(self.killed), dict(self.away))

    def _one(self, interrupted: Callable[[str, int, str, str], bool]) -> bool:
        """Let some work be interrupted at a point, then do it again; return whether it was."""
        what = self.random.choice([*WORK])
        step = self.random.choice(WORK[what][1])
        self._number += 1
        number, before = self._number, self.main()
        given, after = self._given(what, before)
        before = self.main()
        where = (what, step, number)
        done = interrupted(what, number, given, step)
        self._keep()
        assert self.main() in {before, after}, where
        WORK[what][0](self.lake, number, given)
        self._keep()
        assert self.main() == after, where
        counted = self.lake.sql(f"SELECT sum(people) FROM {COUNTS}").fetchall()
        assert counted == [(len(after[0]),)], where
        return done

    def _killed(self, what: str, number: int, given: str, step: str) -> bool:
        """Work in a process that is killed; return whether it was."""
        settings = self.lake.settings
        dying = self.process(target=_be_killed, args=(str(settings.root), settings.profile, what, number, given, step))
        dying.start()
        dying.join(120)
        assert dying.exitcode in {0, -signal.SIGKILL}, (what, step, number)
        killed = dying.exitcode == -signal.SIGKILL
        self.killed[what] += killed
        return killed

    def _without_server(self, what: str, number: int, given: str, step: str) -> bool:
        """Work while a server is stopped and started again; return whether it was."""
        servers = self.servers
        assert servers is not None
        seldom = min(self.away[name] for name in servers.names)
        server = self.random.choice([name for name in servers.names if self.away[name] == seldom])
        patience_s = self.random.choice(_PATIENCE_S)
        after_s, away_s = (self.random.uniform(0, most) for most in (_MOMENTS_S, _AWAY_S))
        restarts: list[Thread] = []

        def hook(name: str) -> None:
            if name == step and not restarts:
                restarts.append(servers.restart(server, after_s, away_s))

        settings = self.lake.settings.model_copy(update={"patience_s": patience_s})
        faults.set_hook(hook)
        try:
            with lagoa.open_lake(settings) as lake, suppress(TransientError):
                WORK[what][0](lake, number, given)
        finally:
            faults.set_hook(None)
            for each in restarts:
                each.join()
        self.away[server] += len(restarts)
        return bool(restarts)

    def _given(self, what: str, main: Main) -> tuple[str, Main]:
        """Prepare a work; return what it is told, and what main holds once it is done."""
        people, states = main
        if what == "load":
            return "", (people | {self._number}, states)
        if what == "merge":
            return "", (people, tuple(sorted({**dict(states), self._number % 5: f"s{self._number}"}.items())))
        if what in {"rebase", "review"}:
            branch = self.lake.create_branch(f"run/{what}-{self._number}")
            branch.append(PEOPLE, pa.table({"id": pa.array([self._number], pa.int64()), "name": ["rui"]}))
            branch.transform()
            after = people | {self._number}
            if what == "rebase":
                self._number += 1
                _load(self.lake, self._number, "")
                after |= {self._number}
            return branch.name, (after, states)
        if what == "revert":
            self._number += 1
            _load(self.lake, self._number, "")
            return self.lake.publications(1)[0].commit, main
        if what == "rollback":
            commit = self.lake.resolve(MAIN).id
            self._number += 1
            _load(self.lake, self._number, "")
            return commit, main
        return str(self.lake.settings.root / "backup") if what == "backup" else "", main

    def main(self, ref: str = MAIN) -> Main:
        """Return what a ref holds."""
        people = self.lake.sql(f"SELECT id FROM {PEOPLE}", ref=ref).fetchall()
        states = self.lake.sql(f"SELECT id, state FROM {STATE} ORDER BY id", ref=ref).fetchall()
        assert len(people) == len(set(people)), "no row is there twice"
        return frozenset(id_ for (id_,) in people), tuple(states)

    def _keep(self) -> None:
        """Record what main holds now, at its commit."""
        self._states[self.lake.resolve(MAIN).id] = self.main()

    def examine(self) -> None:
        """Compare every state that main had with what was recorded; look for what is left and for faults."""
        self._number += 1
        _load(self.lake, self._number, "")  # a publication removes what those before it left
        assert not [ref for ref in self.lake.refs() if ref.name.startswith(CANDIDATE_PREFIX)]
        assert self.lake.context.catalog.verify() == []
        for commit, state in self._states.items():
            assert self.main(f"{MAIN}@{commit}") == state
        for _, commit in self.lake.context.catalog.moves(MAIN):
            found = self.lake.context.catalog.get(commit)
            assert self.lake.context.receipts.get(found.properties[RECEIPT]).commit == commit
