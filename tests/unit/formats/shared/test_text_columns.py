"""What columns of texts are taken for: numbers that hold every digit, codes, and what nearly is a number or a date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from inferring import inferred, loaded, offered_key, types

from lagoa.domain.tables import TableName
from lagoa.errors import SourceError
from lagoa.formats.infer import infer_contract
from lagoa.formats.shared.given import Given

if TYPE_CHECKING:
    from pathlib import Path

    from lagoa.contracts import Contract

THINGS = TableName.parse("bronze.things")


def of_columns(folder: Path, delimiter: str = ";", **columns: list[str]) -> tuple[Contract, str]:
    """Infer from a CSV file of these columns, and make sure that all of it gets in."""
    rows = zip(*columns.values(), strict=True)
    path = folder / "things.csv"
    path.write_text("\n".join(delimiter.join(row) for row in [tuple(columns), *rows]) + "\n", "utf-8")
    contract, text = inferred(path, THINGS)
    assert loaded(contract, path) == (len(next(iter(columns.values()))), 0)
    return contract, text


DIGITS = {
    "places beyond a double": (["40939.112971807228", "1.5"], "decimal(38, 12)"),
    "sixteen digits and one with a place": (["9007199254740993", "9007199254740992.5"], "decimal(38, 1)"),
    "an amount of 19 digits": (["12345678901234567.89", "1.10"], "decimal(38, 2)"),
    "fifteen digits": (["123456789.123456", "1.5"], "double"),
    "the largest long": (["9223372036854775807", "-9223372036854775808"], "long"),
    "beyond the largest long": (["9223372036854775808"], "string"),
    "more than a decimal holds": (["1" * 20 + "." + "1" * 19], "string"),
    "scientific": (["1.5e10", "2E-5", "3"], "double"),
    "scientific, beyond a double": (["1.2345678901234567e5"], "string"),
    "scientific, out of range": (["1.5e400"], "string"),
    "scientific, next to a decimal comma": (["1.5e10", "2,5"], "string"),
    "scientific, next to a unit": (["1.5e10", "2.5%"], "string"),
    "scientific, next to thousands": (["1.5e10", "1.234.567"], "string"),
    "scientific, with a decimal comma": (["1,5e10", "2,5", "3"], "double"),
    "codes with E": (["12E4", "34E10", "7E3"], "string"),
    "codes with e": (["6e71", "1234"], "string"),
    "versions": (["1.9", "1.10", "1.1"], "string"),
    "lists of codes": (["5914600,8230000", "4772500"], "string"),
    "coordinates": (["-28,20083225", "-49,77916659"], "double"),
    "without a leading zero": ([",8", "1,1"], "double"),
    "leading zeros late": ([*map(str, range(10, 60)), "07"], "string"),
    "thousands": (["1.234.567", "12.345", "999"], "long"),
    "thousands and places": (["1.231.567,81", "-3.858,20", "70,67"], "double"),
    "thousands with a space": (["1 234 567", "12 345"], "long"),
    "thousands with spaces that do not break": (["1\u00a0234\u00a0567", "12\u202f345"], "long"),
    "thousands, or places": (["856.680", "7.973"], "string"),
    "places that begin with 0": (["0.680", "7.973"], "double"),
    "thousands, and places that begin with 0": (["1.234.567", "-0.444"], "string"),
    "grouped wrongly": (["1.2345.678", "1"], "string"),
    "money with its unit": (["R$ 1.234,56", "R$ 7,00"], "decimal(18, 2)"),
    "percent": (["12,5%", "3,25%"], "double"),
    "euros": (["€ 1.234,50", "€ 7,00"], "decimal(18, 2)"),
    "euros behind": (["1.234,50 €", "7,00 €"], "decimal(18, 2)"),
    "weights": (["1.234,5 kg", "-7 kg"], "double"),
    "areas": (["12 km²", "1.234.567km²"], "long"),
    "several units": (["12 kg", "7 km"], "string"),
    "a letter behind": (["12m", "7m"], "string"),
    "codes with a unit": (["007 ha", "12 ha"], "string"),
}


PERIODS = {
    "data": (["1980.01", "1980.10"], "string"),
    "Mês": (["1980,01", "1980,10"], "string"),
    "valor": (["1980.01", "1980.10"], "decimal(18, 2)"),
    "data_base": (["1980.125", "1980.10"], "double"),
}


@pytest.mark.parametrize(("name", "values", "kind"), [(name, *case) for name, case in PERIODS.items()])
def test_a_year_and_a_month_are_no_number(tmp_path, name, values, kind):
    contract, text = of_columns(tmp_path, **{name: values}, uf=["SP", "RJ"])
    assert [*types(contract).values()] == [kind, "string"]
    assert (kind == "string") == ("may be a year and a month, not a number; it stays text" in text)


def test_digits_that_may_be_dates_are_for_a_reviewer_or_for_the_option(tmp_path):
    columns = {"x": ["a", "b"], "begin": ["20070701", "20180131"], "end": ["20201231", "00000000"]}
    contract, text = of_columns(tmp_path, **columns)
    assert [*types(contract).values()] == ["string", "long", "string"]
    written = "(yyyymmdd); if they are, write logicalType: date, physicalType: date, and in customProperties: "
    assert f"begin: all values may be dates {written}{{property: lagoa.date, value: yyyymmdd}}." in text
    nulls = '{property: lagoa.nulls, value: ["00000000"]}'
    assert f"end: all values may be dates {written}{{property: lagoa.date, value: yyyymmdd}}, {nulls}." in text
    text = infer_contract(tmp_path / "things.csv", THINGS, Given(date="yyyymmdd"))
    assert text.count("physicalType: date") == 2


@pytest.mark.parametrize(("values", "kind"), DIGITS.values(), ids=DIGITS)
def test_no_digit_is_lost(tmp_path, values, kind):
    assert types(of_columns(tmp_path, name=["x"] * len(values), n=values)[0])["n"] == kind


def test_a_mark_is_a_fact_of_a_column(tmp_path):
    contract, text = of_columns(
        tmp_path, name=["A", "B"], pop=["1.234", "12.345"], pib=["10,50", "7,2"], lat=["-23.5", "-7.25"]
    )
    assert types(contract) == {"name": "string", "pop": "string", "pib": "double", "lat": "double"}
    contract, text = of_columns(tmp_path, name=["A", "B"], pop=["1.234", "12.345"], pib=["10,50", "7,25"])
    assert types(contract)["pop"] == "long"
    assert "pop: '1.234' has three digits after '.', as all of them: it is taken for the mark between thousands" in text
    contract, text = of_columns(tmp_path, ",", name=["A", "B"], weight=["1.234", "12.345"])
    assert types(contract)["weight"] == "double"
    assert "weight: '1.234' has three digits after '.', as all of them: it is taken for the decimal mark" in text


CODES = {
    "cod_ibge": (["3300100", "3300101"], "string"),
    "CO_CNES": (["2000007", "2000014"], "string"),
    "cod_cliente": (["100000", "100001"], "string"),
    "cod": (["9", "10", "11"], "long"),
    "cbo2002ocup": (["521110", "411005"], "string"),
    "municipio": (["355030", "330455"], "string"),
    "qtd_municipio": (["35", "33"], "long"),
    "nr_turno": (["1", "2"], "long"),
    "nr_idade": (["30", "31"], "long"),
    "sq_candidato": (["117499092896"], "string"),
    "id_servidor": (["80000000", "80000001"], "string"),
    "id": (["80000000", "80000001"], "long"),
    "matricula": (["1", "22"], "string"),
    "x": (["52998224725", "11144477735", "39053344705"], "string"),
    "y": (["11222333000181", "11444777000161", "11222333000181"], "string"),
    "z": (["11222333000182", "11444777000161", "11222333000181"], "long"),
}


@pytest.mark.parametrize(("name", "values", "kind"), [(name, *case) for name, case in CODES.items()])
def test_codes_stay_text(tmp_path, name, values, kind):
    contract, text = of_columns(tmp_path, ";", name=["a"] * len(values), **{name: values})
    assert types(contract)[name.lower()] == kind
    assert kind == "long" or f"REVIEW: {name.lower()}: digits, " in text


def test_near_misses_are_said_with_the_edit_that_takes_them(tmp_path):
    count = 40
    _, text = of_columns(
        tmp_path,
        sold=[*(f"{n % 28 + 1:02}/01/2026" for n in range(count)), "Data da Coleta"],
        price=[*(f"{n},50" for n in range(count)), "Valor de Venda"],
        level=[*map(str, range(count - 2)), "S/N", "S/N", "-"],
        either=[*map(str, range(20)), *["x"] * 21],
    )
    line = count + 2
    date = "logicalType: date, physicalType: date, and in customProperties: {property: lagoa.date, value: dd/mm/yyyy}"
    price = 'logicalType: number, physicalType: double, and in customProperties: {property: lagoa.decimal, value: ","}'
    assert (
        f"sold: all but 1 of 41 are dates: 'Data da Coleta' (line {line}); if these mean null, write {date}, " in text
    )
    assert (
        f"price: all but 1 of 41 are numbers: 'Valor de Venda' (line {line}); if these mean null, write {price}" in text
    )
    assert f"level: all but 2 of 40 are numbers: 'S/N' (2 times, first in line {count})" in text
    assert 'customProperties: {property: lagoa.nulls, value: ["-", "S/N"]}; without' in text
    assert "REVIEW: either" not in text


def test_days_that_are_none_of_the_calendar_are_said(tmp_path):
    days = [*(f"{n % 28 + 1:02}/02/2026" for n in range(40)), "31/02/2026"]
    contract, text = of_columns(tmp_path, id=[*map(str, range(41))], sold=days)
    assert types(contract)["sold"] == "string"
    date = "logicalType: date, physicalType: date, and in customProperties: {property: lagoa.date, value: dd/mm/yyyy}"
    assert f"no days of the calendar; if they are to go to quarantine, write {date}." in text
    assert "sold: all but 1 of 41 are dates (dd/mm/yyyy), and these are" in text


def test_words_for_null_are_taken_by_column(tmp_path):
    count = 300
    contract, text = of_columns(
        tmp_path,
        code=["NA", *(f"C{n}" for n in range(count))],
        ratio=["...", *(f"{n},25" for n in range(count))],
        km=["(null)", *(f"{n},5" for n in range(count))],
        born=["00/00/0000", *(f"{n % 28 + 1:02}/01/1990" for n in range(count))],
        rain=["-9999", *(f"{n},1" for n in range(count))],
        balance=["-1", *map(str, range(count))],
        delta=["-1", "-7", *map(str, range(count - 1))],
    )
    kinds = {
        "code": "string",
        "ratio": "decimal(18, 2)",
        "km": "double",
        "born": "date",
        "rain": "double",
        "balance": "long",
        "delta": "long",
    }
    assert types(contract) == kinds
    nulls = {column.name: column.nulls for column in contract.columns if column.nulls}
    assert nulls == {"ratio": ("...",), "km": ("(null)",), "born": ("00/00/0000",)}
    assert "REVIEW: code: 'NA' (1, line 2) stays text; if it means null, write `{property: lagoa.nulls, value: " in text
    assert "REVIEW: rain: '-9999' (1, line 2) is read as a number; if it means null, write" in text
    assert "REVIEW: balance: '-1' (1, line 2) is read as a number; if it means null, write" in text
    assert "REVIEW: delta" not in text
    assert [column.name for column in contract.columns if column.required] == ["code", "delta"]


def test_negative_numbers_that_stand_for_nothing_are_offered_among_codes_and_texts(tmp_path):
    """The electoral court writes -4 in place of each CPF."""
    _, text = of_columns(
        tmp_path,
        nr_cpf=["-4", "52998224725", "-4", "11144477735"],
        nr_zona=["-1", "-7", "0012", "0013"],
        social=["Ana", "-1", "NÃO DIVULGÁVEL", "-1"],
        note=["-1", "-5 kg", "-2.5", "x"],
    )
    edit = "stays text; if it means null, write `{property: lagoa.nulls, value: "
    assert f"REVIEW: nr_cpf: '-4' (2, line 2) {edit}[\"-4\"]}}` in its customProperties." in text
    assert (
        f"REVIEW: social: '-1' (2, line 3), 'NÃO DIVULGÁVEL' (1, line 4) {edit}[\"-1\", \"NÃO DIVULGÁVEL\"]}}`" in text
    )
    assert [line for line in text.splitlines() if "lagoa.nulls" in line and ("nr_zona" in line or "note" in line)] == []


def test_the_header_names_a_currency(tmp_path):
    path = tmp_path / "things.csv"
    path.write_text("id;ABATE-TETO (R$);OUTROS\n1;1,5;1,5\n2;2;2\n", "utf-8")
    contract, _ = inferred(path, THINGS)
    assert types(contract) == {"id": "long", "abate_teto_r": "decimal(18, 2)", "outros": "double"}


def test_a_column_with_a_word_for_null_is_no_key(tmp_path):
    contract, _ = of_columns(tmp_path, id=["a", r"\N", "c"], id_x=["1", "NA", "3"], name=["x", "y", "z"])
    assert offered_key(contract) == ()
    assert [column.nulls for column in contract.columns] == [(r"\N",), ("NA",), None]


def test_a_type_holds_the_last_of_many_records(tmp_path):
    path = tmp_path / "things.csv"
    path.write_text("id,a,b,c\n" + "1,2,2026-01-02,true\n" * 150_000 + "1,2.5,x,maybe\n", "utf-8")
    contract, text = inferred(path, THINGS)
    assert types(contract) == {"id": "long", "a": "double", "b": "string", "c": "string"}
    assert "# Guessed from things.csv, 150,001 records." in text
    assert "b: all but 1 of 150,001 are dates: 'x' (line 150,002)" in text


def test_more_columns_than_are_looked_at_are_refused(tmp_path):
    path = tmp_path / "things.csv"
    path.write_text(";".join(f"c{n}" for n in range(10_001)) + "\n" + ";".join(["1"] * 10_001) + "\n", "utf-8")
    with pytest.raises(SourceError, match="it has 10,001 columns, and 10,000 are the most that are looked at"):
        infer_contract(path, THINGS)


def test_many_columns_are_read_in_one_pass(tmp_path):
    path = tmp_path / "things.csv"
    names = ",".join(f"c{n}" for n in range(1_000))
    path.write_text(names + "\n" + "".join(",".join([str(row)] * 1_000) + "\n" for row in range(20)), "utf-8")
    assert infer_contract(path, THINGS).count("physicalType: long") == 1_000
