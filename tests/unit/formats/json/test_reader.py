"""JSON files record by record: what is handed on, with which bytes from which place, and what is refused."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from duck import database
from hypothesis import given, settings
from hypothesis import strategies as st

from lagoa.contracts.contract import Column, Contract
from lagoa.domain.tables import TableName
from lagoa.errors import SourceError
from lagoa.formats.json.options import JsonSource
from lagoa.formats.json.reader import JsonReader
from lagoa.formats.shared.files import SourceFile
from lagoa.formats.shared.row_sql import STREAM, RowSql

TABLE = TableName.parse("bronze.things")
KEY = "550e8400-e29b-41d4-a716-446655440000"
NESTED = "struct<n: long, tags: list<string>>"


def contract_of(kinds: dict[str, str], **source: Any) -> Contract:
    columns = tuple(Column(name, kind) for name, kind in kinds.items())
    return Contract(TABLE, "1.0.0", Path("things.odcs.yaml"), "", columns, source=JsonSource(**source))


def reader_of(path: Path, kinds: dict[str, str], **options: Any) -> JsonReader:
    source = {"format": "json" if path.name.startswith("doc") else "jsonl", **options.pop("source", {})}
    contract = contract_of(kinds, **source)
    assert contract.source is not None
    return JsonReader(contract, contract.source, SourceFile(path), **options)


def read(path: Path, kinds: dict[str, str], **options: Any) -> list[dict[str, Any]]:
    """Return the records in the order of the file, as the reader hands them on."""
    stream = reader_of(path, kinds, **options).stream()
    found = [row for batch in stream.reader() for row in batch.to_pylist()]
    assert stream.received == len(found)
    return sorted(found, key=lambda row: row["@row"])


def put(folder: Path, content: bytes, name: str = "lines.jsonl") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def taken(folder: Path, values: list[str], kind: str) -> list[Any]:
    """Return what becomes of values of one column, each in a record of its own: the value, or the rule it breaks."""
    path = put(folder, "".join(f'{{"x": {value}}}\n' for value in values).encode())
    reader = reader_of(path, {"x": kind})
    found: dict[int, Any] = {}
    with database() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        sql = RowSql(contract_of({"x": kind}, format="jsonl"), reader, "f")
        for query, columns in ((sql.accepted, 'x, "_row"'), (sql.refused, "rule, record")):
            connection.register(STREAM, reader.stream().reader())
            cursor = connection.execute(f"SELECT {columns} FROM ({query})", ["b", "2026-01-01", "f"])
            found |= {row: value for value, row in cursor.fetchall()}
    assert len(found) == len(values)
    return [found[number] for number in sorted(found)]


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("long", ["1e9999999999999999999", "1e-9999999999999999999", "12e1"], ["type/x", "type/x", 120]),
        ("double", ["1e9999999999999999999", "0.5"], ["type/x", 0.5]),
        ("list<long>", ["[1e9999999999999999999]", "[1e2]"], ["type/x", [100]]),
        (
            "list<double>",
            ["[9007199254740993]", "[0.1, 1e22]", "[0.12345678901234567]"],
            ["type/x", [0.1, 1e22], "type/x"],
        ),
        ("list<float>", ["[0.1]", "[0.123456789]"], [[pytest.approx(0.1)], "type/x"]),
        (
            "struct<`a-b`: long, UF: string>",
            ['{"a-b": 1, "UF": "x"}', '{"uf": "x"}'],
            [{"a-b": 1, "UF": "x"}, "type/x"],
        ),
    ],
)
def test_numbers_and_names_inside_values_stay_exact(tmp_path, kind, values, expected):
    assert taken(tmp_path, values, kind) == expected


def test_lines_with_their_bytes_and_places(tmp_path):
    content = b'{"a": 1, "b": "x"}\n\n  {"b":"\xc3\xa7", "a": null}  \r\n \t\n{"a": 2}\r[]\n{"b": "y"}'
    rows = read(put(tmp_path, content), {"a": "long", "b": "string"})
    assert [(row["@row"], row["@a@"], row["@b@"], row["@rule"]) for row in rows] == [
        (1, "1", "x", None),
        (2, None, "ç", None),
        (3, "2", None, None),
        (4, None, None, "object"),
        (5, None, "y", None),
    ]
    for row in rows:
        assert content[row["@offset"] :][: len(row["@raw"])] == row["@raw"]
    assert b"".join(row["@raw"] for row in rows) == content.replace(b"\n\n", b"\n").replace(b" \t\n", b"")


@pytest.mark.parametrize(
    ("line", "rule", "reason"),
    [
        (b'{"a": 1', "json", "character 8"),
        (b'{"a": 1}}', "json", "more text behind the value"),
        (b'{"a": 1} {"a": 2}', "json", "more text"),
        (b'{"a": NaN}', "json", "NaN is no JSON"),
        (b'{"a": -Infinity}', "json", "-Infinity is no JSON"),
        (b'{"a": 01}', "json", "no JSON"),
        (b'{"a": 1,}', "json", "no JSON"),
        (b"{'a': 1}", "json", "no JSON"),
        (b'{"a": .5}', "json", "no JSON"),
        (b'{"a": "x\ty"}', "json", "no JSON"),
        (b'{"a": "\\x"}', "json", "no JSON"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "json", "nested too deeply"),
        (b'{"a": 1, "a": 1}', "keys", "the key 'a' occurs twice in one object"),
        (b'{"b": {"n": 1, "n": 2}}', "keys", "the key 'n' occurs twice in one object"),
        (b'{"a": 1, "bb": 2}', "keys", "the key 'bb' is not in the contract of bronze.things. Did you mean 'b'?"),
        (b"[1]", "object", "a list, no object"),
        (b'"x"', "object", "a text, no object"),
        (b"17", "object", "a number, no object"),
        (b"null", "object", "null, no object"),
        (b"true", "object", "true, no object"),
        (b'{"a": "\xff"}', "encoding", "byte 8 is not utf-8"),
        (b'{"a": "\\ud800"}', "encoding", "half a character"),
        (b'{"\\udfff": 1}', "encoding", "half a character"),
        (b'{"a": "\0"}', "nul", "a NUL byte"),
        (b'{"a": "\\u0000"}', "nul", "a NUL character"),
        (b'{"b": {"tags": ["\\u0000"]}}', "nul", "a NUL character"),
        (b"\xef\xbb\xbf{}", "json", "no JSON"),
    ],
)
def test_a_line_that_is_no_object_of_the_contract_is_refused_alone(tmp_path, line, rule, reason):
    path = put(tmp_path, b'{"a": 1}\n' + line + b'\n{"a": 2}\n')
    before, bad, after = read(path, {"a": "long", "b": NESTED})
    assert (bad["@rule"], bad["@raw"]) == (rule, line + b"\n")
    assert reason in bad["@reason"]
    assert [before["@a@"], after["@a@"]] == ["1", "2"]


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        (
            "long",
            ["9223372036854775807", "9223372036854775808", "1e3", "1.0", "1.5", '"12"', '""', "true", "[1]", "null"],
            [2**63 - 1, "type/x", 1000, 1, "type/x", 12, "type/x", "type/x", "type/x", None],
        ),
        ("int", ["2147483647", "2147483648", "-0", "1E-1"], [2**31 - 1, "type/x", 0, "type/x"]),
        (
            "decimal(20, 2)",
            ["123456789012345678.91", "0.10", '"0.10"', "1.239", "1e2", "1.5e-2", "1e9999999999999999999"],
            [Decimal("123456789012345678.91"), *[Decimal("0.1")] * 2, "type/x", Decimal(100), *["type/x"] * 2],
        ),
        (
            "double",
            ["0.1", "1e-5", "1e400", '"NaN"', "11111111111111111"],
            [0.1, 1e-5, "type/x", "type/x", "type/x"],
        ),
        ("boolean", ["true", "false", '"true"', '"x"', "null"], [True, False, True, "type/x", None]),
        (
            "string",
            ['"a\\nb\\u00e7\\ud83d\\ude00"', "1.50", "1E5", "true", '{"k": [1.10, "\\u00e9", null]}', '""'],
            ["a\nbç😀", "1.50", "1E5", "true", '{"k":[1.10,"é",null]}', ""],
        ),
        ("date", ['"2026-02-28"', '"2026-02-29"', "20260228", '"28/02/2026"'], [date(2026, 2, 28), *["type/x"] * 3]),
        (
            "timestamptz",
            ['"2026-01-02T03:04:05Z"', '"2026-01-02T03:04:05-03:00"', "1767322800"],
            [datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2026, 1, 2, 6, 4, 5, tzinfo=UTC), "type/x"],
        ),
        ("list<long>", ["[1, 2.0, null]", "[]", '[1, "x"]', "1", "{}", "[[1]]"], [[1, 2, None], [], *["type/x"] * 4]),
        (
            NESTED,
            ['{"n": 1, "tags": ["a", 2]}', '{"n": null}', '{"m": 1}', '{"n": 1e30}', "[]", "null"],
            [{"n": 1, "tags": ["a", "2"]}, {"n": None, "tags": None}, *["type/x"] * 3, None],
        ),
        (
            "map<string, decimal(4, 1)>",
            ['{"a b": 1.5, "": null}', "{}", '{"a": 1.55}', '{"a": 1000}'],
            [{"a b": Decimal("1.5"), "": None}, {}, "type/x", "type/x"],
        ),
        (
            "map<long, string>",
            ['{"1": "a", "02": "b"}', '{"1": "a", "01": "b"}', '{"x": "a"}'],
            [{1: "a", 2: "b"}, *["type/x"] * 2],
        ),
        (
            "list<timestamp>",
            ['["2026-01-02", "2026-01-02T03:04:05.1234560"]', '["2026-13-01"]', '["2026-01-02T03:04:05Z"]'],
            [[datetime(2026, 1, 2), datetime(2026, 1, 2, 3, 4, 5, 123456)], "type/x", "type/x"],  # noqa: DTZ001
        ),
        ("list<time>", ['["03:04"]', '["24:00"]'], [[time(3, 4)], "type/x"]),
        ("list<date>", ['["2024-02-29"]', '["2026-02-29"]'], [[date(2024, 2, 29)], "type/x"]),
        ("list<boolean>", ['[true, "f"]', "[2]"], [[True, False], "type/x"]),
        ("list<uuid>", [f'["{KEY}"]', '["x"]', "[1]"], [[UUID(KEY)], "type/x", "type/x"]),
        ("list<float>", ["[0.5]", "[1e39]", "[1e-400]"], [[0.5], "type/x", "type/x"]),
    ],
)  # fmt: skip
def test_a_value_is_taken_whole_or_refused(tmp_path, kind, given, expected):
    assert taken(tmp_path, given, kind) == expected


@pytest.mark.parametrize("kind", ["binary", "fixed[4]", "list<binary>"])
def test_types_that_json_has_no_values_of(tmp_path, kind):
    with pytest.raises(SourceError, match="'x'"):
        taken(tmp_path, ["1"], kind)


def test_moments_within_values_keep_their_zone(tmp_path):
    ((found,),) = taken(tmp_path, ['["2026-01-02T03:04:05-0300"]'], "list<timestamptz>")
    assert found == datetime(2026, 1, 2, 6, 4, 5, tzinfo=UTC)


def test_keys_are_the_names_that_the_files_have(tmp_path):
    contract = Contract(
        TABLE,
        "1",
        Path("x"),
        "",
        (Column("valor_r", "string", header="Valor (R$)"),),
        source=JsonSource(format="jsonl"),
    )
    path = put(tmp_path, b'{"Valor (R$)": 1.50}\n{"valor_r": 1}\n')
    assert contract.source is not None
    rows = [
        row
        for batch in JsonReader(contract, contract.source, SourceFile(path)).stream().reader()
        for row in batch.to_pylist()
    ]
    assert [(row["@valor_r@"], row["@rule"]) for row in rows] == [("1.50", None), (None, "keys")]


@pytest.mark.parametrize("block", [1, 2, 7, 4096])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_blocks_and_line_endings_change_nothing(tmp_path, block, ending):
    content = b"\xef\xbb\xbf" + ending.join([b'{"a": 1}', b"", b'{"a": "\xc3\xa7"}', b"{", b'{"a": 3}'])
    rows = read(put(tmp_path, content), {"a": "string"}, block=block)
    assert [(row["@a@"], row["@rule"]) for row in rows] == [("1", None), ("ç", None), (None, "json"), ("3", None)]
    assert all(content[row["@offset"] :][: len(row["@raw"])] == row["@raw"] for row in rows)


ITEMS = [b'{"a": "],[{\\"\\\\"}', b'{"a": {"b": [1, [2, {}]]}}', b'{"a":1}', b"7", b'{"a": NaN}', b'{"a": "\xff"}']


@pytest.mark.parametrize("block", [1, 3, 50, 4096])
@pytest.mark.parametrize("space", [b"", b"\n  "])
def test_a_document_of_an_array(tmp_path, block, space):
    content = space + b"[" + space + (space + b"," + space).join(ITEMS) + space + b"]" + space + b"\n"
    rows = read(put(tmp_path, content, "doc.json"), {"a": "string"}, block=block)
    assert [row["@a@"] for row in rows] == ['],[{"\\', '{"b":[1,[2,{}]]}', "1", None, None, None]
    assert [row["@rule"] for row in rows] == [None, None, None, "object", "json", "encoding"]
    assert [row["@raw"] for row in rows] == ITEMS
    assert all(content[row["@offset"] :][: len(row["@raw"])] == row["@raw"] for row in rows)


@pytest.mark.parametrize("content", [b"[]", b" [ \n ] ", b"\xef\xbb\xbf[]"])
def test_an_array_without_items_is_a_batch_without_rows(tmp_path, content):
    assert read(put(tmp_path, content, "doc.json"), {"a": "long"}, block=1) == []


@pytest.mark.parametrize("block", [1, 4096])
@pytest.mark.parametrize(
    ("content", "rules"), [(b"[{},]", [None, "json"]), (b"[,]", ["json"] * 2), (b"[{},, {}]", [None, "json", None])]
)
def test_a_comma_too_many_is_a_record_that_is_not_there(tmp_path, content, rules, block):
    rows = read(put(tmp_path, content, "doc.json"), {"a": "long"}, block=block)
    assert [row["@rule"] for row in rows] == rules
    assert {row["@raw"] for row in rows if row["@rule"]} == {b""}


def test_a_document_of_one_object(tmp_path):
    content = b'\n{\n  "a": 1,\n  "b": "x"\n}\n'
    (row,) = read(put(tmp_path, content, "doc.json"), {"a": "long", "b": "string"}, block=4)
    assert (row["@a@"], row["@b@"], row["@offset"], row["@raw"]) == ("1", "x", 1, content[1:])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'[{"a": 1}, {"a": 2}', "it is truncated: its array is not closed"),
        (b'[{"a": 1}, {"a": "x', "not closed"),
        (b'[{"a": 1}, {"a": "x}]', "not closed"),
        (b'[{"a": 1}]]', "continues after its array, at byte 10"),
        (b'[{"a": 1}]\n\n {"a": 2}', "continues after its array, at byte 13"),
        (b'{"a": 1}\n{"a": 2}\n', "use jsonl for one object per line"),
        (b'{"a": 1', "not a JSON document"),
        (b'{"b": 1}', "the key 'b' is not in the contract"),
        (b'"a"', "begins with neither"),
        (b"a;b\n1;2\n", "begins with neither"),
        (b"", "it is empty"),
        (b" \n ", "it is empty"),
        (b"\xef\xbb\xbf", "it is empty"),
    ],
)
@pytest.mark.parametrize("block", [3, 4096])
def test_a_document_is_whole_or_refused(tmp_path, content, said, block):
    with pytest.raises(SourceError, match=said):
        read(put(tmp_path, content, "doc.json"), {"a": "long"}, block=block)


@pytest.mark.parametrize("content", [b"", b"\n \r\n", b"\xef\xbb\xbf\n"])
def test_lines_without_any_are_an_empty_file(tmp_path, content):
    with pytest.raises(SourceError, match="it is empty"):
        read(put(tmp_path, content), {"a": "long"})


@pytest.mark.parametrize("name", ["lines.jsonl", "doc.json"])
@pytest.mark.parametrize(
    ("content", "said"),
    [(gzip.compress(b"{}", mtime=0), "it is a gzip file"), ('{"a": 1}'.encode("utf-16"), "a text in UTF-16")],
)
def test_files_of_another_kind(tmp_path, name, content, said):
    with pytest.raises(SourceError, match=said):
        read(put(tmp_path, content, name), {"a": "long"})


@pytest.mark.parametrize("name", ["lines.jsonl", "doc.json"])
def test_a_record_beyond_all_bounds(tmp_path, name):
    content = b'[{"a": "' + b"x" * 300 + b'"}, {"a": "y"}]' if name == "doc.json" else b'{"a": "' + b"x" * 300 + b'"}\n'
    path = put(tmp_path, content, name)
    assert len(read(path, {"a": "string"}, block=16)) == 2 - (name == "lines.jsonl")
    with pytest.raises(SourceError, match="longer than 100 bytes"):
        read(path, {"a": "string"}, block=16, longest=100)


def test_a_long_line_is_read(tmp_path):
    path = put(tmp_path, b'{"a": "' + b"x" * 20_000_000 + b'"}\n{"a": "y"}')
    assert [len(row["@a@"]) for row in read(path, {"a": "string"})] == [20_000_000, 1]


def test_gzip_and_other_encodings(tmp_path):
    packed = put(tmp_path, gzip.compress(b'{"a": "\xc3\xa7"}\n' * 3, mtime=0), "lines.jsonl.gz")
    assert [row["@a@"] for row in read(packed, {"a": "string"})] == ["ç"] * 3
    latin = put(tmp_path, '{"a": "ç"}'.encode("latin-1"))
    assert read(latin, {"a": "string"}, source={"encoding": "latin-1"})[0]["@a@"] == "ç"
    with pytest.raises(SourceError, match="does not read JSON in the encoding 'shift_jis'"):
        read(latin, {"a": "string"}, source={"encoding": "shift_jis"})
    broken = put(tmp_path, packed.read_bytes()[:-9], "broken.jsonl.gz")
    with pytest.raises(SourceError, match="cannot be read"):
        read(broken, {"a": "string"})


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
good = st.builds(
    lambda record, indent: json.dumps(record, ensure_ascii=False, indent=indent).encode("utf-8", "surrogatepass"),
    st.fixed_dictionaries({"a": values}, optional={"b": values}),
    st.none(),
)
damaged = st.builds(
    lambda raw, at, byte: raw[: at % (len(raw) + 1)] + byte + raw[at % (len(raw) + 1) + 1 :],
    good,
    st.integers(0, 99),
    st.binary(max_size=2),
)


def expected(raw: bytes) -> dict[str, Any] | None:
    """Return what Python's own reader makes of a record that has nothing unusual, else None."""
    try:
        found = json.loads(raw.decode(), parse_constant=lambda _: 1 / 0)
    except (ValueError, ZeroDivisionError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.keys() <= {"a", "b"} else None


@settings(max_examples=40, deadline=None)
@given(st.lists(good | damaged, max_size=6), st.integers(1, 40))
def test_every_line_comes_once_with_its_bytes(tmp_path_factory, lines, block):
    content = b"\n".join(lines)
    wanted = [line for line in content.splitlines() if line.strip(b" \t\r\n\v\f")]
    if not content.strip(b" \t\r\n"):
        return
    rows = read(put(tmp_path_factory.mktemp("x"), content), {"a": "string", "b": "string"}, block=block)
    rows = [row for row in rows if row["@raw"].strip(b" \t\r\n\v\f")]
    assert [row["@raw"].rstrip(b"\r\n") for row in rows] == wanted
    for row, line in zip(rows, wanted, strict=True):
        found = expected(line)
        if row["@rule"] is None:
            assert found is not None
            for key in "ab":
                value = found.get(key)
                text = row[f"@{key}@"]
                assert text == value if value is None or isinstance(value, str) else json.loads(text) == value
        elif row["@rule"] == "json":
            assert found is None


@settings(max_examples=40, deadline=None)
@given(st.lists(good, max_size=5), st.integers(1, 60), st.sampled_from([b"", b" ", b"\r\n\t"]))
def test_an_array_holds_what_its_items_are(tmp_path_factory, items, block, space):
    content = b"[" + space + (space + b"," + space).join(items) + space + b"]"
    rows = read(put(tmp_path_factory.mktemp("x"), content, "doc.json"), {"a": "string", "b": "string"}, block=block)
    assert [row["@raw"] for row in rows] == items
    assert all(content[row["@offset"] :].startswith(row["@raw"]) for row in rows)
