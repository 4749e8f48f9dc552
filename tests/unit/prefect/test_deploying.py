"""What prefect.yaml must have, and the command of a worker."""

from __future__ import annotations

import pytest
from lakes import LakeFolder

from lagoa.errors import TerminalError
from lagoa.prefect.deploying import worker_of
from lagoa.prefect.entries import pools_of, read_document, with_sources
from lagoa.settings import load_settings
from lagoa.templates import make_lake


def test_a_new_lake_can_be_deployed_and_its_worker_polls_each_second(tmp_path, monkeypatch):
    make_lake(tmp_path / "lake")
    entries = read_document(tmp_path / "lake")["deployments"]
    names = ["daily", "backfill", "sandbox-reaper", "branch-reaper", "maintain", "backup", "backup-verify"]
    assert [entry["name"] for entry in entries] == names
    assert pools_of(entries) == ["default"]
    monkeypatch.delenv("PREFECT_WORKER_QUERY_SECONDS", raising=False)
    command, environment = worker_of(tmp_path / "lake", {"PREFECT_API_URL": "http://server/api"}, None)
    assert command[1:] == ["-m", "prefect", "worker", "start", "--pool", "default", "--type", "process"]
    assert environment["PREFECT_API_URL"] == "http://server/api"
    assert environment["PREFECT_WORKER_QUERY_SECONDS"] == "1"
    monkeypatch.setenv("PREFECT_WORKER_QUERY_SECONDS", "7")
    assert worker_of(tmp_path / "lake", {}, None)[1]["PREFECT_WORKER_QUERY_SECONDS"] == "7"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "There is no "),
        ("name: [", "is no YAML"),
        ("name: lake\n", "has no `deployments`"),
        ("deployments:\n  - entrypoint: flows/daily.py:daily\n", "deployment 1 has no `name`"),
        ("deployments:\n  - {name: daily, entrypoint: a.b}\n", "'daily' names no work pool"),
        ("deployments:\n  - {name: bronze.pets}\n", "'bronze.pets' has no `entrypoint`"),
        ("deployments:\n  - {name: daily, entrypoint: a.b, work_pool: default}\n", "'daily' names no work pool"),
    ],
)
def test_a_file_that_cannot_be_deployed_is_explained(tmp_path, text, reason):
    LakeFolder(tmp_path)
    if text is not None:
        (tmp_path / "prefect.yaml").write_text(text, "utf-8")
    with pytest.raises(TerminalError, match=reason) as refused:
        with_sources(read_document(tmp_path), load_settings(tmp_path), add=False)
    assert refused.value.advice


def test_which_of_several_pools_a_worker_takes_has_to_be_named(tmp_path):
    pools = [{"name": name, "entrypoint": "a.b", "work_pool": {"name": name}} for name in ("large", "small")]
    (tmp_path / "prefect.yaml").write_text(f"deployments: {pools}", "utf-8")
    with pytest.raises(TerminalError, match="several work pools") as refused:
        worker_of(tmp_path, {}, None)
    assert "--pool large" in refused.value.advice
    assert "small" in worker_of(tmp_path, {}, "small")[0]


def test_each_table_with_files_gets_a_deployment_and_one_in_the_file_keeps_what_it_says(tmp_path):
    folder = LakeFolder(tmp_path)
    for name in ("people", "pets"):
        folder.contract(f"bronze.{name}", "id:long*", source={"format": "csv", "file": f"{name}*.csv"})
    folder.contract("gold.counts", "kind:string*")
    own = {
        "name": "bronze.pets",
        "schedules": [{"cron": "0 6 * * *"}],
        "parameters": {"table": "bronze.pets", "folder": "pets"},
    }
    daily = {"name": "daily", "entrypoint": "a.b", "work_pool": {"name": "large"}}
    document = {"name": "lake", "deployments": [daily, own]}
    settings = load_settings(tmp_path)
    first, pets = with_sources(document, settings, add=False)["deployments"]
    assert first == daily
    assert pets["work_pool"] == {"name": "large", "work_queue_name": "bronze.pets"}
    assert pets["schedules"] == own["schedules"]
    assert pets["parameters"]["folder"] == "pets"
    every = with_sources(document, settings, add=True)["deployments"]
    assert [entry["name"] for entry in every] == ["daily", "bronze.pets", "bronze.people", "models"]
    assert "people*.csv" in every[2]["description"]
