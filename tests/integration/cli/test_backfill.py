"""`lagoa backfill`."""

from __future__ import annotations

from command_line import MORE, lagoa, ok, write


def test_backfill_builds_again_what_is_asked_for(lake, tmp_path):
    silver = (lake / "iceberg/bronze/people.odcs.yaml").read_text("utf-8").replace("bronze", "silver")
    silver = silver[: silver.index("    customProperties:")] + (
        "    customProperties:\n      - {property: lagoa.materialization, value: incremental}\n"
        "      - property: lagoa.incremental\n"
        "        value: {by: time, column: born, grain: year, inputs: {bronze.people: born}}\n"
        "team: {name: test}\n"
    )
    (lake / "iceberg/silver").mkdir()
    (lake / "transformations/silver").mkdir()
    write(lake / "iceberg/silver", "people.odcs.yaml", silver)
    write(lake / "transformations/silver", "people.sql", "select id, name, city, born from bronze.people")
    assert "full: there is no table yet" in ok(lake, "transform").out
    ok(lake, "ingest", write(tmp_path, "more.csv", MORE), "--into", "bronze.people")
    ok(lake, "branch", "create", "dev")
    assert "incremental: 2, 1970 … 1971" in ok(lake, "transform", "dev").out
    told = ok(
        lake, "backfill", "silver.people", "--since", "1985", "--until", "1991-01-01", "--branch", "dev", "--json"
    ).json()
    assert told["publication"] is None
    (built,) = told["tables"]
    assert (built["how"], built["increments"], built["rows"]) == ("incremental", ["1985", "1990"], 2)
    assert "full: it was requested" in ok(lake, "backfill", "silver.people").out
    refused = lagoa(lake, "backfill", "silver.people", "--since", "1985-02")
    assert refused.code == 1
    assert "the start of a year" in refused.err
    assert lagoa(lake, "backfill", "silver.people", "--since", "1985", "--batch", "b").code == 2
