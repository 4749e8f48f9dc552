"""The flow `daily` of the reference lake on a Prefect server: what Prefect is told, and what becomes of main."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import NamedTuple

import httpx
import pytest
from checkout import ROOT

import lagoa
from flows.sources.olist import generate
from lagoa.prefect.server import LakeServer
from lagoa.settings import load_settings

SCALE = 0.01
RUNS = """
import sys
import warnings
from pathlib import Path
from flows.daily import daily
from lagoa.errors import AuditFailed
good, broken = sys.argv[1:]
print(daily(good).commit)
with warnings.catch_warnings(action="ignore"):
    from lagoa.feast.applying import apply
    apply(Path("feature_store"))
assert daily(good) is None
try:
    daily(broken)
except AuditFailed as failed:
    print(failed.report.ref)
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # on a Prefect server; `make demo` runs the same flow


class Ran(NamedTuple):
    """What three runs left: one with new files, one with the same files, one with a broken file."""

    lake: lagoa.Lake
    api: str
    published: str
    failed: str
    said: str


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flow")
    good, broken = folder / "good", folder / "broken"
    generate(good, scale=SCALE)
    generate(broken, scale=SCALE)
    payments = broken / "olist_order_payments_dataset.csv"
    header, *lines = payments.read_text().splitlines(keepends=True)
    # More rows than the contract allows have a payment that is no number.
    payments.write_text("".join([header, *(line.rsplit(",", 1)[0] + ",many\n" for line in lines)]))

    server = LakeServer(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
        api = server.wait().api
    try:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        done = subprocess.run(
            [sys.executable, "-c", RUNS, str(good), str(broken)],
            check=False,
            cwd=ROOT,
            env={**kept, "LAGOA_STATE": str(folder / "state"), "PREFECT_API_URL": api},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        published, failed = done.stdout.split()
        settings = load_settings(ROOT).model_copy(update={"state": folder / "state"})
        with lagoa.open_lake(settings) as lake:
            yield Ran(lake, api, published, failed, done.stderr)
    finally:
        server.stop()


def listed(ran, what, **query):
    return httpx.post(f"{ran.api}/{what}/filter", json=query, timeout=20).raise_for_status().json()


def test_a_run_publishes_and_the_same_files_again_bring_nothing(ran):
    assert not (ran.lake.settings.state_folder / "prefect").exists()  # Prefect has a server of its user's
    newest = ran.lake.log()[0]
    assert newest.id == ran.published
    assert len(ran.lake.log()) == 2
    assert sum(rows for table, rows in ran.lake.row_counts().items() if table.layer == "gold") > 0
    first, again, failed = listed(ran, "flow_runs", sort="START_TIME_ASC")
    assert [run["state_type"] for run in (first, again, failed)] == ["COMPLETED", "COMPLETED", "FAILED"]
    assert newest.properties["lagoa.branch"] == first["name"]
    assert {ref.name for ref in ran.lake.refs()} == {"main", failed["name"]}


def test_artifacts_tasks_and_logs_say_rows_quarantine_and_commit(ran):
    artifacts = [each for each in listed(ran, "artifacts") if each["key"]]
    assert {each["key"] for each in artifacts} == {"rows", "audit", "publication"}
    described = [each["description"] for each in artifacts if each["key"] == "rows"]
    assert sum("Files: 9 found, 9 loaded." in each for each in described) == 1
    (publication,) = [each for each in artifacts if each["key"] == "publication"]
    assert ran.published[:12] in publication["data"]
    tasks = listed(ran, "task_runs")
    assert sum(each["name"].startswith("ingest bronze.") for each in tasks) == 27
    assert {tag for each in tasks for tag in each["tags"]} == {"ingest", "transform", "audit", "publish", "features"}
    logs = {each["message"] for each in listed(ran, "logs", limit=200)}
    assert any(each.startswith(f"main moved to {ran.published[:12]}") for each in logs)


def test_online_features_follow_once_they_are_applied(ran):
    status = ran.lake.feature_status()
    assert (status.online, status.offline) == (ran.published, ran.published)
    assert all(each.online.entities for each in status.views)
    (logged,) = [each for each in listed(ran, "logs", limit=200) if "Online features" in each["message"]]
    assert ran.published[:12] in logged["message"]


def test_a_failed_audit_ends_the_run_failed_and_leaves_main_alone(ran):
    assert listed(ran, "flow_runs", sort="START_TIME_DESC")[0]["name"] == ran.failed
    assert ran.lake.tables(ran.failed)
    blocking = {each.check for each in ran.lake.audit_of(ran.failed).report.blocking}
    assert "bronze.order_payments/quarantine_share" in blocking
    assert "Traceback" not in ran.said
    assert ran.said.count("order_payments/quarantine_share") == 1
