"""How the values of a text file are written: dates, words for null, decimal marks; and the ranges that they lie in."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from inferring import inferred, loaded, types, written
from pyarrow import parquet

from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from pathlib import Path

    from lagoa.contracts import Contract

THINGS = TableName.parse("bronze.things")


def of_columns(folder: Path, **columns: list[str]) -> tuple[Contract, str]:
    """Infer from a CSV file of these columns, between semicolons, and make sure that all of it gets in."""
    rows = zip(*columns.values(), strict=True)
    path = folder / "things.csv"
    path.write_text("\n".join(";".join(row) for row in [tuple(columns), *rows]) + "\n", "utf-8")
    contract, text = inferred(path, THINGS)
    assert loaded(contract, path) == (len(next(iter(columns.values()))), 0)
    return contract, text


@pytest.mark.parametrize(
    ("values", "form", "kind"),
    [
        (["31/12/2026", "01/02/2026"], "dd/mm/yyyy", "date"),
        (["31-12-2026"], "dd-mm-yyyy", "date"),
        (["31.12.2026"], "dd.mm.yyyy", "date"),
        (["12/31/2026", "01/02/2026"], "mm/dd/yyyy", "date"),
        (["2026/12/31"], "yyyy/mm/dd", "date"),
        (["31/12/2026 23:59:59", "01/02/2026"], "dd/mm/yyyy", "timestamp"),
        (["31/12/2026 23:59:59-03:00"], "dd/mm/yyyy", "timestamptz"),
        (["2026-12-31"], "yyyy-mm-dd", "date"),
        (["31/12/2026", "12/31/2026"], "yyyy-mm-dd", "string"),
        (["31/12/2026", "soon"], "yyyy-mm-dd", "string"),
        (["20261231"], "yyyy-mm-dd", "long"),
    ],
)
def test_dates(tmp_path, values, form, kind):
    contract, _ = of_columns(tmp_path, name=["x"] * len(values), when=values)
    assert contract.source is not None
    assert (contract.source.date, types(contract)["when"]) == (form, kind)


def test_dates_that_may_be_others_are_told(tmp_path):
    _, text = of_columns(tmp_path, name=["a", "b"], born=["01/02/1990", "03/04/1990"])
    assert "# REVIEW: dates are read as dd/mm/yyyy, and mm/dd/yyyy fits as well." in text
    assert "physicalType: date  # dates in all 2 values, written dd/mm/yyyy" in text
    _, text = of_columns(
        tmp_path, name=["a", "b"], born=["01/02/1990", "31/04/1990"], sold=["30/01/2026", "01/02/2026"]
    )
    assert "fits as well" not in text


def test_dates_of_two_forms(tmp_path):
    contract, _ = of_columns(tmp_path, born=["31/12/1990"], sold=["2026-01-02"], closed=["02/01/2026"])
    assert types(contract) == {"born": "date", "sold": "date", "closed": "date"}
    assert contract.source is not None
    assert contract.source.spelling.date == "yyyy-mm-dd"
    assert [column.dates for column in contract.columns] == [("dd/mm/yyyy",), (), ("dd/mm/yyyy",)]


def test_several_forms_in_one_column(tmp_path):
    contract, _ = of_columns(
        tmp_path,
        sold=["31/12/1990", "2026-01-02", "01/02/2026"],
        seen=["31/12/1990 10:00:00", "2026-01-02", ""],
        doubt=["01/02/2026", "2026-01-02", "03/04/2026"],
    )
    assert types(contract) == {"sold": "date", "seen": "timestamp", "doubt": "string"}
    assert [column.dates for column in contract.columns[:2]] == [("dd/mm/yyyy", "yyyy-mm-dd")] * 2


def test_eight_digits_are_dates_only_by_name_or_number(tmp_path):
    few = ["20260102", "20260203"]
    many = [f"2026{month:02}{day:02}" for month in (1, 2) for day in range(1, 16)]
    assert types(of_columns(tmp_path, x=few)[0]) == {"x": "long"}
    for form, values in {
        "yyyymmdd": few,
        "ddmmyyyy": ["31122026", "01022026"],
        "mmddyyyy": ["12312026", "01022026"],
    }.items():
        contract, _ = of_columns(tmp_path, dt_obito=[*values, "00000000", "0", ""], x=["a"] * (len(values) + 3))
        assert types(contract)["dt_obito"] == "date"
        assert contract.source is not None
        assert contract.source.spelling.date == form
        assert contract.columns[0].nulls == ("0", "00000000")
    assert types(of_columns(tmp_path, x=many)[0]) == {"x": "date"}
    assert types(of_columns(tmp_path, x=[*many, "99999999"])[0]) == {"x": "long"}


def test_words_for_null(tmp_path):
    contract, text = of_columns(
        tmp_path,
        age=["1", "NA", "3"],
        born=["31/12/1990", "-", "NA"],
        price=["1,50", "NULL", "2,25"],
        state=["NA", "SP", "-"],
        note=[r"\N", "None", "x"],
    )
    assert types(contract) == {
        "age": "long",
        "born": "date",
        "price": "decimal(18, 2)",
        "state": "string",
        "note": "string",
    }
    assert contract.source is not None
    assert (contract.source.null_texts, contract.source.spelling.decimal) == (("",), ",")
    assert [column.nulls for column in contract.columns] == [("NA",), ("-", "NA"), ("NULL",), None, (r"\N",)]
    assert "# REVIEW: age: 'NA' (1, line 3) is null in this column." in text
    assert "# REVIEW: state: '-' (1, line 4), 'NA' (1, line 2) stays text; if it means null, write " in text


def test_words_that_are_none_for_null(tmp_path):
    contract, _ = of_columns(tmp_path, state=["NA", "SP"], name=["NULL", "-"], mixed=["1", "x"])
    assert [column.nulls for column in contract.columns] == [None, None, None]
    assert set(types(contract).values()) == {"string"}


def test_dates_in_json_alone_where_they_are_text(tmp_path):
    path = tmp_path / "things.jsonl"
    path.write_text('{"born": "31/12/1990", "day": 20260102}\n')
    contract, _ = inferred(path, THINGS)
    assert contract.source is not None
    assert (types(contract), contract.source.date) == ({"born": "date", "day": "long"}, "dd/mm/yyyy")


def test_ranges(tmp_path):
    count = 24
    days = [f"{number + 1:02}/01/2026" for number in range(count)]
    contract, text = of_columns(
        tmp_path,
        name=["x"] * count,
        level=[str(number - 3) for number in range(count)],
        price=[f"{number + 1},50" for number in range(count)],
        huge=["1e30"] * count,
        sold=days,
    )
    assert "# REVIEW logicalTypeOptions: {minimum: -3, maximum: 20}  # holds for all 24 values" in text
    assert "# REVIEW logicalTypeOptions: {minimum: 0, maximum: 24.50}" in text
    assert '# REVIEW logicalTypeOptions: {minimum: "2026-01-01", maximum: "2026-01-24"}' in text
    assert text.count("minimum") == 3
    taken_up = written(tmp_path, THINGS, text.replace("# REVIEW logicalType", "logicalType"))
    assert [column.maximum for column in taken_up.columns] == [None, 20, 24.5, None, "2026-01-24"]
    assert not any(column.maximum for column in contract.columns)


def test_ranges_formats_and_values_of_parquet_and_json(tmp_path):
    moments = [dt.datetime(2026, 1, 1, number, tzinfo=dt.UTC) for number in range(20)]
    columns = {
        "n": list(range(20)),
        "at": moments,
        "cnpj": ["11.222.333/0001-81"] * 20,
        "state": ["SP", "RJ"] * 10,
        "mail": [f"a{n}@b.co" for n in range(20)],
    }
    parquet.write_table(pa.table(columns), tmp_path / "things.parquet")
    (tmp_path / "things.jsonl").write_text(
        "".join(
            json.dumps(dict(zip(columns, row, strict=True)), default=str) + "\n"
            for row in zip(*columns.values(), strict=True)
        )
    )
    for name in ("things.parquet", "things.jsonl"):
        contract, text = inferred(tmp_path / name, THINGS)
        assert [column.format for column in contract.columns] == [None, None, "cnpj", "uf", "email"]
        assert types(contract) == {
            "n": "long",
            "at": "timestamptz",
            "cnpj": "string",
            "state": "string",
            "mail": "string",
        }
        assert "{minimum: 0, maximum: 19}  # holds for all 20 values" in text
        found = written(tmp_path, THINGS, text.replace("# REVIEW logicalType", "logicalType")).columns[1]
        assert (found.minimum, found.maximum) == ("2026-01-01 00:00:00+00:00", "2026-01-01 19:00:00+00:00")
