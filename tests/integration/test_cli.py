"""The command line on a real lake: what each command prints, changes and ends with."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from lagoa.cli.main import app

PEOPLE = """id,name,city,born
1,João,"Belém, PA",1990-05-17
2,Anna,,1985-01-02
3,Zoë,Köln,2001-12-31
"""
MORE = """id,name,city,born
4,Ann,Köln,1970-01-01
5,Bob,Rio,1971-01-01
"""
WRONG = """id,name,city,born
6,Eve,Rio,not a day
7,Ida,Rio,1999-01-01
"""
TWICE = """id,name,city,born
3,Zoe,Köln,2001-12-31
"""
NASTY = ["a'b", 'a"b', "a;drop table x", "../up", "a..b", "ümlaut", "湖", "a b", "", "-", "x" * 10_000]


class Done(NamedTuple):
    """A command that ran."""

    code: int
    out: str
    err: str

    def json(self):
        return json.loads(self.out)


def lagoa(lake, *arguments, stdin=None):
    """Run a command on a lake in this process."""
    result = CliRunner().invoke(app, ["--lake", str(lake), *map(str, arguments)], input=stdin)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


def ok(lake, *arguments, stdin=None):
    """Run a command that has to succeed."""
    done = lagoa(lake, *arguments, stdin=stdin)
    assert done.code == 0, done.err
    return done


def write(folder, name, text):
    path = folder / name
    path.write_text(text, "utf-8")
    return path


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Return a lake with a published table of three people; for tests that leave main alone."""
    folder = tmp_path_factory.mktemp("cli")
    return new_lake(folder)


@pytest.fixture
def lake(tmp_path):
    """Return a lake like `loaded` for a test of its own."""
    return new_lake(tmp_path)


def new_lake(folder):
    lake = folder / "lake"
    assert CliRunner().invoke(app, ["init", str(lake)]).exit_code == 0
    people = write(folder, "people.csv", PEOPLE)
    ok(lake, "contract", "infer", people, "--table", "bronze.people")
    ok(lake, "ingest", people, "--into", "bronze.people")
    return lake


def counted(lake, ref="main"):
    return ok(lake, "sql", "select count(*) from bronze.people", "--ref", ref, "--json").json()["rows"][0][0]


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
    assert "another content" in changed.err


def test_ingest_of_a_folder_takes_the_contracts_sources(lake, tmp_path):
    folder = tmp_path / "incoming"
    folder.mkdir()
    write(folder, "people.csv", MORE)
    write(folder, "notes.txt", "not a source")
    told = ok(lake, "ingest", folder, "--json").json()
    assert [table["table"] for table in told["tables"]] == ["bronze.people"]
    assert counted(lake) == 5


def test_ingest_on_a_branch_leaves_main_alone_until_it_is_published(lake, tmp_path):
    more = write(tmp_path, "more.csv", MORE)
    ok(lake, "branch", "create", "dev")
    ok(lake, "ingest", more, "--into", "bronze.people", "--branch", "dev")
    assert (counted(lake), counted(lake, "dev")) == (3, 5)

    (state,) = [b for b in ok(lake, "branch", "list", "--json").json() if b["name"] == "dev"]
    assert (state["ahead"], state["behind"]) == (1, 0)
    assert "1 commit ahead of main" in ok(lake, "branch", "list").out

    diff = ok(lake, "diff", "main..dev", "--json").json()
    (table,) = diff["tables"]
    assert (table["kind"], table["rows_added"], table["rows_removed"]) == ("changed", 2, 0)
    assert "bronze.people" in ok(lake, "diff", "dev").out
    assert "Ann" in ok(lake, "diff", "dev", "--rows").out

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


def test_a_failed_audit_ends_with_3_and_leaves_main(lake, tmp_path):
    ok(lake, "branch", "create", "dev")
    ok(lake, "ingest", write(tmp_path, "twice.csv", TWICE), "--into", "bronze.people", "--branch", "dev")
    audit = lagoa(lake, "audit", "dev", "--failed", "--rows")
    assert audit.code == 3
    assert "cannot be published" in audit.err
    assert "failed" in audit.out
    assert "Zoe" in audit.out or "3" in audit.out
    published = lagoa(lake, "publish", "dev")
    assert published.code == 3
    assert published.out == ""
    assert "block dev" in published.err
    assert "Traceback" not in published.err
    assert counted(lake) == 3
    told = lagoa(lake, "audit", "dev", "--json")
    assert told.code == 3
    assert not told.json()["passed"]


