"""Unit tests of models: how they are read, what they compare, what fails one."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from lakes import LakeFolder

from lagoa.contracts.iceberg_types import parse_type
from lagoa.domain.tables import TableName
from lagoa.errors import InvalidName, ModelTestError
from lagoa.sql_models.run import lake_models
from lagoa.sql_models.testing.comparing import shown
from lagoa.sql_models.testing.reading import ModelTest
from lagoa.sql_models.testing.rows import arrow_rows
from lagoa.sql_models.testing.running import run_test
from lagoa.sql_models.testing.values import NotAValue, read_value, same_value

if TYPE_CHECKING:
    from pathlib import Path

    from lakes import Columns

at = datetime.fromisoformat
RAW_THINGS, CLEAN_THINGS = TableName.parse("raw.things"), TableName.parse("clean.things")

THINGS: Columns = {
    "id": "long*",
    "code": {"physicalType": "string", "unique": True, "logicalTypeOptions": {"maxLength": 5}},
    "price": "decimal(6, 2)",
    "sold_on": "date",
    "note": {"physicalType": "string", "logicalTypeOptions": {"minLength": 3}, "lagoa.severity": "warn"},
}
RAW = "id:long! code:string price:double sold_at:timestamptz tags:list<string>"
MODEL = """select id, code, cast(price as decimal(8, 3)) as price, cast(sold_at as date) as sold_on, tags[1] as note
from raw.things"""


class Lake(LakeFolder):
    """A folder with one model over one table, and a test file for it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.contract("raw.things", RAW, source={"format": "csv"})
        self.contract("clean.things", THINGS, materialization="full")
        self.model("clean.things", MODEL)

    def run(self, text: str | None = None, select: list[str] | None = None):
        if text is not None:
            self.file("transformations/tests/clean/things.yaml", text)
        with self.open() as lake:
            return lake.test_models(select)

    def lines(self, given: str, expect: str, more: str = "") -> list[str]:
        """Return what is wrong with one test."""
        given = f"given: {{raw.things: {given}}}"
        (result,) = self.run(f"tests:\n  - name: it\n    {given}\n    expect: {expect}\n{more}").results
        assert result.passed is (not result.lines)
        return result.lines


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path)


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        ("string", "01310", "01310"),
        ("boolean", True, True),
        ("int", -(2**31), -(2**31)),
        ("long", 2**63 - 1, 2**63 - 1),
        ("double", 1, 1.0),
        ("float", float("inf"), float("inf")),
        ("decimal(6, 2)", 10, Decimal("10.00")),
        ("decimal(6, 2)", 0.1, Decimal("0.10")),
        (
            "decimal(38, 2)",
            "-123456789012345678901234567890123456.01",
            Decimal("-123456789012345678901234567890123456.01"),
        ),
        ("decimal(38, 0)", 10**38 - 1, Decimal(10**38 - 1)),
        ("date", date(2018, 2, 28), date(2018, 2, 28)),
        ("date", "2018-02-28", date(2018, 2, 28)),
        ("timestamp", date(2018, 2, 28), at("2018-02-28")),
        ("timestamp", at("2018-02-28 23:59"), at("2018-02-28 23:59")),
        ("timestamptz", at("2018-02-28"), datetime(2018, 2, 28, tzinfo=UTC)),
        ("timestamptz", "2018-02-28T21:00:00-03:00", datetime(2018, 3, 1, tzinfo=UTC)),
        ("time", "09:30:00", time(9, 30)),
        ("uuid", "00000000-0000-0000-0000-000000000005", UUID(int=5)),
        ("binary", "00ff", b"\x00\xff"),
        ("fixed[2]", "00ff", b"\x00\xff"),
        ("list<long>", [1, None], [1, None]),
        ("struct<a: int, b: string>", {"b": "x"}, {"a": None, "b": "x"}),
        ("map<string, decimal(4, 1)>", {"a": 1}, [("a", Decimal("1.0"))]),
        ("map<int, string>", [[1, "a"]], [(1, "a")]),
    ],
)
def test_values_of_every_type(kind, value, wanted):
    found = read_value(value, parse_type(kind))
    assert found == wanted
    assert type(found) is type(wanted)
    assert same_value(found, wanted, parse_type(kind))
    assert read_value(None, parse_type(kind)) is None
    assert not same_value(wanted, None, parse_type(kind))


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("string", 1310, "Put it in quotes"),
        ("string", False, "YAML reads false here"),
        ("string", date(2018, 1, 1), "YAML reads 2018-01-01 here"),
        ("boolean", 1, "1 is not true or false"),
        ("int", True, "not a whole number"),
        ("int", 1.0, "not a whole number"),
        ("int", 2**31, "beyond what int holds"),
        ("double", "1", "not a number"),
        ("decimal(6, 2)", 10.005, "does not fit in decimal(6, 2)"),
        ("decimal(6, 2)", 10000, "does not fit"),
        ("decimal(6, 2)", float("nan"), "does not fit"),
        ("decimal(6, 2)", float("inf"), "does not fit"),
        ("decimal(6, 2)", "1e999999", "does not fit"),
        ("decimal(38, 0)", 10**38, "does not fit"),
        ("decimal(38, 0)", 1 << 1000, "larger than any column holds"),
        ("string", 1 << 1000, "larger than any column holds"),
        ("decimal(6, 2)", "ten", "not a number"),
        ("decimal(6, 2)", True, "not a number"),
        ("decimal(38, 2)", 0.12345678901234567, "more digits than YAML keeps"),
        ("date", at("2018-01-01"), "not a date"),
        ("date", "1 March", "not a date"),
        ("timestamp", datetime(2018, 1, 1, tzinfo=UTC), "Leave the zone out"),
        ("timestamp", 2018, "not a date and time"),
        ("time", 750, "in quotes"),
        ("uuid", "5", "not a UUID"),
        ("uuid", 5, "not a UUID"),
        ("binary", "abc", "hexadecimal"),
        ("fixed[2]", "00", "has 1 bytes; fixed"),
        ("list<long>", 1, "not a list"),
        ("list<uuid>", ["5"], "cannot be given"),
        ("struct<a: int>", {"b": 1}, "of these names"),
        ("struct<a: int>", {"a": "x"}, "not a whole number"),
        ("map<string, int>", [1], "not a map"),
    ],
)
def test_values_that_do_not_fit(kind, value, reason):
    with pytest.raises(NotAValue, match=re.escape(reason)):
        read_value(value, parse_type(kind))


