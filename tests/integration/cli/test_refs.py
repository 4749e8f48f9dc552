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
        ok(lake, kind, "create", f"{kind}-then", "--at", at)
        assert counted(lake, f"{kind}-then") == 3
    for arguments in (("tables", "main*2999-01-01"), ("sql", "select 1", "--ref", "main*tomorrow")):
        wrong = lagoa(lake, *arguments)
        assert (wrong.code, "Traceback" in wrong.err) == (1, False)
