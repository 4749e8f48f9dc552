"""`lagoa branch`."""

from __future__ import annotations

from command_line import MORE, lagoa, ok, write


def test_branches(lake):
    assert "dev begins at main" in ok(lake, "branch", "create", "dev").out
    ok(lake, "branch", "create", "old", "--from", "main~1")
    assert {b["name"]: b["behind"] for b in ok(lake, "branch", "list", "--json").json()} == {
        "main": 0,
        "dev": 0,
        "old": 1,
    }
    assert lagoa(lake, "branch", "create", "dev").code == 1
    kept = lagoa(lake, "branch", "delete", "main")
    assert (kept.code, kept.err.splitlines()[0]) == (1, "Error: 'main' cannot be deleted.")
    assert lagoa(lake, "branch", "delete", "dev", "nobody").code == 1
    assert len(ok(lake, "branch", "list", "--json").json()) == 3
    assert ok(lake, "branch", "delete", "dev", "old").out.startswith("Deleted dev, which was at ")
    assert len(ok(lake, "branch", "list", "--json").json()) == 1


def test_branches_that_main_has_are_deleted_together(lake, tmp_path):
    ok(lake, "branch", "create", "merged")
    ok(lake, "branch", "create", "old", "--from", "main~1")
    ok(lake, "branch", "create", "run/daily/now")
    ok(lake, "branch", "create", "work")
    ok(lake, "ingest", write(tmp_path, "more.csv", MORE), "--into", "bronze.people", "--branch", "work")
    tried = ok(lake, "branch", "delete", "--merged", "--dry-run")
    assert {line.split()[0] for line in tried.out.splitlines()[1:]} == {"merged", "old"}
    unasked = lagoa(lake, "branch", "delete", "--merged")
    assert (unasked.code, "--yes" in unasked.err) == (2, True)
    assert len(ok(lake, "branch", "list", "--json").json()) == 5
    done = ok(lake, "branch", "delete", "--merged", "--yes")
    assert "Deleted merged, which was at" in done.out
    assert {b["name"] for b in ok(lake, "branch", "list", "--json").json()} == {"main", "work", "run/daily/now"}
    nothing, left = ok(lake, "branch", "delete", "--merged", "--yes").err.splitlines()
    assert nothing == "No branch is deleted."
    assert left.startswith("Left alone: 1 branch of a run that began less than a day ago and may go on. ")
    ok(lake, "branch", "delete", "run/daily/now", "--yes")
    assert "There is no branch of which" in ok(lake, "branch", "delete", "--merged", "--yes").err
    ok(lake, "publish", "work")
    assert "work" in ok(lake, "branch", "delete", "--merged", "--dry-run").out
    for wrong in ((), ("work", "--merged"), ("work", "--dry-run")):
        assert lagoa(lake, "branch", "delete", *wrong).code == 2
