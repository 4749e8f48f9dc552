"""Contracts guessed from CSV: what the file holds gets in, and each guess says what it stands on."""

from __future__ import annotations

import gzip
import io
import json
import os
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from effort import many
from hypothesis import given, settings
from hypothesis import strategies as st
from inferring import inferred, loaded, offered_key, types, written
from pyarrow import parquet

from lagoa.domain.tables import TableName
from lagoa.errors import InvalidName, SourceError
from lagoa.formats.infer import infer_contract
from lagoa.formats.shared.text_files import HEAD

if TYPE_CHECKING:
    from pathlib import Path

    from lagoa.contracts import Contract

PEOPLE = TableName.parse("bronze.people")


def of_text(folder: Path, text: str, name: str = "people.csv", encoding: str = "utf-8") -> Contract:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return inferred(path, PEOPLE)[0]


def column_of(folder: Path, values: list[str], name: str = "x") -> str:
    """Return the type guessed for one column of values."""
    lines = "".join(f'{number},"{value}"\n' for number, value in enumerate(values, 1))
    return types(of_text(folder, f"id,{name}\n{lines}"))[name]


TOUR = """id,name,email,born,height,active,seen_at,zip
1,Ana Souza,ana@x.com,1990-01-02,1.70,true,2026-01-02T03:04:05Z,01310-100
2,João Lima,joao@x.com,1985-12-24,1.8,false,2026-01-02T03:04:05-03:00,01310-200
3,"Bea ""B"" Reis",,2001-07-30,,true,2026-01-02T03:04:05Z,
"""
MORE = """id,name,email,born,height,active,seen_at,zip
4,,new@y.org,,1.755,false,2026-02-02T03:04:05Z,20000-000
5,"Ana Souza","ana@x.com",1990-01-02,2,true,,
6,"Line
break",,2010-01-01,-1,,2026-01-02T03:04:05+01:00,99999-999
"""


def test_the_file_and_the_next_one_get_in(tmp_path):
    contract = of_text(tmp_path, TOUR)
    assert types(contract) == {
        "id": "long",
        "name": "string",
        "email": "string",
        "born": "date",
        "height": "double",
        "active": "boolean",
        "seen_at": "timestamptz",
        "zip": "string",
    }
    assert offered_key(contract) == ("id",)
    assert [column.name for column in contract.columns if column.required] == ["id"]
    assert not any(column.enum or column.minimum for column in contract.columns)
    assert {column.name: column.format for column in contract.columns if column.format} == {
        "email": "email",
        "zip": "cep",
    }
    more = tmp_path / "more_people.csv"
    more.write_text(MORE)
    assert loaded(contract, tmp_path / "people.csv") == (3, 0)
    assert loaded(contract, more) == (3, 0)


def test_the_contract_says_how_the_file_is_written(tmp_path):
    source = of_text(tmp_path, TOUR).source
    assert source is not None
    assert source.model_fields_set == {"format", "file", "delimiter", "quote", "encoding", "header"}
    assert (source.format, source.file, source.delimiter, source.quote) == ("csv", "people.csv", ",", '"')
    assert (source.escape, source.encoding, source.header, source.decimal) == (None, "utf-8", True, ".")


