"""Documents whose records are a list inside, and files whose first record has titles."""

from __future__ import annotations

import gzip
import json

import pytest
from effort import many
from hypothesis import given, settings
from hypothesis import strategies as st
from inferring import inferred, loaded, types

from lagoa.contracts.contract import Column, Contract
from lagoa.domain.tables import TableName
from lagoa.errors import SourceError
from lagoa.formats.json.document import find_list, find_lists
from lagoa.formats.json.options import JsonSource
from lagoa.formats.json.reader import JsonReader
from lagoa.formats.shared.files import SourceFile

TABLE = TableName.parse("bronze.things")
ROWS = [{"n": 1, "t": "a]"}, {"n": 2, "t": 'b"}'}, {"n": 3, "t": None}]
DOCUMENT = {
    "@context": "x[{\\",
    "meta": {"list": [{"n": 0}], "d": {"value": 5}},
    "d": {"value": ROWS, "z": []},
    "end": 1,
}


def read(folder, content, block=1 << 20, **source):
    """Return number, bytes and offset of each record."""
    path = folder / "things.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    columns = (Column("n", "long"), Column("t", "string"))
    given = JsonSource(format="json", **source)
    reader = JsonReader(Contract(TABLE, "1", path, "", columns, source=given), given, SourceFile(path), block=block)
    return [
        (row["@row"], row["@raw"], row["@offset"], row["@rule"])
        for batch in reader.stream().reader()
        for row in batch.to_pylist()
    ]


@pytest.mark.parametrize("block", [1, 7, 64, 1 << 20])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf \n"])
def test_the_list_at_a_path_is_read_wherever_it_is(tmp_path, block, indent, mark):
    content = mark + json.dumps(DOCUMENT, indent=indent).encode() + b"\n"
    rows = read(tmp_path, content, block, records="d.value")
    assert [(number, json.loads(raw)) for number, raw, _, _ in rows] == [*enumerate(ROWS, 1)]
    assert all(content[offset:].startswith(raw) for _, raw, offset, _ in rows)


def test_a_compressed_document(tmp_path):
    path = tmp_path / "things.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"value": ROWS}).encode()))
    contract, _ = inferred(path, TABLE)
    assert loaded(contract, path) == (3, 0)


def test_a_bad_record_is_refused_alone(tmp_path):
    rows = read(tmp_path, b'{"value": [{"n": 1}, {"n": }, 5, {"n": 2}], "a": 0}', records="value")
    assert sorted((number, rule) for number, _, _, rule in rows) == [(1, None), (2, "json"), (3, "object"), (4, None)]


def test_an_empty_list_is_a_batch_without_rows(tmp_path):
    assert read(tmp_path, {"value": []}, records="value") == []


@pytest.mark.parametrize(
    ("content", "path", "message"),
    [
        (DOCUMENT, "value", r"no key 'value'.*meta.list, d.value"),
        (DOCUMENT, "d", "the value of 'd' is no list"),
        (DOCUMENT, "d.value.x", "no key"),
        (b"[1]", "d", "no key"),
        (b'{"value": [{"n": 1}', "value", "its array is not closed"),
        (b'{"value": [{"n": 1}]', "value", "around its list of records it is no JSON"),
        (b'{"value": [{"n": 1}]} {}', "value", "around its list of records it is no JSON"),
        (b'{"value": [{"n": 1}], "value": [{"n": 2}]}', "value", "'value' occurs twice"),
        (b'{"a": {"b": 1', "value", "ends before 'value'"),
    ],
)
def test_documents_without_the_list_are_refused(tmp_path, content, path, message):
    with pytest.raises(SourceError, match=message):
        read(tmp_path, content, records=path)


def test_lists_are_found_with_their_keys():
    head = json.dumps(DOCUMENT).encode()
    assert [each.path for each in find_lists(head, "utf-8")] == [("meta", "list"), ("d", "value")]
    assert find_lists(head[: head.index(b'"b')], "utf-8")[-1].path == ("d", "value")


@pytest.mark.parametrize("bad", [b'{"\\id": [{"a": 1}]}', b'{1: [{"a": 1}]}', b'{"b": 1, x: [{"a": 1}]}'])
def test_no_list_is_found_behind_a_key_that_is_no_text(bad):
    assert find_lists(bad, "utf-8") == []
    assert [each.path for each in find_lists(b'{"first": [{"a": 1}], ' + bad[1:], "utf-8")] == [("first",)]


