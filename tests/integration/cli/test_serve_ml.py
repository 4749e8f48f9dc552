"""`lagoa serve ml`: a process that answers, and ends when it is told to."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from threading import Thread

import pytest
from command_line import lagoa
from served import ROW, ServedLake, ask, champion, ready, score


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return the files of a lake with a champion."""
    folder = ServedLake(tmp_path_factory.mktemp("serve"))
    ready(folder).close()
    return folder


@pytest.fixture(scope="module")
def free():
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def server(place, free):
    """Yield a running server."""
    command = [sys.executable, "-m", "lagoa.cli", "--lake", str(place.root), "serve", "ml", "--port", str(free)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        until = time.monotonic() + 60
        while True:
            try:
                ask(free, "/health")
                break
            except ConnectionError:
                assert process.poll() is None, process.stdout.read()
                assert time.monotonic() < until
                time.sleep(0.1)
        yield process
        process.kill()


def test_a_port_that_another_process_has_is_refused(place):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = lagoa(place.root, "serve", "ml", "--port", str(taken.getsockname()[1]))
    assert (done.code, "cannot be used" in done.err) == (2, True)


@pytest.mark.slow
def test_a_process_answers_follows_promotions_and_ends_cleanly(place, free, server):
    file = place.root / ".lagoa/serving-token"
    bearer = f"Bearer {file.read_text('utf-8')}"
    assert score(free).status == 401
    answer = score(free, Authorization=bearer)
    assert (answer.status, answer.document["version"]) == (200, 1)
    second = lagoa(place.root, "serve", "ml", "--port", str(free))
    assert (second.code, "cannot be used" in second.err) == (2, True)
    with place.open_folder() as lake:
        assert answer.document["features_commit"] == lake.feature_status().online
        champion(lake)
    until = time.monotonic() + 10
    while score(free, Authorization=bearer).document["version"] == 1:
        assert time.monotonic() < until
        time.sleep(0.05)

    rows = json.dumps([{**ROW, "id": number} for number in range(1000)]).encode()
    statuses = []

    def ask_on():
        while True:
            try:
                statuses.append(score(free, rows, Authorization=bearer).status)
            except ConnectionError:
                return

    clients = [Thread(target=ask_on) for _ in range(2)]
    for each in clients:
        each.start()
    time.sleep(0.5)
    server.send_signal(signal.SIGTERM)
    output, _ = server.communicate(timeout=30)
    for each in clients:
        each.join()
    assert server.returncode == 0, output
    assert set(statuses) == {200}
    assert f"The token is in {file}" in output
    assert "late 2 answers, of commit" in output
    assert file.read_text("utf-8") not in output
    assert "Traceback" not in output


def test_what_cannot_be_served_is_named(place, tmp_path):
    done = lagoa(place.root, "serve", "ml", "--model", "lat", "--port", "1")
    assert (done.code, "Did you mean 'late'?" in done.err) == (1, True)
    done = lagoa(place.root, "serve", "ml", "--name", "*")
    assert (done.code, "give a host name" in done.err) == (2, True)
    file = place.root / ".lagoa/serving-token"
    file.chmod(0o644)
    done = lagoa(place.root, "serve", "ml")
    file.chmod(0o600)
    assert (done.code, "can be read by others" in done.err) == (1, True)