def test_each_guess_says_what_it_stands_on(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(TOUR)
    text = infer_contract(path, PEOPLE)
    assert "# Guessed from people.csv, 3 records." in text
    assert "physicalType: long  # whole numbers in all 3 values" in text
    assert "# REVIEW primaryKey: true  # all 3 values differ; only if no later delivery repeats one" in text
    assert 'partition by "id" order by _ingested_at desc, _row desc) = 1' in text
    assert "{format: email}  # every value is an e-mail address" in text
    assert "classification: personal  # REVIEW" in text
    assert "physicalType: string  # digits" not in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id;valor\n1;1,50\n2;20,75\n", {"delimiter": ";", "decimal": ","}),
        ("id\tname\n1\ta\n2\tb,c\n", {"delimiter": "\t"}),
        ("id|name\n1|a\n2|b\n", {"delimiter": "|"}),
        ("id,name\n1,'a,b'\n2,'c'\n", {"quote": "'"}),
        ('id,name\n1,"a\\"b"\n2,"c,d"\n3,"e\\"f"\n', {"escape": "\\"}),
        ("id,name\r\n1,a\r\n2,b\r\n", {}),
        ("\ufeffid,name\n1,a\n", {}),
        ("1,2020-01-01\n2,2020-01-02\n", {"header": False}),
        ("id,name\n1,a", {}),
        ("id,#name\n#1,a\n2,b\n", {}),
    ],
    ids=["brazilian", "tabs", "bars", "apostrophes", "backslashes", "CRLF", "BOM", "no header", "no last LF", "hashes"],
)
def test_dialects(tmp_path, text, expected):
    contract = of_text(tmp_path, text)
    usual = {"delimiter": ",", "quote": '"', "escape": None, "header": True, "decimal": ".", "encoding": "utf-8"}
    assert contract.source is not None
    found = contract.source.model_dump()
    assert {key: found[key] for key in usual} == usual | expected
    records = text.strip().count("\n") + (0 if found["header"] else 1)
    assert loaded(contract, tmp_path / "people.csv") == (records, 0)


def test_encodings_of_one_byte(tmp_path):
    contract = of_text(tmp_path, "id,name\n1,João €\n", encoding="cp1252")
    assert contract.source is not None
    assert contract.source.encoding == "cp1252"
    assert loaded(contract, tmp_path / "people.csv") == (1, 0)
    (tmp_path / "people.csv").write_bytes(b"id,name\n1,\x81\xe9\n")
    contract = inferred(tmp_path / "people.csv", PEOPLE)[0]
    assert contract.source is not None
    assert contract.source.encoding == "latin-1"