def test_a_refused_audit_is_shown_again_with_its_rows(lake, tmp_path):
    ok(lake, "branch", "create", "dev")
    ok(lake, "ingest", write(tmp_path, "twice.csv", TWICE), "--into", "bronze.people", "--branch", "dev")
    assert lagoa(lake, "publish", "dev").code == 3
    done = ok(lake, "audit", "show", "dev", "--rows")
    assert done.out.splitlines()[0] == "audit of  dev, refused"
    assert "bronze.people/key/id: 2 rows" in done.out
    assert "bronze.people/schema" not in done.out
    told = ok(lake, "audit", "show", "dev", "--check", "bronze.people/key/id", "--rows", "--json").json()
    assert [(each["check"], each["outcome"], each["severity"]) for each in told["checks"]] == [
        ("bronze.people/key/id", "failed", "fail")
    ]
    assert (told["for_publication"], told["published_at"], told["passed"]) == (True, None, False)
    assert len(told["rows"]["bronze.people/key/id"]) == 2
    assert ok(lake, "audit", "show", told["receipt"][:10], "--json").json()["commit"] == told["commit"]
    assert lagoa(lake, "audit", "show", "dev", "--check", "nosuch").code == 1

    (published,) = ok(lake, "audit", "history", "bronze.people/key/id", "--json").json()
    assert (published["outcome"], published["commit"]) == ("passed", ok(lake, "log", "--json").json()[0]["commit"])
    every = ok(lake, "audit", "history", "bronze.people/key/id", "--all")
    assert [line.split()[5] for line in every.out.splitlines()[1:]] == ["failed", "passed"]
    assert "not published" in every.out.splitlines()[1]
    assert lagoa(lake, "audit", "history", "nosuch").code == 1

    page = tmp_path / "report.html"
    assert "is written" in ok(lake, "audit", "report", "dev", "-o", page).out
    assert "bronze.people/key/id" in page.read_text("utf-8")


def test_audit_runs_the_checks_unless_told_otherwise(loaded):
    whole = ok(loaded, "audit", "main", "--json").json()
    assert ok(loaded, "audit", "run", "main", "--json").json()["checks"] == whole["checks"]
    assert ok(loaded, "audit", "--failed", "main").out.count("\n") == 1
    assert CliRunner().invoke(app, ["audit", "--lake", str(loaded), "main"]).exit_code == 0
    assert CliRunner().invoke(app, ["audit", "--lake", str(loaded), "show", "main"]).exit_code == 0
    shown = ok(loaded, "audit", "show")
    assert "published" in shown.out.splitlines()[0]
    assert lagoa(loaded, "audit", "show", "no-such").code == 1
    assert lagoa(loaded, "audit", "--no-such", "main").code == 2


def test_an_ingest_that_fails_its_audit_leaves_its_branch_to_look_at(lake, tmp_path):
    done = lagoa(lake, "ingest", write(tmp_path, "twice.csv", TWICE), "--into", "bronze.people")
    assert done.code == 3
    (branch,) = [b["name"] for b in ok(lake, "branch", "list", "--json").json() if b["name"] != "main"]
    assert branch.startswith("run/ingest/")
    assert branch in done.err
    assert counted(lake) == 3


def test_a_conflict_ends_with_4(lake, tmp_path):
    for name, text in (("one", MORE), ("two", MORE.replace("4,", "8,").replace("5,", "9,"))):
        ok(lake, "branch", "create", name)
        ok(lake, "ingest", write(tmp_path, f"{name}.csv", text), "--into", "bronze.people", "--branch", name)
    ok(lake, "publish", "one")
    conflict = lagoa(lake, "publish", "two")
    assert conflict.code == 4
    assert "bronze.people" in conflict.err


def test_rollback_and_back_again(lake, tmp_path):
    ok(lake, "ingest", write(tmp_path, "more.csv", MORE), "--into", "bronze.people", "--batch", "b2")
    done = ok(lake, "rollback", "main~1")
    assert "b2" in done.out
    assert counted(lake) == 3
    assert counted(lake, "main~1") == 5
    assert "Nothing to do" in ok(lake, "rollback", "main~2").out
    back = done.err.split("`lagoa rollback ")[-1].split("`")[0]
    assert ok(lake, "rollback", back, "--json").json()["unseen"] == []
    assert counted(lake) == 5


def test_a_held_batch_does_not_come_again(lake, tmp_path):
    more = write(tmp_path, "more.csv", MORE)
    ok(lake, "ingest", more, "--into", "bronze.people")
    assert ok(lake, "rollback", "main~1", "--hold", "--json").json()["held"]
    refused = lagoa(lake, "ingest", more, "--into", "bronze.people")
    assert refused.code == 1
    assert "Traceback" not in refused.err


