"""The stack's Spark: its workers compute together, it obeys its secret alone, a worker that dies is started again."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import uuid
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest

from lagoa.stack.credentials import Credentials
from tests.stack.test_stack import wait_until

pytestmark = pytest.mark.timeout(600)

APPLICATION = """
import json, os, sys, time, psutil
from pyspark.sql import SparkSession

spark = SparkSession.builder.appName(sys.argv[1]).config("spark.scheduler.minRegisteredResourcesRatio", "1").config(
    "spark.scheduler.maxRegisteredResourcesWaitingTime", "300s").config(
    "spark.dynamicAllocation.initialExecutors", "2").getOrCreate()

def compute(batches):
    import pyarrow
    for batch in batches:
        time.sleep(5)
        yield pyarrow.RecordBatch.from_pydict({"id": batch.column("id"), "folder": [os.getcwd()]})

rows = spark.range(0, 2, 1, 2).mapInArrow(compute, "id long, folder string").collect()

def living(pid):
    for each in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        try:
            if each.status() != psutil.STATUS_ZOMBIE:
                yield each.pid, each.cmdline(), each.net_connections("inet")
        except psutil.NoSuchProcess:
            pass

here = [each for pid in [os.getpid(), *map(int, sys.argv[2:])] for each in living(pid)]
secret = spark.sparkContext.getConf().get("spark.authenticate.secret")
for jar in ("org.apache.iceberg.spark.SparkCatalog", "org.apache.iceberg.aws.s3.S3FileIO"):
    spark._jvm.org.apache.spark.util.Utils.classForName(jar, True, False)
