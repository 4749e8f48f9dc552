"""`lagoa transform`."""

from __future__ import annotations

from command_line import MORE, lagoa, ok, write
from documentation import blocks


def test_transform_builds_what_is_stale(lake):
    contract = (lake / "iceberg" / "bronze" / "people.odcs.yaml").read_text("utf-8")
    silver = contract.replace("bronze", "silver").partition("    customProperties")[0]
    silver += "    customProperties:\n      - {property: lagoa.materialization, value: full}\n"
    (lake / "iceberg" / "silver").mkdir()
    write(lake / "iceberg" / "silver", "people.odcs.yaml", silver)
    (lake / "transformations" / "silver").mkdir()
    model = write(lake / "transformations" / "silver", "people.sql", "select id, name, city, born from bronze.people")
    assert ok(lake, "check", "--json").json()["models"] == 1
    assert ok(lake, "status", "--json").json()["models"]["stale"] == ["silver.people"]
    assert "1 stale: silver.people" in ok(lake, "status").out

    done = ok(lake, "transform")
    assert done.out.splitlines()[1].split()[:2] == ["silver.people", "3"]
    assert ok(lake, "sql", "select count(*) from silver.people", "--json").json()["rows"] == [[3]]
    assert "up to date" in ok(lake, "transform").err
    ok(lake, "branch", "create", "dev")
    told = ok(lake, "transform", "dev", "--select", "silver.people", "--json").json()
    assert told["publication"] is None
    assert [table["skipped"] for table in told["tables"]] == [True]

    more = write(lake.parent, "more.csv", MORE)
    assert "Next: `lagoa transform` runs" in ok(lake, "ingest", more, "--into", "bronze.people").err
    assert "Next:" not in ok(lake, "ingest", more, "--into", "bronze.people").err  # nothing new

    model.write_text("select id, nam from bronze.people", "utf-8")
    wrong = lagoa(lake, "check")
    assert wrong.code == 1
    assert "people.sql:1" in wrong.out
    assert "people.sql:1" in ok(lake, "status").out


def test_the_model_of_getting_started_works(lake):
    (model,), (tests,) = (
        [each for each in blocks("getting-started.md") if each.language == kind] for kind in ("sql", "yaml")
    )
    for path, block in (("silver/adults.sql", model), ("tests/silver/adults.yaml", tests)):
        (lake / "transformations" / path).parent.mkdir(parents=True)
        (lake / "transformations" / path).write_text(block.text, "utf-8")
    ok(lake, "contract", "infer", "--model", "silver.adults")
    assert "2 contracts, 1 model" in ok(lake, "check").out
    assert "1 test of 1 model: all passed" in ok(lake, "test").out
    assert "silver.adults" in ok(lake, "transform").out
    assert ok(lake, "sql", "select count(*) from silver.adults", "--json").json()["rows"] == [[3]]