def test_quarantine_shows_what_was_refused(lake, tmp_path):
    ok(lake, "branch", "create", "dev")
    done = ok(lake, "ingest", write(tmp_path, "wrong.csv", WRONG), "--into", "bronze.people", "--branch", "dev")
    assert "1 record went to quarantine: `lagoa quarantine list --ref dev`" in done.err
    (refused,) = ok(lake, "quarantine", "list", "--ref", "dev", "--json").json()
    assert (refused["table"], refused["records"], refused["source"]) == ("bronze.people", 1, "wrong.csv")
    assert "wrong.csv" in ok(lake, "quarantine", "list", "--ref", "dev").out
    (record,) = ok(lake, "quarantine", "show", "bronze.people", "--ref", "dev", "--json").json()
    assert record["record"] == 1
    assert record["raw"] == "6,Eve,Rio,not a day\n"
    assert "6,Eve,Rio,not a day" in ok(lake, "quarantine", "show", "bronze.people", "--ref", "dev").out
    by_rule = ok(lake, "quarantine", "show", "bronze.people", "--ref", "dev", "--rule", "no/such", "--json")
    assert by_rule.json() == []
    assert "No record waits in quarantine" in ok(lake, "quarantine", "list").out
    assert "No waiting record" in ok(lake, "quarantine", "show", "bronze.people").out


def test_refused_records_are_fixed_retried_and_discarded(lake, tmp_path):
    text = WRONG + "8,Ada,Rio,no day\n9,Eva,Rio,0\n"
    ok(lake, "branch", "create", "dev")
    ok(lake, "ingest", write(tmp_path, "wrong.csv", text), "--into", "bronze.people", "--branch", "dev")
    there = ("bronze.people", "--branch", "dev")
    edited = tmp_path / "edited.csv"
    told = ok(lake, "quarantine", "export", "bronze.people", edited, "--ref", "dev", "--where", "id <> '9'", "--json")
    assert told.json() == {"table": "bronze.people", "file": str(edited), "records": 2, "raw": 0}
    assert "it is there already" in lagoa(lake, "quarantine", "export", "bronze.people", edited).err
    edited.write_text(edited.read_text("utf-8").replace("not a day", "1999-01-02"), "utf-8")
    (fixed,) = ok(lake, "quarantine", "fix", *there, "--file", edited, "--json").json()["tables"]
    assert (fixed["records"], fixed["accepted"], fixed["changed"]) == (1, 1, {"born": 1})
    assert "no waiting record" in ok(lake, "quarantine", "fix", *there, "--file", edited).out
    assert "2 still waiting" in ok(lake, "quarantine", "retry", *there).out
    mended = ok(lake, "quarantine", "fix", *there, "--set", "born=2000-02-29", "--where", "name = 'Ada'")
    assert "1 record, 1 accepted." in mended.out
    ok(lake, "quarantine", "discard", *there, "--all", "--reason", "a test")
    assert counted(lake, "dev") == 6
    assert ok(lake, "quarantine", "list", "--ref", "dev", "--json").json() == []
    batches = ok(lake, "quarantine", "batches", "bronze.people", "--ref", "dev", "--json").json()
    figures = ("received", "rows", "accepted", "waiting", "discarded", "gone")
    assert {tuple(each[figure] for figure in figures) for each in batches} == {
        (3, 3, 0, 0, 0, 0),
        (4, 1, 2, 0, 1, 0),
        (1, 1, 0, 0, 0, 0),
    }
    assert "discarded" in ok(lake, "quarantine", "batches", "bronze.people", "--ref", "dev").out
    shown = ok(lake, "quarantine", "show", "bronze.people", "--ref", "dev", "--fate", "any", "--json").json()
    assert [(each["fate"], each["fixed"]) for each in shown] == [
        ("accepted", {"born": "1999-01-02"}),
        ("accepted", {"born": "2000-02-29"}),
        ("discarded", {}),
    ]
    assert "a test" in ok(lake, "quarantine", "show", "bronze.people", "--ref", "dev", "--fate", "discarded").out
    ok(lake, "publish", "dev")
    assert ok(lake, "status", "--json").json()["quarantine"] == {"quarantine.bronze__people": 0}
    assert lagoa(lake, "quarantine", "retry", "bronze.people", "--json").json()["publication"] is None
    for wrong in (("fix",), ("fix", "--set", "born"), ("fix", "--set", "born=1"), ("discard", "--reason", "x")):
        assert lagoa(lake, "quarantine", wrong[0], "bronze.people", *wrong[1:]).code == 2, wrong


