"""A process that is killed on the way to main, at every named step."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from textwrap import dedent

import pytest

from lagoa import faults
from lagoa.candidate import RECEIPT
from lagoa.model import CANDIDATE_PREFIX, MAIN

LOAD = dedent("""
    import os, signal, sys
    import pyarrow as pa
    import lagoa
    from lagoa import faults
    from lagoa.errors import NothingToPublish, RefExists

    def die(step):
        if step == sys.argv[2]:
            os.kill(os.getpid(), signal.SIGKILL)

    faults.set_hook(die)
    with lagoa.open_lake(sys.argv[1]) as lake:
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
ROLLBACK = dedent("""
    import os, signal, sys
    import lagoa
    from lagoa import faults
    from lagoa.errors import NothingToPublish

    def die(step):
        if step == sys.argv[2]:
            os.kill(os.getpid(), signal.SIGKILL)

    faults.set_hook(die)
    with lagoa.open_lake(sys.argv[1]) as lake:
        try:
            lake.rollback(sys.argv[3], hold=True)
        except NothingToPublish:
            pass
    """)


def run(program: str, *arguments: str) -> int:
    done = subprocess.run([sys.executable, "-c", program, *arguments], timeout=60, check=False, env=dict(os.environ))
    return done.returncode


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
def test_a_load_killed_at_any_step_is_finished_by_running_it_again(loaded, step):
    root = str(loaded.root)
    assert run(LOAD, root, step) == -signal.SIGKILL
    with loaded.open() as lake:
        assert ids(lake) in ([1, 2], [1, 2, 3, 4])
        assert (ids(lake) == [1, 2, 3, 4]) == (step in {"publish.swapped", "publish.cleaned"})
        assert no_receipt_is_missing(lake)
    assert run(LOAD, root, "never") == 0
    with loaded.open() as lake:
        assert ids(lake) == [1, 2, 3, 4]
        assert lake.sql("select pets from gold.counts").fetchall() == [(1,)]
        assert len(lake.publications()) == 2
        assert no_receipt_is_missing(lake)
        assert candidates(lake) == []


@pytest.mark.parametrize("step", [step for step in faults.STEPS if step.startswith("publish.")])
def test_a_rollback_killed_at_any_step_is_finished_by_running_it_again(loaded, step):
    with loaded.open() as lake:
        target = lake.resolve(MAIN).id
        branch = lake.create_branch("second")
        branch.append("bronze.people", loaded.people(3), batch="second")
        branch.publish()
    root = str(loaded.root)
    assert run(ROLLBACK, root, step, target) == -signal.SIGKILL
    with loaded.open() as lake:
        assert ids(lake) in ([1, 2], [1, 2, 3])
        assert no_receipt_is_missing(lake)
    assert run(ROLLBACK, root, "never", target) == 0
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
