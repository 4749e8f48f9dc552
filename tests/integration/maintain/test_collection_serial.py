"""Whatever writers do and publish while states expire and files are collected, what is kept has the same rows."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import pytest
from aged import later
from effort import many
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from lakes import LakeFolder
from serial import LOG, WRITERS, Serial

from lagoa.domain import faults
from lagoa.domain.refs import MAIN
from lagoa.errors import LagoaError, StateExpired

if TYPE_CHECKING:
    from serial import Content, Move

DAYS, BRONZE_DAYS = 4, 2
STEPS = [step for step in (*faults.STEPS, *faults.OF_REBASE) if not step.startswith("engine")]


class Collected(Serial):
    """Writers as before; time passes, and states expire and files are collected between their steps and in them."""

    def made(self) -> LakeFolder:
        """Return a folder of a lake with nothing in it; a subclass says on which catalog."""
        return LakeFolder(self.root, author="ana", memory_limit="500MB")

    def folder(self) -> LakeFolder:
        """Return a new folder."""
        self.root = Path(mkdtemp(prefix="lagoa-collected-"))
        self.gone: set[str] = set()
        self.bronze_gone: set[str] = set()
        self.tags: dict[str, Content] = {}
        self.collected = 0
        folder = self.made()
        with (self.root / "lagoa.toml").open("a") as file:
            rules = f"history_days = {DAYS}\nlayer_days = {{ bronze = {BRONZE_DAYS} }}"
            file.write(f"\n[retention]\n{rules}\ntrash_days = 1\n")
        return folder

    @rule(days=st.integers(1, 5))
    def pass_time(self, days: int) -> None:
        """Let days pass."""
        self.lake = later(self.lake, days)

    @rule()
    def maintain(self) -> None:
        """Let states expire, and collect."""
        self.clean()

    @rule(step=st.sampled_from(STEPS), name=st.sampled_from(WRITERS), data=st.data())
    def maintain_beside(self, step: str, name: str, data: st.DataObject) -> None:
        """Let states expire, and collect, in the middle of a write or publication."""
        calls = {"publish": self.publish, "rebase": self.rebase, "transform": self.transform}
        what = data.draw(st.sampled_from(["append", "merge", "delete", *calls]))

        def hook(reached: str) -> None:
            if reached == step:
                faults.set_hook(None)
                self.clean()
                faults.set_hook(hook)

        faults.set_hook(hook)
        try:
            if what in calls:
                calls[what](name)
            elif what == "delete":
                self.do(name, "delete", "a")
            else:
                self.do(name, what, ((data.draw(st.integers(0, 9)), "b", 5),))
        finally:
            faults.set_hook(None)

    @precondition(lambda self: len(self.moves) > 1 and len(self.tags) < 2)
    @rule()
    def pin(self) -> None:
        """Keep the state of main that there is, by a tag or a hold."""
        name = f"kept_{len(self.tags)}"
        if len(self.tags) % 2:
            self.lake.create_tag(name)
            self.tags[name] = self.now
        else:
            self.lake.add_hold(name, "a test")
            self.tags[f"hold/{name}"] = self.now

    def clean(self) -> None:
        """Let states expire, and collect; note which states of main may be gone then."""
        now = self.lake.context.clock()
        moves = [(datetime.min.replace(tzinfo=UTC), self.moves[0].commit), *self.lake.context.catalog.moves(MAIN)]
        for (_, commit), (until, _) in pairwise(moves):
            if until <= now - timedelta(days=DAYS):
                self.gone.add(commit)
            if until <= now - timedelta(days=BRONZE_DAYS):
                self.bronze_gone.add(commit)
        self.lake.expire(dry_run=False)
        self.collected += self.lake.collect(dry_run=False).garbage

    def go_back(self, at: int) -> None:
        """Let main go back, unless the state has expired."""
        try:
            super().go_back(at)
        except StateExpired:
            assert self.moves[at].commit in self.bronze_gone

    def undo(self, at: int) -> type[LagoaError] | None:
        """Undo a publication, unless the state before it, or before one that was undone, has expired."""
        try:
            return super().undo(at)
        except StateExpired:
            assert {each.commit for each in self.moves} & self.bronze_gone
            return StateExpired

    def examine(self) -> None:
        """Compare every state that is kept, by the policy and by pins; then once more when all garbage is gone."""
        for days in (0, 2, 2, 2):
            self.lake = later(self.lake, days)
            self.clean()
            for move in self.moves[1:]:
                self.compare_kept(move)
            for name, content in self.tags.items():
                self.compare(name, content)
            for name, writer in self.writers.items():
                self.compare(name, writer.view)
        log = [commit.id for commit in self.lake.log(limit=1000)]
        assert log == [move.commit for move in reversed(self.moves)]
        self.lake.close()

    def compare_kept(self, move: Move) -> None:
        """Compare what is kept of a state of main: all, all but bronze, or nothing."""
        ref = f"{MAIN}@{move.commit}"
        try:
            self.compare(ref, move.content)
        except StateExpired as expired:
            layers = expired.layers
        else:
            return
        assert move.commit in (self.bronze_gone if layers else self.gone)
        if layers:
            assert layers == ("bronze",)
            with pytest.raises(StateExpired):
                self.lake.sql(f"select * from {LOG}", ref)
            self.compare(ref, move.content, leave_out=("bronze",))

    def teardown(self) -> None:
        """Remove the lake."""
        super().teardown()
        shutil.rmtree(self.root, ignore_errors=True)


TestCollected = pytest.mark.slow(pytest.mark.timeout(900)(Collected.TestCase))
TestCollected.settings = settings(
    max_examples=many(10), stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