def test_backfill_builds_again_what_is_asked_for(lake, tmp_path):
    silver = (lake / "iceberg/bronze/people.odcs.yaml").read_text("utf-8").replace("bronze", "silver")
    silver = silver[: silver.index("    customProperties:")] + (
        "    customProperties:\n      - {property: lagoa.materialization, value: incremental}\n"
        "      - property: lagoa.incremental\n"
        "        value: {by: time, column: born, grain: year, inputs: {bronze.people: born}}\n"
        "team: {name: test}\n"
    )
    (lake / "iceberg/silver").mkdir()
    (lake / "transformations/silver").mkdir()
    write(lake / "iceberg/silver", "people.odcs.yaml", silver)
    write(lake / "transformations/silver", "people.sql", "select id, name, city, born from bronze.people")
    assert "full: there is no table yet" in ok(lake, "transform").out
    ok(lake, "ingest", write(tmp_path, "more.csv", MORE), "--into", "bronze.people")
    ok(lake, "branch", "create", "dev")
    assert "incremental: 2, 1970 … 1971" in ok(lake, "transform", "dev").out
    told = ok(
        lake, "backfill", "silver.people", "--from", "1985", "--to", "1991-01-01", "--branch", "dev", "--json"
    ).json()
    assert told["publication"] is None
    (built,) = told["tables"]
    assert (built["how"], built["increments"], built["rows"]) == ("incremental", ["1985", "1990"], 2)
    assert "full: it was asked for" in ok(lake, "backfill", "silver.people").out
    refused = lagoa(lake, "backfill", "silver.people", "--from", "1985-02")
    assert refused.code == 1
    assert "the first moment of a year" in refused.err
    assert lagoa(lake, "backfill", "silver.people", "--from", "1985", "--batch", "b").code == 2


def test_transform_builds_what_is_stale(lake):
    contract = (lake / "iceberg" / "bronze" / "people.odcs.yaml").read_text("utf-8")
    silver = contract.replace("bronze", "silver").partition("    customProperties")[0]
    silver += "    customProperties:\n      - {property: lagoa.materialization, value: full}\n"
    (lake / "iceberg" / "silver").mkdir()
    write(lake / "iceberg" / "silver", "people.odcs.yaml", silver)
    (lake / "transformations" / "silver").mkdir()
    model = write(lake / "transformations" / "silver", "people.sql", "select id, name, city, born from bronze.people")
    assert ok(lake, "contract", "check", "--json").json()["models"] == 1
    assert ok(lake, "status", "--json").json()["models"]["stale"] == ["silver.people"]
    assert "1 stale: silver.people" in ok(lake, "status").out

    done = ok(lake, "transform")
    assert done.out.splitlines()[1].split()[:2] == ["silver.people", "3"]
    assert ok(lake, "sql", "select count(*) from silver.people", "--json").json()["rows"] == [[3]]
    assert "up to date" in ok(lake, "transform").err
    ok(lake, "branch", "create", "dev")
    told = ok(lake, "transform", "dev", "--select", "silver.people", "--json").json()
    assert told["publication"] is None
    assert [table["skipped"] for table in told["tables"]] == [True]

    model.write_text("select id, nam from bronze.people", "utf-8")
    wrong = lagoa(lake, "contract", "check")
    assert wrong.code == 1
    assert "people.sql:1" in wrong.out
    assert "people.sql:1" in ok(lake, "status").out


def test_the_model_of_getting_started_works(lake):
    page = (Path(__file__).parents[2] / "docs" / "getting-started.md").read_text("utf-8")
    blocks = {
        "transformations/silver/adults.sql": "sql",
        "iceberg/silver/adults.odcs.yaml": "yaml",
        "transformations/tests/silver/adults.yaml": "yaml",
    }
    for path, language in blocks.items():
        (lake / path).parent.mkdir(parents=True)
        block = page.split(f"`{path}`")[1].split(f"```{language}\n")[1].split("```")[0]
        (lake / path).write_text(block, "utf-8")
    assert "2 contracts, 1 model" in ok(lake, "contract", "check").out
    assert "1 test of 1 model: all passed" in ok(lake, "test").out
    assert "silver.adults" in ok(lake, "transform").out
    assert ok(lake, "sql", "select count(*) from silver.adults", "--json").json()["rows"] == [[3]]


