"""Contracts guessed from JSON: what the file holds gets in, and each guess says what it stands on."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from effort import many
from hypothesis import given, settings
from hypothesis import strategies as st
from inferring import inferred, loaded, offered_key, types

from lagoa.domain.tables import TableName
from lagoa.errors import SourceError
from lagoa.formats.infer import infer_contract

if TYPE_CHECKING:
    from pathlib import Path

    from lagoa.contracts import Contract

THINGS = TableName.parse("bronze.things")


def of_records(folder: Path, records: list[Any]) -> tuple[Contract, str]:
    path = folder / "things.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in records), "utf-8")
    return inferred(path, THINGS)


RECORDS = [
    {
        "id": number,
        "customer_cpf": ["529.982.247-25", "111.444.777-35"][number % 2],
        "email": f"p{number}@example.com",
        "state": ["SP", "RJ", "MG"][number % 3],
        "price": number + 0.5,
        "code": f"{number:05}",
        "born": f"1990-01-{number % 28 + 1:02}",
        "at": "2026-01-02T03:04:05-03:00",
        "paid": number % 2 == 0,
        "note": None if number % 4 else "x",
        "address": {"street": "Rua A", "number": 10, "geo": {"lat": -23.5}},
        "items": [{"sku": "a", "n": 1}, {"sku": "b"}],
        "attributes": {f"key {number}": number},
    }
    for number in range(40)
]


def test_types_keys_and_formats(tmp_path):
    contract, text = of_records(tmp_path, RECORDS)
    assert types(contract) == {
        "id": "long",
        "customer_cpf": "string",
        "email": "string",
        "state": "string",
        "price": "decimal(18, 2)",
        "code": "string",
        "born": "date",
        "at": "timestamptz",
        "paid": "boolean",
        "note": "string",
        "address": "struct<street: string, number: long, geo: struct<lat: double>>",
        "items": "list<struct<sku: string, n: long>>",
        "attributes": "map<string, long>",
    }
    assert offered_key(contract) == ("id",)
    assert {column.name: column.format for column in contract.columns if column.format} == {
        "customer_cpf": "cpf",
        "email": "email",
        "state": "uf",
    }
    assert [column.name for column in contract.columns if column.classification] == [
        "customer_cpf",
        "email",
        "born",
        "address",
    ]
    assert contract.source is not None
    assert (contract.source.format, contract.source.file) == ("jsonl", "things.jsonl")
    assert loaded(contract, tmp_path / "things.jsonl") == (40, 0)
    assert "physicalType: timestamptz  # moments with their offset in all 40 values" in text
    assert "# REVIEW unique: true  # all 40 values differ" in text


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2"], "string"),
        (["true"], "string"),
        ([1, 2.5], "double"),
        ([1, "a"], "string"),
        ([True, 1], "string"),
        ([{"a": 1}, [1], None, "x"], "string"),
        ([10**18, 5], "long"),
        ([10**19, 5], "string"),
        ([[], [1, None]], "list<long>"),
        ([[1], ["a"]], "list<string>"),
        ([[[1]], [[2.5]]], "list<list<double>>"),
        ([{}], "map<string, string>"),
        ([{"a": 1, "A": 2}], "map<string, long>"),
        ([{"a": [1]}, {"b": None}], "struct<a: list<long>, b: string>"),
        ([{"a-b": 1}, {"c": "x"}], "map<string, string>"),
        ([{"a-b": 1, "c": "x"}] * 2, "struct<`a-b`: long, c: string>"),
        ([{"pt-BR": "a", "en-US": "b"}] * 2, "map<string, string>"),
        ([{"AnoMes": 1, "UF": {"Sigla": "RO"}}], "struct<AnoMes: long, UF: struct<Sigla: string>>"),
        ([{"id": 1812345678901234567}], "struct<id: long>"),
        ([{"id": 2**63}], "struct<id: decimal(38, 0)>"),
        ([[9007199254740993, 0.5]], "list<decimal(18, 1)>"),
        ([[0.1, 1e300]], "list<double>"),
        ([{str(n): n} for n in range(3)], "map<string, long>"),
        ([{f"k{n}": n for n in range(60)}], "map<string, long>"),
        ([None, None], "string"),
    ],
)
def test_types_of_values(tmp_path, values, kind):
    contract, _ = of_records(tmp_path, [{"x": value} for value in values])
    assert types(contract) == {"x": kind}
    assert loaded(contract, tmp_path / "things.jsonl") == (len(values), 0)


@pytest.mark.parametrize(
    ("name", "content", "form", "rows"),
    [
        ("a.json", b'[{"a": 1}, {"a": 2}]', "json", 2),
        ("a.json", b'{\n "a": 1\n}', "json", 1),
        ("a.json", b'{"a": 1}\n{"a": 2}\n', "jsonl", 2),
        ("a.jsonl", b'\xef\xbb\xbf{"a": 1}', "jsonl", 1),
        ("a.ndjson", b'\n{"a": 1}\n', "jsonl", 1),
        ("a.jsonl", b'[\n{"a": 1}\n]', "json", 1),
        ("a.jsonl.gz", gzip.compress(b'{"a": 1}\n', mtime=0), "jsonl", 1),
        ("a.jsonl", '{"a": "ç"}'.encode("cp1252"), "jsonl", 1),
    ],
)
def test_forms(tmp_path, name, content, form, rows):
    path = tmp_path / name
    path.write_bytes(content)
    contract, _ = inferred(path, THINGS)
    assert contract.source is not None
    assert contract.source.format == form
    assert loaded(contract, path) == (rows, 0)


@pytest.mark.parametrize(
    ("numbers", "kind"),
    [
        ("40939.112971807228", "list<decimal(18, 12)>"),
        ("0.1234567890123456789012345678901234567890", "list<string>"),
        ("1e9999999999999999999, 1", "list<string>"),
        ("1.5e2, 123456789012345678e-2", "list<decimal(18, 2)>"),
        ("0.10000000000000001, 12345678901234567890.5", "list<decimal(38, 17)>"),
        ("1e22, 0.30", "list<double>"),
    ],
)
def test_the_type_of_numbers_keeps_each_of_them(tmp_path, numbers, kind):
    path = tmp_path / "things.jsonl"
    path.write_text(f'{{"x": [{numbers}]}}\n')
    contract, _ = inferred(path, THINGS)
    assert types(contract) == {"x": kind}
    assert loaded(contract, path) == (1, 0)


def test_records_that_cannot_be_read_do_not_decide(tmp_path):
    path = tmp_path / "things.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": NaN, "b": 1}\n{"a": 2}\n')
    contract, _ = inferred(path, THINGS)
    assert types(contract) == {"a": "long"}
    assert loaded(contract, path) == (2, 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"{\n", "no JSON"),
        (b"17\n", "a number, no object"),
        (b"[]", "no record with a key"),
        (b"{}\n{}", "no record with a key"),
        (b'[{"a": 1}', "not closed"),
        (b'{"": 1}', "a key of its records is empty"),
        (b"PK\x03\x04", "not a JSON file"),
        (b'{"a": "\0"}', "binary"),
    ],
)
def test_files_of_which_nothing_can_be_made(tmp_path, content, said):
    path = tmp_path / "things.json"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=said) as raised:
        infer_contract(path, THINGS)
    assert raised.value.advice


text = st.text(st.characters(exclude_categories=["C"]), max_size=6)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    text,
    st.dates().map(str),
    st.sampled_from(["", "0", "00", "NA", "1,5", "2026-01-02T03:04:05Z", "529.982.247-25"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abAé") | text, inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(["a", "b", "A", "id", "Valor (R$)", "é"])


@settings(max_examples=many(15), deadline=None)
@given(st.lists(st.dictionaries(keys, values, min_size=1), min_size=1, max_size=6), st.booleans())
def test_whatever_is_in_a_file_its_contract_lets_it_in(tmp_path_factory, records, as_document):
    path = tmp_path_factory.mktemp("json") / ("things.json" if as_document else "things.jsonl")
    lines = "\n".join(json.dumps(each, ensure_ascii=False) for each in records)
    path.write_text(json.dumps(records, indent=1) if as_document else lines, "utf-8")
    contract, _ = inferred(path, THINGS)
    assert loaded(contract, path) == (len(records), 0)


def test_dates_of_several_forms_and_unreadable_records(tmp_path):
    path = tmp_path / "people.jsonl"
    good = '{"born": "2001-12-31", "seen": "31/12/2001"}\n' * 3
    path.write_text(good + '{"born": NaN}\n', "utf-8")
    contract, text = inferred(path, THINGS)
    assert types(contract) == {"born": "date", "seen": "date"}
    assert loaded(contract, path) == (3, 1)
    assert "REVIEW: 1 of 4 records cannot be read and go to quarantine (1 by json): line 4: NaN is no JSON" in text
