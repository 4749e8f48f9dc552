"""Several processes on one catalog file: nothing is lost without a word, nothing is torn, a kill leaves it whole."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import closing

import pytest

from lagoa.adapters.sqlite.catalog import SqliteCatalog
from lagoa.domain.commits import Change
from lagoa.domain.refs import MAIN
from lagoa.domain.tables import TableName

PROCESSES, COMMITS = 4, 250
A, B = TableName.parse("silver.a"), TableName.parse("silver.b")

# Each commit writes the same value to two tables: a torn one would show.
WRITER = """
import json, sys, time
from pathlib import Path
from lagoa.adapters.sqlite.catalog import SqliteCatalog
from lagoa.errors import CommitLost
from lagoa.domain.commits import Change
from lagoa.domain.tables import TableName

path, writer, commits = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
A, B = TableName.parse("silver.a"), TableName.parse("silver.b")
catalog = SqliteCatalog(path)
print("ready", flush=True)
sys.stdin.readline()
landed, lost = [], 0
for number in range(commits):
    value = f"{writer}.{number}"
    head = catalog.resolve("dev").id
    try:
        landed.append(catalog.commit("dev", head, Change({A: value, B: value}, value)).id)
    except CommitLost:
        lost += 1
print(json.dumps([landed, lost]))
"""

FORKER = """
import os, sys
from pathlib import Path
from lagoa.adapters.sqlite.catalog import SqliteCatalog
from lagoa.domain.commits import Change
from lagoa.domain.tables import TableName

A = TableName.parse("silver.a")
catalog = SqliteCatalog(Path(sys.argv[1]))
head = catalog.resolve("dev").id
child = os.fork()
if not child:
    catalog.commit("dev", head, Change({A: "child"}))
    catalog.close()
    os._exit(0)
os.waitpid(child, 0)
commit = catalog.commit("dev", catalog.resolve("dev").id, Change({A: "parent"}))
print(len(list(catalog.log(commit.id))))
"""

# One file after the other, as the order in which processes meet at it is chance.
CREATOR = """
import sys
from pathlib import Path
from lagoa.adapters.sqlite.catalog import SqliteCatalog

print("ready", flush=True)
for line in sys.stdin:
    print(SqliteCatalog(Path(line.strip())).resolve("main").id, flush=True)
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "catalog.db"
    with closing(SqliteCatalog(path)) as catalog:
        catalog.create_branch("dev", catalog.resolve(MAIN).id)
    return path


def start(script, *arguments):
    """Start a process that waits for its go, so that all of them run at the same time."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def finish(processes):
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    printed = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return printed


def test_every_commit_lands_or_says_that_it_lost(path):
    printed = finish([start(WRITER, path, writer, COMMITS) for writer in range(PROCESSES)])
    results = [json.loads(each) for each in printed]
    assert all(len(landed) + lost == COMMITS for landed, lost in results)
    with closing(SqliteCatalog(path)) as catalog:
        line = [commit.id for commit in catalog.log(catalog.resolve("dev").id)]
        assert sorted(line[:-1]) == sorted(commit for landed, _ in results for commit in landed)
        for commit in line[:-1]:
            tables = catalog.tables(commit)
            assert tables[A] == tables[B] == catalog.get(commit).message


def test_a_killed_writer_leaves_whole_commits(path):
    process = start(WRITER, path, "killed", 1_000_000)
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("go\n")
    process.stdin.flush()
    with closing(SqliteCatalog(path)) as catalog:
        while len(list(catalog.log(catalog.resolve("dev").id))) < 20:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        head = catalog.resolve("dev").id
        tables = catalog.tables(head)
        assert tables[A] == tables[B] == catalog.get(head).message
        assert catalog.commit("dev", head, Change({A: "after"})).parents == (head,)


def test_a_fork_opens_connections_of_its_own(path):
    done = subprocess.run([sys.executable, "-c", FORKER, path], capture_output=True, text=True, check=True)
    assert done.stdout == "3\n"
    assert done.stderr == ""


def test_processes_that_create_at_once_make_one_root(tmp_path):
    processes = [start(CREATOR) for _ in range(PROCESSES)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for number in range(50):
        for process in processes:
            process.stdin.write(f"{tmp_path / f'{number}.db'}\n")
            process.stdin.flush()
        roots = {process.stdout.readline() for process in processes}
        assert len(roots) == 1
        assert roots != {""}
    for process in processes:
        process.communicate()