def test_tests_of_models_say_what_differs(lake):
    contract = (lake / "iceberg" / "bronze" / "people.odcs.yaml").read_text("utf-8")
    contract = contract.replace("bronze", "silver").split("      - property: lagoa.source")[0]
    (lake / "iceberg" / "silver").mkdir()
    contract += "      - {property: lagoa.materialization, value: full}\n"
    write(lake / "iceberg" / "silver", "people.odcs.yaml", contract)
    (lake / "transformations" / "silver").mkdir()
    write(
        lake / "transformations" / "silver",
        "people.sql",
        "select id, trim(name) as name, city, born from bronze.people",
    )
    untested = ok(lake, "test")
    assert (untested.out, untested.err) == ("", "Without a test: silver.people.\n")
    assert lagoa(lake, "test", "--require-tests").code == 1

    rows = "[{id: 1, name: ' Ann ', city: Rio, born: 1990-01-01}]"
    test = f"tests:\n  - name: blanks go\n    given: {{bronze.people: {rows}}}\n    expect: [{{id: 1, name: Ann}}]\n"
    folder = lake / "transformations" / "tests" / "silver"
    folder.mkdir(parents=True)
    file = write(folder, "people.yaml", test)
    assert ok(lake, "test", "silver.people", "--require-tests").out.splitlines()[1].split("  ")[-1].strip() == "passed"
    file.write_text(
        test.replace("name: Ann}", "name: Anna}").replace(
            "{id: 1, name: Anna}", "{id: 1, name: Anna}, {id: 2, name: Bob}"
        ),
        "utf-8",
    )
    failed = lagoa(lake, "test")
    assert failed.code == 1
    assert 'changed: id=1: name is "Ann", not "Anna"' in failed.out
    assert 'missing: id=2, name="Bob"' in failed.out
    assert "1 test of 1 model: 1 failed" in failed.out
    told = lagoa(lake, "test", "--json")
    assert told.code == 1
    (result,) = told.json()["tests"]
    assert (result["outcome"], result["line"], result["broken"], result["unexpected"]) == ("failed", 2, [], [])
    assert result["changed"] == [{"key": {"id": 1}, "cells": {"name": {"expected": "Anna", "found": "Ann"}}}]
    file.write_text(test.replace("id: 1, name: ' Ann '", "id: 1, nam: ' Ann '"), "utf-8")
    wrong = lagoa(lake, "test")
    assert wrong.code == 1
    assert "people.yaml:3: bronze.people has no column 'nam'. Did you mean 'name'?" in wrong.err


def test_tables_and_show(loaded):
    (table,) = ok(loaded, "tables", "--json").json()
    assert (table["table"], table["rows"], table["files"]) == ("bronze.people", 3, 1)
    assert ok(loaded, "tables").out.splitlines()[1].split()[:3] == ["bronze.people", "3", "1"]
    shown = ok(loaded, "show", "bronze.people", "--json").json()
    assert [column["name"] for column in shown["columns"]][:4] == ["id", "name", "city", "born"]
    assert shown["contract"]["key"] == ["id"]
    assert shown["snapshots"][0]["added"] == 3
    text = ok(loaded, "show", "bronze.people").out
    assert "3 rows in 1 file" in text
    assert "people.odcs.yaml" in text
    assert lagoa(loaded, "show", "bronze.nobody").code == 1


def test_sql_as_table_json_and_csv(loaded):
    query = "select id, name, city, null as nothing, born from bronze.people order by id"
    table = ok(loaded, "sql", query).out.splitlines()
    assert table[0].split() == ["id", "name", "city", "nothing", "born"]
    assert table[1].split() == ["1", "João", "Belém,", "PA", "NULL", "1990-05-17"]
    told = ok(loaded, "sql", query, "--json").json()
    assert told["rows"][1] == [2, "Anna", None, None, "1985-01-02"]
    assert not told["truncated"]
    rows = list(csv.reader(io.StringIO(ok(loaded, "sql", query, "--csv").out)))
    assert rows[1] == ["1", "João", "Belém, PA", "", "1990-05-17"]
    assert ok(loaded, "sql", "-", "--json", stdin="select 41 + 1 as n -- from a pipe").json()["rows"] == [[42]]


def test_sql_is_bounded_and_says_so(loaded):
    many = "select unnest(generate_series(1, 120)) as n"
    short = ok(loaded, "sql", many)
    assert len(short.out.splitlines()) == 51
    assert "first 50 rows; there are more" in short.err
    assert len(ok(loaded, "sql", many, "--limit", 70).out.splitlines()) == 71
    assert len(ok(loaded, "sql", many, "--csv").out.splitlines()) == 121
    assert len(ok(loaded, "sql", many, "--limit", 5, "--csv").out.splitlines()) == 6
    cut = ok(loaded, "sql", many, "--limit", 5, "--json").json()
    assert (len(cut["rows"]), cut["truncated"]) == (5, True)
    assert not ok(loaded, "sql", many, "--limit", 120, "--json").json()["truncated"]
    exact = ok(loaded, "sql", many, "--limit", 120)
    assert "there are more" not in exact.err


def test_sql_values_that_json_has_no_word_for(loaded):
    query = (
        "select 'nan'::double as a, [1.5, 'inf'::double] as b, 1.10::decimal(4,2) as c, '\\xFF'::blob as d, true as e"
    )
    assert ok(loaded, "sql", query, "--json").json()["rows"] == [["nan", [1.5, "inf"], "1.10", "ff", True]]
    assert ok(loaded, "sql", query, "--csv").out.splitlines()[1] == 'nan,"[1.5, ""inf""]",1.10,ff,true'


