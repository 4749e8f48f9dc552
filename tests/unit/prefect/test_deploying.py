"""What prefect.yaml must have, and the command of a worker."""

from __future__ import annotations

import pytest

from lagoa.errors import TerminalError
from lagoa.prefect.deploying import pools_of, read_entries, worker_of
from lagoa.templates import make_lake


def test_a_new_lake_can_be_deployed_and_its_worker_polls_each_second(tmp_path, monkeypatch):
    make_lake(tmp_path / "lake")
    entries = read_entries(tmp_path / "lake")
    assert [entry["name"] for entry in entries] == ["daily", "backfill", "sandbox-reaper", "branch-reaper"]
    assert pools_of(entries) == ["default"]
    monkeypatch.delenv("PREFECT_WORKER_QUERY_SECONDS", raising=False)
    command, environment = worker_of(tmp_path / "lake", {"PREFECT_API_URL": "http://server/api"}, None, 3)
    assert command[1:] == ["-m", "prefect", "worker", "start", "--pool", "default", "--type", "process", "--limit", "3"]
    assert environment["PREFECT_API_URL"] == "http://server/api"
    assert environment["PREFECT_WORKER_QUERY_SECONDS"] == "1"
    monkeypatch.setenv("PREFECT_WORKER_QUERY_SECONDS", "7")
    assert worker_of(tmp_path / "lake", {}, None, 3)[1]["PREFECT_WORKER_QUERY_SECONDS"] == "7"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "There is no "),
        ("name: [", "is no YAML"),
        ("name: lake\n", "has no `deployments`"),
        ("deployments:\n  - entrypoint: flows/daily.py:daily\n", "deployment 1 has no `name`"),
        ("deployments:\n  - {name: daily, entrypoint: a.b}\n", "deployment 1 has no `work_pool`"),
        ("deployments:\n  - {name: daily, entrypoint: a.b, work_pool: default}\n", "'daily' names no work pool"),
    ],
)
def test_a_file_that_cannot_be_deployed_is_explained(tmp_path, text, reason):
    if text is not None:
        (tmp_path / "prefect.yaml").write_text(text, "utf-8")
    with pytest.raises(TerminalError, match=reason) as refused:
        read_entries(tmp_path)
    assert refused.value.advice


def test_a_worker_of_several_pools_has_to_be_told_which(tmp_path):
    pools = [{"name": name, "entrypoint": "a.b", "work_pool": {"name": name}} for name in ("large", "small")]
    (tmp_path / "prefect.yaml").write_text(f"deployments: {pools}", "utf-8")
    with pytest.raises(TerminalError, match="several work pools") as refused:
        worker_of(tmp_path, {}, None, 1)
    assert "--pool large" in refused.value.advice
    assert "small" in worker_of(tmp_path, {}, "small", 1)[0]
