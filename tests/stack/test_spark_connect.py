"""Models and files on a server of Spark Connect, to which Lagoa is a client without Java."""

from __future__ import annotations

import secrets
import socket
import subprocess
from pathlib import Path

import psutil
import pyspark
import pytest

import lagoa
from lagoa.errors import EngineUnavailable, ModelError
from tests.stack.test_ingest_workers import HERE, THERE, content, write_files
from tests.stack.test_model_engines import lake_on_spark
from tests.stack.test_sign_in import Servers
from tests.stack.test_spark import as_application
from tests.stack.test_stack import wait_until

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1800)]


@pytest.fixture
def address(signed, tmp_path, monkeypatch):
    """Start a server of Spark Connect on the stack's Spark, which takes who has its token."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    token = secrets.token_urlsafe(32)
    conf = Path(signed.environment()["LAGOA_SPARK_CONF"])
    environment = as_application(conf) | {"SPARK_CONNECT_AUTHENTICATE_TOKEN": token}
    home = Path(pyspark.__file__).parent
    command = [home / "bin" / "spark-submit", "--conf", f"spark.connect.grpc.binding.port={port}"]
    command += ["--conf", "spark.connect.grpc.binding.address=127.0.0.1"]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal"]
    with (tmp_path / "connect.log").open("w") as log:
        server = subprocess.Popen(list(map(str, command)), stdout=log, stderr=subprocess.STDOUT, env=environment)
    try:
        wait_until(lambda: server.poll() is not None or listens(port), 240)
        assert server.poll() is None, (tmp_path / "connect.log").read_text()[-3000:]
        monkeypatch.setenv("SPARK_CONNECT_AUTHENTICATE_TOKEN", token)
        monkeypatch.setenv("SPARK_CONNECT_MODE_ENABLED", "1")  # PySpark sets it for the whole process, and leaves it
        monkeypatch.setenv("LAGOA_SPARK_MASTER", f"sc://localhost:{port}")
        yield
    finally:
        for each in [*psutil.Process(server.pid).children(recursive=True), server]:
            each.kill()
        server.wait()


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_models_and_files_on_a_server_of_spark_connect(address, tmp_path, signed, monkeypatch):
    small = lake_on_spark(tmp_path, Servers(signed), monkeypatch)
    folder = write_files(small)
    with lagoa.open_lake(small.root, "stack") as lake:
        there = lake.create_branch(THERE)
        there.ingest_folder(folder)
        assert [each.rows for each in there.transform()] == [2]
        small.model("gold.counts", "SELECT nullif(kind, 'cat') AS kind, count(*) AS pets FROM bronze.pets GROUP BY 1\n")
        with pytest.raises(ModelError, match=r"gold\.counts failed: Spark: "):
            there.transform()
        monkeypatch.setenv("SPARK_CONNECT_AUTHENTICATE_TOKEN", "wrong")
    monkeypatch.setenv("LAGOA_ENGINE", "duckdb")
    with lagoa.open_lake(small.root, "stack") as lake:
        lake.create_branch(HERE).ingest_folder(folder)
        assert content(lake, HERE) == content(lake, THERE)
    monkeypatch.setenv("LAGOA_ENGINE", "spark")
    with (
        lagoa.open_lake(small.root, "stack") as lake,
        pytest.raises(EngineUnavailable, match=r"does not start: .*token"),
    ):
        lake.branch(THERE).transform()
