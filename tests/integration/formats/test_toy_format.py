"""A format is a folder and a line in the registry: these alone make its files inferred, loaded and sent again."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator
from toy_format.format import Kv

from lagoa.contracts import read_contracts
from lagoa.contracts.properties import properties_schema
from lagoa.domain.selection import Selection
from lagoa.domain.tables import TableName
from lagoa.formats import FORMATS
from lagoa.formats.infer import infer_contract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakes import LakeFolder

PEOPLE = "bronze.people"
CONTRACT = "iceberg/bronze/people.odcs.yaml"
FIRST = "id=1|name=Ana|born=31/12/1990\nid=2|name=Bea|born=01/02/1991\n"
SECOND = "id=x|name=Cid\nno field at all\nid=4|born=29/02/2024\nid=5|name=Eva|nick=E\n"


@pytest.fixture
def _kv() -> Iterator[None]:
    FORMATS["kv"] = Kv()
    yield
    del FORMATS["kv"]


@pytest.fixture
def folder(folder: LakeFolder, _kv: None) -> LakeFolder:
    """Return a lake's folder with a contract that was inferred from a file."""
    people = folder.file("people.kv", FIRST)
    folder.file("more.kv", SECOND)
    folder.file(CONTRACT, infer_contract(people, TableName.parse(PEOPLE)))
    return folder


def contract_text(folder: LakeFolder) -> str:
    return (folder.root / CONTRACT).read_text("utf-8")


def test_a_contract_is_inferred(folder: LakeFolder) -> None:
    text = contract_text(folder)
    assert "value: {format: kv, file: people.kv, between: '|', date: dd/mm/yyyy}" in text
    assert "physicalType: long  # whole numbers in all 2 values" in text
    assert "physicalType: date  # dates in all 2 values, written dd/mm/yyyy" in text
    assert "# REVIEW primaryKey: true" in text


def test_files_are_loaded_and_refused_records_fixed_and_retried(folder: LakeFolder) -> None:
    with folder.open() as lake:
        branch = lake.create_branch("dev")
        assert branch.ingest_folder(folder.root, ignore=["*"])[0].accepted == 2
        result = branch.ingest(folder.root / "more.kv", PEOPLE, batch="more")
        assert (result.received, result.accepted, result.rules) == (4, 1, {"keys": 1, "pairs": 1, "type/id": 1})
        refused = lake.refused_records(PEOPLE, "dev", Selection(rule="keys"))
        assert [(each.raw, each.record, each.byte_offset) for each in refused] == [
            (b"id=5|name=Eva|nick=E\n", 4, SECOND.index("id=5"))
        ]
        fixed = branch.fix_quarantine(PEOPLE, {"id": "3"}, Selection(where="name = 'Cid'"))
        assert (fixed.records, fixed.accepted) == (1, 1)
    nick = "      - {name: nick, physicalType: string}\n    customProperties:\n"
    folder.file(CONTRACT, contract_text(folder).replace("    customProperties:\n", nick))
    with folder.open() as lake:
        retried = lake.branch("dev").retry_quarantine(PEOPLE)
        assert (retried.accepted, retried.rules) == (1, {"pairs": 1})
        assert lake.sql(f"SELECT id, name, born, nick FROM {PEOPLE} ORDER BY id", "dev").fetchall() == [
            (1, "Ana", date(1990, 12, 31), None),
            (2, "Bea", date(1991, 2, 1), None),
            (3, "Cid", None, None),
            (4, None, date(2024, 2, 29), None),
            (5, "Eva", None, "E"),
        ]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("{format: kv, between: '||'}", "between: String should have at most 1 character"),
        ("{format: kv, betwen: '|'}", "Did you mean 'between'?"),
        ("{format: kv, delimiter: '|'}", "delimiter is an option of CSV files, not of kv."),
        ("{format: csv, between: '|'}", "between is an option of key-value files, not of csv."),
        ("{format: kw}", " or 'kv'; it is 'kw'."),
    ],
)
def test_its_options_are_its_own(folder: LakeFolder, source: str, told: str) -> None:
    lines = contract_text(folder).splitlines()
    folder.file(CONTRACT, "\n".join([*lines[:-1], f"        value: {source}"]))
    (fault,) = read_contracts(folder.root / "iceberg", FORMATS).faults
    assert told in fault.message


@pytest.mark.usefixtures("_kv")
def test_its_options_are_in_the_schema_of_the_custom_properties() -> None:
    schema = Draft202012Validator(properties_schema(FORMATS))
    assert schema.is_valid({"table": {"lagoa.source": {"format": "kv", "between": "|"}}})
    assert not schema.is_valid({"table": {"lagoa.source": {"format": "kv", "delimiter": "|"}}})


def test_without_its_line_it_is_unknown() -> None:
    assert "kv" not in FORMATS
    schema = Draft202012Validator(properties_schema(FORMATS))
    assert not schema.is_valid({"table": {"lagoa.source": {"format": "kv"}}})
