"""Runs that a schedule makes, on a real server and by a real worker."""

from __future__ import annotations

import itertools
import time
from datetime import datetime, timedelta

import pytest
from deployed import DEPLOYMENT, Deployed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

EVERY = timedelta(seconds=2)
"""Sooner than a run of the flow ends."""


@pytest.fixture
def lake(tmp_path):
    made = Deployed(tmp_path / "lake")
    made.people("data", "people-1", "1,Ana,Rio")
    file = made.root / "prefect.yaml"
    text = file.read_text("utf-8").replace(DEPLOYMENT, "")
    name = DEPLOYMENT.replace("name: held\n", "name: often\n", 1).replace(
        "work_queue_name: held", "work_queue_name: tables"
    )
    schedule = f"    parameters: {{at: nowhere}}\n    schedules:\n      - {{interval: {EVERY.seconds}, active: true}}\n"
    file.write_text(f"{text}{name.rstrip()}\n{schedule}", "utf-8")
    try:
        done = made.lagoa("flow", "deploy")
        assert done.returncode == 0, done.stderr
        yield made
    finally:
        made.server.stop()


def runs(lake, *states):
    (often,) = lake.post("deployments/filter", deployments={"name": {"any_": ["often"]}})
    of_it = {"deployments": {"id": {"any_": [often["id"]]}}}
    return lake.post("flow_runs/filter", **of_it, flow_runs={"state": {"type": {"any_": list(states)}}})


def test_a_schedule_that_overlaps_itself_runs_one_after_the_other(lake):
    with lake.worker():
        deadline = time.monotonic() + 200
        while len(done := runs(lake, "COMPLETED")) < 3:
            assert time.monotonic() < deadline, lake.logs()
            assert runs(lake, "FAILED", "CRASHED") == []
            time.sleep(1)
        waiting = runs(lake, "SCHEDULED")
    assert all(run["auto_scheduled"] for run in done)
    assert any(run["state_name"] in {"Late", "Scheduled"} for run in waiting)
    spans = sorted((datetime.fromisoformat(run["start_time"]), datetime.fromisoformat(run["end_time"])) for run in done)
    assert all(ended <= began for (_, ended), (began, _) in itertools.pairwise(spans))
    with lake.open() as opened:  # the first has loaded the file, and nobody has loaded it again
        assert opened.sql("SELECT count(*) FROM bronze.people").fetchall() == [(1,)]
        assert len(opened.publications()) == 1