@pytest.mark.parametrize(
    ("kind", "a", "b", "same"),
    [
        ("double", 0.1 + 0.2, 0.3, True),
        ("double", 1.0, 1.00000001, False),
        ("double", float("nan"), float("nan"), True),
        ("double", float("inf"), 1e300, False),
        ("float", 0.1, 0.10000000149011612, True),
        ("decimal(4, 2)", Decimal("0.10"), Decimal("0.11"), False),
        ("list<double>", [0.1 + 0.2], [0.3], True),
        ("list<double>", [1.0], [1.0, 1.0], False),
        ("struct<a: double>", {"a": 0.1 + 0.2}, {"a": 0.3}, True),
        ("map<string, int>", [("a", 1), ("b", 2)], [("b", 2), ("a", 1)], True),
        ("map<string, int>", [("a", 1)], [("a", 1), ("b", 2)], False),
        ("map<string, int>", [("a", 1)], [("a", 2)], False),
    ],
)
def test_what_is_the_same(kind, a, b, same):
    assert same_value(a, b, parse_type(kind)) is same


def test_values_are_shown_as_a_test_has_them():
    values = [
        None,
        True,
        "ã\n",
        1,
        Decimal("1.50"),
        date(2018, 1, 2),
        at("2018-01-02 03:00"),
        b"\xff",
        [1, None],
        {"a": "b"},
    ]
    assert [shown(each) for each in values] == [
        "null", "true", '"ã\\n"', "1", "1.50", "2018-01-02", "2018-01-02 03:00:00", "ff", "[1, null]", '{a: "b"}',
    ]  # fmt: skip


