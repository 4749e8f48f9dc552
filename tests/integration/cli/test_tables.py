"""`lagoa tables` and `lagoa show`."""

from __future__ import annotations

from command_line import lagoa, ok


def test_tables_and_show(loaded):
    (table,) = ok(loaded, "tables", "--json").json()
    assert (table["table"], table["rows"], table["files"]) == ("bronze.people", 3, 1)
    assert ok(loaded, "tables").out.splitlines()[1].split()[:3] == ["bronze.people", "3", "1"]
    shown = ok(loaded, "show", "bronze.people", "--json").json()
    assert [column["name"] for column in shown["columns"]][:4] == ["id", "name", "city", "born"]
    assert shown["contract"]["key"] == ["id"]
    assert shown["snapshots"][0]["added"] == 3
    text = ok(loaded, "show", "bronze.people").out
    assert "3 rows in 1 file" in text
    assert "people.odcs.yaml" in text
    assert lagoa(loaded, "show", "bronze.nobody").code == 1
