"""`lagoa ingest`."""

from __future__ import annotations

import re

from command_line import MORE, TWICE, WRONG, counted, lagoa, new_lake, ok, write


def test_ingest_publishes_and_says_what_it_did(tmp_path):
    lake = new_lake(tmp_path)
    more = write(tmp_path, "more.csv", MORE)
    done = ok(lake, "ingest", more, "--into", "bronze.people")
    assert done.out.splitlines()[0].split() == ["table", "received", "accepted", "quarantined", "time"]
    assert done.out.splitlines()[1].split()[:4] == ["bronze.people", "2", "2", "0"]
    assert "main is now at" in done.out
    assert counted(lake) == 5
    again = ok(lake, "ingest", more, "--into", "bronze.people")
    assert "loaded before" in again.out
    assert "Nothing new" in again.err
    assert counted(lake) == 5
    assert [b["name"] for b in ok(lake, "branch", "list", "--json").json()] == ["main"]


def test_ingest_as_json(lake, tmp_path):
    more = write(tmp_path, "more.csv", MORE)
    told = ok(lake, "ingest", more, "--into", "bronze.people", "--batch", "monday", "--json").json()
    (table,) = told["tables"]
    assert (table["table"], table["batch"], table["received"], table["accepted"]) == ("bronze.people", "monday", 2, 2)
    assert told["publication"]["tables"] == ["bronze.people"]
    changed = lagoa(
        lake,
        "ingest",
        write(tmp_path, "other.csv", MORE.replace("Bob", "Rob")),
        "--into",
        "bronze.people",
        "--batch",
        "monday",
    )
    assert changed.code == 1
    assert "different content" in changed.err


def test_a_failed_folder_says_where_its_other_files_are_if_any_were_loaded(tmp_path):
    lake = new_lake(tmp_path)
    contract = lake / "iceberg/bronze/people.odcs.yaml"
    contract.write_text(contract.read_text().replace("file: people.csv", 'file: "people*.csv"'))
    folder = tmp_path / "incoming"
    folder.mkdir()
    write(folder, "people1.csv", MORE)
    write(folder, "people2.csv", "")
    failed = lagoa(lake, "ingest", folder)
    assert (failed.code, "These files are on run/ingest/" in failed.err) == (1, True)
    ok(lake, "ingest", folder / "people1.csv", "--into", "bronze.people")
    again = lagoa(lake, "ingest", folder)
    assert (again.code, "These files are on" in again.err) == (1, False)
    assert "loaded before" in again.out


def test_ingest_of_a_folder_takes_the_contracts_sources(lake, tmp_path):
    folder = tmp_path / "incoming"
    folder.mkdir()
    write(folder, "people.csv", MORE)
    write(folder, "notes.txt", "not a source")
    refused = lagoa(lake, "ingest", folder)
    assert refused.code == 1
    assert "no contract names 1 of its 2 files: notes.txt" in refused.err
    told = ok(lake, "ingest", folder, "--ignore", "*.txt", "--json").json()
    assert [(table["table"], table["file"]) for table in told["tables"]] == [("bronze.people", "people.csv")]
    assert told["delivery"] == {
        "found": 2,
        "loaded": 1,
        "known": 0,
        "duplicates": 0,
        "ignored": ["notes.txt"],
        "folders": [],
        "unmatched": {},
    }
    assert counted(lake) == 5
    again = ok(lake, "ingest", folder, "--ignore", "*.txt")
    assert "Files: 2 found, 0 loaded, 1 loaded before" in again.out
    nowhere = lagoa(lake, "ingest", tmp_path / "none", "--ignore", "x")
    assert (nowhere.code, "There is no file or folder" in nowhere.err) == (2, True)
    assert lagoa(lake, "ingest", folder / "people.csv", "--into", "bronze.people", "--ignore", "x").code == 2


