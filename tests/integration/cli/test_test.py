"""`lagoa test`."""

from __future__ import annotations

from command_line import lagoa, ok, write


def test_tests_of_models_say_what_differs(lake):
    assert "the lake has no models" in lagoa(lake, "test", "silver.people").err.replace("\n", " ")
    contract = (lake / "iceberg" / "bronze" / "people.odcs.yaml").read_text("utf-8")
    contract = contract.replace("bronze", "silver").split("      - property: lagoa.source")[0]
    (lake / "iceberg" / "silver").mkdir()
    contract += "      - {property: lagoa.materialization, value: full}\n"
    write(lake / "iceberg" / "silver", "people.odcs.yaml", contract)
    (lake / "transformations" / "silver").mkdir()
    write(
        lake / "transformations" / "silver",
        "people.sql",
        "select id, trim(name) as name, city, born from bronze.people",
    )
    untested = ok(lake, "test")
    assert (untested.out, untested.err) == ("", "Without a test: silver.people.\n")
    assert lagoa(lake, "test", "--require-tests").code == 1

    rows = "[{id: 1, name: ' Ann ', city: Rio, born: 1990-01-01}]"
    test = f"tests:\n  - name: blanks go\n    given: {{bronze.people: {rows}}}\n    expect: [{{id: 1, name: Ann}}]\n"
    folder = lake / "transformations" / "tests" / "silver"
    folder.mkdir(parents=True)
    file = write(folder, "people.yaml", test)
    assert ok(lake, "test", "silver.people", "--require-tests").out.splitlines()[1].split("  ")[-1].strip() == "passed"
    file.write_text(
        test.replace("name: Ann}", "name: Anna}").replace(
            "{id: 1, name: Anna}", "{id: 1, name: Anna}, {id: 2, name: Bob}"
        ),
        "utf-8",
    )
    failed = lagoa(lake, "test")
    assert failed.code == 1
    assert 'changed: id=1: name is "Ann", not "Anna"' in failed.out
    assert 'missing: id=2, name="Bob"' in failed.out
    assert "1 test of 1 model: 1 failed" in failed.out
    told = lagoa(lake, "test", "--json")
    assert told.code == 1
    (result,) = told.json()["tests"]
    assert (result["outcome"], result["line"], result["broken"], result["unexpected"]) == ("failed", 2, [], [])
    assert result["changed"] == [{"key": {"id": 1}, "cells": {"name": {"expected": "Anna", "found": "Ann"}}}]
    file.write_text(test.replace("id: 1, name: ' Ann '", "id: 1, nam: ' Ann '"), "utf-8")
    wrong = lagoa(lake, "test")
    assert wrong.code == 1
    assert "people.yaml:3: bronze.people has no column 'nam'. Did you mean 'name'?" in wrong.err
