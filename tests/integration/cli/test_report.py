"""`lagoa report`."""

from __future__ import annotations

from contextlib import chdir

from command_line import lagoa, ok


def test_a_report_is_one_page_called_after_its_commit_unless_named(loaded, tmp_path):
    commit = ok(loaded, "log", "-n", 1, "--json").json()[0]["commit"]
    with chdir(tmp_path):
        done = ok(loaded, "report")
    assert done.out.startswith(f"audit-{commit[:12]}.html is written: the audit of the publication of ")
    assert "--personal shows it" in done.err
    assert "bronze.people" in (tmp_path / f"audit-{commit[:12]}.html").read_text("utf-8")
    assert ok(loaded, "report", "main", "--personal", "-o", tmp_path / "all.html").err == ""
    assert lagoa(loaded, "report", "no-such").code == 1
