"""Contracts guessed from Excel workbooks: sheet and range, and types from the cells."""

from __future__ import annotations

import pytest
from excel_files import DAY, ELAPSED, MOMENT, error, number, sheet_of, write
from inferring import inferred, loaded, types, written

from lagoa.domain.tables import TableName
from lagoa.errors import SourceError
from lagoa.formats.infer import infer_contract
from lagoa.formats.shared.given import Given

PEOPLE = TableName.parse("bronze.people")
HEADER = ["Id", "Nome", "price", "born", "at", "ok", "took", "cpf", "ratio"]


def row(place):
    moment = number(f"{45000 + place}.5", MOMENT)
    return [
        place,
        f"Ana {place}",
        1.5 + place,
        number(str(45000 + place), DAY),
        moment,
        place % 2 == 0,
        number("1.25", ELAPSED),
        "12345678909",
        1.1 * place,
    ]


def test_excel(tmp_path):
    path = write(tmp_path / "people.xlsx", [HEADER, *map(row, range(30))])
    contract = inferred(path, PEOPLE)[0]
    assert types(contract) == {
        "id": "long",
        "nome": "string",
        "price": "decimal(18, 2)",
        "born": "date",
        "at": "timestamp",
        "ok": "boolean",
        "took": "string",
        "cpf": "string",
        "ratio": "double",
    }
    assert contract.source.model_dump(exclude_defaults=True) == {
        "format": "excel",
        "file": "people.xlsx",
        "sheet": "Data",
    }
    assert contract.column("cpf").format == "cpf"
    assert loaded(contract, path) == (30, 0)


def test_sheet_and_range_that_are_given(tmp_path):
    sheets = {
        "Notes": sheet_of([["x"]]),
        "Vendas 2026": sheet_of([["Report"], None, [None, "k", "v"], [None, 1, "a"], [None, 2, "b"]]),
    }
    path = write(tmp_path / "people.xlsx", sheets=sheets)
    with pytest.raises(SourceError, match="it has 2 sheets"):
        infer_contract(path, PEOPLE)
    with pytest.raises(SourceError, match="row 1 has no name for column B"):
        infer_contract(path, PEOPLE, Given(sheet="Vendas 2026"))
    text = infer_contract(path, PEOPLE, Given(sheet="Vendas 2026", range="B3"))
    contract = written(tmp_path, PEOPLE, text)
    assert 'sheet: "Vendas 2026", range: "B3"' in text
    assert types(contract) == {"k": "long", "v": "string"}
    assert loaded(contract, path) == (2, 0)
    with pytest.raises(SourceError, match="'3B' is no range"):
        infer_contract(path, PEOPLE, Given(range="3B"))


def test_a_note_names_the_row_in_the_sheet(tmp_path):
    rows = [["k", "v"], *([place, place] for place in range(2, 40)), [40, "n/a"], [error("#N/A"), 5]]
    text = infer_contract(write(tmp_path / "people.xlsx", rows), PEOPLE)
    assert "'n/a' (1, line 40)" in text
    assert "(1 by type/k): line 41: k is no long: the error #N/A" in text or "line 41: k is no" in text


def test_numbers_and_dates_that_are_text(tmp_path):
    rows = [
        ["valor", "dia"],
        *([f"{place},55", f"{place % 28 + 1:02d}/03/2023"] for place in range(60)),
        [7, number("45000", DAY)],
    ]
    path = write(tmp_path / "people.xlsx", rows)
    contract = inferred(path, PEOPLE)[0]
    assert types(contract) == {"valor": "decimal(18, 2)", "dia": "date"}
    assert loaded(contract, path) == (61, 0)
