"""What a contract says about its files is refused where it contradicts itself, with the line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lagoa.contracts import Contracts
from lagoa.domain.tables import TableName
from lagoa.errors import ContractError
from lagoa.formats import FORMATS

if TYPE_CHECKING:
    from pathlib import Path

    from lagoa.contracts import Contract

HEAD = """apiVersion: v3.1.0
kind: DataContract
id: bronze.a
name: bronze.a
version: 1.0.0
schema:
  - name: a
    customProperties:
      - property: lagoa.source
        value: {source}
    properties:
      - name: v
        physicalType: {kind}
        enum: [{{value: x}}]
        customProperties:
          - property: other.tool
            value: 1
"""
PROPERTY_LINE = 19


def load(folder: Path, kind: str, source: dict[str, Any] | None, column: dict[str, Any]) -> Contract:
    text = HEAD.format(source=json.dumps(source, ensure_ascii=False), kind=kind)
    if source is None:
        text = text.replace("    customProperties:\n      - property: lagoa.source\n        value: null\n", "")
    if kind != "string":
        text = text.replace("        enum: [{value: x}]\n", "")
    for name, value in column.items():
        text += f"          - property: lagoa.{name}\n            value: {json.dumps(value, ensure_ascii=False)}\n"
    path = folder / "bronze" / "a.odcs.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    return Contracts.load(folder, FORMATS)[TableName.parse("bronze.a")]


CSV = {"format": "csv"}
OPTIONS = {
    "thousands as the decimal mark": ({"thousands": "."}, "both '.'"),
    "two commas": ({"thousands": ",", "decimal": ","}, "both ','"),
    "a mark that is none": ({"thousands": "x"}, "Input should be '', '.', ',' or ' '"),
    "days and months in either order": ({"date": ["dd/mm/yyyy", "mm/dd/yyyy"]}, "as dd/mm/yyyy and as mm/dd/yyyy"),
    "eight digits in either order": ({"date": ["yyyymmdd", "ddmmyyyy"]}, "as yyyymmdd and as ddmmyyyy"),
    "a form twice": ({"date": ["yyyymmdd", "yyyymmdd"]}, "as yyyymmdd and as yyyymmdd"),
    "no form": ({"date": []}, "Input should be 'yyyy-mm-dd'"),
    "years of two digits": ({"date": "dd/mm/yy"}, "Input should be 'yyyy-mm-dd'"),
}


@pytest.mark.parametrize(("options", "message"), OPTIONS.values(), ids=OPTIONS)
def test_options_that_contradict_each_other(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError, match=message) as raised:
        load(tmp_path, "string", CSV | options, {})
    assert raised.value.line == 10
    assert raised.value.advice


COLUMNS = {
    "thousands as the file's decimal mark": ("int", {"decimal": ","}, {"thousands": ","}, "both ','"),
    "a decimal mark as the file's thousands": ("int", {"decimal": ",", "thousands": "."}, {"decimal": "."}, "both '.'"),
    "a unit with digits": ("int", {}, {"unit": "m2"}, "'m2' is no unit"),
    "a unit with space": ("int", {}, {"unit": " %"}, "' %' is no unit"),
    "a unit that is a sign": ("int", {}, {"unit": "-"}, "'-' is no unit"),
    "a unit that ends in a mark": ("int", {}, {"unit": "R$."}, "is no unit"),
    "dates in either order": ("date", {}, {"date": ["ddmmyyyy", "mmddyyyy"]}, "as ddmmyyyy and as mmddyyyy"),
    "a unit of texts": ("string", {}, {"unit": "%"}, "is for numbers, and the column is string"),
    "a decimal mark of dates": ("date", {}, {"decimal": ","}, "is for numbers, and the column is date"),
    "dates in a column of numbers": ("int", {}, {"date": "ddmmyyyy"}, "is for dates and timestamps"),
    "nulls of a list": ("list<int>", {}, {"nulls": ["x"]}, "is for plain values"),
    "a word twice": ("int", {}, {"nulls": ["NA", "NA"]}, "'NA' is in lagoa.nulls twice"),
    "a value that is null": ("string", {}, {"nulls": ["x"]}, "'x' is an allowed value and a word for null"),
    "words that are numbers": ("int", {}, {"nulls": [0]}, "must be text; it is 0"),
}


@pytest.mark.parametrize(("kind", "options", "column", "message"), COLUMNS.values(), ids=COLUMNS)
def test_columns_that_contradict_their_file(
    tmp_path: Path, kind: str, options: dict[str, Any], column: dict[str, Any], message: str
) -> None:
    with pytest.raises(ContractError, match=message) as raised:
        load(tmp_path, kind, CSV | options, column)
    assert raised.value.line == PROPERTY_LINE - (kind != "string")
    assert raised.value.advice


@pytest.mark.parametrize(
    ("source", "message"),
    [({"format": "parquet"}, "is loaded from Parquet files"), (None, "is not loaded from files")],
)
def test_values_that_are_no_text_are_not_written_in_any_way(
    tmp_path: Path, source: dict[str, Any] | None, message: str
) -> None:
    with pytest.raises(ContractError, match=message):
        load(tmp_path, "int", source, {"decimal": ","})


HEADERS = {
    "a name twice": (["v", "v"], "header has 'v' and 'v', which are the same column"),
    "an unknown name": (["V"], "header has 'V', and no column has this name in files. Did you mean 'v'"),
    "no name in the middle": (["", "v"], "header has '', and no column"),
    "nothing but no name": ([""], "header has '', and no column"),
    "no names": ([], "Input should be|List should have|must be"),
    "a number": ([1], "must be text"),
    "another word": ("maybe", "header"),
}


@pytest.mark.parametrize(("header", "message"), HEADERS.values(), ids=HEADERS)
def test_headers_that_do_not_fit_the_columns(tmp_path: Path, header: Any, message: str) -> None:
    with pytest.raises(ContractError, match=message) as raised:
        load(tmp_path, "string", CSV | {"header": header}, {})
    assert raised.value.line == 10


def test_a_header_lacks_what_is_required(tmp_path: Path) -> None:
    load(tmp_path, "string", CSV | {"header": ["v", ""]}, {})
    path = tmp_path / "bronze" / "a.odcs.yaml"
    more = "    properties:\n      - {name: w, physicalType: int, required: true}\n"
    path.write_text(path.read_text("utf-8").replace("    properties:\n", more, 1), "utf-8")
    with pytest.raises(ContractError, match="header lacks 'w', which is required"):
        Contracts.load(tmp_path, FORMATS)


@pytest.mark.parametrize("option", ["skip", "footer"])
@pytest.mark.parametrize("value", [-1, 10_001, 1.5, "1", True])
def test_counts_that_are_none(tmp_path: Path, option: str, value: Any) -> None:
    with pytest.raises(ContractError, match=option):
        load(tmp_path, "string", CSV | {option: value}, {})


def test_a_column_wins_over_its_file(tmp_path: Path) -> None:
    options = {"decimal": ",", "thousands": ".", "date": ["dd/mm/yyyy", "ddmmyyyy"], "nulls": ["NA"]}
    contract = load(tmp_path, "int", CSV | options, {"decimal": ".", "thousands": "", "unit": "%", "nulls": []})
    assert contract.source is not None
    found = contract.columns[0].spelling(contract.source.spelling)
    assert (found.decimal, found.thousands, found.unit) == (".", "", "%")
    assert found.dates == ("dd/mm/yyyy", "ddmmyyyy")
    assert contract.columns[0].null_texts(contract.source) == ("",)


def test_a_column_has_several_names(tmp_path: Path) -> None:
    contract = load(tmp_path, "int", {"format": "jsonl"}, {"header": ["Valor", "VALOR (R$)"], "date": None})
    assert contract.columns[0].source_names == ("Valor", "VALOR (R$)")
    with pytest.raises(ContractError, match="two columns have the name 'Valor' in the files"):
        load(tmp_path, "int", CSV, {"header": ["Valor", "Valor"]})