def test_sql_refuses_what_is_not_a_select(loaded):
    for query in (
        "drop table bronze.people",
        "select * from read_csv('/etc/passwd')",
        "",
        "select 1; select 2",
        "nonsense",
    ):
        done = lagoa(loaded, "sql", query)
        assert done.code == 1, query
        assert done.err.startswith("Error: ")
        assert "Traceback" not in done.err
    assert lagoa(loaded, "sql", "select 1", "--json", "--csv").code == 2


def test_refs_of_every_form(lake, tmp_path):
    ok(lake, "tag", "create", "v1")
    ok(lake, "ingest", write(tmp_path, "more.csv", MORE), "--into", "bronze.people")
    head, previous = (entry["commit"] for entry in ok(lake, "log", "--limit", 2, "--json").json())
    at = ok(lake, "log", "--json").json()[1]["published_at"]
    assert [
        counted(lake, ref) for ref in ("v1", "main~1", f"main@{previous}", f"main@{previous[:8]}", f"main*{at}")
    ] == [3] * 5
    assert counted(lake, f"main@{head}") == 5
    assert lagoa(lake, "sql", "select 1 from bronze.people", "--ref", "main~99").code == 1


def test_every_command_that_reads_takes_a_state_by_its_time(lake, tmp_path):
    at = "main*" + ok(lake, "log", "--json").json()[0]["published_at"]
    mixed = write(tmp_path, "mixed.csv", PEOPLE + WRONG.partition("\n")[2])
    ok(lake, "branch", "create", "dev")
    ok(lake, "ingest", mixed, "--into", "bronze.people", "--branch", "dev")
    assert counted(lake, at) == 3
    assert [table["rows"] for table in ok(lake, "tables", at, "--json").json()] == [3]
    assert ok(lake, "show", "bronze.people", "--ref", at, "--json").json()["rows"] == 3
    assert len(ok(lake, "log", at, "--json").json()) == len(ok(lake, "log", "--json").json())
    assert ok(lake, "diff", f"{at}..dev", "--json").json()["tables"]
    assert not ok(lake, "diff", f"{at}..main", "--json").json()["tables"]
    assert ok(lake, "audit", at, "--json").json()["passed"]
    assert ok(lake, "quarantine", "list", "--ref", at, "--json").json() == []
    assert ok(lake, "quarantine", "show", "bronze.people", "--ref", at, "--json").json() == []
    for kind in ("branch", "tag"):
        ok(lake, kind, "create", f"{kind}-then", "--at", at)
        assert counted(lake, f"{kind}-then") == 3
    for arguments in (("tables", "main*2999-01-01"), ("sql", "select 1", "--ref", "main*tomorrow")):
        wrong = lagoa(lake, *arguments)
        assert (wrong.code, "Traceback" in wrong.err) == (1, False)


def test_restore(lake, tmp_path):
    ok(lake, "ingest", write(tmp_path, "more.csv", MORE), "--into", "bronze.people")
    done = ok(lake, "restore", "bronze.people", "--from", "main~1")
    assert done.out.startswith("bronze.people is back to main~1.")
    assert "1 batch went out of sight" in done.err
    assert counted(lake, "main") == 3
    again = ok(lake, "restore", "bronze.people", "--from", "main", "--json").json()
    assert (again["tables"][0]["changed"], again["publication"]) == (False, None)
    assert lagoa(lake, "restore", "bronze.nothing", "--from", "main~1").code == 1
    assert lagoa(lake, "restore", "bronze.people").code == 2


def test_doctor_finds_a_lake_whole(loaded):
    assert ok(loaded, "doctor").out == "The lake is whole.\n"
    assert ok(loaded, "doctor", "--json").json() == {"findings": [], "repair": None}


def test_tags(lake):
    ok(lake, "tag", "create", "v1", "--at", "main~1")
    (tag,) = ok(lake, "tag", "list", "--json").json()
    assert tag["name"] == "v1"
    assert ok(lake, "tag", "list").out.splitlines()[1].split()[0] == "v1"
    assert ok(lake, "tables", "v1", "--json").json() == []
    assert lagoa(lake, "tag", "create", "v1").code == 1
    wrong = lagoa(lake, "branch", "delete", "v1")
    assert wrong.code == 1
    assert "is a tag" in wrong.err
    ok(lake, "tag", "delete", "v1")
    assert ok(lake, "tag", "list", "--json").json() == []


def test_branches(lake):
    assert "dev begins at main" in ok(lake, "branch", "create", "dev").out
    ok(lake, "branch", "create", "old", "--at", "main~1")
    assert {b["name"]: b["behind"] for b in ok(lake, "branch", "list", "--json").json()} == {
        "main": 0,
        "dev": 0,
        "old": 1,
    }
    assert lagoa(lake, "branch", "create", "dev").code == 1
    assert lagoa(lake, "branch", "delete", "main").code == 1
    assert lagoa(lake, "branch", "delete", "dev", "nobody").code == 1
    assert len(ok(lake, "branch", "list", "--json").json()) == 3
    ok(lake, "branch", "delete", "dev", "old")
    assert len(ok(lake, "branch", "list", "--json").json()) == 1


