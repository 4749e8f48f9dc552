"""`lagoa table`."""

from __future__ import annotations

import pyarrow as pa
from command_line import MORE, WRONG, counted, lagoa, ok, write
from lakes import LakeFolder


def test_table_restore(lake, tmp_path):
    ok(lake, "ingest", write(tmp_path, "more.csv", MORE), "--into", "bronze.people")
    done = ok(lake, "table", "restore", "bronze.people", "--from", "main~1")
    assert done.out.startswith("bronze.people is restored to main~1.")
    assert "1 batch is no longer in the table" in done.err
    assert counted(lake, "main") == 3
    again = ok(lake, "table", "restore", "bronze.people", "bronze.people", "--from", "main", "--json").json()
    assert ([each["changed"] for each in again["tables"]], again["publication"]) == ([False], None)
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


def test_table_blame(lake, tmp_path):
    changed = MORE.replace("4,Ann,Köln", "4,Anna Maria,Köln")
    ok(lake, "ingest", write(tmp_path, "more.csv", MORE), "--into", "bronze.people")
    ok(lake, "branch", "create", "dev")
    ok(lake, "table", "drop", "bronze.people", "--branch", "dev")
    ok(lake, "ingest", write(tmp_path, "changed.csv", changed), "--into", "bronze.people", "--branch", "dev")
    ok(lake, "publish", "dev", "-m", "The names in full")

    shown = ok(lake, "table", "blame", "bronze.people", "--key", "4", "--personal")
    first, empty, heading, newest, oldest = shown.out.splitlines()
    commits = [each["commit"] for each in ok(lake, "log", "--json").json()]
    assert (first, empty) == (f"bronze.people at main ({commits[0][:12]}): id = 4", "")
    assert heading.split()[:6] == ["commit", "time", "row", "author", "how", "batch"]
    assert newest.startswith(commits[0][:12])
    assert "drop + append" in newest
    assert "name: Ann -> Anna Maria" in newest
    assert newest.endswith("The names in full")
    assert oldest.startswith(commits[1][:12])
    assert "added" in oldest
    assert "--all looks further back" in shown.err

    found = ok(lake, "table", "blame", "bronze.people", "--key", "id=4", "--json", "--personal").json()
    assert (found["table"], found["ref"], found["key"], found["more"]) == ("bronze.people", "main", {"id": 4}, False)
    assert [each["kind"] for each in found["writes"]] == ["changed", "added"]
    assert found["writes"][0]["columns"] == ["name"]
    assert (found["writes"][0]["before"]["name"], found["writes"][0]["after"]["name"]) == ("Ann", "Anna Maria")
    assert ok(lake, "table", "blame", "bronze.people", "--key", "4", "-n", "1", "--json").json()["more"] is True
    limited = ok(lake, "table", "blame", "bronze.people", "--key", "4", "-n", "1")
    assert "There are older ones: --limit 5." in limited.err
    assert "another writer" not in shown.out

    for key, reason in (
        ("9", "no row with id = 9 in any of the 3 states at 'main'"),
        ("x", "the key column 'id' is of type long, and the value is no whole number"),
        ("name=Ann", "'name' is no column of its key"),
    ):
        refused = lagoa(lake, "table", "blame", "bronze.people", "--key", key)
        assert (refused.code, reason in refused.err) == (1, True), refused.err
    twice = lagoa(lake, "table", "blame", "bronze.people", "--key", "id=1", "--key", "id=2")
    assert (twice.code, "given twice" in twice.err) == (1, True)
    unnamed = lagoa(lake, "table", "blame", "bronze.people", "--key", "id=1", "--key", "2")
    assert (unnamed.code, "'2' names no column of the key" in unnamed.err) == (1, True)
    assert lagoa(lake, "table", "blame", "bronze.people").code == 2
    missing = lagoa(lake, "table", "blame", "bronze.peple", "--key", "1")
    assert (missing.code, "Did you mean 'bronze.people'?" in missing.err) == (1, True)


def test_a_key_of_several_columns_and_personal_values(tmp_path):
    folder = LakeFolder(tmp_path / "lake")
    columns = {
        "place": {"physicalType": "string*"},
        "cpf": {"physicalType": "string*", "classification": "personal"},
        "age": {"physicalType": "long", "classification": "personal"},
    }
    folder.contract("silver.people", columns)
    with folder.open() as opened:
        branch = opened.create_branch("dev")
        schema = pa.schema([("place", pa.string()), ("cpf", pa.string()), ("age", pa.int64())])
        for age in (1, 2):
            row = {"place": "Belém, PA", "cpf": "529", "age": age}
            branch.merge("silver.people", pa.Table.from_pylist([row], schema))
    for key in (["place=Belém, PA,cpf=529"], ["cpf=529", "place=Belém, PA"], ["cpf=529,place=Belém, PA"]):
        options = [part for each in key for part in ("--key", each)]
        hidden = ok(folder.root, "table", "blame", "silver.people", *options, "--ref", "dev")
        assert "place = Belém, PA, cpf = •••" in hidden.out
        assert "age: ••• -> •••" in hidden.out
        assert "--personal shows them" in hidden.err
        shown = ok(folder.root, "table", "blame", "silver.people", *options, "--ref", "dev", "--personal")
        assert ("age: 1 -> 2" in shown.out, "cpf = 529" in shown.out) == (True, True)
    assert lagoa(folder.root, "table", "blame", "silver.people", "--key", "Belém", "--ref", "dev").code == 1
    lacking = lagoa(folder.root, "table", "blame", "silver.people", "--key", "cpf=529", "--ref", "dev")
    assert "the key lacks place" in lacking.err


def test_table_advise(lake):
    none = ok(lake, "table", "advise", "bronze.people")
    assert "0 queries in 90 days" in none.out
    assert "Queries are logged on this machine" in none.err
    ok(lake, "sql", "SELECT name FROM bronze.people WHERE id = 1")
    done = ok(lake, "table", "advise", "bronze.people", "--days", "1")
    assert "1 query in 1 day" in done.out
    assert "No partition, order or bloom filter would make them read much less." in done.err
    told = ok(lake, "table", "advise", "bronze.people", "--json").json()
    assert (told["queries"], told["columns"]["id"]["equal"], told["proposals"]) == (1, 1, [])
    assert lagoa(lake, "table", "advise", "bronze.peple").code == 1
    assert lagoa(lake, "table", "advise", "bronze.people", "--days", "0").code == 2
