"""How single columns are written: in files, in refused records that are retried, and what is refused with its value."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from lagoa.domain.tables import TableName
from lagoa.errors import SourceError
from lagoa.quarantine import show_quarantine

if TYPE_CHECKING:
    from lakes import LakeFolder

TABLE = "bronze.cities"
SOURCE = {"format": "csv", "delimiter": ";", "decimal": ",", "nulls": ["NA"]}
COLUMNS: dict[str, Any] = {
    "country": {"physicalType": "string", "lagoa.nulls": []},
    "people": {"physicalType": "long", "lagoa.thousands": ".", "lagoa.nulls": ["-1"]},
    "balance": "int",
    "rate": {"physicalType": "decimal(5, 2)", "lagoa.unit": "%"},
    "share": {"physicalType": "double", "lagoa.decimal": "."},
    "founded": {"physicalType": "date", "lagoa.date": ["ddmmyyyy", "dd/mm/yyyy"], "lagoa.nulls": ["00000000"]},
    "area": {"physicalType": "double", "lagoa.header": ["Área (km²)", "Área"]},
}
HEADER = "country;people;balance;rate;share;founded;Área (km²)\n"


def reasons(lake: Any, branch: str) -> dict[int, tuple[str, str]]:
    return {
        each.record: (each.rule, each.reason) for each in show_quarantine(lake.context, branch, TableName.parse(TABLE))
    }


def test_each_column_is_read_as_it_is_written(folder: LakeFolder) -> None:
    folder.contract(TABLE, COLUMNS, source=SOURCE)
    lines = "NA;1.234;-1;12,5 %;0.5;31122024;1,5\nBR;-1;NA;7%;NA;01/02/2024;NA\nZA;;3;;;00000000;\n"
    file = folder.file("cities.csv", HEADER + lines)
    with folder.open() as lake:
        branch = lake.create_branch("dev")
        assert branch.ingest(file, TABLE).quarantined == 0
        rows = lake.sql(f"SELECT * EXCLUDE (_batch_id, _ingested_at, _source, _row) FROM {TABLE}", "dev").fetchall()
    assert sorted(rows, key=str) == [
        ("BR", None, None, Decimal("7.00"), None, date(2024, 2, 1), None),
        ("NA", 1234, -1, Decimal("12.50"), 0.5, date(2024, 12, 31), 1.5),
        ("ZA", None, 3, None, None, None, None),
    ]


def test_a_changed_value_is_refused_alone_and_shown(folder: LakeFolder) -> None:
    folder.contract(TABLE, COLUMNS, source=SOURCE, quarantineShare=1)
    good = "BR;1.234;1;7%;0.5;31122024;1,5\n"
    bad = {
        "type/people": "BR;12.34;1;7%;0.5;31122024;1,5\n",
        "type/balance": "BR;1;007;7%;0.5;31122024;1,5\n",
        "type/rate": "BR;1;1;7 reais;0.5;31122024;1,5\n",
        "type/share": "BR;1;1;7%;0.12345678901234567;31122024;1,5\n",
        "type/founded": "BR;1;1;7%;0.5;2024-12-31;1,5\n",
        "type/area": "BR;1;1;7%;0.5;31122024;1.5\n",
    }
    file = folder.file("cities.csv", HEADER + good + good.join(bad.values()) + good)
    with folder.open() as lake:
        result = lake.create_branch("dev").ingest(file, TABLE)
        found = reasons(lake, "dev")
    assert (result.accepted, result.quarantined) == (len(bad) + 1, len(bad))
    assert [found[number][0] for number in sorted(found)] == list(bad)
    assert [found[number][1] for number in sorted(found)] == [
        "people is no long: '12.34'",
        "balance is no int: '007'; a leading zero is part of a code, so the column must be a string",
        "rate is no decimal(5, 2): '7 reais'",
        "share is no double: '0.12345678901234567'; a double does not keep all of its digits; a decimal does",
        "founded is no date: '2024-12-31'; the contract writes dates ddmmyyyy or dd/mm/yyyy",
        "area is no double: '1.5'",
    ]


def test_personal_values_are_not_shown(folder: LakeFolder) -> None:
    folder.contract(TABLE, {"cpf": {"physicalType": "long", "classification": "personal"}}, source={"format": "csv"})
    file = folder.file("cities.csv", "cpf\n01234567890\n")
    with folder.open() as lake:
        lake.create_branch("dev").ingest(file, TABLE)
        assert reasons(lake, "dev")[1][1].startswith("cpf is no long; a leading zero")


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ({"format": "csv"}, 'id,v,d\n1,"R$ 1.234,50",31122024\n2,n/d,00000000\n'),
        (
            {"format": "jsonl"},
            '{"id":1,"v":"R$ 1.234,50","d":"31122024"}\n{"id":2,"v":"n/d","d":"00000000"}\n',
        ),
    ],
    ids=["csv", "jsonl"],
)
def test_refused_records_are_retried_as_the_contract_now_says(
    folder: LakeFolder, form: dict[str, Any], content: str
) -> None:
    kinds: dict[str, Any] = {"id": "int", "v": {"physicalType": "decimal(9, 2)"}, "d": {"physicalType": "date"}}
    folder.contract(TABLE, kinds, source=form, quarantineShare=1)
    file = folder.file("cities.data", content)
    with folder.open() as lake:
        assert lake.create_branch("dev").ingest(file, TABLE).quarantined == 2
    kinds["v"] |= {"lagoa.decimal": ",", "lagoa.thousands": ".", "lagoa.unit": "R$", "lagoa.nulls": ["n/d"]}
    kinds["d"] |= {"lagoa.date": "ddmmyyyy", "lagoa.nulls": ["00000000"]}
    folder.contract(TABLE, kinds, source=form, quarantineShare=1)
    with folder.open() as lake:
        branch = lake.branch("dev")
        assert branch.retry_quarantine(TABLE).accepted == 2
        rows = lake.sql(f"SELECT id, v, d FROM {TABLE} ORDER BY id", "dev").fetchall()
    assert rows == [(1, Decimal("1234.50"), date(2024, 12, 31)), (2, None, None)]


def test_json_values_are_read_as_their_column_is_written(folder: LakeFolder) -> None:
    columns = {"v": {"physicalType": "double", "lagoa.decimal": ",", "lagoa.header": ["valor", "vl"]}}
    folder.contract(TABLE, columns, source={"format": "jsonl"}, quarantineShare=1)
    lines = ['{"valor":"1,5"}', '{"vl":"2,5"}', '{"valor":"1.5"}', '{"vl":"1","valor":"1"}', '{"v":"1"}']
    file = folder.file("cities.jsonl", "\n".join(lines))
    with folder.open() as lake:
        result = lake.create_branch("dev").ingest(file, TABLE)
        assert result.rules == {"keys": 2, "type/v": 1}
        assert reasons(lake, "dev")[4][1] == "the keys 'valor' and 'vl' are both v"
        assert lake.sql(f"SELECT v FROM {TABLE} ORDER BY v", "dev").fetchall() == [(1.5,), (2.5,)]


def test_a_file_has_one_of_the_names_of_a_column(folder: LakeFolder) -> None:
    columns = {"v": {"physicalType": "int!", "lagoa.header": ["2024", "Valor"]}, "w": "int"}
    folder.contract(TABLE, columns, source={"format": "csv"})
    with folder.open() as lake:
        branch = lake.create_branch("dev")
        assert branch.ingest(folder.file("a.csv", "2024\n1\n"), TABLE).accepted == 1
        assert branch.ingest(folder.file("b.csv", "Valor\n2\n"), TABLE).accepted == 1
        with pytest.raises(SourceError, match="the column 'Valor' is the column v again, which '2024' is"):
            branch.ingest(folder.file("c.csv", "2024,Valor\n1,2\n"), TABLE)
        with pytest.raises(SourceError, match="the column '2024' or 'Valor' is missing"):
            branch.ingest(folder.file("d.csv", "w\n1\n"), TABLE)
