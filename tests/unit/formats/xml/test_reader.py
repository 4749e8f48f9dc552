"""XML files record by record: what is handed on, with which bytes from which place, and what is refused."""

from __future__ import annotations

import gzip
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import duckdb
import pytest
from effort import many
from hypothesis import given, settings
from hypothesis import strategies as st

from lagoa.contracts.contract import Column, Contract
from lagoa.domain.tables import TableName
from lagoa.errors import SourceError
from lagoa.formats.shared.files import SourceFile
from lagoa.formats.shared.refused import Fault, Kept
from lagoa.formats.shared.row_sql import STREAM, RowSql
from lagoa.formats.xml.options import XmlSource
from lagoa.formats.xml.reader import XmlReader
from lagoa.formats.xml.resend import split_xml

TABLE = TableName.parse("bronze.things")
NFE = "http://www.portalfiscal.inf.br/nfe"


def contract_of(kinds: dict[str, str], **source: Any) -> Contract:
    columns = tuple(Column(f"c{number}", kind, header=name) for number, (name, kind) in enumerate(kinds.items()))
    form = XmlSource(**{"format": "xml", "record": "all/r", **source})
    return Contract(TABLE, "1.0.0", Path("things.odcs.yaml"), "", columns, source=form)


def reader_of(path: Path, kinds: dict[str, str], *, source: dict[str, Any] | None = None, **options: Any) -> XmlReader:
    contract = contract_of(kinds, **(source or {}))
    assert isinstance(contract.source, XmlSource)
    return XmlReader(contract, contract.source, SourceFile(path), **options)


def put(folder: Path, content: str | bytes, name: str = "things.xml") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, kinds: dict[str, str], **options: Any) -> list[dict[str, Any]]:
    """Return the records in the order of the file, as the reader hands them on, and check where their bytes are."""
    stream = reader_of(path, kinds, **options).stream()
    found = [row for batch in stream.reader() for row in batch.to_pylist()]
    content = path.read_bytes()
    for row in found:
        assert content[row["@offset"] :][: len(row["@raw"])] == row["@raw"]
    return sorted(found, key=lambda row: row["@row"])


def values(folder: Path, body: str, kinds: dict[str, str], **options: Any) -> list[Any]:
    """Return what becomes of each record of a document: its values, or the rule that it breaks."""
    rows = read(put(folder, f"<all>{body}</all>"), kinds, **options)
    names = [f"@c{number}@" for number in range(len(kinds))]
    return [row["@rule"] or [row[name] for name in names] for row in rows]


def refused(folder: Path, content: str | bytes, *, name: str = "things.xml", **options: Any) -> str:
    """Return why a document is refused as a whole."""
    path = put(folder, content, name)
    with pytest.raises(SourceError) as caught:
        reader_of(path, {"a": "string"}, **options).stream().reader().read_all()
    return str(caught.value)


def test_text_is_whole_whatever_is_between_its_parts(tmp_path):
    body = (
        "<r><a>one<!-- c -->two<![CDATA[<three>&]]><?p i?>&amp;&#233;</a></r>"
        "<r><a> \u00a0x\u00a0\t </a></r><r><a>x<i>y</i>z</a></r><r><a>]]&gt;/></a></r>"
    )
    assert values(tmp_path, body, {"a": "string"}) == [
        ["onetwo<three>&&é"],
        [" \u00a0x\u00a0\t "],
        "keys",
        ["]]>/>"],
    ]


def test_empty_missing_and_nil_differ(tmp_path):
    xsi = "xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'"
    body = (
        f"<r><a></a></r><r><a/></r><r/><r></r><r {xsi}><a xsi:nil='true'/></r><r {xsi}><a xsi:nil='false'/></r>"
        f"<r {xsi}><a xsi:nil='true'>x</a></r>"
    )
    assert values(tmp_path, body, {"a": "string"}) == [[""], [""], [None], [None], [None], [""], "nil"]


