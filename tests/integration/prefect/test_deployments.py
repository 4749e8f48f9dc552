"""Deployments on a real server, run by a real worker."""

from __future__ import annotations

import sys
from datetime import timedelta

import httpx
import pytest
from deployed import Deployed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

SECRET = "pretty-secret-key"  # noqa: S105 - to look for


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    made = Deployed(tmp_path_factory.mktemp("deployed") / "lake")
    made.people("data", "people-1", "1,Ana,Rio", "2,Bob,Rio")
    made.people("other", "people-2", "3,Eve,Belém")
    made.people("broken", "people-3", *(f"{number},,Rio" for number in range(4, 20)))
    try:
        done = made.lagoa("flow", "deploy", LAGOA_S3_SECRET_KEY=SECRET, LAGOA_SECRET_VAULT=SECRET)
        assert done.returncode == 0, done.stderr
        with made.worker():
            yield made
    finally:
        made.server.stop()


def deployed(lake, name):
    (found,) = lake.post("deployments/filter", deployments={"name": {"any_": [name]}})
    return found


def test_deployments_have_forms_queues_tags_and_schedules(lake):
    daily = deployed(lake, "daily")
    assert set(daily["tags"]) == {"load", "repeat", "lagoa"}
    assert (daily["work_pool_name"], daily["work_queue_name"]) == ("default", "tables")
    assert [(each["schedule"]["cron"], each["active"]) for each in daily["schedules"]] == [("0 5 * * *", False)]
    form = deployed(lake, "backfill")["parameter_openapi_schema"]
    assert form["required"] == ["model"]
    assert all(each["description"] for each in form["properties"].values())
    (states,) = [deployed(lake, "branch-reaper")["parameter_openapi_schema"]["properties"]["states"]]
    assert states["items"]["enum"] == ["CRASHED", "CANCELLED", "FAILED"]
    for queue, limit in (("tables", 1), ("care", 1), ("default", None)):
        assert lake.get(f"work_pools/default/queues/{queue}")["concurrency_limit"] == limit


@pytest.mark.parametrize(
    ("name", "parameters", "reason"),
    [
        ("daily", {"fodler": "data"}, "'fodler' was unexpected"),
        ("daily", {"folder": 3}, "field 'folder'"),
        ("backfill", {}, "'model' is a required property"),
        ("backfill", {"model": "cities"}, "does not match"),
        ("branch-reaper", {"states": ["COMPLETED"]}, "is not one of"),
    ],
)
def test_parameters_that_the_flow_does_not_take_are_refused_before_a_run_starts(lake, name, parameters, reason):
    before = lake.post("flow_runs/count")
    with pytest.raises(httpx.HTTPStatusError) as refused:
        lake.start(name, **parameters)
    assert refused.value.response.status_code == 409
    assert reason in refused.value.response.json()["detail"]
    assert lake.post("flow_runs/count") == before


def test_a_run_with_other_parameters_ends_with_a_publication(lake):
    first = lake.wait(lake.start("daily"))
    second = lake.wait(lake.start("daily", folder="other"))
    assert [run["state_type"] for run in (first, second)] == ["COMPLETED", "COMPLETED"], lake.logs()
    with lake.open() as opened:
        newest, older, _ = opened.log()
        assert [each.properties["lagoa.branch"] for each in (newest, older)] == [second["name"], first["name"]]
        cities = opened.sql("select city, people from gold.cities order by people").fetchall()
        assert cities == [("Belém", 1), ("Rio", 2)]
        assert [ref.name for ref in opened.refs() if ref.name.startswith("run/")] == []
    artifacts = lake.post("artifacts/filter", flow_runs={"id": {"any_": [second["id"]]}})
    assert {each["key"] for each in artifacts if each["key"]} == {"rows", "audit", "publication"}
    built = lake.wait(lake.start("backfill", model="gold.cities"))
    assert built["state_type"] == "COMPLETED", lake.logs()
    assert lake.wait(lake.start("maintain", tables=["gold.cities"], clean=True))["state_type"] == "COMPLETED", (
        lake.logs()
    )
    listed = lake.lagoa("flow", "list")
    assert [line.split()[0] for line in listed.stdout.splitlines()[1:]] == [
        f"{name}/{name}"
        for name in (
            "backfill",
            "backup-verify",
            "backup",
            "branch-reaper",
            "daily",
            "held",
            "maintain",
            "sandbox-reaper",
        )
    ]
    assert "Completed" in listed.stdout


def test_two_deployments_of_the_same_tables_queue(lake):
    lake.people("queued", "people-9", "9,Zoe,Köln")
    runs = [lake.start("daily", folder="queued"), lake.start("backfill", model="gold.cities")]
    one, other = sorted((lake.wait(run) for run in runs), key=lambda run: run["start_time"])
    assert {one["state_type"], other["state_type"]} == {"COMPLETED"}, lake.logs()
    assert one["end_time"] <= other["start_time"]


def test_a_failed_audit_ends_failed_with_its_artifact_and_the_reaper_deletes_its_branch(lake):
    failed = lake.wait(lake.start("daily", folder="broken"))
    assert failed["state_type"] == "FAILED", lake.logs()
    (artifact,) = lake.post(
        "artifacts/filter",
        artifacts={"key": {"any_": ["audit"]}},
        flow_runs={"id": {"any_": [failed["id"]]}},
    )
    assert "bronze.people/quarantine_share" in artifact["data"]
    event = lake.event("lagoa.audit.failed")
    assert event["payload"]["checks"] == ["bronze.people/quarantine_share"]
    assert f"prefect.flow-run.{failed['id']}" in {each["prefect.resource.id"] for each in event["related"]}
    with lake.open() as opened:
        opened.create_sandbox("old", lives=timedelta(minutes=1))
        assert failed["name"] in {ref.name for ref in opened.refs()}
        kept = lake.wait(lake.start("branch-reaper", hours=0))  # of crashed and cancelled ones, by default
        assert kept["state_type"] == "COMPLETED", lake.logs()
        assert failed["name"] in {ref.name for ref in opened.refs()}
        swept = lake.wait(lake.start("branch-reaper", hours=0, states=["FAILED"]))
        assert swept["state_type"] == "COMPLETED", lake.logs()
        assert failed["name"] not in {ref.name for ref in opened.refs()}


def test_no_secret_is_in_blocks_variables_or_the_servers_database(lake):
    assert lake.post("block_documents/filter") == []
    assert lake.post("variables/filter") == []
    for deployment in lake.post("deployments/filter"):
        assert deployment["job_variables"].pop("command") == f"{sys.executable} -m lagoa.prefect.engine"
        assert deployment["job_variables"] == {"env": {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}}
    for file in lake.server.home.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file


def test_a_second_deploy_changes_and_adds_nothing_and_keeps_an_automation_that_is_off(lake):
    automations = lake.post("automations/filter")
    off = next(each for each in automations if "repeated" in each["name"])
    httpx.patch(f"{lake.server.running().api}/automations/{off['id']}", json={"enabled": False}).raise_for_status()
    ids = {each["id"] for each in lake.post("deployments/filter")}
    done = lake.lagoa("flow", "deploy", "--json")
    assert done.returncode == 0, done.stderr
    assert {each["id"] for each in lake.post("deployments/filter")} == ids
    again = lake.post("automations/filter")
    assert {each["id"] for each in again} == {each["id"] for each in automations}
    assert not next(each for each in again if each["id"] == off["id"])["enabled"]