keys = st.sampled_from(["value", "a", "b", '\\"[', "é"])
inner = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(keys, some, max_size=3),
    max_leaves=8,
)


@settings(max_examples=many(50), deadline=None)
@given(st.dictionaries(keys, inner, max_size=4), st.dictionaries(keys, inner, max_size=4), st.sampled_from([None, 1]))
def test_whatever_is_around_the_list(before, inside, indent):
    document = {**before, "here": {**inside, "value": [{"n": 1}]}}
    text = json.dumps(document, indent=indent, ensure_ascii=False).encode()
    begin = find_list(text, ("here", "value"), "utf-8")
    assert begin is not None
    assert json.loads(text[begin - 1 : text.index(b"]", begin) + 1]) == [{"n": 1}]
    assert ("here", "value") in [each.path for each in find_lists(text, "utf-8")]


def test_infer_finds_the_list(tmp_path):
    path = tmp_path / "things.json"
    path.write_text(json.dumps({"@odata.context": "https://x", "value": [{"AnoMes": 202401, "v": 1.5}] * 3}))
    contract, text = inferred(path, TABLE)
    assert contract.source is not None
    assert contract.source.model_dump(exclude_defaults=True)["records"] == "value"
    assert types(contract) == {"anomes": "long", "v": "double"}
    assert loaded(contract, path) == (3, 0)
    assert "# REVIEW: the records are the list at 'value'" in text


@pytest.mark.parametrize("document", [{"id": 1, "tags": [{"a": 1}]}, {"id": "x" * 99, "tags": [{"a": 1}, {"a": 2}]}])
@pytest.mark.parametrize("indent", [None, 1])
def test_a_document_that_is_a_record_stays_one(tmp_path, document, indent):
    path = tmp_path / "things.json"
    path.write_text(json.dumps(document, indent=indent))
    contract, text = inferred(path, TABLE)
    assert types(contract)["tags"] == "list<struct<a: long>>"
    assert loaded(contract, path) == (1, 0)
    assert "if its records are a list inside, infer it again with --records tags." in text


TITLES = {"NC": "Nível (Código)", "NN": "Nível", "V": "Valor", "D1C": "Ano (Código)"}
DATA = [{"NC": "1", "NN": "Brasil", "V": each, "D1C": "2020"} for each in ("...", "123", "4.5")]


def test_a_record_of_titles_is_no_row(tmp_path):
    path = tmp_path / "things.json"
    path.write_text(json.dumps([TITLES, *DATA]))
    contract, text = inferred(path, TABLE)
    assert contract.source is not None
    assert contract.source.model_dump(exclude_defaults=True)["headerRecord"] is True
    assert loaded(contract, path) == (3, 0)
    assert "# REVIEW: the first record has titles" in text


def test_titles_do_not_decide_on_the_types(tmp_path):
    path = tmp_path / "things.json"
    path.write_text(json.dumps([TITLES, *[{"NC": 1, "NN": "Brasil", "V": each, "D1C": "2020"} for each in (1.5, 2)]]))
    contract, _ = inferred(path, TABLE)
    assert types(contract) == {"nc": "long", "nn": "string", "v": "double", "d1c": "string"}
    assert loaded(contract, path) == (2, 0)


@pytest.mark.parametrize("block", [1, 1 << 20])
def test_records_are_numbered_behind_the_titles(tmp_path, block):
    rows = read(tmp_path, [{"t": "Título"}, {"n": 1}, {"n": 2}], block, headerRecord=True)
    assert [(number, json.loads(raw)) for number, raw, *_ in rows] == [(1, {"n": 1}), (2, {"n": 2})]


@pytest.mark.parametrize("first", [{"n": 5}, {"n": "5"}, {"t": None}, 7])
def test_a_first_record_that_has_no_titles_is_not_dropped(tmp_path, first):
    with pytest.raises(SourceError, match="its first record"):
        read(tmp_path, [first, {"n": 1}], headerRecord=True)


@pytest.mark.parametrize("rows", [DATA, [{"a": "x", "b": "y"}, *[{"a": "x", "b": "z"}] * 3], [TITLES, DATA[0]]])
def test_ordinary_records_are_no_titles(tmp_path, rows):
    path = tmp_path / "things.json"
    path.write_text(json.dumps(rows))
    assert loaded(inferred(path, TABLE)[0], path) == (len(rows), 0)