def test_a_later_byte_decides_the_encoding(tmp_path):
    line = f"1,{'a' * 500}\n"
    contract = of_text(tmp_path, "id,name\n" + line * (2 * HEAD // len(line)) + "2,é\n", encoding="cp1252")
    assert contract.source is not None
    assert contract.source.encoding == "cp1252"


def test_packed_files(tmp_path):
    path = tmp_path / "people.csv.gz"
    path.write_bytes(gzip.compress(TOUR.encode()))
    contract = inferred(path, PEOPLE)[0]
    assert types(contract)["born"] == "date"
    assert loaded(contract, path) == (3, 0)


TYPES = {
    "whole numbers": (["1", "-20", "0"], "long"),
    "the largest": (["999999999999999999"], "long"),
    "more digits than a number holds": (["12345678901234567890"], "string"),
    "leading zeros": (["01", "20"], "string"),
    "a plus sign": (["+5511999999999"], "string"),
    "places": (["1.5", "2"], "double"),
    "two places in a small file": (["1.50", "2.75"], "double"),
    "exponents": (["1e5", "2.5E-3"], "double"),
    "whole numbers written with a point": (["1.0", "2.0"], "double"),
    "thousands": (["1,234", "5,678"], "string"),
    "not a number": (["1.5", "NaN"], "string"),
    "true and false": (["true", "False", "TRUE"], "boolean"),
    "one and zero are numbers": (["1", "0", "1"], "long"),
    "yes and no may be joined by maybe": (["yes", "no"], "string"),
    "dates": (["2024-02-29", "1900-01-01"], "date"),
    "no such date": (["2023-02-29"], "string"),
    "brazilian dates": (["29/02/2024"], "date"),
    "midnight": (["2024-02-29 00:00:00"], "timestamp"),
    "moments": (["2024-02-29 12:34:56.789", "2024-02-29T01:02"], "timestamp"),
    "moments with an offset": (["2024-02-29T12:34:56Z", "2024-02-29 12:34:56+02:00"], "timestamptz"),
    "some with an offset": (["2024-02-29T12:34:56Z", "2024-02-29 12:34:56"], "string"),
    "dates and moments": (["2024-02-29", "2024-02-29 12:00:00"], "timestamp"),
    "clock": (["12:30", "25:10"], "string"),
    "nothing": (["", ""], "string"),
    "one odd value": (["1", "2", "x"], "string"),
}


@pytest.mark.parametrize(("values", "kind"), TYPES.values(), ids=TYPES)
def test_types(tmp_path, values, kind):
    assert column_of(tmp_path, values) == kind


NAMED = {
    "price": (["1.5", "20"], "decimal(18, 2)"),
    "valor_total": (["1.50"], "decimal(18, 2)"),
    "amount": (["1.505"], "double"),
    "cep": (["20000000"], "string"),
    "telefone": (["11999999999"], "string"),
    "order_item_id": (["1", "2"], "long"),
}


@pytest.mark.parametrize(("name", "values", "kind"), [(name, *case) for name, case in NAMED.items()])
def test_names_that_tell_of_the_type(tmp_path, name, values, kind):
    assert column_of(tmp_path, values, name) == kind


def test_many_values_with_two_places_are_exact(tmp_path):
    assert column_of(tmp_path, [f"{number}.25" for number in range(300)]) == "decimal(18, 2)"
    assert column_of(tmp_path, [f"{number}.25" for number in range(299)]) == "double"


def test_what_is_required_takes_three_hundred_records(tmp_path):
    def required(count: int, last: str = "a") -> list[str]:
        lines = "".join(f"{number},a\n" for number in range(1, count)) + f"{count},{last}\n"
        return [column.name for column in of_text(tmp_path, f"id,name\n{lines}").columns if column.required]

    assert required(299) == ["id"]
    assert required(300) == ["id", "name"]
    assert required(300, "") == ["id"]


KEYS = {
    "id": ("id,x", ["1,a", "2,b"], ("id",)),
    "id of the table": ("x,people_id", ["a,1", "b,2"], ("people_id",)),
    "the first column": ("customer_id,x", ["a,1", "b,2"], ("customer_id",)),
    "another table's id": ("x,customer_id", ["a,1", "b,2"], ()),
    "twice": ("id,x", ["1,a", "1,b"], ()),
    "missing": ("id,x", ["1,a", ",b"], ()),
    "no name": ("name,x", ["a,1", "b,2"], ()),
    "numbers with places": ("id,x", ["1.5,a", "2.5,b"], ()),
    "dates": ("id,x", ["2024-01-01,a", "2024-01-02,b"], ()),
    "the second of many": ("x,customer_id", [f"a,{n}" for n in range(300)], ("customer_id",)),
    "the first of many": ("number,x", [f"{n},a" for n in range(300)], ("number",)),
    "a measure of many": ("x,weight", [f"a,{n}" for n in range(300)], ()),
}


@pytest.mark.parametrize(("header", "lines", "key"), KEYS.values(), ids=KEYS)
def test_keys(tmp_path, header, lines, key):
    contract = of_text(tmp_path, "\n".join([header, *lines]) + "\n")
    assert offered_key(contract) == key
    assert all(contract.column(name).required for name in key)


CPF, CNPJ, UUID = "529.982.247-25", "11222333000181", "123e4567-e89b-12d3-a456-426614174000"
FORMATS = {
    "cpf by its name": ("cpf", [CPF], "cpf"),
    "cpf by its name, wrong": ("cpf", [CPF, "529.982.247-26"], None),
    "cpf by many": ("x", [CPF] * 20, "cpf"),
    "cpf by too few": ("x", [CPF] * 19, None),
    "cnpj": ("cnpj_fornecedor", [CNPJ], "cnpj"),
    "uuid": ("user_id", [UUID], "uuid"),
    "state": ("uf", ["SP", "RJ"], "uf"),
    "state by chance": ("x", ["SP"] * 20, None),
    "state in the name alone": ("state", ["New York"], None),
    "ip": ("ip_address", ["10.0.0.1"], "ipv4"),
}


@pytest.mark.parametrize(("name", "values", "found"), FORMATS.values(), ids=FORMATS)
def test_formats(tmp_path, name, values, found):
    lines = "".join(f"{value},{number}\n" for number, value in enumerate(values))
    assert of_text(tmp_path, f"{name},n\n{lines}").columns[0].format == found


def test_likely_rules_are_comments(tmp_path):
    lines = "".join(f"{number},{'no' if number % 2 else 'maybe'},{number * 0.5}\n" for number in range(40))
    path = tmp_path / "people.csv"
    path.write_text(f"id,answer,weight\n{lines}")
    text = infer_contract(path, PEOPLE)
    assert '# REVIEW enum: [{value: "maybe"}, {value: "no"}]  # holds for all 40 values' in text
    assert "# REVIEW logicalTypeOptions: {minimum: 0, maximum: 19.5}  # holds for all 40 values" in text
    contract = inferred(path, PEOPLE)[0]
    assert not any(column.enum or column.minimum is not None for column in contract.columns)
    taken = text.replace("# REVIEW enum", "enum").replace("# REVIEW logicalTypeOptions", "logicalTypeOptions")
    assert written(tmp_path, PEOPLE, taken).columns[1].enum == ("maybe", "no")


def test_other_names_stand_as_headers(tmp_path):
    text = 'ID,Full Name,no,"say ""x"": #1",Preço\n1,a,b,c,2.5\n'
    contract = of_text(tmp_path, text)
    assert {column.name: column.header for column in contract.columns} == {
        "id": "ID",
        "full_name": "Full Name",
        "no": None,
        "say_x_1": 'say "x": #1',
        "preco": "Preço",
    }
    assert loaded(contract, tmp_path / "people.csv") == (1, 0)


def test_records_that_cannot_be_read_do_not_decide(tmp_path):
    lines = "".join(f"{number},a\n" for number in range(50))
    contract = of_text(tmp_path, f"id,name\n{lines}51,a,b,c\n")
    assert types(contract) == {"id": "long", "name": "string"}
    assert loaded(contract, tmp_path / "people.csv") == (50, 1)


def parquet_of_a_strange_name():
    with io.BytesIO() as stream:
        parquet.write_table(pa.table({"nXY": [1]}), stream, store_schema=False)
        return stream.getvalue().replace(b"nXY", b"n\xff\xfe")


REFUSED = {
    "a Parquet column whose name is no text": (parquet_of_a_strange_name(), "'utf-8' codec"),
    "empty": (b"", "it is empty"),
    "blank": (b"\n \n", "it is empty"),
    "a byte order mark alone": (b"\xef\xbb\xbf\n", "it is empty"),
    "a header beyond all bounds": (b"x" * 200_000 + b",y\n1,2\n", "cannot be read: field larger"),
    "NUL in a name": (b"a\0b,c\n1,2\n", "binary|NUL character"),
    "a header and an open quote": (b'id\n"', "a quote or an escape that is not closed"),
    "a header alone": (b"id,name\n", "a header and no record"),
    "binary": (b"id,name\n1,\0\0\n", "it is binary"),
    "Excel": (b"PK\x03\x04rest", "an Excel workbook or a zip"),
    "gzip by another name": (gzip.compress(b"id\n1\n"), "a gzip file"),
    "broken Parquet": (b"PAR1 and nothing more", "people.csv"),
}


@pytest.mark.parametrize(("content", "said"), REFUSED.values(), ids=REFUSED)
def test_files_of_which_nothing_can_be_made(tmp_path, content, said):
    path = tmp_path / "people.csv"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=said) as raised:
        infer_contract(path, PEOPLE)
    assert str(path) in str(raised.value)
    assert raised.value.advice


def test_names_of_files_that_are_no_text(tmp_path):
    path = tmp_path / os.fsdecode(b"a\xff.csv")
    path.write_text(TOUR)
    assert inferred(path, PEOPLE)[0].source.file == "a\ufffd.csv"
    (tmp_path / "a\\b.csv").write_text(TOUR)
    with pytest.raises(SourceError, match="which a contract cannot express"):
        infer_contract(tmp_path / "a\\b.csv", PEOPLE)


def test_paths_of_which_nothing_can_be_made(tmp_path):
    with pytest.raises(SourceError):
        infer_contract(tmp_path / "people.csv", PEOPLE)
    with pytest.raises(SourceError, match="folder"):
        infer_contract(tmp_path, PEOPLE)
    (tmp_path / "people.csv").write_text(TOUR)
    with pytest.raises(InvalidName, match="only Lagoa writes to quarantine"):
        infer_contract(tmp_path / "people.csv", PEOPLE.quarantine)
    with pytest.raises(InvalidName, match="another layer: the SQL engine has a schema 'main' of its own"):
        infer_contract(tmp_path / "people.csv", TableName.parse("main.people"))


def test_no_column_gets_a_name_that_a_contract_refuses(tmp_path):
    (tmp_path / "odd.csv").write_text("id,file_row_number,_lagoa_row,_lagoa__lagoa_x,_batch_id\n" + "1,2,3,4,5\n" * 3)
    contract, _ = inferred(tmp_path / "odd.csv", TableName.parse("bronze.odd"))
    assert list(types(contract)) == ["id", "file_row_number_2", "lagoa_row", "lagoa__lagoa_x", "_batch_id_5"]
    assert loaded(contract, tmp_path / "odd.csv") == (3, 0)


def test_a_word_that_is_null_is_no_value_of_a_list(tmp_path):
    zones = ("\\N", "A", "B")
    (tmp_path / "zones.csv").write_text("id,zone\n" + "".join(f"{n},{zones[n % 3]}\n" for n in range(60)))
    _, text = inferred(tmp_path / "zones.csv", TableName.parse("bronze.zones"))
    assert 'REVIEW enum: [{value: "A"}, {value: "B"}]  # holds for all 40 values' in text


VALUES = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(str),
    st.dates().map(str),
    st.datetimes().map(str),
    st.booleans().map(str),
    st.text(st.characters(exclude_categories=["C"]), max_size=8),
    st.sampled_from(["", "0", "00", "NA", "null", "1,5", "1.50", "-", '"', "'", "#", "a@b.co", CPF]),
)


