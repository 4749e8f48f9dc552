"""`lagoa plan` and `lagoa publish --dry-run`: they say what would be done, and do nothing."""

from __future__ import annotations

import json

import pytest
from command_line import MORE, in_terminal, lagoa, ok, write

SILVER = "select id, name, city, born from bronze.people"
GOLD = "select city, count(*) as people from silver.people group by city"


@pytest.fixture
def lake(lake):
    """A lake with two models, the second of which reads the first."""
    contract = (lake / "iceberg" / "bronze" / "people.odcs.yaml").read_text("utf-8")
    silver = contract.replace("bronze", "silver").partition("    customProperties")[0]
    silver += "    customProperties:\n      - {property: lagoa.materialization, value: full}\n"
    model(lake, "silver", "people", SILVER, silver)
    gold = (
        "apiVersion: v3.2.0\nkind: DataContract\nid: gold.cities\nname: gold.cities\nversion: 1.0.0\nstatus: active\n"
        "schema:\n  - name: cities\n    physicalName: gold.cities\n    physicalType: table\n    properties:\n"
        "      - {name: city, logicalType: string, physicalType: string}\n"
        "      - {name: people, logicalType: integer, physicalType: long}\n"
        "    customProperties:\n      - {property: lagoa.materialization, value: full}\n"
    )
    model(lake, "gold", "cities", GOLD, gold)
    return lake


def model(lake, layer, name, sql, contract=None):
    for folder, file, text in (("iceberg", f"{name}.odcs.yaml", contract), ("transformations", f"{name}.sql", sql)):
        if text:
            (lake / folder / layer).mkdir(parents=True, exist_ok=True)
            write(lake / folder / layer, file, text)


def reasons(lake, *arguments):
    return {each["table"]: each["reasons"] for each in ok(lake, "plan", *arguments, "--json").json()["models"]}


def test_each_model_says_why_it_runs(lake, tmp_path):
    assert reasons(lake) == {
        "silver.people": ["it is not there yet"],
        "gold.cities": ["it is not there yet"],
    }
    assert list(reasons(lake, "--select", "silver.people")) == ["silver.people"]
    ok(lake, "transform")
    assert reasons(lake) == {}
    assert "Nothing would change at main" in ok(lake, "plan").out

    more = write(tmp_path, "more.csv", MORE)
    planned = ok(lake, "plan", more, "--into", "bronze.people", "--json").json()
    assert [each["state"] for each in planned["files"]] == ["new"]
    assert {each["table"]: each["reasons"] for each in planned["models"]} == {
        "silver.people": ["bronze.people gets new rows"],
        "gold.cities": ["silver.people is built again"],
    }
    assert planned["checks"]["bronze.people"] > 0
    assert planned["checks"].keys() >= {"bronze.people", "silver.people", "gold.cities"}

    ok(lake, "ingest", more, "--into", "bronze.people")
    again = ok(lake, "plan", more, "--into", "bronze.people", "--json").json()
    assert [each["state"] for each in again["files"]] == ["loaded before"]
    assert reasons(lake) == {
        "silver.people": ["bronze.people has changed"],
        "gold.cities": ["silver.people is built again"],
    }
    ok(lake, "transform")

    model(lake, "gold", "cities", GOLD.replace("count(*)", "count(id)"))
    assert reasons(lake) == {"gold.cities": ["its SQL has changed"]}
    model(lake, "gold", "cities", GOLD)
    contract = lake / "iceberg" / "silver" / "people.odcs.yaml"
    contract.write_text(contract.read_text("utf-8").replace("version: 0.1.0", "version: 0.2.0"), "utf-8")
    assert reasons(lake)["silver.people"] == ["its contract has changed"]


def test_a_plan_fits_a_terminal_and_does_nothing(lake, tmp_path):
    folder = tmp_path / "delivery"
    folder.mkdir()
    write(folder, "people.csv", MORE)
    write(folder, "notes.md", "no data")
    before = ok(lake, "log", "--json").out
    lines = in_terminal(lake, "plan", folder, "--ignore", "*.md")
    assert max(map(len, lines[: lines.index("")])) <= 80
    shown = " ".join(lines)
    assert "people.csv" in shown
    assert "Files: 2 found, 1 new, 1 ignored (notes.md)." in shown
    assert "Models: 2 of 2 would run." in shown
    assert "Next: `lagoa ingest" in shown
    assert ok(lake, "log", "--json").out == before


def test_wrong_uses_and_files_that_nobody_names(lake, tmp_path):
    folder = tmp_path / "delivery"
    folder.mkdir()
    file = write(folder, "other.csv", MORE)
    assert "no contract names" in lagoa(lake, "plan", folder).err
    for arguments in ([file], [folder, "--into", "bronze.people"], ["--into", "bronze.people"], [tmp_path / "none"]):
        assert lagoa(lake, "plan", *arguments).code == 2


def test_a_dry_run_of_a_publication(lake, tmp_path):
    ok(lake, "branch", "create", "dev")
    assert "Nothing to publish" in ok(lake, "publish", "dev", "--dry-run").out
    assert json.loads(ok(lake, "publish", "dev", "--dry-run", "--json").out) is None
    ok(lake, "ingest", write(tmp_path, "more.csv", MORE), "--into", "bronze.people", "--branch", "dev")
    planned = ok(lake, "publish", "dev", "--dry-run", "--json").json()
    assert planned["tables"]["bronze.people"] == {"before": 3, "after": 5}
    assert planned["checks"]["due"]
    shown = ok(lake, "publish", "dev", "--dry-run")
    assert "Nothing was done" in shown.err
    ok(lake, "audit", "dev")
    audited = ok(lake, "publish", "dev", "--dry-run", "--json").json()["checks"]
    assert audited["due"] == []
    assert audited["known"] == planned["checks"]["known"] + len(planned["checks"]["due"])
    assert ok(lake, "publish", "dev").out
    assert "Nothing to publish" in ok(lake, "publish", "dev", "--dry-run").out


def test_a_dry_run_names_a_conflict(lake, tmp_path):
    for name, text in (("one", MORE), ("two", MORE.replace("4,", "8,").replace("5,", "9,"))):
        ok(lake, "branch", "create", name)
        ok(lake, "ingest", write(tmp_path, f"{name}.csv", text), "--into", "bronze.people", "--branch", name)
    ok(lake, "publish", "one")
    assert lagoa(lake, "publish", "two", "--dry-run", "--no-rebase").code == 4


def test_engines_are_shown_with_the_size_of_the_inputs(lake):
    shown = ok(lake, "plan", "--engine", "spark").out
    assert [word for line in shown.splitlines()[:3] for word in line.split() if word in {"on", "spark", "KiB"}]
    planned = ok(lake, "plan", "--engine", "auto", "--json").json()["models"]  # no lake in a folder is read by Spark
    assert {each["engine"] for each in planned} == {"duckdb"}
    assert max(each["input_bytes"] for each in planned) > 100
    assert "check file of" not in shown  # this lake has none
    failed = lagoa(lake, "transform", "--engine", "spark")
    assert failed.code == 1
    assert "cannot read a SQLite catalog" in failed.err
    assert "spark" not in ok(lake, "plan").out
