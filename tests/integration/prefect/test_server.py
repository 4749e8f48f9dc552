"""The Prefect server of a lake: started once, found, replaced, ended."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time

import psutil
import pytest

from lagoa.errors import FlowServerFailed
from lagoa.prefect.server import HOST, LakeServer

START = """
import pathlib, sys
from lagoa.prefect.server import LakeServer
print(LakeServer(pathlib.Path(sys.argv[1])).wait().pid)
"""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def busy_machine(monkeypatch):
    monkeypatch.setenv("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")


@pytest.fixture
def server(tmp_path):
    lakes = LakeServer(tmp_path, idle_s=2)
    yield lakes
    lakes.stop()


def headers(port, **sent):
    connection = http.client.HTTPConnection(HOST, port, timeout=20)
    connection.request("GET", "/api/health", headers=sent)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


@pytest.mark.slow
def test_two_runs_start_one_server_which_is_private_and_is_replaced_by_another_version(server, tmp_path):
    runs = [
        subprocess.Popen([sys.executable, "-c", START, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    pids = {int(run.communicate()[0]) for run in runs}
    first = server.running()
    assert pids == {first.pid}
    process = psutil.Process(first.pid)
    assert {each.laddr.ip for each in process.net_connections() if each.status == "LISTEN"} == {HOST}
    assert server.home.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in server.home.iterdir() if file.is_file()} == {0o600}
    assert headers(first.port, Origin="http://example.org").getheader("access-control-allow-origin") is None
    assert headers(first.port, Host="example.org").status == 400

    (server.home / "server.json").write_text(json.dumps(first._asdict() | {"version": "3.0.0"}))
    second = server.wait()
    assert second.pid != first.pid
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    deadline = time.monotonic() + 60
    while server.running():  # nobody needs it
        assert time.monotonic() < deadline, "the idle server does not end"
        time.sleep(0.1)


def test_a_server_that_cannot_start_is_an_error_with_the_end_of_its_log(server):
    server.home.mkdir()
    (server.home / "prefect.db").write_text("what is no database " * 100)
    with pytest.raises(FlowServerFailed, match=r"(?s)it has ended.*file is not a database.*PREFECT_API_URL"):
        server.wait()


def test_a_server_that_takes_too_long_is_an_error_and_ends(server, monkeypatch):
    monkeypatch.setenv("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "0.2")
    with pytest.raises(FlowServerFailed, match=r"does not answer within 0\.2 s"):
        server.wait()
    assert not server.stop()


def test_a_file_without_a_server_is_not_believed(server):
    server.home.mkdir()
    (server.home / "server.json").write_text(json.dumps({"pid": os.getpid(), "port": 1, "version": "3.0.0"}))
    assert server.running() is None
    assert not server.stop()


def test_a_file_that_is_a_link_or_of_another_user_is_not_believed(server, tmp_path, monkeypatch):
    server.home.mkdir()
    file = server.home / "server.json"
    (tmp_path / "other").write_text("{}")
    file.symlink_to(tmp_path / "other")
    assert server.running() is None
    with pytest.raises(FlowServerFailed, match=r"server\.json"):
        server.begin()
    assert (tmp_path / "other").read_text() == "{}"
    file.unlink()
    file.write_text("{}")
    monkeypatch.setattr(os, "getuid", lambda: file.stat().st_uid + 1)
    assert server.running() is None
    with pytest.raises(FlowServerFailed, match="belongs to another user"):
        server.begin()
