"""The lake's Prefect server on PostgreSQL, of which the machine's packages are used as `lagoa stack up` does."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
from deployed import Deployed

from lagoa.prefect.history import server_of
from lagoa.settings import load_settings

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
PASSWORD = "it's: a/pass@word"  # noqa: S105 - of the test's own server

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not PROGRAMS, reason="PostgreSQL is not installed"),
]


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@pytest.fixture
def postgres():
    """Run a PostgreSQL with the login and database `prefect`; yield its port."""
    programs, port = PROGRAMS[-1], free_port()
    folder = Path(tempfile.mkdtemp(prefix="lagoa-postgres-"))  # which, other than pytest's, its user comes to
    password = folder / "password"
    password.write_text(PASSWORD)
    user = {}
    if os.geteuid() == 0:
        user = {"user": "postgres", "group": pwd.getpwnam("postgres").pw_gid, "extra_groups": ()}
        shutil.chown(folder, "postgres")
        shutil.chown(password, "postgres")

    def run(*command):
        subprocess.run(command, check=True, cwd=folder, env={"LC_ALL": "C"}, capture_output=True, **user)

    data = folder / "data"
    run(programs / "initdb", "-D", data, "-U", "prefect", f"--pwfile={password}", "--auth=scram-sha-256")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
    run(programs / "pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "start")
    try:
        url = f"host=127.0.0.1 port={port} user=prefect dbname=postgres"
        create = [programs / "psql", url, "-c", "create database prefect"]
        subprocess.run(create, check=True, env={"PGPASSWORD": PASSWORD}, capture_output=True)
        yield port
    finally:
        run(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)


def test_a_run_of_a_deployment_with_its_history_in_postgresql_alone(postgres, tmp_path):
    lake = Deployed(tmp_path / "lake")
    lake.settings(flow_history="postgres", postgres_url=f"postgresql://127.0.0.1:{postgres}/lagoa")
    lake.environment |= {"LAGOA_SECRET_FLOW_HISTORY_PASSWORD": PASSWORD, "HOME": str(tmp_path)}
    lake.people("data", "people-1", "1,Ana,Rio")
    lake.server = server_of(load_settings(lake.root))
    try:
        done = lake.lagoa("flow", "deploy")
        assert done.returncode == 0, done.stderr
        with lake.worker():
            ended = lake.wait(lake.start("daily"), limit_s=240)
            assert ended["state_type"] == "COMPLETED", lake.logs()
    finally:
        lake.server.stop()
    with lake.open() as opened:
        assert opened.log()[0].properties["lagoa.branch"] == ended["name"]
    home = lake.root / ".lagoa/prefect"
    assert not (home / "prefect.db").exists()
    assert not (tmp_path / ".prefect/prefect.db").exists()
    assert all(PASSWORD.encode() not in file.read_bytes() for file in home.rglob("*") if file.is_file())


def test_a_database_that_is_down_is_an_error_that_does_not_say_the_password(tmp_path):
    lake = Deployed(tmp_path / "lake")
    lake.settings(flow_history="postgres", postgres_url=f"postgresql://127.0.0.1:{free_port()}/lagoa")
    lake.environment |= {"LAGOA_SECRET_FLOW_HISTORY_PASSWORD": PASSWORD}
    done = lake.lagoa("flow", "up")
    assert done.returncode == 1
    assert "The lake's Prefect server: it has ended" in done.stderr
    assert "assword" not in done.stderr.replace("password authentication", "")
    missing = Deployed(tmp_path / "other")
    missing.settings(flow_history="postgres")
    done = missing.lagoa("flow", "up")
    assert done.returncode == 1
    assert "flow-history-password" in done.stderr
