"""Servers of engines that are too old, or that Lagoa cannot talk to: the error says what is there and what is needed.

The old ones are stand-ins that answer what such a server answers when it is asked for its version.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import grpc
import pytest
from command_line import lagoa as command
from pyspark.sql.connect.proto import base_pb2, base_pb2_grpc

import lagoa
from lagoa.domain.ports.sql_catalogs import ACCESS_FILE
from lagoa.errors import EngineTooOld, StackError
from lagoa.settings import load_settings
from tests.stack.test_model_engines import lake_on_spark, told
from tests.stack.test_sign_in import WORK, Servers

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def small(tmp_path, signed, monkeypatch):
    """Return a lake of people and pets on the stack, with a branch that has a model to run."""
    small = lake_on_spark(tmp_path, Servers(signed), monkeypatch)
    with lagoa.open_lake(small.root, "stack") as lake:
        lake.create_branch(WORK).append("bronze.pets", small.pets(1, 2))
    return small


@contextmanager
def trino_of(version):
    """Give the address of a server that says it is this version of Trino, and answers nothing else."""

    class Old(BaseHTTPRequestHandler):
        def do_GET(self):
            info = {"nodeVersion": {"version": version}, "environment": "x", "coordinator": True, "starting": False}
            self.send_response(200 if self.path == "/v1/info" else 404)
            self.end_headers()
            self.wfile.write(json.dumps(info).encode() if self.path == "/v1/info" else b"")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Old) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@contextmanager
def connect_of(version):
    """Give the address of a server of Spark Connect that says it is this version, and runs nothing."""

    class Old(base_pb2_grpc.SparkConnectServiceServicer):
        def AnalyzePlan(self, request, _):  # noqa: N802 - a name of the service
            assert request.WhichOneof("analyze") == "spark_version"
            said = base_pb2.AnalyzePlanResponse.SparkVersion(version=version)
            return base_pb2.AnalyzePlanResponse(session_id=request.session_id, spark_version=said)

        def Config(self, request, _):  # noqa: N802
            return base_pb2.ConfigResponse(session_id=request.session_id)

        def ReleaseSession(self, request, _):  # noqa: N802
            return base_pb2.ReleaseSessionResponse(session_id=request.session_id)

    server = grpc.server(ThreadPoolExecutor(4))
    base_pb2_grpc.add_SparkConnectServiceServicer_to_server(Old(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"sc://127.0.0.1:{port}"
    finally:
        server.stop(None)


def with_trino_at(small, url):
    """Let the lake's stack be one whose Trino is there."""
    real = (small.root / ".stack/stack").resolve()
    access = json.loads((real / "trino" / ACCESS_FILE).read_text())
    (small.root / ".stack").unlink()
    here = small.root / ".stack/stack"
    (here / "trino").mkdir(parents=True)
    (here / "trino" / ACCESS_FILE).write_text(json.dumps({**access, "url": url}))
    (here / "trino/ca.pem").symlink_to(real / "trino/ca.pem")
    (here / "credentials.json").symlink_to(real / "credentials.json")


@pytest.mark.parametrize("version", ["430", "475-e.2"])
def test_a_trino_that_is_too_old_is_told_and_nothing_is_committed(small, monkeypatch, version):
    monkeypatch.setenv("LAGOA_ENGINE", "trino")
    with trino_of(version) as url:
        with_trino_at(small, url)
        with lagoa.open_lake(small.root, "stack") as lake:
            needed = rf"Trino at {url} is version {version}; Lagoa needs 476 or later\. .*infra/stack\.toml"
            told(lake, EngineTooOld, needed)
            told(lake, EngineTooOld, needed)  # not the first time alone
            with pytest.raises(StackError, match=rf"is version {version}; .*infra/stack\.toml"):
                lake.create_sandbox("ana")
            assert [each.name for each in lake.sandboxes()] == []
        done = command(small.root, "--profile", "stack", "transform", "--branch", WORK)
        assert (done.code, f"is version {version}" in done.err) == (1, True)


@pytest.mark.parametrize("version", ["476", "481", "dev"])
def test_one_that_is_not_is_asked(small, monkeypatch, version):
    monkeypatch.setenv("LAGOA_ENGINE", "trino")
    with trino_of(version) as url:
        with_trino_at(small, url)
        with lagoa.open_lake(small.root, "stack") as lake, pytest.raises(Exception) as error:  # noqa: PT011
            lake.branch(WORK).transform()
    assert "is version" not in str(error.value)  # the client of Trino gives its password to nobody without TLS


@pytest.mark.parametrize("version", ["3.5.8", "4.0.1"])
def test_a_spark_that_is_too_old_is_told_and_nothing_is_committed(small, monkeypatch, version):
    monkeypatch.setenv("SPARK_CONNECT_MODE_ENABLED", "1")  # PySpark sets it for the whole process, and leaves it
    with connect_of(version) as master:
        settings = load_settings(small.root, "stack").model_copy(update={"spark_master": master})
        with lagoa.open_lake(settings) as lake:
            told(lake, EngineTooOld, rf"Spark at {master} is version {version}; Lagoa needs 4\.1 or later\.")


@pytest.mark.nightly
def test_a_cluster_that_takes_no_application_of_ours_is_told(small, tmp_path):
    """What one of another version does, too: it never answers, and after a minute Spark itself gives up."""
    real = (small.root / ".stack/stack/spark/client/spark-defaults.conf").read_text()
    secret = next(line.split()[1] for line in real.splitlines() if line.startswith("spark.authenticate.secret "))
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/spark-defaults.conf").write_text(real.replace(secret, "x" * len(secret)))
    with lagoa.open_lake(small.root, "stack") as lake:
        before = lake.branch(WORK).head
        done = subprocess.run(  # the Java process of this one may have read other settings before
            [sys.executable, "-m", "lagoa.cli", "--lake", small.root, "--profile", "stack", "transform", WORK],
            env={**os.environ, "LAGOA_SPARK_CONF": str(tmp_path / "conf")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert lake.branch(WORK).head == before
    assert (done.returncode, done.stdout) == (5, "")
    needed = r"takes no application of PySpark 4\.1\.\d+: its version or secret is another"
    assert re.search(needed, " ".join(done.stderr.split())), done.stderr