def test_a_folder_with_a_bad_file_shows_what_was_loaded_and_where(lake, tmp_path):
    contract = lake / "iceberg/bronze/people.odcs.yaml"
    contract.write_text(contract.read_text().replace("file: people.csv", "file: people*.csv"))
    folder = tmp_path / "incoming"
    folder.mkdir()
    write(folder, "people1.csv", MORE)
    write(folder, "people2.csv", "")
    done = lagoa(lake, "ingest", folder)
    assert done.code == 1
    assert "people2.csv: it is empty" in done.err
    assert done.out.splitlines()[1].split()[:3] == ["bronze.people", "people1.csv", "2"]
    (branch,) = [b["name"] for b in ok(lake, "branch", "list", "--json").json() if b["name"] != "main"]
    assert f"lagoa ingest {folder} --branch {branch}" in done.err
    assert counted(lake) == 3
    write(folder, "people2.csv", MORE.replace("Bob", "Rob"))
    again = ok(lake, "ingest", folder, "--branch", branch, "--json").json()
    assert [(table["file"], table["skipped"]) for table in again["tables"]] == [
        ("people1.csv", True),
        ("people2.csv", False),
    ]


def test_ingest_on_a_branch_leaves_main_alone_until_it_is_published(lake, tmp_path):
    more = write(tmp_path, "more.csv", MORE)
    ok(lake, "branch", "create", "dev")
    ok(lake, "ingest", more, "--into", "bronze.people", "--branch", "dev")
    assert (counted(lake), counted(lake, "dev")) == (3, 5)

    (state,) = [b for b in ok(lake, "branch", "list", "--json").json() if b["name"] == "dev"]
    assert (state["ahead"], state["behind"]) == (1, 0)
    assert "1 ahead of main" in ok(lake, "branch", "list").out

    diff = ok(lake, "diff", "main..dev", "--json").json()
    (table,) = diff["tables"]
    assert (table["kind"], table["rows_added"], table["rows_removed"]) == ("changed", 2, 0)
    assert "bronze.people" in ok(lake, "diff", "dev").out
    masked = ok(lake, "diff", "dev", "--rows")
    assert ("Ann" in masked.out, "•••" in masked.out, "--personal shows them" in masked.err) == (False, True, True)
    assert "Ann" not in ok(lake, "diff", "dev", "--json").out
    assert "Ann" in ok(lake, "diff", "dev", "--rows", "--personal").out

    audit = ok(lake, "audit", "dev", "--json").json()
    assert audit["passed"]
    assert {check["outcome"] for check in audit["checks"]} == {"passed"}

    published = ok(lake, "publish", "dev", "-m", "two more", "--json").json()
    assert counted(lake) == 5
    log = ok(lake, "log", "--json").json()
    assert log[0]["commit"] == published["commit"]
    assert log[0]["message"] == "two more"
    assert log[0]["published_at"] == published["published_at"]
    assert log[0]["audit"]["passed"] == len(audit["checks"])
    assert "main has all of dev" in ok(lake, "publish", "dev").out
    assert ok(lake, "publish", "dev", "--json").json() is None
    assert "main has all of it" in ok(lake, "branch", "list").out


def test_an_ingest_that_fails_its_audit_leaves_its_branch_to_look_at(lake, tmp_path):
    done = lagoa(lake, "ingest", write(tmp_path, "twice.csv", TWICE), "--into", "bronze.people")
    assert done.code == 3
    (branch,) = [b["name"] for b in ok(lake, "branch", "list", "--json").json() if b["name"] != "main"]
    assert branch.startswith("run/ingest/")
    assert branch in done.err
    assert counted(lake) == 3


def test_an_audit_that_fails_for_refused_records_says_where_they_are(lake, tmp_path):
    done = lagoa(lake, "ingest", write(tmp_path, "wrong.csv", WRONG), "--into", "bronze.people")
    assert done.code == 3
    command = re.search(r"lagoa (quarantine show bronze.people --ref \S+)`", done.err.replace("\n", " "))
    assert "not a day" in ok(lake, *command[1].split(), "--personal").out
