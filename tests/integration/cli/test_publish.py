"""`lagoa publish`."""

from __future__ import annotations

from command_line import MORE, lagoa, ok, write


def test_a_conflict_ends_with_4(lake, tmp_path):
    for name, text in (("one", MORE), ("two", MORE.replace("4,", "8,").replace("5,", "9,"))):
        ok(lake, "branch", "create", name)
        ok(lake, "ingest", write(tmp_path, f"{name}.csv", text), "--into", "bronze.people", "--branch", name)
    ok(lake, "publish", "one")
    conflict = lagoa(lake, "publish", "two")
    assert conflict.code == 4
    assert "bronze.people" in conflict.err