def test_status(loaded):
    told = ok(loaded, "status", "--json").json()
    assert (told["name"], told["tables"], told["rows"]) == ("lake", 1, 3)
    assert told["models"] == {"total": 0, "stale": [], "error": None}
    assert told["branches"][0]["commit"] == told["main"]
    text = ok(loaded, "status").out
    assert "1 table, 3 rows" in text


def test_log_is_bounded_and_says_so(loaded):
    done = ok(loaded, "log", "-n", 1)
    assert len(done.out.splitlines()) == 2
    assert "older commits" in done.err
    assert ok(loaded, "log", "main~1", "--json").json()[0]["receipt"] is None


def test_contract_infer_does_not_write_over_one(lake, tmp_path):
    people = tmp_path / "people.csv"
    assert lagoa(lake, "contract", "infer", people, "--table", "bronze.people").code == 1
    ok(lake, "contract", "infer", people, "--table", "bronze.people", "--force")
    assert lagoa(lake, "contract", "infer", tmp_path / "none.csv", "--table", "bronze.none").code == 1
    (lake / "iceberg" / "bronze" / "people.odcs.yaml").write_text("kind: DataContract\n", "utf-8")
    wrong = lagoa(lake, "contract", "check")
    assert wrong.code == 1
    assert "people.odcs.yaml" in wrong.out


def test_contract_infer_takes_several_files_into_a_layer(lake, tmp_path):
    write(tmp_path, "Nova Lista.JSONL", '{"id": 1}\n')
    files = [tmp_path / "people.csv", tmp_path / "Nova Lista.JSONL"]
    done = lagoa(lake, "contract", "infer", *files, "--layer", "bronze")
    assert (done.code, "people.odcs.yaml is there already" in done.err) == (1, True)
    assert not (lake / "iceberg" / "bronze" / "nova_lista.odcs.yaml").exists()
    ok(lake, "contract", "infer", *files, "--layer", "bronze", "--force")
    assert ok(lake, "contract", "check").out.startswith("2 contracts, ")
    twice = lagoa(lake, "contract", "infer", files[1], write(tmp_path, "nova-lista.json", "[]"), "--layer", "raw")
    assert (twice.code, "are both of raw.nova_lista" in twice.err) == (1, True)
    assert lagoa(lake, "contract", "infer", *files, "--table", "bronze.x").code == 2
    assert lagoa(lake, "contract", "infer", files[0]).code == 2


@pytest.mark.parametrize(
    "command",
    [
        ("branch", "create", "NAME"),
        ("branch", "delete", "NAME"),
        ("tag", "create", "NAME"),
        ("log", "NAME"),
        ("tables", "NAME"),
        ("show", "NAME"),
        ("audit", "NAME"),
        ("publish", "NAME"),
        ("rollback", "NAME"),
        ("diff", "main..NAME"),
        ("sql", "select 1 from bronze.people", "--ref", "NAME"),
        ("quarantine", "show", "NAME"),
        ("transform", "NAME"),
        ("run", "NAME"),
        ("ingest", "NAME", "--into", "bronze.people"),
        ("ingest", __file__, "--into", "NAME"),
        ("contract", "infer", __file__, "--table", "NAME"),
    ],
    ids=" ".join,
)
def test_names_outside_the_grammar_get_a_clear_error(loaded, command):
    for name in NASTY:
        if (name, command[0]) == ("", "diff"):  # `main..` is main..main
            continue
        arguments = [part.replace("NAME", name) for part in command]
        done = lagoa(loaded, arguments[0], *(["--"] if arguments[1] == "-" else []), *arguments[1:])
        assert done.code in {1, 2}, done
        assert done.out == ""
        assert 0 < len(done.err) < 2_000
        assert "Traceback" not in done.err


def test_a_folder_of_any_name_is_no_lake(tmp_path):
    for name in NASTY[:-1]:
        assert lagoa(tmp_path / f"x{name}", "log").code == 1
    done = lagoa("x" * 10_000, "log")
    assert done.code == 1
    assert "File name too long" in done.err


def test_init_refuses_a_lake_and_a_file(loaded, tmp_path):
    again = CliRunner().invoke(app, ["init", str(loaded)])
    assert again.exit_code == 1
    assert "holds a lake already" in again.stderr
    write(tmp_path, "file", "")
    assert CliRunner().invoke(app, ["init", str(tmp_path / "file")]).exit_code == 1


