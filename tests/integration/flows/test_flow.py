"""The flow `daily` on a Prefect server that is there, and on one of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from checkout import ROOT

import lagoa
from flows.sources.olist import generate
from lagoa.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

SCALE = 0.01
START_S = 90

pytestmark = pytest.mark.timeout(240)


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    prefect = {
        "PREFECT_HOME": str(home),
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    }
    return {**kept, **prefect, **more}


@contextmanager
def prefect_server(home: Path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    log = home / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment(home), stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + START_S
        while True:
            assert process.poll() is None, f"the server ended: {log.read_text()[-2000:]}"
            try:
                if httpx.get(f"{url}/health", timeout=2).is_success:
                    break
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, f"the server is not up: {log.read_text()[-2000:]}"
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with prefect_server(tmp_path_factory.mktemp("prefect")) as url:
        yield url


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("olist")
    generate(folder, scale=SCALE)
    return folder


def run_daily(folder: Path, state: Path, **more: str) -> subprocess.CompletedProcess[str]:
    home = state.parent / "prefect-home"
    home.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-c", f"from flows.daily import daily; daily({str(folder)!r})"],
        check=False,
        cwd=ROOT,
        env=environment(home, LAGOA_STATE=str(state), **more),
        capture_output=True,
        text=True,
        timeout=200,
    )


def opened(state: Path) -> lagoa.Lake:
    return lagoa.open_lake(load_settings(ROOT).model_copy(update={"state": state}))


def newest_run(url: str) -> dict[str, object]:
    query = {"sort": "START_TIME_DESC", "limit": 1}
    return httpx.post(f"{url}/flow_runs/filter", json=query, timeout=10).json()[0]


def test_a_run_publishes_and_tells_prefect_what_it_did(server, files, tmp_path):
    state = tmp_path / "state"
    ended = run_daily(files, state, PREFECT_API_URL=server)
    assert ended.returncode == 0, ended.stderr
    run = newest_run(server)
    assert run["state_type"] == "COMPLETED"
    with opened(state) as lake:
        newest = lake.log()[0]
        assert newest.properties["lagoa.branch"] == run["name"]
        assert run["name"] not in {ref.name for ref in lake.refs()}  # all of it is on main
        received = lake.row_counts()
    artifacts = httpx.post(f"{server}/artifacts/filter", json={}, timeout=10).json()
    assert {each["key"] for each in artifacts} == {"rows", "audit", "publication"}
    (rows,) = [each for each in artifacts if each["key"] == "rows"]
    assert "Files: 9 found, 9 loaded, 0 loaded before" in rows["description"]
    tasks = httpx.post(f"{server}/task_runs/filter", json={}, timeout=10).json()
    assert sum(each["name"].startswith("ingest bronze.") for each in tasks) == 9
    assert sum(rows for table, rows in received.items() if table.layer == "gold") > 0

    again = run_daily(files, state, PREFECT_API_URL=server)
    assert again.returncode == 0, again.stderr
    with opened(state) as lake:
        assert lake.log()[0].id == newest.id  # the same files again bring nothing


def test_a_failed_audit_ends_the_run_failed_and_leaves_main_alone(server, files, tmp_path):
    state, broken = tmp_path / "state", tmp_path / "broken"
    broken.mkdir()
    for file in files.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    payments = broken / "olist_order_payments_dataset.csv"
    header, *lines = payments.read_text().splitlines(keepends=True)
    # More rows than the contract allows have a payment that is no number.
    bad = len(lines) // 10
    lines = [line.rsplit(",", 1)[0] + ",many\n" if n < bad else line for n, line in enumerate(lines)]
    payments.write_text("".join([header, *lines]))

    ended = run_daily(broken, state, PREFECT_API_URL=server)

    assert ended.returncode != 0
    assert "AuditFailed" in ended.stderr
    run = newest_run(server)
    assert run["state_type"] == "FAILED"
    with opened(state) as lake:
        assert not lake.tables()
        branch = next(ref for ref in lake.refs() if ref.name == run["name"])
        assert lake.tables(branch.name)
        blocking = {each.check for each in lake.audit_of(branch.name).report.blocking}
        assert "bronze.order_payments/quarantine_share" in blocking


def test_a_run_brings_up_a_server_of_its_own(files, tmp_path):
    state = tmp_path / "state"
    ended = run_daily(files, state)
    assert ended.returncode == 0, ended.stderr
    with opened(state) as lake:
        assert len(lake.log()) == 2