def test_columns_are_found_by_path(tmp_path):
    kinds = {"@id": "long", "price": "string", "price/@currency": "string", "a/b": "string", "a/@x": "string"}
    body = (
        "<r id='1'><price currency='BRL'>10</price><a x='q'><b>t</b></a></r>"
        "<r><price>11</price><a/></r><r><price unit='kg'>1</price></r><r><a>loose<b>t</b></a></r><r><a><b/></a><a/></r>"
        "<r><price>1</price><price>2</price></r><r>loose</r>"
    )
    assert values(tmp_path, body, kinds) == [
        ["1", "10", "BRL", "t", "q"],
        [None, "11", None, None, None],
        "keys",
        "keys",
        "keys",
        "keys",
        "keys",
    ]
    assert values(tmp_path, "<r>text</r>", {"#text": "string"}) == [["text"]]


def test_nested_values_follow_the_type(tmp_path):
    items = "list<struct<`@n`: long, sku: string, `#text`: string>>"
    kinds = {"i": items, "box/tag": "list<string>", "s": "struct<x: long, y: date>"}
    body = (
        "<r><i n='1'><sku>a</sku></i><i n='2'>t</i><box><tag>p</tag></box><s><y>2026-01-02</y></s></r>"
        "<r><i n='x'/></r><r><s><z/></s></r><r><s/></r><r><box><tag/><tag>q</tag></box></r><r><s/><s/></r>"
    )
    rows = read(put(tmp_path, f"<all>{body}</all>"), kinds)
    assert rows[0]["@c0@"] == [{"@n": 1, "sku": "a", "#text": None}, {"@n": 2, "sku": None, "#text": "t"}]
    assert rows[0]["@c1@"] == ["p"]
    assert str(rows[0]["@c2@"]["y"]) == "2026-01-02"
    marks = [(row["@c0!@"], row["@c1!@"], row["@c2!@"]) for row in rows]
    assert marks[1:] == [
        (True, False, False),
        (False, False, True),
        (False, False, False),
        (False, False, False),
        (False, False, True),
    ]
    assert rows[3]["@c2@"] == {"x": None, "y": None}
    assert rows[4]["@c1@"] == ["", "q"]


def test_a_map_is_refused(tmp_path):
    reader = reader_of(put(tmp_path, "<all><r/></all>"), {"a": "map<string, string>"})
    with pytest.raises(ValueError, match="XML cannot express a map"):
        reader.value(Column("c0", "map<string, string>"))


def test_names_have_namespaces(tmp_path):
    record = "<n:r n:k='1' o:k='2' xml:lang='pt'><n:a>x</n:a><o:a>y</o:a></n:r>"
    content = f"<n:all xmlns:n='{NFE}' xmlns:o='urn:o'>{record}</n:all>"
    kinds = {"a": "string", "q:a": "string", "@k": "string", "@{urn:o}k": "string", "@xml:lang": "string"}
    for record in ("all/r", "p:all/p:r", f"{{{NFE}}}all/{{{NFE}}}r"):
        source = {"record": record, "namespaces": {"p": NFE, "q": "urn:o"}}
        (row,) = read(put(tmp_path, content), kinds, source=source)
        assert [row[f"@c{number}@"] for number in range(5)] == ["x", "y", "1", "2", "pt"]
    prefixed = {"p:a": "string", **{name: kind for name, kind in kinds.items() if name != "a"}}
    (row,) = read(put(tmp_path, content), prefixed, source=source | {"record": "p:all/p:r"})
    assert row["@c0@"] == "x"
    assert "no element at" in refused(tmp_path, content, source={"record": "{urn:o}all/r"})


def test_records_are_at_their_path_only(tmp_path):
    content = "<r><r><r>in</r></r><x><r/></x><r/></r>"
    rows = read(put(tmp_path, content), {"r": "string"}, source={"record": "r/r"})
    assert [(row["@raw"], row["@c0@"]) for row in rows] == [(b"<r><r>in</r></r>", "in"), (b"<r/>", None)]
    stream = reader_of(tmp_path / "things.xml", {"r": "string"}, source={"record": "r/r"}).stream()
    stream.reader().read_all()
    assert stream.notes == ("1 elements beside the records are not read: x",)


def test_the_path_may_be_wrong_or_empty(tmp_path):
    assert "It has item there" in refused(tmp_path, "<all><item/></all>")
    assert "no element at 'all/r'" in refused(tmp_path, "<others><r/></others>")
    assert read(put(tmp_path, "<all/>"), {"a": "string"}) == []
    (row,) = read(put(tmp_path, "<?xml version='1.0'?>\n<r><a>1</a></r>\n"), {"a": "string"}, source={"record": "r"})
    assert row["@raw"] == b"<r><a>1</a></r>"