FILE = """defaults:
  raw.things: {sold_at: 2018-03-01}
tests:
  - name: first
    description: For people.
    given:
      raw.things:
        - {id: 1, price: 1.5, tags: [red, blue]}
    expect:
      - {id: 1, code: null, price: 1.50, sold_on: 2018-03-01, note: red}
  - name: second
    given:
      raw.things:
        - [id, price, sold_at, code]
        - [1, 2, 2018-02-28 23:59:59-03:00, a]
        - [2, 3, null, b]
    expect:
      - [id, sold_on, note]
      - [2, null, null]
      - [1, 2018-03-01, null]
  - name: third
    expect: []
"""


def test_rows_in_both_forms_with_defaults(lake):
    report = lake.run(FILE)
    assert [result.lines for result in report.results] == [[], [], []]
    assert [(each.test.name, each.test.line) for each in report.results] == [
        ("first", 4),
        ("second", 11),
        ("third", 21),
    ]
    assert report.failed == report.untested == ()


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("tests:", "test:", 1, "tests is missing"),
        ("tests:", "test: 1\ntests:", 3, "'test' is not known. Did you mean 'tests'?"),
        ("description:", "descripton:", 5, "Did you mean 'description'?"),
        ("    expect: []", "    given: {}", 21, "expect is missing"),
        ("name: third", "name: first", 21, "'first' occurs twice"),
        ("name: third", "name: 3", 21, "must be text"),
        ("defaults:\n  raw.things", "defaults:\n  raw.thing", 2, "Did you mean 'raw.things'?"),
        ("defaults:\n  raw.things", "defaults:\n  clean.things", 2, "does not read clean.things"),
        ("{sold_at: 2018-03-01}", "{sold_at: soon}", 2, "'soon' is not a date and time"),
        ("{sold_at: 2018-03-01}", "{sold: 2018-03-01}", 2, "has no column 'sold'"),
        ("      raw.things:\n        - {", "      bronze.things:\n        - {", 7, "does not read bronze.things"),
        ("price: 1.5,", "prize: 1.5,", 8, "Did you mean 'price'?"),
        ("price: 1.5,", "price: !!timestamp soon,", 8, "'soon' is not a valid value"),
        ("price: 1.5,", "price: much,", 8, "'much' is not a number"),
        ("price: 1.50,", "price: 1.505,", 10, "does not fit in decimal(6, 2)"),
        ("- {id: 1, price: 1.5, tags: [red, blue]}", "- 1", 8, "must be keys and values"),
        ("- {id: 1, price: 1.5, tags: [red, blue]}", "- {}", 8, "must be keys and values"),
        ("- [id, price, sold_at, code]", "- [id, price, sold_at, id]", 14, "each once"),
        ("- [id, price, sold_at, code]", "- [id, price, sold_at, cod]", 15, "has no column 'cod'"),
        ("- [id, price, sold_at, code]", "- []", 14, "names no column"),
        ("- [2, 3, null, b]", "- [2, 3, null]", 16, "a list of 4 values"),
        ("- [2, 3, null, b]", "- {id: 2}", 16, "a list of 4 values"),
        ("note: red}", "note: red}\n      - {id: 2}", 11, "different columns from the first"),
        ("- [2, null, null]", "- [2, 2018-02-30, null]", 19, "'2018-02-30' is no"),
        ("      raw.things:\n        - [", "      raw.things: 1\n      x:\n        - [", 13, "must be a list"),
        ("    expect: []", "    where: ''\n    expect: []", 22, "where"),
    ],
)
def test_what_cannot_be_used_is_named_by_its_line(lake, old, new, line, message):
    assert old in FILE
    with pytest.raises(ModelTestError) as caught:
        lake.run(FILE.replace(old, new, 1))
    assert caught.value.file.endswith("transformations/tests/clean/things.yaml")
    assert (caught.value.line, message in str(caught.value)) == (line, True), caught.value


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("clean/thing.yaml", "no model makes clean.thing. Did you mean 'clean.things'?"),
        ("raw/things.yaml", "no model makes raw.things"),
        ("clean/things.yml", "would not be read"),
        ("things.yaml", "would not be read"),
        ("clean/Things.yaml", "is not a valid table name"),
        ("clean/more/things.yaml", "would not be read"),
    ],
)
def test_files_that_stand_astray(lake, path, message):
    lake.file(f"transformations/tests/{path}", FILE)
    with pytest.raises(ModelTestError, match=message.replace(".", r"\.").replace("?", r"\?")):
        lake.run()


