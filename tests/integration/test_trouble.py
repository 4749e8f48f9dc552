"""A lake in trouble: two runs at once, a newer format, a clock that jumps, a full disk. `main` stays whole."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from lakes import LakeFolder
from typer.testing import CliRunner

import lagoa
from lagoa.adapters.sqlite.catalog import SqliteCatalog
from lagoa.cli.main import app
from lagoa.errors import LakeClosed
from lagoa.lake import Lake

TABLES = ("people", "pets")
FULL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
from lagoa.cli.main import main
main()
"""


@pytest.fixture
def folder(tmp_path):
    """Make a lake with one person on main."""
    files = LakeFolder(tmp_path / "lake", memory_limit="500MB")
    for table in TABLES:
        files.contract(f"bronze.{table}", "id:long* name:string", source={"format": "csv"})
    with files.open() as lake:
        work = lake.create_branch("first")
        work.append("bronze.people", pa.table({"id": [1], "name": ["ana"]}))
        work.publish()
        lake.delete_ref("first")
    return files.root


def people(folder):
    with lagoa.open_lake(folder) as lake:
        return [row[0] for row in lake.sql("select id from bronze.people order by id").fetchall()]


def start(folder, *arguments, limit=None):
    code = ["-m", "lagoa.cli"] if limit is None else ["-c", FULL_DISK, str(limit)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAGOA_")}
    command = [sys.executable, *code, "--lake", str(folder), *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )


def finish(process):
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def ingest(folder, file):
    """Load a file of people in this process."""
    return CliRunner().invoke(app, ["--lake", str(folder), "ingest", str(file), "--into", "bronze.people"])


def csv(folder, name, *ids):
    path = folder.parent / name
    path.write_text("id,name\n" + "".join(f"{each},ana\n" for each in ids))
    return path


class TestTwoRunsAtOnce:
    @pytest.mark.slow
    def test_on_two_tables_both_are_published(self, folder):
        files = {table: csv(folder, f"{table}.csv", 2, 3) for table in TABLES}
        runs = [start(folder, "ingest", file, "--into", f"bronze.{table}") for table, file in files.items()]
        assert [finish(run)[0] for run in runs] == [0, 0]
        with lagoa.open_lake(folder) as lake:
            assert people(folder) == [1, 2, 3]
            assert lake.sql("select count(*) from bronze.pets").fetchall() == [(2,)]
            assert len(lake.publications()) == 3
            assert [ref.name for ref in lake.refs()] == ["main"]

    def test_of_one_delivery_its_rows_come_once(self, folder):
        file = csv(folder, "people.csv", 2, 3)
        codes = [finish(run)[0] for run in [start(folder, "ingest", file, "--into", "bronze.people") for _ in "ab"]]
        assert sorted(codes) in ([0, 0], [0, 4])  # one after the other; or a conflict, which says so
        assert people(folder) == [1, 2, 3]
        assert ingest(folder, file).exit_code == 0
        assert people(folder) == [1, 2, 3]

    @pytest.mark.slow
    def test_of_two_deliveries_none_is_lost(self, folder):
        files = [csv(folder, f"{number}.csv", number) for number in (2, 3)]
        runs = {file: start(folder, "ingest", file, "--into", "bronze.people") for file in files}
        codes = {file: finish(run)[0] for file, run in runs.items()}
        assert sorted(codes.values()) in ([0, 0], [0, 4])
        for file, code in codes.items():
            if code:  # as the scheduler would try it again
                assert ingest(folder, file).exit_code == 0
        assert people(folder) == [1, 2, 3]


@pytest.mark.parametrize("file", ["catalog.db", "receipts.db"])
def test_a_lake_of_a_newer_lagoa_is_refused_and_left_alone(folder, file):
    path = folder / ".lagoa" / file
    with closing(sqlite3.connect(path)) as db:
        db.execute("pragma user_version = 1000")
    for arguments in (
        ("log",),
        ("status",),
        ("sql", "select 1"),
        ("ingest", csv(folder, "a.csv", 2), "--into", "bronze.people"),
    ):
        result = CliRunner().invoke(app, ["--lake", str(folder), *map(str, arguments)])
        assert result.exit_code == 1
        assert "Upgrade Lagoa" in result.stderr
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("pragma user_version").fetchone() == (1000,)
        db.execute(f"pragma user_version = {1 if file == 'catalog.db' else 2}")
    assert people(folder) == [1]


def test_a_clock_that_jumps_back_mixes_nothing_up(folder):
    now = datetime(2026, 11, 20, 18, tzinfo=UTC)
    with lagoa.open_lake(folder) as opened:
        ours = opened.context
        catalog = SqliteCatalog(ours.settings.state_folder / "clock.db", clock=lambda: now)
        lake = Lake(replace(ours, catalog=catalog, clock=lambda: now))
        commits = []
        for number, jump in enumerate((0, -365, 1, -730, 400)):
            now += timedelta(days=jump)
            work = lake.create_branch(f"load{number}")
            work.append("bronze.people", pa.table({"id": [number], "name": ["ana"]}))
            commits.append(work.publish().commit)
        moves = catalog.moves("main")
        assert [commit for _, commit in moves] == commits
        assert sorted(moment for moment, _ in moves) == [moment for moment, _ in moves]
        assert [lake.resolve(f"main*{moment.isoformat()}").id for moment, _ in moves] == commits
        assert [commit.id for commit in lake.log()][:5] == commits[::-1]
        assert [each.commit for each in lake.publications()] == commits[::-1]
        assert lake.sql("select count(*) from bronze.people").fetchall() == [(5,)]
        assert [ref.name for ref in lake.refs() if ref.name.startswith("lagoa/")] == []
        catalog.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
@pytest.mark.parametrize("limit", [2_000, pytest.param(60_000, marks=pytest.mark.slow)])
def test_a_full_disk_is_an_error_and_nothing_is_lost(folder, limit):
    """No file may grow beyond the limit, as on a disk that is full: sooner or later in the work."""
    file = csv(folder, "people.csv", *range(2, 20_000))
    before = state(folder)
    code, _, err = finish(start(folder, "ingest", file, "--into", "bronze.people", limit=limit))
    assert (code, err.startswith("Error: ")) in {(0, False), (1, True)}
    assert (state(folder) == before) == (code == 1), err
    again = ingest(folder, file)
    assert again.exit_code == 0, again.stderr
    assert people(folder) == list(range(1, 20_000))


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
@pytest.mark.parametrize("limit", [2_000, pytest.param(100, marks=pytest.mark.slow)])
def test_a_full_disk_ends_maintenance_and_nothing_is_lost(folder, limit):
    orphan = next((folder / ".lagoa").rglob("bronze/people-*")) / "data" / "orphan.parquet"
    orphan.write_text("of a write that was killed")
    before = state(folder)
    code, _, err = finish(start(folder, "maintain", "--expire", "--collect", "--yes", limit=limit))
    assert (code, err.startswith("Error: ")) == (1, True), err
    assert (state(folder), people(folder), orphan.exists()) == (before, [1], True)
    again = CliRunner().invoke(app, ["--lake", str(folder), "maintain", "--expire", "--collect", "--yes"])
    assert (again.exit_code, "Nothing needs 1 of them now" in again.stdout) == (0, True), again.stderr


def state(folder):
    with lagoa.open_lake(folder) as lake:
        return lake.resolve("main").id, lake.tables()


def test_a_closed_lake_and_its_branches_say_so(folder):
    lake = lagoa.open_lake(folder)
    work = lake.create_branch("work")
    lake.sql("select 1").fetchall()
    lake.close()
    lake.close()
    uses = {
        "sql": lambda: lake.sql("select 1"),
        "refs": lake.refs,
        "publications": lake.publications,
        "append": lambda: work.append("bronze.people", pa.table({"id": [9], "name": ["x"]})),
        "head": lambda: work.head,
        "publish": work.publish,
        "audit": work.audit,
        "run": lambda: lake.run("again"),
    }
    for use in uses.values():
        with pytest.raises(LakeClosed, match="'test' is closed"):
            use()
    assert people(folder) == [1]


def test_settings_that_cannot_be_read_are_told_with_their_place(folder):
    for text, told in (
        ("\n\nname = = 1", "line 3"),
        ('name = "a"\nthreads = 0\n', "threads"),
        ('nmae = "a"\n', "nmae"),
        ('memory_limit = "much"\n', "memory_limit"),
    ):
        (folder / "lagoa.toml").write_text(text)
        result = CliRunner().invoke(app, ["--lake", str(folder), "log"])
        assert result.exit_code == 1, text
        assert told in result.stderr
        assert "Traceback" not in result.stderr
    (folder / "lagoa.toml").write_bytes(b"\xff\xfe\x00")
    assert CliRunner().invoke(app, ["--lake", str(folder), "log"]).exit_code == 1