@settings(max_examples=many(12), deadline=None)
@given(
    columns=st.lists(VALUES, min_size=1, max_size=3).flatmap(
        lambda first: st.lists(st.lists(VALUES, min_size=len(first), max_size=len(first)), min_size=1, max_size=12)
    )
)
def test_whatever_is_in_a_file_its_contract_lets_it_in(tmp_path_factory, columns):
    rows = [[*row, "end"] for row in columns]
    header = [*(f"c{number}" for number in range(len(rows[0]) - 1)), "last"]
    folder = tmp_path_factory.mktemp("csv")
    path = folder / "people.csv"
    quoted = [",".join('"' + value.replace('"', '""') + '"' for value in row) for row in [header, *rows]]
    path.write_text("\n".join(quoted) + "\n", "utf-8")
    contract = inferred(path, PEOPLE)[0]
    assert contract.source is not None
    if contract.source.header is True and contract.source.delimiter == ",":
        assert loaded(contract, path) == (len(rows), 0), json.dumps(rows)


def test_names_with_control_characters_are_escaped_in_lists_too(tmp_path):
    path = tmp_path / "people.csv"
    path.write_bytes(b"id,\x7f\n1,2,\n3,4,\n")
    assert inferred(path, PEOPLE)[0].source.header == ["id", "\x7f", ""]