def test_readmes_and_hidden_files_are_left_alone(lake):
    lake.file("transformations/tests/README.md", "x")
    lake.file("transformations/tests/clean/.things.yaml.swp", "x")
    assert [str(table) for table in lake.run().untested] == ["clean.things"]


def test_selection(lake):
    assert len(lake.run(FILE, ["clean"]).results) == len(lake.run(FILE, ["clean.things"]).results) == 3
    with pytest.raises(InvalidName, match=r"clean\.things"):
        lake.run(FILE, ["raw"])


@pytest.mark.parametrize(
    ("given", "expect", "lines"),
    [
        ("[{id: 1, code: a}]", "[{id: 1, code: a}]", []),
        ("[{id: 1, code: a}]", "[{id: 1, code: b}]", ['changed: id=1: code is "a", not "b"']),
        ("[{id: 1, code: a}]", "[{code: b}]", ['changed: code is "a", not "b"']),
        ("[{id: 1}]", "[]", ["not expected: id=1, code=null, price=null, sold_on=null, note=null"]),
        ("[]", "[{id: 1, price: 1}]", ["missing: id=1, price=1.00"]),
        ("[{id: 1}, {id: 2}]", "[{id: 2}, {id: 3}]", ["missing: id=3", "not expected: id=1"]),
        ("[{id: 1}, {id: 2}]", "[{price: null}]", ["not expected: price=null"]),
        ("[{id: 1}]", "[{price: null}, {price: null}]", ["missing: price=null"]),
        ("[{id: 1}, {id: 2}, {id: 3}]", "[{id: 1}, {id: 2}, {id: 3}, {id: 4}]", ["missing: id=4"]),
    ],
)
def test_differences(lake, given, expect, lines):
    assert lake.lines(given, expect) == lines


@pytest.mark.parametrize(
    ("given", "expect", "line"),
    [
        ("[{code: a}]", "[{code: a}]", 'the contract is broken: id is missing: code="a"'),
        ("[{id: 1}, {id: 1}]", "[{id: 1}, {id: 1}]", "the contract is broken: id is not unique: id=1"),
        (
            "[{id: 1, code: a}, {id: 2, code: a}]",
            "[{id: 1}, {id: 2}]",
            'the contract is broken: code is not unique: code="a"',
        ),
        (
            "[{id: 1, code: abcdef}]",
            "[{id: 1}]",
            'the contract is broken: code is not <= 5 characters long: id=1, code="abcdef"',
        ),
        ("[{id: 1, price: 1.005}]", "[{id: 1}]", "clean.things: column 'price' (decimal(6, 2)) cannot hold 1.005."),
        ("[{id: 1, price: 99999}]", "[{id: 1}]", "clean.things: column 'price' (decimal(6, 2)) cannot hold 99999.000."),
    ],
)
def test_what_the_table_cannot_hold_fails_a_test(lake, given, expect, line):
    (found,) = lake.lines(given, expect)
    assert found.removeprefix("clean.things: ") == line.removeprefix("clean.things: ")


def test_rules_that_only_warn_fail_no_test(lake):
    assert lake.lines("[{id: 1, tags: [x]}]", "[{id: 1, note: x}]") == []


def test_a_merge_takes_rows_of_one_key(lake):
    lake.contract("clean.things", THINGS, materialization="merge")
    assert lake.lines("[{id: 1}, {id: 1}]", "[{id: 1}, {id: 1}]") == []


def test_a_key_that_only_warns_fails_no_test(lake):
    lake.contract("clean.things", THINGS, materialization="full", severity={"key": "warn"})
    assert lake.lines("[{id: 1}, {id: 1}]", "[{id: 1}, {id: 1}]") == []


