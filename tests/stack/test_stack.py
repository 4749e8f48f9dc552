"""`lagoa stack`: servers fetched, started, watched and ended."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import stat
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lagoa.cli.main import app
from lagoa.errors import SettingsError, StackError
from lagoa.stack.manifest import read_manifest
from lagoa.stack.run import Stack, free_ports

ROOT = Path(__file__).parents[2]
SMALL = """
[nessie]
maven = "junit:junit:4.13.2:jar"
file = "junit-4.13.2.jar"
sha256 = "{}"
bytes = 384581
port = {}
management_port = {}
"""
JUNIT = "8e495b634469d64fb8acfa3495a065cbacc8a0fff55ce1e31007be4c16dc57d3"

pytestmark = pytest.mark.timeout(240)


def lagoa(lake, *arguments):
    result = CliRunner().invoke(app, ["--lake", str(lake), *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def lake(tmp_path):
    """Make a lake's folder with the reference lake's Nessie and MinIO, open to everybody."""
    (tmp_path / "lagoa.toml").write_text('name = "stack"\n')
    (tmp_path / "infra").mkdir()
    for name in ("go", "policy.toml"):
        (tmp_path / "infra" / name).symlink_to(ROOT / "infra" / name)
    parts = re.split(r"^(?=\[)", (ROOT / "infra/stack.toml").read_text(), flags=re.MULTILINE)
    kept = "".join(part for part in parts if part.startswith(("[nessie]", "[minio]")))
    (tmp_path / "infra/stack.toml").write_text(re.sub(r"^(sign_in|store) = .*\n", "", kept, flags=re.MULTILINE))
    yield tmp_path
    lagoa(tmp_path, "stack", "down")


def small_lake(folder, sha256):
    """Make a lake whose manifest names a file that is no server."""
    (folder / "infra").mkdir()
    (folder / "lagoa.toml").write_text('name = "stack"\n')
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        ports = one.getsockname()[1], two.getsockname()[1]
    (folder / "infra/stack.toml").write_text(SMALL.format(sha256, *ports))
    return Stack(folder, folder / ".lagoa/stack")


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.2)


def test_up_status_logs_env_down(lake):
    up = lagoa(lake, "stack", "up", "--only", "nessie", "--free-ports", "--json")
    assert up.exit_code == 0, up.stderr
    (nessie,) = [each for each in json.loads(up.stdout) if each["name"] == "nessie"]
    assert nessie["healthy"]
    assert nessie["memory"] > 0
    assert not nessie["url"].startswith("http://127.0.0.1:19120")
    state = lake / ".lagoa/stack"
    for path in (state, state / "supervisord.conf", state / "nessie" / "config" / "application.properties"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path

    shown = lagoa(lake, "stack", "status")
    assert shown.exit_code == 0
    assert "nessie" in shown.stdout
    assert "yes" in shown.stdout
    assert "Nessie" in lagoa(lake, "stack", "logs", "nessie", "--lines", 200).stdout
    assert f"LAGOA_NESSIE_URL={nessie['url']}" in lagoa(lake, "stack", "env").stdout

    again = json.loads(lagoa(lake, "stack", "up", "--only", "nessie", "--json").stdout)
    assert [each["pid"] for each in again if each["name"] == "nessie"] == [nessie["pid"]]

    further = json.loads(lagoa(lake, "stack", "up", "--json").stdout)  # what runs stays as it is
    assert {each["name"]: each["healthy"] for each in further} == {"nessie": True, "minio": True}
    assert [each["pid"] for each in further if each["name"] == "nessie"] == [nessie["pid"]]

    os.kill(nessie["pid"], signal.SIGKILL)  # it is brought back, and who starts it at that moment waits for it
    stack = Stack(lake, state)
    [back] = [each for each in stack.up(["nessie"]) if each.name == "nessie"]
    assert (back.healthy, back.pid != nessie["pid"]) == (True, True)

    assert "data stays" in lagoa(lake, "stack", "down").stdout
    assert {(each.state, each.healthy) for each in stack.status()} == {("STOPPED", False)}
    assert (state / "nessie/rocksdb").is_dir()
    assert "Nothing was running" in lagoa(lake, "stack", "down").stdout


def test_a_file_of_another_content_is_not_run(tmp_path):
    stack = small_lake(tmp_path, "0" * 64)
    with pytest.raises(StackError, match="hashes to 8e495b634469d64f"):
        stack.up()
    assert stack.down() is False


def test_sources_that_go_sum_does_not_have_are_not_built(tmp_path):
    shutil.copytree(ROOT / "infra", tmp_path / "infra")
    sums = tmp_path / "infra/go/minio/go.sum"
    artefact = read_manifest(tmp_path)["minio"]
    line = re.compile(rf"^{artefact.package} {artefact.version} h1:.*$", re.MULTILINE)
    sums.write_text(line.sub(f"{artefact.package} {artefact.version} h1:{'A' * 43}=", sums.read_text()))
    with pytest.raises(StackError, match="checksum mismatch"):
        Stack(tmp_path, tmp_path / ".lagoa/stack").up(["minio"])


def test_a_server_that_does_not_start_is_told_with_its_log(tmp_path):
    stack = small_lake(tmp_path, JUNIT)
    try:
        with pytest.raises(StackError, match="no main manifest attribute"):
            stack.up()
    finally:
        stack.down()


def test_a_port_that_is_taken_is_told(lake):
    stack = Stack(lake, lake / ".lagoa/stack")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = free_ports(read_manifest(lake))
        ports["nessie"]["port"] = taken.getsockname()[1]
        stack.choose_ports(ports)
        with pytest.raises(StackError, match="is taken"):
            stack.up(["nessie"])
    assert stack.down() is False


def test_what_is_no_server_is_told(lake):
    stack = Stack(lake, lake / ".lagoa/stack")
    with pytest.raises(StackError, match="no server of the stack"):
        stack.up(["oracle"])
    with pytest.raises(StackError, match="no server of the stack"):
        stack.log("oracle", 5)
    assert lagoa(lake, "stack", "up", "--port", "nessie=much").exit_code == 2


@pytest.mark.parametrize(
    "text",
    [
        "[nessie",
        "[nessie]\nport = 1\n",
        '[nessie]\nmaven = "a"\nport = 1\n',
        "[nessie]\nport = 0\n",
        "[nessie]\nx = 1\n",
    ],
)
def test_a_manifest_that_says_too_little_is_told(tmp_path, text):
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra/stack.toml").write_text(text)
    with pytest.raises(SettingsError, match=r"stack\.toml"):
        read_manifest(tmp_path)


def test_a_lake_without_manifest_is_told(tmp_path):
    with pytest.raises(SettingsError, match=r"stack\.toml"):
        read_manifest(tmp_path)


def test_credentials_that_others_can_read_are_refused(lake):
    from lagoa.stack.credentials import Credentials

    path = lake / "credentials.json"
    first = Credentials(path)["one"].get_secret_value()
    assert Credentials(path)["one"].get_secret_value() == first != Credentials(path)["two"].get_secret_value()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(StackError, match="chmod 600"):
        Credentials(path)
    path.chmod(0o600)
    path.write_text("{")
    with pytest.raises(StackError, match="damaged"):
        Credentials(path)