def test_usage_errors_end_with_2(loaded, tmp_path):
    for arguments in (
        ("nonsense",),
        ("branch", "create"),
        ("sql", "select 1", "--limit", "0"),
        ("ingest", write(tmp_path, "a.csv", MORE)),
        ("ingest", tmp_path, "--into", "bronze.people"),
        ("log", "--nonsense"),
    ):
        assert lagoa(loaded, *arguments).code == 2, arguments


def test_contract_diff_says_what_the_next_write_does(lake):
    assert ok(lake, "contract", "diff").out == "As their contracts say: 1 table.\n"
    path = lake / "iceberg" / "bronze" / "people.odcs.yaml"
    text = path.read_text("utf-8")
    path.write_text(text.replace("name: city", "name: town"), "utf-8")
    refused = lagoa(lake, "contract", "diff", "bronze.people")
    assert (refused.code, "! city string. Refused: it may be town, which is new" in refused.out) == (1, True)
    assert "Writes to bronze.people are refused" in refused.err
    renamed = "name: town\n        customProperties: [{property: lagoa.formerName, value: city}]"
    path.write_text(text.replace("name: city", renamed), "utf-8")
    assert "~ town: city -> town. Evolves: renamed; the values stay.\n" in ok(lake, "contract", "diff").out
    (told,) = ok(lake, "contract", "diff", "--ref", "main", "--json").json()
    assert (told["table"], told["state"]) == ("bronze.people", "different")
    assert told["differences"][0]["effect"] == "evolves"
    applied = ok(lake, "contract", "apply", "--json").json()
    assert applied["tables"] == [{"table": "bronze.people"}]
    assert applied["publication"]["tables"] == ["bronze.people"]
    assert ok(lake, "sql", "select town from bronze.people where id = 1").out.split()[-2:] == ["Belém,", "PA"]
    assert "Nothing new" in ok(lake, "contract", "apply", "bronze.people").err
    assert lagoa(lake, "contract", "diff", "bronze.none").code == 1
    path.write_text(text.replace("bronze.people", "bronze.others").replace("name: people", "name: others"), "utf-8")
    path.rename(path.with_name("others.odcs.yaml"))
    shown = ok(lake, "contract", "diff").out
    assert "bronze.people has no contract: nothing writes to it or publishes it.\n" in shown
    assert "Not at main, and made by the first write: bronze.others.\n" in shown


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


def run(*command, cwd, **variables):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LAGOA_", "PREFECT_"))}
    environment = {**kept, **variables}
    line = [sys.executable, "-m", "lagoa.cli", *map(str, command)]
    return subprocess.run(line, cwd=cwd, env=environment, capture_output=True, text=True, timeout=200, check=False)


@pytest.mark.timeout(240)
def test_the_flow_of_a_new_lake_loads_transforms_and_publishes(lake, tmp_path):
    (lake / "data").mkdir()
    write(lake / "data", "people.csv", MORE)
    done = run("run", "daily", cwd=tmp_path, LAGOA_LAKE=str(lake), PREFECT_HOME=str(tmp_path / "prefect"))
    assert done.returncode == 0, done.stderr
    assert "daily is done." in done.stdout
    assert counted(lake) == 5
    assert ok(lake, "log", "-n", 1, "--json").json()[0]["message"] == "daily load of data"
    assert [b["name"] for b in ok(lake, "branch", "list", "--json").json()] == ["main"]


def test_as_a_process(loaded, tmp_path):
    version = run("--version", cwd=tmp_path)
    assert version.stdout.startswith("lagoa 0.")
    nowhere = run("log", cwd=tmp_path)
    assert nowhere.returncode == 1
    assert nowhere.stderr.startswith("Error: There is no lake in")
    assert "Traceback" not in nowhere.stderr
    debugged = run("log", "--debug", cwd=tmp_path)
    assert debugged.returncode == 1
    assert "Traceback" in debugged.stderr
    assert run("log", cwd=loaded / "flows").stdout.count("\n") == 3
    assert run("log", cwd=tmp_path, LAGOA_LAKE=str(loaded)).returncode == 0
    assert run("log", "--lake", tmp_path, cwd=loaded, LAGOA_LAKE=str(loaded)).returncode == 1


def test_commands_that_work_on_data_do_not_import_prefect(loaded):
    code = (
        "import sys; from typer.testing import CliRunner; from lagoa.cli.main import app; "
        "codes = [CliRunner().invoke(app, line.split()).exit_code for line in sys.argv[1:]]; "
        "assert codes == [0] * len(codes), codes; assert 'prefect' not in sys.modules"
    )
    lines = ["audit main", "transform", "status", "diff main~1..main", "tables"]
    done = subprocess.run([sys.executable, "-c", code, *lines], cwd=loaded, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
