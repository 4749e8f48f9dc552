"""`lagoa maintain`."""

from __future__ import annotations

from command_line import counted, lagoa, ok, write


def test_small_files_become_one_and_the_rows_stay(lake, tmp_path):
    for number in range(4, 9):
        rows = f"id,name,born\n{number},Eva,1990-05-17\n"
        ok(lake, "ingest", write(tmp_path, f"{number}.csv", rows), "--into", "bronze.people")
    rows = ok(lake, "sql", "select * from bronze.people order by all", "--json").json()
    due = ok(lake, "maintain", "--dry-run", "--json").json()
    assert [(each["table"], each["state"], each["rewritten"]) for each in due["tables"]] == [
        ("bronze.people", "due", 6)
    ]
    assert due["publication"] is None
    assert "Next: `lagoa maintain`" in ok(lake, "maintain", "--dry-run").err
    done = ok(lake, "maintain", "bronze.people")
    assert "now 1, with the same rows" in done.out
    assert "main is now at" in done.out
    assert ok(lake, "sql", "select * from bronze.people order by all", "--json").json() == rows
    assert counted(lake) == 8
    assert ok(lake, "maintain").out == "No table has files to rewrite.\n"


def test_a_table_that_is_not_there_is_named(lake):
    refused = lagoa(lake, "maintain", "bronze.peple")
    assert refused.code == 1
    assert "bronze.people" in refused.err
