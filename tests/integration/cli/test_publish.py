"""`lagoa publish`."""

from __future__ import annotations

import json

from command_line import MORE, lagoa, ok, write


def changed_twice(lake, tmp_path):
    """Let two branches load rows, and publish the first."""
    for name, text in (("one", MORE), ("two", MORE.replace("4,", "8,").replace("5,", "9,"))):
        ok(lake, "branch", "create", name)
        ok(lake, "ingest", write(tmp_path, f"{name}.csv", text), "--into", "bronze.people", "--branch", name)
    ok(lake, "publish", "one")


def test_a_conflict_ends_with_4(lake, tmp_path):
    changed_twice(lake, tmp_path)
    conflict = lagoa(lake, "publish", "two", "--no-rebase")
    assert conflict.code == 4
    assert "bronze.people" in conflict.err


def test_a_branch_behind_main_is_rebased_and_published(lake, tmp_path):
    changed_twice(lake, tmp_path)
    before = ok(lake, "publish", "two", "--dry-run")
    assert "two would be rebased first" in before.out
    assert "Next: `lagoa rebase two`" in ok(lake, "review", "two").err
    assert "Next: `lagoa rebase two`, which publishing would do first" in ok(lake, "approve", "two").err
    assert ok(lake, "publish", "two", "--dry-run", "--json").json()["rebase"]["commit"] is None
    assert lagoa(lake, "publish", "two", "--dry-run", "--no-rebase").code == 4
    planned = ok(lake, "rebase", "two", "--dry-run")
    assert "1 write done again on main's state" in planned.out
    told = json.loads(ok(lake, "rebase", "two", "--json").out)
    assert told["tables"] == {"bronze.people": {"how": "replayed", "writes": 1, "dropped": []}}
    assert told["onto"] == json.loads(ok(lake, "log", "--json").out)[0]["commit"]
    assert "two has all of main" in ok(lake, "rebase", "two").out
    ok(lake, "publish", "two")
    assert ok(lake, "sql", "select count(*) from bronze.people where id in (4, 5, 8, 9)").out.split()[-1] == "4"


def test_whose_state_of_a_table_stays_can_be_said(lake, tmp_path):
    changed_twice(lake, tmp_path)
    assert "as it is on main" in ok(lake, "rebase", "two", "--theirs", "bronze.people").out
    wrong = lagoa(lake, "rebase", "two", "--ours", "bronze.people")
    assert "two has all of main" in wrong.out
