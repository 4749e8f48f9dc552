"""Refs of every form, as every command takes them."""

from __future__ import annotations

from command_line import MORE, PEOPLE, WRONG, counted, lagoa, ok, write


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
        ok(lake, kind, "create", f"{kind}-then", "--from", at)
        assert counted(lake, f"{kind}-then") == 3
    for arguments in (("tables", "main*2999-01-01"), ("sql", "select 1", "--ref", "main*tomorrow")):
        wrong = lagoa(lake, *arguments)
        assert (wrong.code, "Traceback" in wrong.err) == (1, False)


def test_a_ref_or_branch_may_be_an_option_or_stand_behind_the_command(lake, tmp_path):
    ok(lake, "branch", "create", "dev")
    ok(lake, "ingest", write(tmp_path, "more.csv", MORE), "--into", "bronze.people", "--branch", "dev")
    for command in (("tables",), ("log",), ("audit", "show")):
        if command == ("audit", "show"):
            ok(lake, "audit", "dev")
        assert ok(lake, *command, "--ref", "dev", "--json").json() == ok(lake, *command, "dev", "--json").json()
    assert ok(lake, "audit", "--ref", "dev", "--json").json()["ref"] == "dev"
    assert ok(lake, "transform", "--branch", "dev", "--json").json()["branch"] == "dev"
    page, waiting = tmp_path / "dev.html", tmp_path / "waiting.csv"
    assert "the audit of dev" in ok(lake, "report", "--ref", "dev", "-o", page).out
    ok(lake, "quarantine", "export", "bronze.people", "--output", waiting, "--ref", "dev")
    assert waiting.is_file()


def test_both_of_an_argument_and_its_option_are_one_too_many(loaded, tmp_path):
    for arguments in (
        ("tables", "main", "--ref", "main"),
        ("log", "main", "--ref", "main"),
        ("audit", "main", "--ref", "main"),
        ("audit", "show", "main", "--ref", "main"),
        ("report", "main", "--ref", "main"),
        ("transform", "dev", "--branch", "dev"),
        ("quarantine", "export", "bronze.people", tmp_path / "a.csv", "-o", tmp_path / "b.csv"),
    ):
        done = lagoa(loaded, *arguments)
        assert (done.code, "given twice" in done.err) == (2, True), arguments
    assert lagoa(loaded, "audit", "run").code == 2
    assert lagoa(loaded, "quarantine", "export", "bronze.people").code == 2
