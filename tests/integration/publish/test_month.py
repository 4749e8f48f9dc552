"""Two people and four scheduled runs work on one lake: all that they publish lands or says why not, in some order."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress

import pytest
from effort import FACTOR
from lakes import LakeFolder
from serial import Writers

from lagoa.domain import faults
from lagoa.errors import NothingToPublish

PEOPLE = ("ana", "bia")
RUNS = ("orders", "customers", "models", "cleaning")
CRASHES = 0.15
"""Share of the publications before which a process dies that does the same."""


class Month(Writers):
    """A simulated month.

    Args:
        folder: of the lake.
        seed: of all that happens.
        process: makes a process, as `multiprocessing.Process`.
    """

    def __init__(self, folder: LakeFolder, seed: int, process) -> None:
        self.random = random.Random(seed)  # noqa: S311 - it is to be repeated
        self.process = process
        self.taken: Counter[str] = Counter()
        self.delivered = 0
        self.since = {}
        self.make(folder)

    def day(self, number: int) -> None:
        """Let everybody do their steps of a day, side by side, each in their own order."""
        steps = {name: self._steps_of_run(name, number) for name in RUNS}
        steps |= {name: self._steps_of_person(name, number) for name in PEOPLE}
        while steps:
            name = self.random.choice(sorted(steps))
            if next(steps[name], None) is None:
                del steps[name]
        if self.random.random() < 0.15 and len(self.moves) > 4:
            self.go_back(len(self.moves) - self.random.randint(2, 4))
            self.taken["rolled back"] += 1
        last = max((at for at, move in enumerate(self.moves) if move.target is not None), default=1)
        late = [at for at, move in enumerate(self.moves) if at > last and move.done][-6:]
        if late and self.random.random() < 0.25:
            self.taken["reverted" if self.undo(self.random.choice(late)) is None else "nothing to revert"] += 1

    def _steps_of_run(self, name: str, day: int):
        branch = f"run/{name}/{day}"
        self.begin_anew(branch)
        yield True
        if name == "orders":
            for _ in range(self.random.randint(1, 3)):
                self.delivered += self.random.random() < 0.8  # or the same file again
                file = random.Random(self.delivered)  # noqa: S311 - the same file has the same rows
                rows = file.choices([(n, v, n) for n in range(6) for v in "abc"], k=3)
                self.do(branch, "append", tuple(sorted(rows)), f"file {self.delivered}")
                yield True
        elif name == "customers":
            self.do(branch, "merge", self._rows())
            yield True
        elif name == "cleaning":
            self.do(branch, "delete", self.random.choice("abc"))
            yield True
            self.do(branch, "forget", self.random.randint(0, 4))
            yield True
        if name in {"orders", "models"}:
            self.do(branch, "transform", None)
            yield True
        self._publish(branch)
        self.end(branch)
        yield True

    def _steps_of_person(self, name: str, day: int):
        branch = f"dev/{name}/work"
        if self.since.setdefault(name, day) == day or branch not in self.writers:
            self.begin_anew(branch)
            yield True
        for _ in range(self.random.randint(1, 4)):
            what = self.random.choice(["append", "append", "merge", "merge", "delete", "transform", "rebase"])
            if what == "rebase":
                if self.put_on_main(branch) is not None:
                    self.begin_anew(branch)
            else:
                given = {"delete": self.random.choice("abc"), "transform": None}.get(what, self._rows())
                self.do(branch, what, given)
            yield True
        if day - self.since[name] >= 3 or self.random.random() < 0.3:
            with suppress(NothingToPublish):  # that it is so, the publication shows
                assert self.lake.branch(branch).review().tables
            yield True
            self._publish(branch)
            self.since[name] = day + 1
            yield True

    def _rows(self):
        return tuple(
            (self.random.randint(0, 9), self.random.choice("abc"), self.random.randint(0, 9))
            for _ in range(self.random.randint(1, 4))
        )

    def _publish(self, branch: str) -> None:
        if self.random.random() < CRASHES:
            steps = [each for each in (*faults.STEPS, *faults.OF_REBASE) if not each.startswith("write.")]
            self.taken["killed"] += self.die_publishing(branch, self.random.choice(steps), self.process)
        error = self.bring_to_main(branch)
        self.taken[error.__name__ if error else "published"] += 1
        if error not in {None, NothingToPublish} and branch.startswith("dev/"):
            self.begin_anew(branch)


def live(folder: LakeFolder, processes, seed: int, days: int) -> Counter[str]:
    """Let days go by in a lake; return how often what happened."""
    month = Month(folder, seed, processes.Process)
    for day in range(days):
        try:
            month.day(day)
        except BaseException as error:
            error.add_note(f"Day {day} of seed {seed}.")
            raise
    month.examine()
    return month.taken


def live_by_chance(folder, processes, capsys, days):
    """Let days go by as `live` does, in a long night by another seed each time, which is printed."""
    seed = 1 if FACTOR == 1 else random.randrange(10**9)  # noqa: S311 - any will do
    taken = live(folder, processes, seed, days=days)
    with capsys.disabled():
        print(f"\nSeed {seed}: {dict(taken)}")  # noqa: T201
    return taken


@pytest.fixture
def folder(tmp_path):
    return LakeFolder(tmp_path / "lake", author="ana", memory_limit="500MB")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_four_days_are_those_of_a_serial_history(folder, processes):
    taken = live(folder, processes, seed=1, days=4)
    assert taken["published"] > 8


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_a_month_is_that_of_a_serial_history(folder, processes, capsys):
    taken = live_by_chance(folder, processes, capsys, days=30)
    assert taken["published"] > 60
    assert taken["killed"] > 3
