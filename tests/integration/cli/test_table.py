"""`lagoa table`."""

from __future__ import annotations

from command_line import MORE, counted, lagoa, ok, write


def test_table_restore(lake, tmp_path):
    ok(lake, "ingest", write(tmp_path, "more.csv", MORE), "--into", "bronze.people")
    done = ok(lake, "table", "restore", "bronze.people", "--from", "main~1")
    assert done.out.startswith("bronze.people is restored to main~1.")
    assert "1 batch is no longer in the table" in done.err
    assert counted(lake, "main") == 3
    again = ok(lake, "table", "restore", "bronze.people", "--from", "main", "--json").json()
    assert (again["tables"][0]["changed"], again["publication"]) == (False, None)
    assert lagoa(lake, "table", "restore", "bronze.nothing", "--from", "main~1").code == 1
    assert lagoa(lake, "table", "restore", "bronze.people").code == 2
