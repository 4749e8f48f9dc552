"""Jobs on the stack's Spark that are killed at each of their steps, and executors that die: nothing half is committed.

The branch is as it was, or has the whole commit; the next run goes through with the same rows, and what the killed one
left on Nessie goes when a process ends that writes there.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import psutil
import pytest

import lagoa
from lagoa.domain import faults
from tests.stack.breaking import idle_branches
from tests.stack.test_ingest_workers import people
from tests.stack.test_model_engines import lake_on_spark
from tests.stack.test_sign_in import WORK, Servers

pytestmark = [
    pytest.mark.timeout(900),
    # PySpark has a connection for each thread, and leaves it to the garbage collector to close it.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

WORKING = "an executor works"
"""No fault point, but a moment between `engine.lent` and `engine.done`."""

COMMITTED = "write.committed"
OF_WRITES = [step for step in faults.STEPS if step.startswith("write.")]
OF_MODELS = ["engine.asked", "engine.lent", WORKING, "engine.done", *OF_WRITES]
OF_FILES = ["engine.asked", WORKING, "engine.done", *OF_WRITES]

AT_WORK = """
import time

def wait_for_work():
    from pyspark import SparkContext
    while True:
        time.sleep(0.1)
        context = SparkContext._active_spark_context
        if getattr(context, "_jsc", None) is not None:
            tracker = context.statusTracker()
            stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
            if any(stage and stage.numActiveTasks for stage in stages):
                time.sleep(0.5)
                return
"""

JOB = (
    AT_WORK
    + f"""
import os, signal, sys, threading, pathlib, pyspark, lagoa
from lagoa.domain import faults

root, job, last = sys.argv[1:]

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def die_at_work():
    wait_for_work()
    die()

faults.set_hook(lambda step: die() if step == last else None)
if last == {WORKING!r}:
    threading.Thread(target=die_at_work, daemon=True).start()
with lagoa.open_lake(root, "stack") as lake:
    work = lake.branch({WORK!r})
    if job == "model":
        work.transform()
    else:
        work.ingest(pathlib.Path(root, "people.csv"), "bronze.people")
"""
)

PETS, TIMES, PEOPLE = 500, 2_000, 300_000
"""By which a model and a file keep an executor busy for some seconds."""

MODEL = (
    "SELECT kind, count(DISTINCT md5(CAST(id * 7 + n AS VARCHAR))) AS pets\n"
    f"FROM bronze.pets CROSS JOIN unnest(generate_series(1, {TIMES})) AS numbers(n) GROUP BY kind\n"
)
DISTINCT = 7 * (PETS - 1) + TIMES
"""How many values `id * 7 + n` has."""


@pytest.fixture(scope="module")
def servers(signed):
    return Servers(signed)


@pytest.fixture(scope="module")
def small(servers, tmp_path_factory):
    """Return the files of a lake on the stack, with a model and a file for Spark."""
    with pytest.MonkeyPatch.context() as patch:
        small = lake_on_spark(tmp_path_factory.mktemp("killed"), servers, patch)
        small.contract("bronze.people", "id:long* name:string! age:int", source={"format": "csv", "file": "people.csv"})
        small.model("gold.counts", MODEL)
        (small.root / "people.csv").write_bytes(people(1, PEOPLE) + b"x,ana,3\n")
        patch.setenv("LAGOA_SPARK_CONF", str(giving_back(servers.environment["LAGOA_SPARK_CONF"], small.root / "conf")))
        yield small


def giving_back(conf, folder):
    """Write settings by which an application keeps no executor that has nothing to do: the other one may need it.

    And by which it says at once that a task works: else it does not if that began within a tenth of a second.
    """
    known = (Path(conf) / "spark-defaults.conf").read_text().splitlines()
    lines = [line for line in known if "minExecutors" not in line and "imeout" not in line]
    lines += ["spark.dynamicAllocation.minExecutors 0", "spark.dynamicAllocation.executorIdleTimeout 1s"]
    lines += ["spark.dynamicAllocation.shuffleTracking.timeout 1s", "spark.ui.liveUpdate.period 0"]
    folder.mkdir()
    (folder / "spark-defaults.conf").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def lake(small):
    """Return the lake, open: its Spark runs the jobs that are not killed."""
    with lagoa.open_lake(small.root, "stack") as lake:
        yield lake


@pytest.fixture
def work(lake, small):
    """Return a branch that has what the model reads."""
    branch = lake.create_branch(WORK)
    branch.append("bronze.pets", small.pets(*range(PETS)))
    yield branch
    lake.delete_ref(WORK)


def run(work, small, job):
    """Run a job in this process; return whether there was nothing to do."""
    if job == "model":
        (result,) = work.transform()
        return result.skipped
    return work.ingest(small.root / "people.csv", "bronze.people").skipped


def content(lake, job):
    """Return the rows that a job makes, or how many there are."""
    if job == "model":
        return lake.sql("SELECT kind, pets FROM gold.counts", WORK).fetchall()
    tables = ("bronze.people", "quarantine.bronze__people")
    return [lake.sql(f"SELECT count(*) FROM {table}", WORK).fetchall()[0] for table in tables]


WANTED = {"model": [("cat", DISTINCT)], "files": [(PEOPLE,), (1,)]}


def left(servers, lake):
    """Return the hidden branches that are not of this process."""
    return [name for name in servers.references() if "/scratch/" in name and name not in idle_branches(lake)]


def at(job, steps, here):
    """Return parameters for each step; those in `here` are run each time."""
    return [pytest.param(job, step, marks=[] if step in here else pytest.mark.nightly) for step in steps]


@pytest.mark.parametrize(("job", "step"), [*at("model", OF_MODELS, {"engine.done"}), *at("files", OF_FILES, {})])
def test_a_job_that_is_killed_is_finished_by_the_next_run(lake, work, small, servers, job, step):
    before = work.head
    command = [sys.executable, "-c", JOB, str(small.root), job, step]
    killed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (work.head == before) == (step != COMMITTED)
    if step == COMMITTED:
        assert content(lake, job) == WANTED[job]
    assert run(work, small, job) == (step == COMMITTED)
    assert content(lake, job) == WANTED[job]
    with lagoa.open_lake(small.root, "stack") as other:
        other.branch(WORK).delete("bronze.pets", "id = 0")
    assert left(servers, lake) == []


@pytest.mark.nightly
@pytest.mark.parametrize("job", ["model", "files"])
def test_an_executor_that_is_killed_is_replaced(lake, work, small, job):
    known = {}
    exec(AT_WORK, known)  # noqa: S102 - as the jobs that are killed wait
    killed = []

    def kill():
        known["wait_for_work"]()
        for each in psutil.process_iter(["cmdline"]):
            if "org.apache.spark.executor.CoarseGrainedExecutorBackend" in (each.info["cmdline"] or ()):
                each.kill()
                killed.append(each.pid)

    thread = Thread(target=kill)
    thread.start()
    began = time.monotonic()
    run(work, small, job)
    thread.join()
    assert killed, f"no executor worked for a second in {time.monotonic() - began:.1f} s"
    assert content(lake, job) == WANTED[job]
