"""`lagoa check`: it lists all that is wrong with a lake's files, each with its place, and nothing twice."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from lakes import LakeFolder
from typer.testing import CliRunner

from lagoa.bootstrap import open_lake
from lagoa.cli.main import app
from lagoa.review.consistency import check_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lagoa.lake import Lake

SALES = """\
apiVersion: v3.2.0
kind: DataContract
id: silver.sales
name: silver.sales
version: 1.0.0
status: active
schema:
  - name: sales
    physicalName: silver.sales
    properties:
      - {name: id, physicalType: long, required: true, primaryKey: true}
      - {name: price, physicalType: "decimal(8, 2)"}
    customProperties:
      - {property: lagoa.materialization, value: full}
"""
RAW = SALES.replace("silver.", "bronze.").replace("materialization, value: full", "source, value: {format: csv}")
MODEL = "SELECT id, price\nFROM bronze.sales\n"
TESTS = "tests:\n  - name: a row\n    given: {bronze.sales: [{id: 1}]}\n    expect: [{id: 1}]\n"
CHECKS = "columns:\n  - name: price\n    checks:\n      - missing:\n"
SOUND = {
    "iceberg/README.md": "# Contracts",
    "iceberg/bronze/sales.odcs.yaml": RAW,
    "iceberg/silver/sales.odcs.yaml": SALES,
    "transformations/silver/sales.sql": MODEL,
    "transformations/tests/silver/sales.yaml": TESTS,
    "soda/silver/sales.yaml": CHECKS,
}


def lake_of(root: Path, files: dict[str, str]) -> Path:
    folder = LakeFolder(root)
    for name, text in files.items():
        folder.file(name, text)
    return root


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with open_lake(lake_of(tmp_path_factory.mktemp("lake"), SOUND)) as lake:
        yield lake


@pytest.fixture
def faults_of(opened: Lake, tmp_path: Path) -> Callable[..., list[tuple[str, int | None, str]]]:
    """What is wrong, by place and words, with a sound lake of which some files are others; the engine is shared."""

    def faults_of(files: dict[str, str], *, without: tuple[str, ...] = ()) -> list[tuple[str, int | None, str]]:
        lake_of(tmp_path, {name: text for name, text in {**SOUND, **files}.items() if name not in without})
        settings = opened.settings.model_copy(update={"root": tmp_path})
        context = replace(opened.context, settings=settings, open_engine=lambda: opened.context.engine)
        found = check_files(context).faults
        return [(fault.file.removeprefix(f"{tmp_path}/"), fault.line, str(fault)) for fault in found]

    return faults_of


def test_files_that_agree(tmp_path):
    with open_lake(lake_of(tmp_path, SOUND)) as lake:
        found = lake.check_contracts()
    assert found.faults == ()
    assert [str(table) for table in found.contracts] == ["bronze.sales", "silver.sales"]
    assert ([str(table) for table in found.models], found.tests) == (["silver.sales"], 1)
    assert {"silver.sales/soda/columns.price.checks.missing", "silver.sales/required/id"} <= set(found.checks)


def test_what_an_engine_would_do_differently_counts_only_when_it_is_named(tmp_path):
    lake_of(tmp_path, {**SOUND, "transformations/silver/sales.sql": f"{MODEL}where hash(id) > 0\n"})
    with open_lake(tmp_path) as lake:
        assert lake.check_contracts().faults == ()
        (fault,) = lake.check_contracts(engine="trino").faults
    assert (fault.line, "Trino: HASH(sales.id)" in fault.message) == (len(MODEL.splitlines()) + 1, True)
    told = CliRunner().invoke(app, ["--lake", str(tmp_path), "check", "--engine", "spark"])
    assert told.exit_code == 1
    assert "transformations/silver/sales.sql:3: Spark: HASH(sales.id)" in told.stdout


def test_check_files_that_stay_on_duckdb_are_told_and_are_no_fault(tmp_path):
    average = "  - aggregate: {function: avg, threshold: {must_be: 1}}\n"
    lake_of(tmp_path, {**SOUND, "soda/silver/sales.yaml": f"columns:\n- name: price\n  checks:\n{average}"})
    with open_lake(tmp_path) as lake:
        assert lake.check_contracts().check_files == ()
        (place,) = lake.check_contracts(engine="trino").check_files
    assert (str(place.table), place.engine, len(place.reasons)) == ("silver.sales", "duckdb", 1)
    command = ["--lake", str(tmp_path), "check", "--engine", "trino"]
    told = CliRunner().invoke(app, command)
    assert told.exit_code == 0
    assert "soda/silver/sales.yaml: 1 of 1 query stays on DuckDB: " in told.stdout
    assert "is DOUBLE, no whole or decimal number." in told.stdout
    assert "0 of 1 run on the engine as a whole" in told.stdout
    (document,) = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)["check_files"]
    assert (document["table"], document["engine"]) == ("silver.sales", "duckdb")


@pytest.mark.parametrize(
    ("files", "place", "line", "said"),
    [
        ({"iceberg/silver/sale.yaml": SALES}, "iceberg/silver/sale.yaml", None, "would not be read"),
        ({"iceberg/silver/notes.txt": "x"}, "iceberg/silver/notes.txt", None, "nothing reads this file"),
        ({"transformations/sales.sql": MODEL}, "transformations/sales.sql", None, "nothing reads this file"),
        ({"transformations/silver/sales.SQL": MODEL}, "transformations/silver/sales.SQL", None, "nothing reads"),
        ({"soda/silver/sales.yml": CHECKS}, "soda/silver/sales.yml", None, "A check file is soda/<layer>/<table>.yaml"),
        (
            {"transformations/tests/sales.yaml": TESTS},
            "transformations/tests/sales.yaml",
            None,
            "this file would not be read",
        ),
        (
            {"transformations/tests/silver/sale.yaml": TESTS},
            "transformations/tests/silver/sale.yaml",
            None,
            "no model makes silver.sale",
        ),
        (
            {"transformations/tests/silver/sales.yaml": TESTS.replace("{id: 1}", "{ix: 1}", 1)},
            "transformations/tests/silver/sales.yaml",
            3,
            "has no column 'ix'",
        ),
        ({"soda/silver/sale.yaml": CHECKS}, "soda/silver/sale.yaml", None, "no contract for a table silver.sale"),
        ({"soda/silver/s-x.yaml": CHECKS}, "soda/silver/s-x.yaml", None, "is not a valid table name"),
        (
            {"soda/silver/sales.yaml": CHECKS.replace("price", "prise")},
            "soda/silver/sales.yaml",
            2,
            "silver.sales has no column 'prise'. Did you mean 'price'?",
        ),
        (
            {"soda/silver/sales.yaml": CHECKS.replace("missing", "mising")},
            "soda/silver/sales.yaml",
            4,
            "'mising' in a check is not known",
        ),
        (
            {"soda/silver/sales.yaml": "checks:\n  - failed_rows:\n      query: DROP TABLE silver.sales\n"},
            "soda/silver/sales.yaml",
            None,
            "checks.failed_rows",
        ),
        (
            {"soda/silver/sales.yaml": "checks:\n  - failed_rows:\n      query: SELECT * FROM silver.sale\n"},
            "soda/silver/sales.yaml",
            None,
            "it reads silver.sale, which has no contract. Did you mean 'silver.sales'?",
        ),
        (
            {"transformations/silver/sales.sql": "SELECT id, prise AS price\nFROM bronze.sales\n"},
            "transformations/silver/sales.sql",
            1,
            "prise",
        ),
        (
            {"transformations/silver/sales.sql": "SELECT id\nFROM bronze.sales\n"},
            "transformations/silver/sales.sql",
            None,
            "the SELECT lacks",
        ),
        (
            {"transformations/silver/other.sql": MODEL},
            "transformations/silver/other.sql",
            None,
            "silver.other has no data contract",
        ),
        (
            {"transformations/bronze/sales.sql": MODEL},
            "transformations/bronze/sales.sql",
            None,
            "does not say that a model builds it",
        ),
        (
            {"iceberg/silver/sales.odcs.yaml": SALES.replace("id: silver.sales", "id: bronze.sales")},
            "iceberg/silver/sales.odcs.yaml",
            3,
            "id is 'bronze.sales', which belongs to bronze.sales",
        ),
        (
            {
                "iceberg/silver/sales.odcs.yaml": SALES.replace(
                    "physicalName: silver.sales", "physicalName: silver.sale"
                )
            },
            "iceberg/silver/sales.odcs.yaml",
            9,
            "physicalName is 'silver.sale'",
        ),
        (
            {"iceberg/silver/sales.odcs.yaml": SALES.replace("name: sales", "name: silver.sales", 1)},
            "iceberg/silver/sales.odcs.yaml",
            8,
            "name is 'silver.sales'",
        ),
    ],
)
def test_one_fault_is_told_once_where_it_stands(faults_of, files, place, line, said):
    found = faults_of(files)
    assert [(file, at) for file, at, _ in found] == [(place, line)]
    assert said in found[0][2]


def test_a_missing_model_is_told_at_its_contract(faults_of):
    without = ("transformations/silver/sales.sql", "transformations/tests/silver/sales.yaml")
    ((file, _, said),) = faults_of({}, without=without)
    assert file == "iceberg/silver/sales.odcs.yaml"
    assert "is to be built by a model and has none" in said


def test_contracts_that_name_the_same_files(faults_of):
    def contract(name: str, source: str) -> dict[str, str]:
        text = RAW.replace("{format: csv}", f"{{format: csv, {source}}}").replace("bronze.sales", f"bronze.{name}")
        return {f"iceberg/bronze/{name}.odcs.yaml": text.replace("- name: sales", f"- name: {name}")}

    files = {}
    for name, source in {
        "more": "file: 'sales*.csv'",
        "most": "file: sales1.csv",
        "other": "file: 'sales*.csv'",
        "part": "file: a.zip, member: a.csv",
        "rest": "file: a.zip, member: b.csv",
        "twin": "file: a.zip, member: a.csv",
    }.items():
        files |= contract(name, source)
    found = faults_of(files)
    assert [(file, line) for file, line, _ in found] == [
        (f"iceberg/bronze/{name}.odcs.yaml", 14) for name in ("most", "other", "twin")
    ]
    assert "file in lagoa.source is 'sales1.csv'; the contract of bronze.more has 'sales*.csv'." in found[0][2]
    assert "file in lagoa.source is 'sales*.csv'; the contract of bronze.more has 'sales*.csv'." in found[1][2]
    assert "file in lagoa.source is 'a.zip'; the contract of bronze.part has 'a.zip'." in found[2][2]


def test_an_owner_whom_nobody_can_approve_for(tmp_path):
    lake_of(
        tmp_path, SOUND | {"iceberg/silver/sales.odcs.yaml": SALES.replace("schema:", "team: {name: sales}\nschema:")}
    )
    text = (tmp_path / "lagoa.toml").read_text()
    found = {}
    for teams in ("{}", "{sale = ['ana']}", "{sales = ['ana']}"):
        (tmp_path / "lagoa.toml").write_text(f"{text}approval = {{owners = true, teams = {teams}}}\n")
        with open_lake(tmp_path) as lake:
            found[teams] = [(fault.message, fault.advice) for fault in lake.check_contracts().faults]
    (tmp_path / "lagoa.toml").write_text(text)
    with open_lake(tmp_path) as lake:
        assert lake.check_contracts().faults == ()
    [(message, advice)] = found["{}"]
    assert "names nobody in 'sales', who owns silver.sales" in message
    assert "Did you mean" not in advice
    assert "Did you mean 'sale'" in found["{sale = ['ana']}"][0][1]
    assert found["{sales = ['ana']}"] == []


def test_models_that_read_each_other(faults_of):
    other = SALES.replace("silver.sales", "silver.other").replace("name: sales", "name: other")
    files = {
        "iceberg/silver/other.odcs.yaml": other,
        "transformations/silver/other.sql": "SELECT id, price FROM silver.sales",
        "transformations/silver/sales.sql": "SELECT id, price FROM silver.other",
        "transformations/tests/silver/sales.yaml": TESTS.replace("bronze.sales", "silver.other"),
    }
    ((_, _, said),) = faults_of(files)
    assert "read each other in a circle" in said


def test_all_faults_of_a_contract_in_the_order_of_its_lines(faults_of):
    text = SALES.replace("version: 1.0.0", "version: 1.0.0\ncolor: blue").replace(
        "status: active", "status: active\nsize: 3"
    )
    found = faults_of({"iceberg/silver/sales.odcs.yaml": text})
    assert [(line, "the key" in said) for _, line, said in found] == [(6, True), (8, True)]
    text = (
        SALES.replace("name: silver.sales", "name: silver.sale", 1)
        .replace("physicalType: long", "physicalType: lung")
        .replace('"decimal(8, 2)"}', '"decimal(8, 2)", enum: []}')
        .replace("materialization, value: full", "materialisation, value: full")
    )
    found = faults_of({"iceberg/silver/sales.odcs.yaml": text})
    assert [line for _, line, _ in found] == [4, 11, 12, 14]
    assert {file for file, _, _ in found} == {"iceberg/silver/sales.odcs.yaml"}


def test_all_that_does_not_fit_together_in_a_contract(faults_of):
    more = """\
      - {property: lagoa.sort, value: [prise, "id desc", when]}
      - {property: lagoa.partition, value: [month(price)]}
      - {property: lagoa.drift, value: {cost: 0.5}}
