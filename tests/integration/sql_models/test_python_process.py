"""What the process of a Python model must not do: files, network, other processes, too much memory or time."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from python_model import ROWS, PythonModel, begun_model

from lagoa.errors import ModelError
from lagoa.model_process import landlock

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PythonModel]:
    with begun_model(tmp_path_factory.mktemp("lake")) as model:
        yield model


# Each of these is tried in the same process, and what was raised comes back as rows.
TRIED = """
import os, socket, sqlite3, subprocess, tempfile, urllib.request
found = []
for what in {tried!r}:
    try:
        exec(what)
        found.append('nothing')
    except Exception as error:
        found.append(str(error))
raise Exception('; '.join(found))
"""
REFUSED = {
    "open('/etc/passwd')": "it opens the file '/etc/passwd'",
    "open('rows.txt', 'w')": "it writes the file 'rows.txt'",
    "open('../../../lagoa.toml')": "it opens the file '../../../lagoa.toml'",
    "os.open('rows.txt', os.O_CREAT)": "it writes the file 'rows.txt'",
    "tempfile.TemporaryFile(dir='.')": "it writes the file",
    "os.listdir('/')": "it lists the folder '/'",
    "os.scandir()": "it lists the folder '.'",
    "os.remove('/no/such/file')": "it calls os.remove",
    "sqlite3.connect(':memory:')": "it calls sqlite3.connect",
    "socket.socket()": "it uses the network",
    "socket.getaddrinfo('localhost', 80)": "it uses the network",
    "urllib.request.urlopen('http://127.0.0.1:9')": "<urlopen error it uses the network>",
    "subprocess.run(['true'])": "it starts a process",
    "os.system('true')": "it starts a process",
    "os.fork()": "it starts a process",
    "os.execv('/bin/true', ['true'])": "it starts a process",
    "open(os.__file__); os.listdir(os.path.dirname(os.__file__))": "nothing",
}


def test_files_network_and_processes_are_refused(model: PythonModel) -> None:
    found = model.fails(TRIED.format(tried=list(REFUSED))).message.partition("Exception: ")[2].split("; ")
    assert len(found) == len(REFUSED)
    for (tried, message), raised in zip(REFUSED.items(), found, strict=True):
        assert raised.startswith(message), tried


@pytest.mark.parametrize(
    "body", ["open('/etc/passwd')", "__import__('urllib.request').request.urlopen('http://127.0.0.1:9')"]
)
def test_what_is_refused_is_said_with_its_line(model: PythonModel, body: str) -> None:
    error = model.fails(body)
    assert (error.line, "failed: it " in error.message) == (4, True)
    assert error.advice.startswith("A model has the tables that INPUTS names and nothing else")


PACKAGES = """
import pyarrow.fs as fs, polars as pl
found = []
for what in (
    lambda: pa.OSFile('/etc/passwd').read(),
    lambda: pa.OSFile('../../../lagoa.toml').read(),
    lambda: pl.read_csv('/etc/passwd'),
    lambda: fs.LocalFileSystem().open_output_stream('rows.txt'),
    lambda: fs.S3FileSystem(endpoint_override='127.0.0.1:{port}', scheme='http', anonymous=True).get_file_info('a'),
):
    try:
        found.append(repr(what()))
    except OSError as error:
        found.append('refused' if 'ermission denied' in str(error) else 'unreachable')
raise Exception(found)
"""


@pytest.mark.skipif(landlock.supported() < 4, reason="this kernel has no Landlock, or one without rules for TCP")
def test_the_kernel_refuses_files_and_connections_to_packages(model: PythonModel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        error = model.fails(PACKAGES.format(port=server.getsockname()[1]))
        with pytest.raises(BlockingIOError):
            server.accept()
    assert str([*["refused"] * 4, "unreachable"]) in error.message
    error = model.fails("return pa.OSFile('/etc/passwd').read()")
    assert error.advice.startswith("A model has the tables that INPUTS names and nothing else")


@pytest.mark.skipif(landlock.supported() < 6, reason="this kernel has no Landlock, or one without rules for signals")
def test_other_processes_get_no_signal(model: PythonModel) -> None:
    kill = "import ctypes, os\nk = ctypes.CDLL(None).kill(os.getppid(), 0)\nreturn pa.table({'k': [k], 'v': [k]})"
    assert model.run(kill) == [(-1, -1)]


@pytest.mark.parametrize(
    "body", ["bytearray(600_000_000)", "while True:\n    rows = pa.concat_tables([rows, rows]).combine_chunks()"]
)
def test_memory_is_limited(model: PythonModel, body: str) -> None:
    error = model.fails(body)
    assert "it needs more than 0.5 GB of memory." in error.message
    assert error.line == 3 + len(body.splitlines())


def test_time_is_limited(model: PythonModel) -> None:
    model.write("while True:\n    pass")
    model.folder.settings(python_limit_s=2)
    with (
        model.folder.open() as lake,
        pytest.raises(ModelError, match=r"it ran for 2 seconds, which is the limit\.") as it,
    ):
        lake.branch("dev").transform()
    assert it.value.line == 3
    assert model.left_over() == []


ORPHAN = """
import os, subprocess, sys
from lagoa.model_process.task import Task
task = Task("t.py", "def t():\\n    while True: pass", "t", 1, {}, sys.argv[1], 10**9, 100)
child = subprocess.Popen([sys.executable, "-m", "lagoa.model_process"], stdin=subprocess.PIPE, text=True)
child.stdin.write(task.to_json())
child.stdin.close()
while not os.path.exists(sys.argv[1]): pass
print(child.pid, flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it ends when its time is over")
def test_the_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ORPHAN, str(tmp_path / "result")], capture_output=True, text=True, timeout=60, check=True
    )
    pid = int(done.stdout)
    until = time.monotonic() + 10
    while _runs(pid):
        assert time.monotonic() < until
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_inputs_larger_than_the_memory_are_read_from_their_file(model: PythonModel) -> None:
    model.write(
        "k = max(batch['k'][-1].as_py() for batch in rows.to_batches())\nreturn pa.table({'k': [k], 'v': [None]})"
    )
    model.folder.settings(python_limit_s=60, python_memory_gb=0.2)
    with model.folder.open() as lake:
        branch = lake.branch("dev")
        branch.replace("bronze.a", "select range as k, range as v from range(15_000_000)")
        branch.transform()
        branch.replace("bronze.a", ROWS)
    assert model.rows() == [(14_999_999, None)]


def test_variables_of_the_lake_are_not_passed_on(model: PythonModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAGOA_SECRET_X", "secret")
    assert model.run("import os\nreturn pa.table({'k': [sum('LAGOA' in n for n in os.environ)], 'v': [1]})") == [(0, 1)]


def test_the_order_of_sets_does_not_change(model: PythonModel) -> None:
    body = "k = [hash(str(n)) % 10**9 for n in rows['k'].to_pylist()]\nreturn pa.table({'k': k, 'v': k})"
    assert model.run(body) == model.run(body.replace("10**9", "1_000_000_000"))
