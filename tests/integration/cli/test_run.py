"""`lagoa run`."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from command_line import MORE, TWICE, counted, lagoa, ok, run, write

FLOW = """
from lagoa import open_lake
from lagoa.errors import CatalogBusy

def count(lake, least: str = "1", times=2):
    with open_lake(lake) as opened:
        (rows,), = opened.sql("select count(*) from bronze.people").fetchall()
    if least == "busy":
        raise CatalogBusy("The catalog is busy.")
    return f"{rows} {least} {times!r}"
"""


@pytest.fixture
def no_flows_loaded():
    """Let each test load the flows of its own lake, whatever was loaded before in this process."""
    path = list(sys.path)
    forget_flows()
    yield
    sys.path[:] = path
    forget_flows()


def forget_flows():
    for name in [name for name in sys.modules if name == "flows" or name.startswith("flows.")]:
        del sys.modules[name]


@pytest.mark.usefixtures("no_flows_loaded")
def test_run_calls_the_flow_and_ends_with_its_outcome(lake):
    write(lake / "flows", "count.py", FLOW)
    assert ok(lake, "run", "count").out == "count is done.\n3 1 2\n"
    assert ok(lake, "run", "count", "least=7", "times=[1]").out == "count is done.\n3 7 [1]\n"
    assert lagoa(lake, "run", "count", "least=busy").code == 5
    assert lagoa(lake, "run", "count", "most=7").code == 2
    assert lagoa(lake, "run", "count", "7").code == 2
    none = lagoa(lake, "run", "nothing")
    assert none.code == 1
    assert "count, daily" in none.err
    write(lake / "flows", "empty.py", "")
    assert "has no flow 'empty'" in lagoa(lake, "run", "empty").err


def declare_sources(lake, beside, people):
    """Declare a source whose folder is not there, and one that has a file of people."""
    (lake / "sources").mkdir()
    (beside / "shop").mkdir()
    write(beside / "shop", "people.csv", people)
    told = "kind: files\nowner: ana\nconnection: {folder: FOLDER}\ntables: {TABLE: {files: '*.csv', still_s: 0}}\n"
    for name, folder, table in (("gone", "nowhere", "bronze.pets"), ("shop", "../shop", "bronze.people")):
        write(lake / "sources", f"{name}.yaml", told.replace("FOLDER", folder).replace("TABLE", table))
    contract = (lake / "iceberg/bronze/people.odcs.yaml").read_text()
    write(lake / "iceberg/bronze", "pets.odcs.yaml", contract.replace("people", "pets"))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_flow_of_a_new_lake_loads_transforms_and_publishes_on_the_lakes_own_server(lake, tmp_path):
    contract = lake / "iceberg/bronze/people.odcs.yaml"
    contract.write_text(contract.read_text().replace("file: people.csv", "file: people*.csv"))
    (lake / "data").mkdir()
    first, second = MORE.splitlines(keepends=True)[1:]
    header = MORE.splitlines(keepends=True)[0]
    write(lake / "data", "people1.csv", header + first)
    write(lake / "data", "people2.csv", header + second)
    where = {"LAGOA_LAKE": str(lake), "HOME": str(tmp_path / "home")}  # no settings of Prefect that a user has
    limit = {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120"}
    try:
        done = run("run", "daily", cwd=tmp_path, **where, **limit)
        assert done.returncode == 0, done.stderr
        assert "daily is done." in done.stdout
        assert "Files: 2 found, 2 loaded" in done.stderr
        assert counted(lake) == 5
        published = ok(lake, "log", "-n", 1, "--json").json()[0]
        assert published["message"] == "daily load of data"
        assert f"main moved to {published['commit'][:12]}" in done.stderr
        assert [b["name"] for b in ok(lake, "branch", "list", "--json").json()] == ["main"]
        url = ok(lake, "status", "--json").json()["flow_server"]
        assert url in done.stderr
        assert url in ok(lake, "status").out
        assert ok(lake, "flow", "up").out == f"{url}\n"

        called = [sys.executable, "-c", "from flows.daily import daily; assert daily() is None"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        python = subprocess.run(called, cwd=lake, env=kept | where, stderr=subprocess.PIPE, text=True, check=False)
        assert python.returncode == 0, python.stderr
        assert url in python.stderr
        assert "has no changes that main does not have" in python.stderr

        write(lake / "data", "people3.csv", TWICE)
        failed = run("run", "daily", cwd=tmp_path, **where)
        assert failed.returncode == 3
        assert "checks block run/daily/" in failed.stderr
        assert failed.stderr.count("bronze.people/key/id") == 2  # in the task's log, and by the command
        assert "Traceback" not in failed.stderr + failed.stdout
        assert counted(lake) == 5

        declare_sources(lake, tmp_path, header + first.replace("4,", "40,"))
        failed = run("run", "daily", cwd=tmp_path, **where)  # what shop gave is published all the same
        assert failed.returncode == 1, failed.stderr
        assert "no such folder" in failed.stderr
        assert counted(lake) == 6
        assert ok(lake, "log", "-n", 1, "--json").json()[0]["message"] == "daily load"
    finally:
        ended = ok(lake, "flow", "down").out
    assert ended == "The server has ended.\n"
    assert ok(lake, "flow", "down").out == "No server was running.\n"
    assert ok(lake, "status", "--json").json()["flow_server"] is None