"""
    text = SALES.replace("required: true, ", "") + more
    found = faults_of({"iceberg/silver/sales.odcs.yaml": text})
    assert [line for _, line, _ in found] == [11, 15, 15, 16, 17]


def test_foreign_keys_that_lead_nowhere(faults_of):
    def with_key(name: str, to: str, kind: str = "long") -> str:
        return f"      - {{name: {name}, physicalType: {kind}, relationships: [{{to: {to}}}]}}\n"

    added = (
        with_key("a", "silver.nothing.id")
        + with_key("b", "bronze.sales.nothing")
        + with_key("c", "bronze.sales.id", "string")
        + with_key("d", "bronze.sales.id")
    )
    text = SALES.replace("    customProperties:", added + "    customProperties:")
    model = "SELECT id, price, id AS a, id AS b, 'x' AS c, id AS d FROM bronze.sales"
    found = faults_of({"iceberg/silver/sales.odcs.yaml": text, "transformations/silver/sales.sql": model})
    assert [line for _, line, _ in found] == [13, 14, 15]
    assert ["has no contract" in found[0][2], "has no such column" in found[1][2], "is string" in found[2][2]] == [
        True,
        True,
        True,
    ]


def test_what_follows_from_a_broken_file_is_not_told_again(faults_of):
    broken = RAW.replace("physicalType: long", "physicalType: lung")
    with_reference = SALES.replace("primaryKey: true}", "primaryKey: true, relationships: [{to: bronze.sales.id}]}")
    files = {
        "iceberg/bronze/sales.odcs.yaml": broken,
        "iceberg/silver/sales.odcs.yaml": with_reference,
        "soda/bronze/sales.yaml": "checks:\n  - row_count:\n",
    }
    assert [(file, line) for file, line, _ in faults_of(files)] == [("iceberg/bronze/sales.odcs.yaml", 11)]


def test_every_check_that_cannot_be_run(faults_of):
    text = (
        "columns:\n  - name: price\n    checks:\n      - mising:\n      - missing:\n          treshold: 1\n"
        "checks:\n  - row_count:\n  - failed_rows:\n      query: DROP TABLE silver.sales\n  - freshness: {columm: x}\n"
    )
    found = faults_of({"soda/silver/sales.yaml": text})
    assert [line for _, line, _ in found] == [None, 4, 6, 11]


def test_every_kind_of_file_at_once_on_the_command_line(tmp_path):
    files = {
        "iceberg/bronze/other.odcs.yaml": SALES,
        "transformations/silver/sales.sql": "SELEKT 1",
        "transformations/tests/silver/none.yaml": TESTS,
        "soda/silver/sales.yaml": "checks: 1",
    }
    lake_of(tmp_path, {**SOUND, **files})
    found = CliRunner().invoke(app, ["--lake", str(tmp_path), "check", "--json"])
    assert found.exit_code == 1
    told = json.loads(found.stdout)
    assert {fault["file"].removeprefix(f"{tmp_path}/") for fault in told["faults"]} == set(files)
    assert all(
        fault["message"] and fault["advice"] and str(tmp_path) not in fault["message"] for fault in told["faults"]
    )
    text = CliRunner().invoke(app, ["--lake", str(tmp_path), "check"])
    assert text.exit_code == 1
    lines = text.stdout.splitlines()
    assert len(lines) == len(told["faults"]) == 6  # name, physicalName and more of the contract
    assert any("transformations/silver/sales.sql:1: " in line for line in lines)


def test_nothing_wrong_on_the_command_line(tmp_path):
    found = CliRunner().invoke(app, ["--lake", str(lake_of(tmp_path, SOUND)), "check"])
    assert (found.exit_code, found.stdout[:41]) == (0, "2 contracts, 1 model, 1 test, 8 checks: n"), found.stdout
