"""`lagoa review`: a branch as text, JSON, Markdown and a page."""

from __future__ import annotations

from command_line import MORE, WRONG, lagoa, ok, write


def _changed(lake, tmp_path, text=MORE):
    ok(lake, "branch", "create", "dev")
    ok(lake, "ingest", write(tmp_path, "more.csv", text), "--into", "bronze.people", "--branch", "dev")


def test_a_branch_is_reviewed_as_text_and_nothing_is_done(lake, tmp_path):
    _changed(lake, tmp_path)
    head = ok(lake, "log", "main", "--json").json()[0]["commit"]
    done = ok(lake, "review", "dev")
    assert "1 commit by" in done.out
    assert "2 rows added, 0 changed, 0 removed" in done.out
    assert "bronze.people" in done.out
    assert "all checks passed" in done.out
    assert "Next: `lagoa publish dev`" in done.err
    assert ok(lake, "log", "main", "--json").json()[0]["commit"] == head


def test_json_has_everything(lake, tmp_path):
    _changed(lake, tmp_path)
    found = ok(lake, "review", "dev", "--json").json()
    assert found.keys() == {
        "branch", "head", "main", "base", "refused", "rebase", "verdict", "commits", "commit_count", "authors",
        "breaking", "tables", "checks", "kpis", "downstream", "problems", "approval", "reviewed_at", "seconds",
    }  # fmt: skip
    (table,) = found["tables"]
    assert (table["table"], table["kind"]) == ("bronze.people", "changed")
    assert (table["rows_before"], table["rows_after"]) == (3, 5)
    assert (table["rows_added"], len(table["samples"])) == (2, 2)
    assert found["checks"]["unknown"] == []
    assert found["refused"] is None
    assert [each["author"] for each in found["commits"]] == found["authors"]


def test_markdown_is_printed_and_a_page_is_written(lake, tmp_path):
    _changed(lake, tmp_path)
    assert ok(lake, "review", "dev", "--markdown").out.startswith("## Review of `dev`\n")
    done = ok(lake, "review", "dev", "--html", tmp_path / "page.html")
    assert "page.html is written." in done.err
    assert (tmp_path / "page.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    assert lagoa(lake, "review", "dev", "--markdown", "--json").code == 2


def test_results_of_checks_that_are_not_known_are_not_run_for_it(lake, tmp_path):
    _changed(lake, tmp_path)
    found = ok(lake, "review", "dev", "--no-audit", "--json").json()
    assert found["checks"]["unknown"]
    assert "not run yet" in ok(lake, "review", "dev", "--no-audit").out


def test_checks_that_fail_are_named(lake, tmp_path):
    _changed(lake, tmp_path, WRONG)
    done = ok(lake, "review", "dev")
    assert "bronze.people/quarantine_share" in done.out
    assert "would be refused: 1 check failed" in done.out
    assert "Next: `lagoa audit dev`" in done.err


def test_nothing_to_review_and_no_such_branch(lake):
    ok(lake, "branch", "create", "dev")
    assert ok(lake, "review", "dev").out == "Nothing to review: main has all of dev.\n"
    assert ok(lake, "review", "dev", "--json").json() is None
    assert lagoa(lake, "review", "nosuch").code == 1
    assert "main" in lagoa(lake, "review", "main").err
