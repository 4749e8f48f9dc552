"""A lake that cannot be written, on a read-only mount or a full disk, is still read; what writes is an error."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pyarrow as pa
import pytest
from lakes import LakeFolder

MOUNT = {
    "read-only": 'mount --bind "$1" "$2" && mount -o remount,ro,bind "$2"',
    "full": 'mount -t tmpfs -o size=4m tmpfs "$2" && cp -r "$1"/. "$2" && ! cat /dev/zero > "$2/fill" 2> /dev/null',
}


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


def run(folder, kind, *arguments):
    """Run a command in the lake where it is mounted."""
    place = folder.parent / "mounted"
    place.mkdir(exist_ok=True)
    lagoa = [sys.executable, "-m", "lagoa.cli", "--lake", str(place), *arguments]
    script = f'{MOUNT[kind]}; shift 2; exec "$@"'
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAGOA_")}
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", str(folder), str(place), *lagoa],
        capture_output=True, text=True, env=environment, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["read-only", pytest.param("full", marks=pytest.mark.slow)])
def test_everything_is_read_and_a_write_is_refused(folder, kind):
    found = run(folder, kind, "sql", "select id from bronze.people where born < timestamp '1970-01-01'")
    assert (found.returncode, found.stdout.split()) == (0, ["id", "1"]), found.stderr
    assert "Publish work" in run(folder, kind, "log").stdout
    assert run(folder, kind, "audit", "run", "main").returncode == 0
    refused = run(folder, kind, "branch", "create", "more")
    assert refused.returncode == 1
    assert "readonly database" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_what_a_killed_process_left_in_the_write_ahead_log_is_read(folder):
    state = folder / ".lagoa"
    copy = folder.parent / "copy"
    with closing(sqlite3.connect(state / "catalog.db", isolation_level=None)) as db:
        db.execute("pragma wal_autocheckpoint = 0")
        db.execute("update refs set name = 'renamed' where name = 'work'")
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*-shm"))
    assert (copy / ".lagoa/catalog.db-wal").stat().st_size
    assert "renamed" in run(copy, "read-only", "branch", "list").stdout
