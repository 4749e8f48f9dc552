"""A lake whose flows are deployed on its own Prefect server, with a worker: everything real, nothing shared."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
import psutil
from lakes import LakeFolder

from lagoa.prefect.server import LakeServer
from lagoa.templates import make_lake

HELD = '''
"""The daily flow, which waits at a point of its work as long as there is a file `hold`."""
import os
import time
from pathlib import Path

from lagoa.domain.faults import set_hook
from lagoa.prefect import Publication, flow, lake_run


@flow
def held(at: str, folder: str = "data", lake: str = ".") -> Publication | None:
    def wait(point):
        if point == at:
            Path("reached").write_text(str(os.getpid()))
            while Path("hold").exists():
                time.sleep(0.05)

    set_hook(wait)
    return lake_run(folder, lake)
'''
DEPLOYMENT = """
  - name: held
    entrypoint: flows/held.py:held
    tags: [repeat]
    work_pool: {name: default, work_queue_name: held}
"""
LIMIT_S = 120
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}


class Deployed(LakeFolder):
    """A lake of people and a count of them by city, with the flows of `lagoa init` and `held`."""

    def __init__(self, root):
        make_lake(root)
        super().__init__(root, name="people", memory_limit="500MB", author="ana", threads=1)
        self.contract(
            "bronze.people", "id:long* name:string! city:string!", source={"format": "csv", "file": "people*.csv"}
        )
        self.contract("gold.cities", "city:string* people:long!", materialization="full")
        self.model("gold.cities", "SELECT city, count(*) AS people FROM bronze.people GROUP BY city\n")
        self.file("flows/held.py", HELD)
        file = root / "prefect.yaml"
        file.write_text(file.read_text("utf-8") + DEPLOYMENT, "utf-8")
        self.server = LakeServer(root / ".lagoa")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LAGOA_", "PREFECT_"))}
        self.environment = kept | {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120"}

    def people(self, folder, name, *rows):
        """Write a file of people into a folder of the lake."""
        self.file(f"{folder}/{name}.csv", "\n".join(["id,name,city", *rows, ""]))

    def lagoa(self, *arguments, **variables):
        """Run a command as a process."""
        line = [sys.executable, "-m", "lagoa.cli", *arguments]
        environment = self.environment | variables
        return subprocess.run(
            line, cwd=self.root, env=environment, capture_output=True, text=True, timeout=200, check=False
        )

    @contextmanager
    def worker(self):
        """Let a worker run in this block, with all processes that it starts."""
        log = (self.root / "worker.log").open("ab")
        line = [sys.executable, "-m", "lagoa.cli", "flow", "worker"]
        process = subprocess.Popen(
            line, cwd=self.root, env=self.environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield process
        finally:
            kill(process)
            log.close()

    def post(self, path, **body):
        """Return what the server responds; raises `httpx.HTTPStatusError`."""
        return self._request("POST", path, json=body)

    def get(self, path):
        """Return what the server has there."""
        return self._request("GET", path)

    def _request(self, method, path, **options):
        """As Prefect's own clients do, try again while the database is busy."""
        while True:
            response = httpx.request(method, f"{self.server.running().api}/{path}", timeout=100, **options)
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return response.raise_for_status().json()
            time.sleep(0.5)

    def start(self, name, **parameters):
        """Start a run of a deployment as the pages do; return its id."""
        (found,) = self.post("deployments/filter", deployments={"name": {"any_": [name]}})
        return self.post(f"deployments/{found['id']}/create_flow_run", parameters=parameters)["id"]

    def wait(self, run, *states, limit_s=LIMIT_S):
        """Return a run as soon as it is in one of these states, by default an end."""
        deadline = time.monotonic() + limit_s
        while True:
            found = self.get(f"flow_runs/{run}")
            if found["state_type"] in (states or ENDED):
                return found
            assert time.monotonic() < deadline, f"{found['state']}\n{self.logs()}"
            time.sleep(0.2)

    def repeated(self, run, limit_s=LIMIT_S):
        """Return the id of the run that was made because this one crashed, as soon as there is one."""
        crashed = self.get(f"flow_runs/{run}")
        deadline = time.monotonic() + limit_s
        query = {"deployments": {"id": {"any_": [crashed["deployment_id"]]}}, "sort": "EXPECTED_START_TIME_DESC"}
        while (latest := self.post("flow_runs/filter", **query)[0])["id"] == run:
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.5)
        assert latest["parameters"] == crashed["parameters"]
        return latest["id"]

    def event(self, name):
        """Return the latest event of a name as soon as the server has stored one."""
        deadline = time.monotonic() + LIMIT_S
        while not (found := self.post("events/filter", filter={"event": {"name": [name]}})["events"]):
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.5)
        return found[0]

    def wait_for_file(self, name):
        """Return the content of a file of the lake's folder as soon as it has any."""
        deadline = time.monotonic() + LIMIT_S
        while not (self.root / name).exists() or not (self.root / name).read_text():
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.05)
        return (self.root / name).read_text()

    def logs(self):
        """Return the end of the worker's log."""
        log = self.root / "worker.log"
        return log.read_text(errors="replace")[-4000:] if log.exists() else ""


def kill(process):
    """Kill a process of ours and all that it has started, at once."""
    try:
        family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    except psutil.NoSuchProcess:
        family = []
    for each in family:
        try:
            each.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
    process.wait()
