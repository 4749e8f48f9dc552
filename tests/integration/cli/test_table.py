"""`lagoa table`."""

from __future__ import annotations

from command_line import MORE, WRONG, counted, lagoa, ok, write


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


def test_table_drop(lake, tmp_path):
    assert lagoa(lake, "ingest", write(tmp_path, "wrong.csv", WRONG), "--into", "bronze.people").code == 3
    assert lagoa(lake, "table", "drop", "bronze.people").code == 2, "nobody can be asked"
    missing = lagoa(lake, "table", "drop", "bronze.peple", "--yes")
    assert (missing.code, "Did you mean 'bronze.people'?" in missing.err) == (1, True)

    ok(lake, "branch", "create", "dev")
    told = ok(lake, "table", "drop", "bronze.people", "--branch", "dev", "--json").json()
    assert told == {"branch": "dev", "tables": [{"table": "bronze.people", "read_by": []}], "publication": None}
    assert ok(lake, "tables", "dev", "--json").json() == []
    assert counted(lake) == 3, "main is as it was"

    done = ok(lake, "table", "drop", "bronze.people", "--yes")
    assert "bronze.people is dropped on run/drop/" in done.out
    assert "main is now at" in done.out
    assert "iceberg/bronze/people.odcs.yaml: remove it" in done.err
    assert ok(lake, "tables", "--json").json() == []
    back = next(line for line in done.err.splitlines() if "brings it back" in line).split("`")[1]
    ok(lake, *back.split()[1:])
    assert counted(lake) == 3


def test_a_table_is_dropped_with_its_quarantine_and_its_readers_are_named(lake, tmp_path):
    silver = "    customProperties:\n      - {property: lagoa.materialization, value: full}\n"
    contract = (lake / "iceberg" / "bronze" / "people.odcs.yaml").read_text("utf-8")
    for place in ("iceberg", "transformations"):
        (lake / place / "silver").mkdir()
    silver = contract.replace("bronze", "silver").partition("    customProperties")[0] + silver
    write(lake / "iceberg" / "silver", "people.odcs.yaml", silver)
    write(lake / "transformations" / "silver", "people.sql", "select id, name, city, born from bronze.people")
    ok(lake, "branch", "create", "dev")
    ok(lake, "ingest", write(tmp_path, "wrong.csv", WRONG), "--into", "bronze.people", "--branch", "dev")
    refused = lagoa(lake, "table", "drop", "quarantine.bronze__people", "--branch", "dev")
    assert "a quarantine is dropped with its table" in refused.err
    done = ok(lake, "table", "drop", "bronze.people", "--branch", "dev")
    assert "bronze.people is read by 1 model: silver.people" in done.err
    assert ok(lake, "tables", "dev", "--json").json() == []
    assert ok(lake, "diff", "dev", "--json").json()["tables"][0]["kind"] == "removed"
    assert lagoa(lake, "table", "drop", "bronze.people", "--branch", "main").code == 1
