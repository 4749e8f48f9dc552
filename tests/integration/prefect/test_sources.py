"""A deployment per source: they load at the same time, and one that dies leaves the others alone."""

from __future__ import annotations

import os
import signal
import time

import httpx
import psutil
import pytest
from deployed import Deployed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

ROWS = 300_000
SCHEDULED = """
  - name: bronze.pets
    parameters: {table: bronze.pets, folder: data}
    schedules:
      - {cron: "0 6 * * *", timezone: UTC, active: false}
"""


@pytest.fixture
def lake(tmp_path):
    made = Deployed(tmp_path / "lake")
    made.contract("bronze.pets", "id:long* kind:string!", source={"format": "csv", "file": "pets*.csv"})
    made.people("data", "people", *(f"{number},Ana,Rio" for number in range(ROWS)))
    made.file("data/pets.csv", "id,kind\n1,cat\n")
    made.file("data/nobody.csv", "what no contract names")
    file = made.root / "prefect.yaml"
    file.write_text(file.read_text("utf-8") + SCHEDULED, "utf-8")
    try:
        done = made.lagoa("flow", "deploy", "--per-source")
        assert done.returncode == 0, done.stderr
        assert "models/models" in done.stdout
        yield made
    finally:
        made.server.stop()


def process_of(worker, run):
    """Return the process of a run that loads, as soon as there is one."""
    deadline = time.monotonic() + 120
    while True:
        for child in psutil.Process(worker.pid).children(recursive=True):
            if child.environ().get("PREFECT__FLOW_RUN_ID") == run:
                return child.pid
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_sources_load_by_themselves_and_one_that_is_killed_leaves_the_others(lake):
    deployments = {each["name"]: each for each in lake.post("deployments/filter")}
    assert [each["schedule"]["cron"] for each in deployments["bronze.pets"]["schedules"]] == ["0 6 * * *"]
    assert deployments["bronze.people"]["schedules"] == []
    assert {deployments[name]["work_queue_name"] for name in ("bronze.pets", "bronze.people")} == {
        "bronze.pets",
        "bronze.people",
    }
    with pytest.raises(httpx.HTTPStatusError):
        lake.start("bronze.pets", table="bronze.people")
    with lake.worker() as worker:
        people, pets = lake.start("bronze.people"), lake.start("bronze.pets")
        lake.wait(people, "RUNNING", "COMPLETED")
        os.kill(process_of(worker, people), signal.SIGKILL)
        assert lake.wait(people)["state_type"] == "CRASHED"
        assert lake.wait(pets)["state_type"] == "COMPLETED", lake.logs()
        assert lake.wait(lake.repeated(people))["state_type"] == "COMPLETED", lake.logs()
        models = lake.wait(lake.start("models"))
        runs = lake.post("flow_runs/filter")
        assert len([run for run in runs if (run["created_by"] or {}).get("type") == "AUTOMATION"]) == 1
        assert models["state_type"] == "COMPLETED", lake.logs()
    with lake.open() as opened:
        assert opened.sql("select people from gold.cities").fetchall() == [(ROWS,)]
        assert opened.sql("select count(*) from bronze.pets").fetchall() == [(1,)]
        left = lake.get(f"flow_runs/{people}")["name"]
        assert {ref.name for ref in opened.refs()} <= {"main", left}
