"""`lagoa flow` without a server; with one see tests/integration/prefect/test_deployments.py."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from command_line import run


@pytest.mark.slow
def test_a_configured_server_that_is_down_is_an_error_to_try_again(tmp_path):
    assert run("init", "lake", cwd=tmp_path).returncode == 0
    variables = {"PREFECT_API_URL": "http://127.0.0.1:9/api", "LAGOA_PATIENCE_S": "0"}
    worker = run("flow", "worker", cwd=tmp_path / "lake", **variables)
    assert worker.returncode == 5
    assert "http://127.0.0.1:9/api: the Prefect server does not answer" in worker.stderr
    assert "PREFECT_API_URL" in worker.stderr
    assert "Traceback" not in worker.stderr
    assert run("flow", "list", cwd=tmp_path / "lake", **variables).returncode == 5


def test_prefect_that_is_configured_without_a_server_is_an_error(tmp_path):
    assert run("init", "lake", cwd=tmp_path).returncode == 0
    done = run("flow", "deploy", cwd=tmp_path / "lake", PREFECT_HOME=str(tmp_path / "home"))
    assert done.returncode == 1
    assert "Set PREFECT_API_URL" in done.stderr


class AnotherVersion(BaseHTTPRequestHandler):
    """What Prefect's client looks at first, of a server of Prefect 4."""

    def do_GET(self):
        text = b"true" if self.path.endswith("health") else b'"4.0.0"'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.mark.slow
def test_a_server_of_another_version_is_an_error(tmp_path):
    assert run("init", "lake", cwd=tmp_path).returncode == 0
    server = HTTPServer(("127.0.0.1", 0), AnotherVersion)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        api = f"http://127.0.0.1:{server.server_port}/api"
        done = run("flow", "worker", cwd=tmp_path / "lake", PREFECT_API_URL=api)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert done.returncode == 1
    assert f"The Prefect server at {api} has another version" in done.stderr
    assert "4.0.0" in done.stderr