print(json.dumps({
    "rows": [[row.id, row.folder] for row in rows],
    "shown": [pid for pid, words, _ in here if secret in " ".join(words)],
    "secret": len(secret),
    "processes": len(here),
    "places": sorted({place.laddr.ip for _, _, places in here for place in places
                      if place.status == psutil.CONN_LISTEN}),
}))
spark.stop()
"""


def as_application(conf):
    """Return the environment of an application with a folder of settings."""
    return {**os.environ, "SPARK_CONF_DIR": str(conf), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}


class Cluster:
    """The Spark of a stack, as an application finds it."""

    def __init__(self, stack):
        self._stack = stack
        self.artefact = stack.manifest["spark"]
        self.folder = stack._state / "spark"
        self.conf = Path(stack.environment()["LAGOA_SPARK_CONF"])
        self.secret = Credentials(stack._state / "credentials.json")["spark"].get_secret_value()
        self.page = f"http://{self.artefact.host}:{self.artefact.management_port}"

    @property
    def pids(self):
        return {name: each["pid"] for name, each in self._stack._supervisor.processes()["spark"].items()}

    def is_well(self):
        (state,) = [each for each in self._stack.status() if each.name == "spark"]
        return state.healthy

    def told(self):
        return httpx.get(f"{self.page}/json/", timeout=10).raise_for_status().json()

    def workers(self):
        return [worker for worker in self.told()["workers"] if worker["state"] == "ALIVE"]

    def start(self, name, conf):
        """Start an application in a process of its own."""
        command = [sys.executable, "-c", APPLICATION, name, *map(str, self.pids.values())]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=as_application(conf)
        )


@pytest.fixture(scope="module")
def cluster(signed):
    return Cluster(signed)


@pytest.fixture(scope="module")
def done(cluster):
    """Return what an application saw of itself and of the cluster while it ran."""
    name = f"welcome-{uuid.uuid4()}"
    with cluster.start(name, cluster.conf) as process:
        text, _ = process.communicate(timeout=500)
    assert process.returncode == 0, text
    (said,) = (line for line in text.splitlines() if line.startswith("{"))  # Spark's warnings come in between
    return json.loads(said) | {"name": name}


def test_two_tasks_run_on_both_workers(done, cluster):
    assert sorted(number for number, _ in done["rows"]) == [0, 1]
    folders = {Path(folder) for _, folder in done["rows"]}
    assert len(folders) == 2
    assert all(cluster.folder / "work" in folder.parents for folder in folders)
    (application,) = [each for each in cluster.told()["completedapps"] if each["name"] == done["name"]]
    assert application["state"] == "FINISHED"


def test_nothing_of_it_listens_beyond_this_machine_or_shows_the_secret(done):
    assert done["processes"] > 7  # driver, master, two workers with an executor each, Python in these
    assert set(done["places"]) <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert done["secret"] >= 32
    assert done["shown"] == []


def test_the_master_listens_where_the_manifest_says_and_nowhere_else(cluster):
    places = psutil.Process(cluster.pids["spark"]).net_connections("inet")
    ports = {place.laddr.port for place in places if place.status == psutil.CONN_LISTEN}
    assert ports == set(cluster.artefact.ports)  # not 6066, where applications are submitted without a secret


def test_its_files_are_their_owners_alone(cluster):
    files = [cluster.conf / "spark-defaults.conf", *cluster.folder.glob("*.properties")]
    assert len(files) == 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(cluster.folder.stat().st_mode) == 0o700


def test_an_application_without_the_secret_is_refused(cluster, tmp_path):
    lines = (cluster.conf / "spark-defaults.conf").read_text().splitlines()
    known = [line for line in lines if not line.startswith(("spark.authenticate", "spark.network"))]
    wrong = [line for line in lines if not line.startswith("spark.authenticate.secret")]
    attempts = {"without": known, "guessed": [*wrong, f"spark.authenticate.secret {'x' * 32}"]}
    with ExitStack() as stack:
        processes = []
        for name, settings in attempts.items():
            (tmp_path / name).mkdir()
            (tmp_path / name / "spark-defaults.conf").write_text("\n".join(settings))
            processes.append(stack.enter_context(cluster.start(name, tmp_path / name)))
            stack.callback(end, processes[-1])
        for process in processes:
            assert any("Failed to connect to master" in line for line in process.stdout)
    told = cluster.told()
    assert {each["name"] for each in (*told["activeapps"], *told["completedapps"])} & attempts.keys() == set()


def end(process):
    """End an application, its driver included, which would go on trying."""
    for each in psutil.Process(process.pid).children(recursive=True):
        each.kill()
    process.kill()


def test_its_pages_obey_nobody_and_those_of_the_workers_open_to_nobody(cluster):
    for place in ("/", "/json/", "/conf", "/environment", "/metrics/json/", "/metrics/master/json"):
        text = httpx.get(f"{cluster.page}{place}", timeout=10, follow_redirects=True).text
        assert cluster.secret not in text, place
    workers = cluster.workers()
    for place, form in (("/workers/kill", {"host": "127.0.0.1"}), ("/app/kill", {"id": "x", "terminate": "true"})):
        assert httpx.post(f"{cluster.page}{place}", data=form, timeout=10).status_code == 405, place
    assert [worker["id"] for worker in cluster.workers()] == [worker["id"] for worker in workers]
    for worker in workers:
        for place in ("/", "/json/", "/conf/", "/log/", "/logPage/", "/metrics/json/"):
            assert httpx.get(f"{worker['webuiaddress']}{place}", timeout=10).status_code == 403, place


def test_a_worker_that_is_killed_is_started_again(cluster, signed):
    before = cluster.pids
    os.kill(before["spark-worker-1"], signal.SIGKILL)
    wait_until(lambda: not cluster.is_well(), 60)
    wait_until(cluster.is_well, 240)
    after = cluster.pids
    assert after["spark-worker-1"] != before["spark-worker-1"]
    assert (after["spark"], after["spark-worker-2"]) == (before["spark"], before["spark-worker-2"])
    assert "Successfully registered with master" in signed.log("spark-worker-1", 50)


SIZES = """
import time
from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("sizes").getOrCreate()
executors = lambda: spark._jsc.sc().getExecutorMemoryStatus().size() - 1  # without the driver

def slow(batches):
    for batch in batches:
        time.sleep(2)
        yield batch

def compute(tasks):
    spark.range(0, tasks, 1, tasks).mapInArrow(slow, "id long").collect()
    print(executors(), flush=True)

compute(1)
compute(40)
until = time.monotonic() + 200
while executors() > 1 and time.monotonic() < until:
    time.sleep(1)
print(executors(), flush=True)
spark.stop()
"""


@pytest.mark.nightly
def test_a_large_job_gets_all_executors_and_gives_them_back(cluster):
    command = [sys.executable, "-c", SIZES]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=as_application(cluster.conf))
    assert done.stdout.split() == ["1", "2", "1"]
