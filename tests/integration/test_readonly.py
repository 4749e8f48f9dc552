"""A lake that cannot be written, on a read-only mount or a full disk, is still read; what writes is an error."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import NamedTuple

import pyarrow as pa
import pytest
from lakes import LakeFolder

MOUNT = {
    "read-only": 'mount --bind "$1" "$2" && mount -o remount,ro,bind "$2"',
    "full": 'mount -t tmpfs -o size=4m tmpfs "$2" && cp -r "$1"/. "$2" && ! cat /dev/zero > "$2/fill" 2> /dev/null',
}
COMMANDS = """
import json, sys
from typer.testing import CliRunner
from lagoa.cli.main import app
done = [CliRunner().invoke(app, ["--lake", sys.argv[1], *command]) for command in json.loads(sys.argv[2])]
assert all(each.exception is None or isinstance(each.exception, SystemExit) for each in done)
print(json.dumps([[each.exit_code, each.stdout, each.stderr] for each in done]))
"""


def may_mount():
    """Return whether this machine lets the tests mount something in a namespace of their own."""
    unshare = shutil.which("unshare")
    command = [str(unshare), "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return unshare is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not may_mount(), reason="needs the right to mount")


@pytest.fixture
def folder(tmp_path):
    """Make a lake, with a table that DuckDB needs other metadata for."""
    files = LakeFolder(tmp_path / "lake")
    files.contract("bronze.people", "id:long* born:timestamp", partition=["month(born)"])
    with files.open() as lake:
        work = lake.create_branch("work")
        born = pa.array([-(10**15), 10**15], pa.timestamp("us"))
        work.append("bronze.people", pa.table({"id": [1, 2], "born": born}))
        work.publish()
    return files.root


class Done(NamedTuple):
    """A command that ran."""

    code: int
    out: str
    err: str


def run(folder, kind, *commands):
    """Run commands in the lake where it is mounted, in one process; return how each ended."""
    place = folder.parent / "mounted"
    place.mkdir(exist_ok=True)
    lagoa = [sys.executable, "-c", COMMANDS, str(place), json.dumps(commands)]
    script = f'{MOUNT[kind]}; shift 2; exec "$@"'
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAGOA_")}
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", str(folder), str(place), *lagoa],
        capture_output=True, text=True, env=environment, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [Done(*each) for each in json.loads(done.stdout)]


@pytest.mark.parametrize("kind", ["read-only", pytest.param("full", marks=pytest.mark.slow)])
def test_everything_is_read_and_a_write_is_refused(folder, kind):
    query = "select id from bronze.people where born < timestamp '1970-01-01'"
    found, log, audit, refused = run(
        folder, kind, ["sql", query], ["log"], ["audit", "run", "main"], ["branch", "create", "more"]
    )
    assert (found.code, found.out.split()) == (0, ["id", "1"]), found.err
    assert "Publish work" in log.out
    assert audit.code == 0
    assert refused.code == 1
    assert "readonly database" in refused.err


def test_what_a_killed_process_left_in_the_write_ahead_log_is_read(folder):
    state = folder / ".lagoa"
    copy = folder.parent / "copy"
    with closing(sqlite3.connect(state / "catalog.db", isolation_level=None)) as db:
        db.execute("pragma wal_autocheckpoint = 0")
        db.execute("update refs set name = 'renamed' where name = 'work'")
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*-shm"))
    assert (copy / ".lagoa/catalog.db-wal").stat().st_size
    (branches,) = run(copy, "read-only", ["branch", "list"])
    assert "renamed" in branches.out
