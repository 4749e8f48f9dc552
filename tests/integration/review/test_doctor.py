"""`lagoa doctor`: a whole lake, and one that is damaged in each of its parts."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from types import SimpleNamespace

import pyarrow as pa
import pytest
from lakes import LakeFolder
from typer.testing import CliRunner

import lagoa
from lagoa.adapters.sqlite.readonly import not_writable
from lagoa.bootstrap import examine_lake, repair_lake
from lagoa.cli.main import app
from lagoa.storage.local import LocalStorage


@pytest.fixture
def folder(tmp_path):
    """Make a lake with two publications and a branch."""
    files = LakeFolder(tmp_path)
    files.contract("bronze.people", "id:long*")
    with files.open() as lake:
        for number in (1, 2):
            work = lake.create_branch(f"load{number}")
            work.append("bronze.people", pa.table({"id": [number]}))
            work.publish()
    for name in ("catalog.db", "receipts.db"):
        with closing(sqlite3.connect(tmp_path / ".lagoa" / name)) as db:
            db.execute("pragma wal_checkpoint(truncate)")
    return tmp_path


def spoil(path, start):
    content = bytearray(path.read_bytes())
    content[start : start + 100] = b"\xa5" * 100
    path.write_bytes(content)


def people(folder):
    with lagoa.open_lake(folder) as lake:
        return lake.sql("select id from bronze.people order by id").fetchall()


def run(folder, *arguments):
    result = CliRunner().invoke(app, ["--lake", str(folder), "doctor", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_a_whole_lake(folder):
    assert examine_lake(folder) == []
    result = run(folder)
    assert (result.exit_code, result.stdout) == (0, "The lake is healthy.\n")
    assert json.loads(run(folder, "--json").stdout) == {"findings": [], "repair": None, "moved_from": None}


def test_a_copy_says_where_its_files_were(folder, tmp_path_factory):
    copy = tmp_path_factory.mktemp("uma cópia") / "lago número 2"
    shutil.copytree(folder, copy)
    assert examine_lake(copy) == []
    result = run(copy)
    assert result.exit_code == 0
    assert f"names files in {folder}/.lagoa/warehouse." in result.stdout
    assert f"read and written in {copy}/.lagoa/warehouse;" in " ".join(result.output.split())
    assert json.loads(run(copy, "--json").stdout)["moved_from"] == f"{folder}/.lagoa/warehouse"


def test_publications_of_times_to_come(folder):
    with closing(sqlite3.connect(folder / ".lagoa/catalog.db")) as db:
        two_years = 730 * 86_400_000_000
        db.execute(
            "update moves set moved_at = moved_at + ? where moved_at = (select max(moved_at) from moves)", [two_years]
        )
        db.commit()
    (finding,) = examine_lake(folder)
    assert "1 publications have times to come, up to 20" in finding.message
    assert run(folder).exit_code == 1


def test_a_damaged_catalog_is_told_by_every_command_and_brought_back(folder):
    spoil(folder / ".lagoa/catalog.db", 0)
    refused = CliRunner().invoke(app, ["--lake", str(folder), "log"])
    assert refused.exit_code == 1
    assert "lagoa doctor --repair" in refused.stderr
    result = run(folder)
    assert result.exit_code == 1
    assert "damaged" in result.stdout
    repaired = run(folder, "--repair")
    assert repaired.exit_code == 0
    assert "Nothing was lost." in repaired.stdout
    assert people(folder) == [(1,), (2,)]
    with lagoa.open_lake(folder) as lake:
        lake.branch("load2").append("bronze.people", pa.table({"id": [3]}))
        lake.branch("load2").publish()
    assert people(folder) == [(1,), (2,), (3,)]


@pytest.mark.parametrize("how", ["gone", "empty"])
@pytest.mark.parametrize("trace", ["receipts.db", "warehouse"])
def test_a_catalog_that_is_lost_is_not_replaced_by_an_empty_one(folder, how, trace):
    state = folder / ".lagoa"
    whole = (state / "catalog.db").read_bytes()
    (state / "catalog.db").write_bytes(b"") if how == "empty" else (state / "catalog.db").unlink()
    if trace == "warehouse":
        (state / "receipts.db").unlink()
    for command in ("status", "transform"):
        refused = CliRunner().invoke(app, ["--lake", str(folder), command])
        assert refused.exit_code == 1
        assert "is missing or empty, but" in refused.stderr
        assert "back from a backup, whole" in refused.stderr
    result = run(folder)
    assert (result.exit_code, "is missing or empty" in result.stdout) == (1, True)
    repaired = run(folder, "--repair")
    assert (repaired.exit_code, "back from a backup, whole" in repaired.stderr) == (1, True)
    assert not (state / "catalog.db").exists() or not (state / "catalog.db").stat().st_size
    (state / "catalog.db").write_bytes(whole)
    assert people(folder) == [(1,), (2,)]


def test_damaged_receipts_are_brought_back(folder):
    spoil(folder / ".lagoa/receipts.db", 0)
    (finding,) = examine_lake(folder)
    assert "receipts.db" in finding.message
    repaired = repair_lake(folder)
    assert any("receipts" in loss for loss in repaired.lost)
    assert (repaired.damaged / "receipts.db").is_file()
    assert all(finding.part == "receipts" for finding in examine_lake(folder))
    assert people(folder) == [(1,), (2,)]


def test_receipts_of_a_profile_with_nessie_are_no_trace_of_a_lost_catalog(folder):
    with (folder / "lagoa.toml").open("a") as file:
        file.write('\n[profiles.stack]\ncatalog = "nessie"\nwarehouse = "s3://lagoa/warehouse"\n')
    shutil.rmtree(folder / ".lagoa/warehouse")
    (folder / ".lagoa/catalog.db").unlink()
    with lagoa.open_lake(folder) as lake:
        assert not lake.tables("main")


def receipts_page(folder, name):
    """Return where the page begins that a table or index of the receipts has its rows on."""
    with closing(sqlite3.connect(folder / ".lagoa/receipts.db")) as db:
        (page,) = db.execute("select rootpage from sqlite_master where name = ?", [name]).fetchone()
        (size,) = db.execute("pragma page_size").fetchone()
    return (page - 1) * size


@pytest.mark.parametrize("what", ["receipts", "receipts_commit", "receipts_branch", "results"])
def test_a_damaged_page_of_the_receipts_is_told_and_repaired(folder, what):
    spoil(folder / ".lagoa/receipts.db", receipts_page(folder, what))
    (finding,) = examine_lake(folder)
    assert (finding.part, "receipts.db is damaged: " in finding.message) == ("receipts", True)
    result = run(folder, "--repair")
    assert "0 approvals were read; others, if there were any, are lost" in result.stdout
    assert not [each for each in examine_lake(folder) if "damaged" in each.message]  # only receipts that were not read
    assert people(folder) == [(1,), (2,)]
    with lagoa.open_lake(folder) as lake:
        lake.branch("load2").append("bronze.people", pa.table({"id": [3]}))
        lake.branch("load2").publish()


def test_a_receipt_of_other_bytes_is_told_and_the_others_are_kept(folder):
    with closing(sqlite3.connect(folder / ".lagoa/receipts.db")) as db, db:
        db.execute("update receipts set document = substr(document, 1, 40) where branch = 'load2'")
    (finding,) = examine_lake(folder)
    assert (finding.part, "a receipt in it cannot be read" in finding.message) == ("receipts", True)
    refused = CliRunner().invoke(app, ["--lake", str(folder), "log"])
    assert (refused.exit_code, "lagoa doctor --repair" in refused.stderr) == (1, True)
    assert any("1 receipt and 0 approvals were read" in loss for loss in repair_lake(folder).lost)
    (finding,) = examine_lake(folder)
    assert finding.message[:29] == "1 publications have no receip"


def test_approvals_are_kept(folder):
    with lagoa.open_lake(folder) as lake:
        approved = lake.create_branch("work")
        approved.append("bronze.people", pa.table({"id": [3]}))
        given = [approved.approve(f"as it is now, {number}") for number in (1, 2)]
    with closing(sqlite3.connect(folder / ".lagoa/receipts.db")) as db, db:
        db.execute("update receipts set document = substr(document, 1, 40) where branch = 'load2'")
    assert any("1 receipt and 2 approvals were read" in loss for loss in repair_lake(folder).lost)
    with lagoa.open_lake(folder) as lake:
        assert list(lake.context.receipts.approvals(lake.branch("work").head)) == given


def test_a_missing_receipt_is_told(folder):
    with closing(sqlite3.connect(folder / ".lagoa/receipts.db")) as db, db:
        db.execute("delete from receipts")
    (finding,) = examine_lake(folder)
    assert (finding.part, finding.message[:30]) == ("receipts", "2 publications have no receipt")


@pytest.mark.parametrize("how", ["missing", "cut", "metadata"])
def test_files_of_tables_are_looked_for(folder, how):
    pattern = "*.metadata.json" if how == "metadata" else "*.parquet"
    for file in (folder / ".lagoa/warehouse").rglob(pattern):
        if how == "cut":
            file.write_bytes(file.read_bytes()[:-10])
        else:
            file.unlink()
    findings = examine_lake(folder)
    assert findings
    assert all(finding.part == "tables" and "bronze.people" in finding.message for finding in findings)
    assert run(folder, "--repair").exit_code == 1  # a catalog that is whole is left alone
    assert not list((folder / ".lagoa").glob("damaged-*"))


@pytest.mark.parametrize(
    ("how", "told"), [("missing", "is missing: run `lagoa doctor`"), ("cut", "is damaged: run `lagoa doctor`")]
)
def test_a_query_over_a_lost_file_says_what_to_do(folder, how, told):
    for file in (folder / ".lagoa/warehouse").rglob("*.parquet"):
        file.write_bytes(file.read_bytes()[:-10]) if how == "cut" else file.unlink()
    query = CliRunner().invoke(app, ["--lake", str(folder), "sql", "select * from bronze.people"])
    assert query.exit_code == 1
    said = " ".join(query.stderr.split())
    assert told in said
    assert "lagoa table restore TABLE --from REF" in said


def test_a_query_over_lost_metadata_says_which_file_is_missing(folder):
    for file in (folder / ".lagoa/warehouse").rglob("*.metadata.json"):
        file.unlink()
    query = CliRunner().invoke(app, ["--lake", str(folder), "sql", "select * from bronze.people"])
    assert (query.exit_code, "No such file or directory" in query.stderr) == (1, True)


def test_a_folder_that_is_closed_to_this_user_needs_no_restore(folder, monkeypatch):
    def read(storage, location):
        raise PermissionError(13, "Permission denied", location)

    monkeypatch.setattr(LocalStorage, "read", read)
    findings = examine_lake(folder)
    assert findings
    assert all("Nothing is lost" in finding.advice for finding in findings)


def test_a_full_disk_is_told_by_the_doctor_and_by_what_writes(folder, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=4096))
    (finding,) = examine_lake(folder)
    assert (finding.part, "0.0 MB free" in finding.message) == ("disk", True)
    error = not_writable(folder / "catalog.db", sqlite3.OperationalError("attempt to write a readonly database"))
    assert "its disk is full (4 kB are free" in error.message


def test_credentials_that_others_can_read_are_told(folder):
    kept = folder / ".lagoa/stack/credentials.json"
    kept.parent.mkdir()
    kept.touch(0o600)
    kept.write_text("{}")
    assert examine_lake(folder) == []
    kept.chmod(0o640)
    (found,) = examine_lake(folder)
    assert (found.part, "read by others" in found.message, "chmod 600" in found.advice) == ("secrets", True, True)