BOMB = "<!DOCTYPE r [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]>"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (f"{BOMB}<all><r><a>&b;</a></r></all>", "it has a DTD, which may declare entities, in line 1"),
        ("<!DOCTYPE r SYSTEM 'file:///etc/passwd'><all><r/></all>", "it has a DTD"),
        ("<all><r><a>&x;</a></r></all>", "undefined entity, in line 1, at byte 11"),
        ("<all><r><a>1</a></r>", "it is truncated"),
        ("<all><r><a>1</a></r><r><a", "unclosed token"),
        ("<all><r/></all><all/>", "junk after document element, in line 1, at byte 15"),
        ("<all><r><a>1</b></r></all>", "mismatched tag"),
        (b"<all><r><a>\xe9</a></r></all>", "not well-formed"),
        ("<all><r><a>\x00</a></r></all>", "not well-formed"),
        ("<all><r><p:a/></r></all>", "unbound prefix"),
        ("<all><r a='1' a='2'/></all>", "duplicate attribute"),
        ("", "it is empty"),
        ("a;b", "it does not begin with <"),
        ("<all/>".encode("utf-16"), "UTF-16"),
        ("<all/>".encode("utf-16-le"), "UTF-16"),
        (
            b"\xef\xbb\xbf<?xml version='1.0' encoding='iso-8859-1'?><all/>",
            "its byte order mark says utf-8, and its declaration iso-8859-1",
        ),
        (
            b"<?xml version='1.0' encoding='iso-8859-1'?><all/>",
            "its declaration says iso8859-1, and the contract utf-8",
        ),
        (b"<?xml version='1.0' encoding='klingon'?><all/>", "its encoding 'klingon' is not known"),
        ("<all><p xmlns='urn:x'/><r/></all>", None),
    ],
)
def test_a_document_that_is_not_xml_is_refused_with_the_place(tmp_path, content, why):
    if why is None:
        assert len(read(put(tmp_path, content), {"a": "string"})) == 1
    else:
        assert why in refused(tmp_path, content)


def test_records_within_other_namespaces_than_the_first_are_refused(tmp_path):
    content = "<all><p xmlns:x='urn:1'><r/></p><p xmlns:x='urn:2'><r/></p></all>"
    why = refused(tmp_path, content, source={"record": "all/p/r"})
    assert "around the record in line 1, at byte 51, other namespaces are declared" in why


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "windows-1252"])
def test_encodings_of_the_declaration(tmp_path, encoding):
    content = f"<?xml version='1.0' encoding='{encoding}'?><all><r><a>São</a></r></all>".encode(encoding)
    (row,) = read(put(tmp_path, content), {"a": "string"}, source={"encoding": encoding})
    assert (row["@c0@"], row["@raw"]) == ("São", "<r><a>São</a></r>".encode(encoding))


def test_the_contract_gives_the_encoding_where_the_document_does_not(tmp_path):
    (row,) = read(put(tmp_path, b"<all><r><a>S\xe3o</a></r></all>"), {"a": "string"}, source={"encoding": "latin-1"})
    assert row["@c0@"] == "São"
    marked = put(tmp_path, b"\xef\xbb\xbf<all><r><a>1</a></r></all>")
    assert read(marked, {"a": "string"})[0]["@offset"] == 8


def test_memory_is_bounded(tmp_path):
    body = "<r><a>" + "x" * 5000 + "</a></r>"
    for content in (f"<all>{body}</all>", f"<all><r a='{'x' * 5000}'/></all>", f"<all><!--{'x' * 5000}--><r/></all>"):
        assert "is longer than 2,000 bytes" in refused(tmp_path, content, block=500, longest=2000)
    many_records = put(tmp_path, "<all>" + "<r><a>1</a></r>\n" * 1000 + "</all>")
    assert len(read(many_records, {"a": "string"}, block=100, longest=300)) == 1000


def test_a_truncated_gzip_file_is_refused(tmp_path):
    packed = gzip.compress(b"<all>" + b"<r><a>1</a></r>" * 1000 + b"</all>")
    assert "cannot be read" in refused(tmp_path, packed[:-20], name="things.xml.gz")


