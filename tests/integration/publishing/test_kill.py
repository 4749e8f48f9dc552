"""A process that is killed on the way to main, at every named step."""

from __future__ import annotations

import multiprocessing
import signal
from textwrap import dedent

import pytest

from lagoa import faults
from lagoa.candidate import RECEIPT
from lagoa.model import CANDIDATE_PREFIX, MAIN

# What both programs begin with: `root`, `last` and `target` are given.
DIE = """
import os, signal
import pyarrow as pa
import lagoa
from lagoa import faults
from lagoa.errors import NothingToPublish, RefExists

faults.set_hook(lambda step: os.kill(os.getpid(), signal.SIGKILL) if step == last else None)
"""
LOAD = DIE + dedent("""
    with lagoa.open_lake(root) as lake:
        try:
            branch = lake.create_branch("daily")
        except RefExists:
            branch = lake.branch("daily")
        rows = {"id": pa.array([3, 4], pa.int64()), "name": ["eva", "ivo"], "age": pa.array([1, 2], pa.int32())}
        branch.append("bronze.people", pa.table(rows), batch="monday")
        branch.transform()
        try:
            branch.publish()
        except NothingToPublish:
            pass
    """)
ROLLBACK = DIE + dedent("""
    with lagoa.open_lake(root) as lake:
        try:
            lake.rollback(target, hold=True)
        except NothingToPublish:
            pass
    """)


@pytest.fixture(scope="module")
def processes():
    """Return a maker of processes in which everything is imported already, and nothing was run."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["lagoa.lake", "lagoa.write", "lagoa.transform", "lagoa.rollback", "pyiceberg.table"]
    )
    return context


@pytest.fixture
def run(processes, small):
    """Return a function that runs a program in a process of its own and returns how it ended."""

    def run_to_end(program: str, last: str, target: str = "") -> int:
        given = {"root": str(small.root), "last": last, "target": target}
        process = processes.Process(target=exec, args=(program, given))
        process.start()
        process.join(60)
        return process.exitcode

    return run_to_end


def ids(lake, ref: str = MAIN) -> list[int]:
    return [row[0] for row in lake.sql("select id from bronze.people order by id", ref=ref).fetchall()]


def no_receipt_is_missing(lake) -> bool:
    moves = lake.context.catalog.moves(MAIN)
    commits = [lake.context.catalog.get(commit) for _, commit in moves]
    return all(lake.context.receipts.get(commit.properties[RECEIPT]).commit == commit.id for commit in commits)


def candidates(lake) -> list[str]:
    return [ref.name for ref in lake.refs() if ref.name.startswith(CANDIDATE_PREFIX)]


@pytest.fixture
def loaded(small):
    """A lake whose main has people 1 and 2."""
    with small.open() as lake:
        branch = lake.create_branch("first")
        branch.append("bronze.people", small.people(1, 2), batch="first")
        branch.append("bronze.pets", small.pets(1), batch="first")
        branch.publish()
    return small


@pytest.mark.parametrize("step", faults.STEPS)
def test_a_load_killed_at_any_step_is_finished_by_running_it_again(loaded, run, step):
    assert run(LOAD, step) == -signal.SIGKILL
    with loaded.open() as lake:
        assert ids(lake) in ([1, 2], [1, 2, 3, 4])
        assert (ids(lake) == [1, 2, 3, 4]) == (step in {"publish.swapped", "publish.cleaned"})
        assert no_receipt_is_missing(lake)
    assert run(LOAD, "never") == 0
    with loaded.open() as lake:
        assert ids(lake) == [1, 2, 3, 4]
        assert lake.sql("select pets from gold.counts").fetchall() == [(1,)]
        assert len(lake.publications()) == 2
        assert no_receipt_is_missing(lake)
        assert candidates(lake) == []


@pytest.mark.parametrize("step", [step for step in faults.STEPS if step.startswith("publish.")])
def test_a_rollback_killed_at_any_step_is_finished_by_running_it_again(loaded, run, step):
    with loaded.open() as lake:
        target = lake.resolve(MAIN).id
        branch = lake.create_branch("second")
        branch.append("bronze.people", loaded.people(3), batch="second")
        branch.publish()
    assert run(ROLLBACK, step, target) == -signal.SIGKILL
    with loaded.open() as lake:
        assert ids(lake) in ([1, 2], [1, 2, 3])
        assert no_receipt_is_missing(lake)
    assert run(ROLLBACK, "never", target) == 0
    with loaded.open() as lake:
        assert ids(lake) == [1, 2]
        assert len(lake.publications()) == 3
        assert no_receipt_is_missing(lake)


def test_a_name_that_is_no_step_is_a_mistake():
    faults.set_hook(lambda _: None)
    try:
        with pytest.raises(ValueError, match="nosuch"):
            faults.fault_point("nosuch")
    finally:
        faults.set_hook(None)
