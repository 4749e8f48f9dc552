"""A process that is killed on the way to main, at every named step."""

from __future__ import annotations

import random
import signal
import time
from textwrap import dedent

import pytest
from effort import many

from lagoa.domain import faults
from lagoa.domain.refs import CANDIDATE_PREFIX, MAIN
from lagoa.publish.candidate import RECEIPT

# What both programs begin with: `root`, `profile`, `last`, `number` and `target` are given.
DIE = """
import os, signal
import pyarrow as pa
import lagoa
from lagoa.domain import faults
from lagoa.errors import NothingToPublish, RefExists

faults.set_hook(lambda step: os.kill(os.getpid(), signal.SIGKILL) if step == last else None)
"""
LOAD = DIE + dedent("""
    with lagoa.open_lake(root, profile) as lake:
        try:
            branch = lake.create_branch(f"daily-{number}")
        except RefExists:
            branch = lake.branch(f"daily-{number}")
        rows = {"id": pa.array([number], pa.int64()), "name": ["eva"], "age": pa.array([1], pa.int32())}
        branch.append("bronze.people", pa.table(rows), batch=f"batch-{number}")
        pets = {"id": pa.array([number], pa.int64()), "owner": pa.array([number], pa.int64()), "kind": ["cat"]}
        branch.append("bronze.pets", pa.table(pets), batch=f"batch-{number}")
        branch.transform()
        try:
            branch.publish()
        except NothingToPublish:
            pass
    """)
ROLLBACK = DIE + dedent("""
    with lagoa.open_lake(root, profile) as lake:
        try:
            lake.rollback(target, hold=True)
        except NothingToPublish:
            pass
    """)


ROUNDS = many(3)
"""How often a load is killed at some moment of it."""


@pytest.fixture
def run(processes, loaded):
    """Return a function that runs a program in a process of its own and returns how it ended."""

    def run_to_end(program: str, last: str, number: int, target: str = "", killed_after: float | None = None) -> int:
        lake = {"root": str(loaded.settings.root), "profile": loaded.settings.profile}
        given = {**lake, "last": last, "number": number, "target": target}
        process = processes.Process(target=exec, args=(program, given))
        process.start()
        process.join(60 if killed_after is None else killed_after)
        if killed_after is not None:
            process.kill()
            process.join()
        return process.exitcode

    return run_to_end


def ids(lake, ref: str = MAIN) -> list[int]:
    return [row[0] for row in lake.sql("select id from bronze.people order by id", ref=ref).fetchall()]


def no_receipt_is_missing(lake) -> bool:
    moves = lake.context.catalog.moves(MAIN)
    commits = [lake.context.catalog.get(commit) for _, commit in moves]
    return all(lake.context.receipts.get(commit.properties[RECEIPT]).commit == commit.id for commit in commits)


def at_each_of(*steps: str) -> pytest.MarkDecorator:
    """Run a test for each step; those around the swap in `make test`, too."""
    around = {"publish.receipt", "publish.swapped"}
    return pytest.mark.parametrize(
        "step", [step if step in around else pytest.param(step, marks=pytest.mark.slow) for step in steps]
    )


def candidates(lake) -> list[str]:
    return [ref.name for ref in lake.refs() if ref.name.startswith(CANDIDATE_PREFIX)]


@pytest.fixture(scope="module")
def loaded(shared):
    """A lake whose main has a person and a pet."""
    with shared.open() as lake:
        branch = lake.create_branch("first")
        branch.append("bronze.people", shared.people(1), batch="first")
        branch.append("bronze.pets", shared.pets(1), batch="first")
        branch.publish()
        yield lake


@at_each_of(*faults.STEPS)
def test_a_load_killed_at_any_step_is_finished_by_running_it_again(loaded, run, step):
    number = 10 + faults.STEPS.index(step)
    before, publications = ids(loaded), len(loaded.publications())
    after = sorted([*before, number])

    assert run(LOAD, step, number) == -signal.SIGKILL
    assert ids(loaded) == (after if step in {"publish.swapped", "publish.cleaned"} else before)
    assert no_receipt_is_missing(loaded)

    assert run(LOAD, "never", number) == 0
    assert ids(loaded) == after
    assert loaded.sql("select sum(pets) from gold.counts").fetchall() == [(len(after),)]
    assert len(loaded.publications()) == publications + 1
    assert no_receipt_is_missing(loaded)
    assert candidates(loaded) == []


@at_each_of(*(step for step in faults.STEPS if step.startswith("publish.")))
def test_a_rollback_killed_at_any_step_is_finished_by_running_it_again(loaded, shared, run, step):
    number = 100 + faults.STEPS.index(step)
    target, before, publications = loaded.resolve(MAIN).id, ids(loaded), len(loaded.publications())
    branch = loaded.create_branch(f"second-{number}")
    branch.append("bronze.people", shared.people(number), batch=f"batch-{number}")
    branch.publish()

    assert run(ROLLBACK, step, number, target) == -signal.SIGKILL
    assert ids(loaded) == (before if step in {"publish.swapped", "publish.cleaned"} else [*before, number])
    assert no_receipt_is_missing(loaded)

    assert run(ROLLBACK, "never", number, target) == 0
    assert ids(loaded) == before
    assert len(loaded.publications()) == publications + 2
    assert no_receipt_is_missing(loaded)
    assert candidates(loaded) == []


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_loads_killed_at_any_moment_are_finished_by_running_them_again(loaded, run):
    assert run(LOAD, "never", 1000) == 0  # the first one also waits for the imports
    began = time.monotonic()
    assert run(LOAD, "never", 1001) == 0
    lasting, killed, number = time.monotonic() - began, 0, 1001
    while killed < ROUNDS:
        before, number = ids(loaded), number + 1
        after = sorted([*before, number])
        moment = random.uniform(0, lasting)  # noqa: S311 - any moment will do
        killed += run(LOAD, "never", number, killed_after=moment) == -signal.SIGKILL
        assert ids(loaded) in (before, after), f"killed after {moment} s"
        assert run(LOAD, "never", number) == 0
        assert ids(loaded) == after, f"killed after {moment} s"
        assert loaded.sql("select sum(pets) from gold.counts").fetchall() == [(len(after),)]
        assert candidates(loaded) == []
    assert no_receipt_is_missing(loaded)


def test_a_name_that_is_no_step_is_a_mistake():
    faults.set_hook(lambda _: None)
    try:
        with pytest.raises(ValueError, match="nosuch"):
            faults.fault_point("nosuch")
    finally:
        faults.set_hook(None)