def test_a_history_is_expected_as_its_table_has_it(lake):
    columns = "id:long* code:string valid_from:timestamptz* valid_to:timestamptz is_current:boolean!"
    lake.contract("clean.things", columns, materialization="scd2")
    lake.model("clean.things", "select id, code, sold_at as valid_from from raw.things")
    given = "[[id, code, sold_at], [1, b, 2018-03-02], [1, a, 2018-03-01], [1, b, 2018-03-03], [2, a, 2018-03-01]]"
    history = (
        "[[id, code, valid_from, valid_to, is_current], [1, a, 2018-03-01, 2018-03-02, false],"
        " [1, b, 2018-03-02, null, true], [2, a, 2018-03-01, null, true]]"
    )
    assert lake.lines(given, history) == []
    assert lake.lines(given, history.replace("[2, a, 2018-03-01, null", "[2, a, 2018-03-01, 2018-03-02")) == [
        "changed: id=2, valid_from=2018-03-01 00:00:00+00:00: valid_to is null, not 2018-03-02 00:00:00+00:00"
    ]
    (line,) = lake.lines("[{id: 1, code: a}]", "[]")
    assert "'valid_from' is null in 1 observation" in line


def test_sql_that_fails_is_told_with_its_line(lake):
    lake.model("clean.things", MODEL.replace("tags[1]", "\n  cast(code as integer)::varchar"))
    (line,) = lake.lines("[{id: 1, code: x}]", "[]")
    assert line.startswith("Conversion Error: Could not convert string 'x' to INT32")
    assert line.endswith("(line 2)")


@pytest.mark.parametrize(
    ("where", "lines"),
    [
        ("id > 1", []),
        ("id > 2", ["missing: id=2"]),
        ("id > 1 -- and nothing else", []),
        ("price > 1", ["missing: id=2"]),
        ("id in (select id from raw.things)", ["`where` names raw.things: it is a condition on the model's own rows."]),
        ("nothing > 1", ['Binder Error: Referenced column "nothing" not found in FROM clause! (line 1)']),
        ("id >", ["The query cannot be read"]),
        ("id > (select count(*) from read_csv('x.csv'))", ["The table function read_csv is not allowed"]),
    ],
)
def test_a_condition_takes_some_rows_into_the_comparison(lake, where, lines):
    found = lake.lines("[{id: 1}, {id: 2}]", "[{id: 2}]", f"    where: {where!r}\n")
    assert len(found) == len(lines)
    assert all(line.startswith(wanted) for line, wanted in zip(found, lines, strict=True)), found


def test_inputs_have_the_types_of_their_contracts(lake):
    columns = "id, code, price, sold_at, tags, _batch_id, _ingested_at, _source, _row"
    types = " || ' ' || ".join(f"typeof({name})" for name in columns.split(", "))
    sql = f"select id, null as code, price, null as sold_on, {types} as note from raw.things"
    lake.model("clean.things", sql)
    wanted = "BIGINT VARCHAR DOUBLE TIMESTAMP WITH TIME ZONE VARCHAR[] VARCHAR TIMESTAMP WITH TIME ZONE VARCHAR BIGINT"
    assert lake.lines("[{id: 1, _row: 7}]", f"[{{note: '{wanted}'}}]") == []


def test_a_test_gives_what_a_run_writes(lake):
    at_night = datetime(2018, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC)
    rows = [
        {"id": 1, "code": "a", "price": 0.1 + 0.2, "sold_at": at_night, "tags": ["x", None]},
        {"id": 2, "code": None, "price": None, "sold_at": None, "tags": []},
    ]
    values = "round(price, 2)::decimal(20, 4) as price, sold_at::date as sold_on, tags[1] as note"
    lake.model("clean.things", f"select id, code, {values} from raw.things")
    with lake.open() as opened:
        branch = opened.create_branch("dev")
        branch.append("raw.things", arrow_rows(opened.context.contracts[RAW_THINGS], rows).select(list(rows[0])))
        branch.transform()
        written = branch.sql("select * from clean.things").arrow().to_pylist()
        model = lake_models(opened.context)[CLEAN_THINGS]
        columns = tuple(written[0])
        test = ModelTest(CLEAN_THINGS, "it", lake.root, 1, {RAW_THINGS: rows}, None, columns, written)
        assert run_test(opened.context, model, test).lines == []
    assert [row["price"] for row in sorted(written, key=lambda row: row["id"])] == [Decimal("0.30"), None]