def test_values_are_cast_as_those_of_csv(tmp_path):
    path = put(
        tmp_path,
        "<all><r><n>1.234,5</n><d>02/01/2026</d></r><r><n>x</n></r><r><n></n></r><r><n> 7 </n></r></all>",
    )
    source = {"decimal": ",", "thousands": ".", "date": "dd/mm/yyyy"}
    kinds = {"n": "decimal(9, 2)", "d": "date"}
    reader = reader_of(path, kinds, source=source)
    with duckdb.connect() as connection:
        sql = RowSql(contract_of(kinds, **source), reader, "f")
        found = []
        for query, columns in ((sql.accepted, "c0, c1"), (sql.refused, "rule, raw, byte_offset")):
            connection.register(STREAM, reader.stream().reader())
            cursor = connection.execute(f"SELECT {columns} FROM ({query})", ["b", "2026-01-01", "f"])
            found.append([tuple(map(str, row)) for row in cursor.fetchall()])
    assert found[0][0] == ("1234.50", "2026-01-02")
    assert ("type/c0", str(b"<r><n>x</n></r>"), "43") in found[1]
    assert ("type/c0", str(b"<r><n></n></r>"), "58") in found[1]


def test_refused_records_are_split_by_their_bytes_and_the_namespaces_around_them(tmp_path):
    content = f"<n:all xmlns:n='{NFE}' xmlns='urn:d'><n:r><n:a>1</n:a><b>é</b><n:i>p</n:i></n:r></n:all>"
    kinds = {"a": "string", "{urn:d}b": "string", "i": "list<string>"}
    contract = contract_of(kinds)
    reader = reader_of(put(tmp_path, content), kinds)
    assert reader.header == (f"xmlns:n={NFE}", "xmlns=urn:d")
    ((record,),) = reader.records()
    assert isinstance(contract.source, XmlSource)
    fault = Fault("x", "y")
    split = split_xml(contract, contract.source, Kept(record.raw, reader.header, {}, fault))
    assert split.values == {"c0": "1", "c1": "é", "c2": '["p"]'}
    assert split_xml(contract, contract.source, Kept(record.raw, None, {}, fault)).fault == Fault(
        "xml", "unbound prefix, in line 1, at byte 5"
    )
    assert split_xml(contract, contract.source, Kept(b"1,2", ("a", "b"), {}, fault)).fault is fault
    twice = split_xml(contract, contract.source, Kept(b"<r/><r/>", None, {}, fault))
    assert twice.fault == Fault("xml", "it is 2 elements, not one")


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=6)
RECORDS = st.lists(st.dictionaries(st.sampled_from(["a", "b", "@c", "d"]), TEXTS, max_size=4), max_size=12)


def written(record: dict[str, str]) -> str:
    attributes = "".join(f" {key[1:]}={quoteattr(value)}" for key, value in record.items() if key.startswith("@"))
    inner = "".join(
        f"<{key}>{escape(value)}</{key}>" if value else f"<{key}/>"
        for key, value in record.items()
        if not key.startswith("@")
    )
    return f"<r{attributes}>{inner}</r>" if inner else f"<r{attributes}/>"


@pytest.mark.slow
@settings(max_examples=many(200), deadline=None)
@given(RECORDS, st.integers(1, 60), st.sampled_from(["", "\n", "<!-- > -->", "<?p />?>"]))
def test_any_records_come_out_as_they_went_in_wherever_blocks_end(tmp_path_factory, records, block, between):
    texts = [written(record) for record in records]
    path = put(tmp_path_factory.mktemp("f"), f"<all>{between}{between.join(texts)}{between}</all>")
    kinds = dict.fromkeys(["a", "b", "@c", "d"], "string")
    rows = read(path, kinds, block=block)
    assert [row["@raw"].decode() for row in rows] == texts
    found = [[row[f"@c{number}@"] for number in range(4)] for row in rows]
    assert found == [[record.get(key) for key in kinds] for record in records]


@pytest.mark.slow
@settings(max_examples=many(200), deadline=None)
@given(st.binary(max_size=40), st.integers(0, 60))
def test_damaged_bytes_are_refused_or_read_never_an_accident(tmp_path_factory, damage, place):
    good = b"<all><r x='1'><a>one</a></r><r><a>two</a><b/></r></all>"
    path = put(tmp_path_factory.mktemp("f"), good[:place] + damage + good[place + len(damage) :])
    with suppress(SourceError):
        read(path, {"a": "string", "b": "string", "@x": "string"})
