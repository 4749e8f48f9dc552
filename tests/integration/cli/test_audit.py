"""`lagoa audit`."""

from __future__ import annotations

from command_line import TWICE, counted, lagoa, ok, write
from typer.testing import CliRunner

from lagoa.cli.main import app


def test_a_failed_audit_ends_with_3_and_leaves_main(lake, tmp_path):
    ok(lake, "branch", "create", "dev")
    ok(lake, "ingest", write(tmp_path, "twice.csv", TWICE), "--into", "bronze.people", "--branch", "dev")
    audit = lagoa(lake, "audit", "dev", "--failed", "--rows")
    assert audit.code == 3
    assert "cannot be published" in audit.err
    assert "failed" in audit.out
    lines = audit.out.splitlines()
    (failed,) = {line for line in lines if line.startswith("failed ")}
    assert failed.startswith("failed bronze.people/key/id: 1 row that repeats the id of another row; 1 came in several")
    assert "remove primaryKey from its contract, and keep the latest row of each in a model (expected = 0)" in failed
    assert lines[0] == lines[-2] == failed, "first, and last behind the rows"
    assert "Zoe" not in audit.out
    assert "•••" in audit.out
    assert "Personal data is masked" in audit.err
    assert "Zoe" in lagoa(lake, "audit", "dev", "--rows", "--personal").out
    grouped = lagoa(lake, "audit", "dev").out.splitlines()
    assert grouped[0] == grouped[-2] == failed
    assert "bronze.people" in grouped[2]
    assert grouped[2].endswith("3 of 4 passed"), grouped
    every = lagoa(lake, "audit", "dev", "--all").out
    assert "bronze.people/schema" in every
    assert "bronze.people/schema" not in "".join(grouped)
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
    assert [row["name"] for row in told["rows"]["bronze.people/key/id"]] == ["•••", "•••"]
    assert ok(lake, "audit", "show", told["receipt"][:10], "--json").json()["commit"] == told["commit"]
    assert lagoa(lake, "audit", "show", "dev", "--check", "nosuch").code == 1

    (published,) = ok(lake, "audit", "history", "bronze.people/key/id", "--json").json()
    assert (published["outcome"], published["commit"]) == ("passed", ok(lake, "log", "--json").json()[0]["commit"])
    every = ok(lake, "audit", "history", "bronze.people/key/id", "--all")
    assert [line.split()[5] for line in every.out.splitlines()[1:]] == ["failed", "passed"]
    assert "not published" in every.out.splitlines()[1]
    assert lagoa(lake, "audit", "history", "nosuch").code == 1

    page = tmp_path / "report.html"
    assert "is written" in ok(lake, "report", "dev", "-o", page).out
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
