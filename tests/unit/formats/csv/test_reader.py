"""The CSV reader against a plain model of what a record is, over sound and damaged files."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest
from effort import many
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lagoa.contracts.contract import Column, Contract
from lagoa.domain.tables import TableName
from lagoa.errors import SourceError
from lagoa.formats.csv.options import CsvSource
from lagoa.formats.csv.reader import CsvReader
from lagoa.formats.shared.files import SourceFile
from lagoa.formats.shared.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDS = (b"\n", b"\r")


def contract_of(fields: int, **columns: Any) -> Contract:
    names = [Column(f"c{number}", "string", **columns) for number in range(fields)]
    return Contract(TableName.parse("bronze.t"), "1.0.0", Path("t.odcs.yaml"), "hash", tuple(names), source=CSV)


CSV = CsvSource(format="csv")


def read(path: Path, fields: int, source: CsvSource = CSV, **options: Any) -> list[dict[str, Any]]:
    """Return the records of a file in the order of their numbers."""
    stream = CsvReader(contract_of(fields), source, SourceFile(path), **options).stream()
    rows = stream.reader().read_all().to_pylist()
    assert stream.received == len(rows)
    return sorted(rows, key=lambda row: row["@row"])


def write(folder: Path, content: bytes, fields: int = 3) -> Path:
    path = folder / "data.csv"
    path.write_bytes(b",".join(b"c%d" % number for number in range(fields)) + b"\n" + content)
    return path


def told(rows: list[dict[str, Any]], fields: int) -> list[tuple[int, bytes, str | list[str | None]]]:
    """Return of each record its offset after the header, its bytes, and its fields or the rule that it breaks."""
    start = len(b",".join(b"c%d" % number for number in range(fields))) + 1
    assert [row["@row"] for row in rows] == list(range(1, len(rows) + 1))
    return [
        (row["@offset"] - start, row["@raw"], row["@rule"] or [row[f"@c{number}@"] for number in range(fields)])
        for row in rows
    ]


# The model: what docs/ingest.md says, byte by byte.


def line_end(data: bytes, at: int) -> int:
    """Return where the line that holds `at` ends, its ending included."""
    while at < len(data) and data[at : at + 1] not in ENDS:
        at += 1
    return min(at + (2 if data[at : at + 2] == b"\r\n" else 1), len(data))


def one_field(data: bytes, at: int) -> tuple[bytes, int, bool]:
    """Return a field's content, the place behind it, and whether its quoting is sound."""
    if data[at : at + 1] != b'"':
        end = at
        while end < len(data) and data[end : end + 1] not in (*ENDS, b",", b'"'):
            end += 1
        return data[at:end], end, data[end : end + 1] != b'"'
    content, at = b"", at + 1
    while at < len(data):
        if data[at : at + 2] == b'""':
            content, at = content + b'"', at + 2
        elif data[at : at + 1] == b'"':
            return content, at + 1, at + 1 == len(data) or data[at + 1 : at + 2] in (*ENDS, b",")
        else:
            content, at = content + data[at : at + 1], at + 1
    return content, at, False


def model(data: bytes, fields: int) -> list[tuple[int, bytes, str | list[str | None]]]:
    out: list[tuple[int, bytes, str | list[str | None]]] = []
    start = 0
    while start < len(data):
        found, at, sound = [], start, True
        while sound:
            content, at, sound = one_field(data, at)
            found.append(content)
            if data[at : at + 1] != b"," or not sound:
                break
            at += 1
        end = line_end(data, at)
        if not sound:
            while start < end:
                stop = line_end(data, start)
                out.append((start, data[start:stop], "quoting"))
                start = stop
            continue
        raw = data[start:end]
        if raw not in (b"\n", b"\r", b"\r\n") or fields == 1:
            out.append((start, raw, verdict(raw, found, fields)))
        start = end
    return out


def verdict(raw: bytes, found: list[bytes], fields: int) -> str | list[str | None]:
    if len(found) != fields:
        return "fields"
    if b"\0" in raw:
        return "nul"
    try:
        return [content.decode() or None for content in found]
    except UnicodeDecodeError:
        return "encoding"


SOUP = st.lists(
    st.sampled_from(
        [b"a", b"7", b",", b",", b'"', b'""', b"\n", b"\n", b"\r\n", b"\r", b" ", b"\0", b"\xff", "é".encode(),
         b"\xef\xbb\xbf", b"1,2,3\n", b'"x\ny",z,w\n', b'"p""q",,""\r\n']
    ),
    max_size=40,
).map(b"".join)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("csv")


@settings(max_examples=many(80), deadline=None)
@given(content=SOUP, fields=st.sampled_from([1, 2, 3]), block=st.sampled_from([3, 16, 4096]))
@example(content=b'1,"a\n2,b,c\n', fields=3, block=4)
@example(content=b"x\r\n\r\n", fields=1, block=2)
@example(content=b'a,b\r\n"c","d\re"\r\n\r', fields=2, block=1)
def test_damaged_files_are_read_as_the_model_says(folder: Path, content: bytes, fields: int, block: int) -> None:
    found = told(read(write(folder, content, fields), fields, block=block), fields)
    assert found == model(content, fields)
    taken = b"".join(raw for _, raw, _ in found)
    assert taken.translate(None, b"\r\n") == content.translate(None, b"\r\n")


TEXTS = st.text(st.characters(exclude_characters="\0\r", codec="utf-8"), max_size=6)


@settings(max_examples=many(50), deadline=None)
@given(
    rows=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=30),
    ending=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    block=st.sampled_from([5, 50, 4096]),
)
def test_sound_files_are_read_as_they_were_written(
    folder: Path, rows: list[tuple[str, ...]], ending: str, quoting: Any, block: int
) -> None:
    text = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if ending == "\r" else quoting  # before Python 3.13 an LF is not quoted there
    csv.writer(text, lineterminator=ending, quoting=quoting).writerows(rows)
    content = text.getvalue().encode()
    found = told(read(write(folder, content), 3, block=block), 3)
    assert [values for _, _, values in found] == [[value or None for value in row] for row in rows]
    assert b"".join(raw for _, raw, _ in found) == content


@settings(max_examples=many(50), deadline=None)
@given(
    rows=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=30),
    hits=st.lists(
        st.tuples(st.integers(0), st.integers(0, 2), st.sampled_from([b"", b'"', b",", b"\n", b"\xff"])), max_size=3
    ),
)
def test_damage_changes_no_record_that_is_accepted(
    folder: Path, rows: list[tuple[str, ...]], hits: list[tuple[int, int, bytes]]
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    content = bytearray(text.getvalue().encode())
    for place, removed, added in hits:
        at = place % len(content) if content else 0
        content[at : at + removed] = added
    assert told(read(write(folder, bytes(content)), 3, block=64), 3) == model(bytes(content), 3)


def test_an_engine_pulls_no_more_than_it_needs(tmp_path: Path) -> None:
    """Else a file that is longer than the memory would end up there whole, while its rows wait to be written."""
    held = []
    schema = pa.schema({"a": pa.string(), "b": pa.string()})
    texts = pa.array([f"{number * 7919 % 10**15:015}" for number in range(100_000)])

    def batches() -> Iterator[pa.RecordBatch]:
        before = pa.total_allocated_bytes()
        for _ in range(20):
            copies = [pa.concat_arrays([texts, texts[:0]]) for _ in schema]
            held.append(pa.total_allocated_bytes() - before)
            yield pa.RecordBatch.from_arrays(copies, schema=schema)

    stream = Stream(schema, batches(), SourceFile(write(tmp_path, b"")))
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        connection.register("stream", stream.arrow_stream())
        connection.execute(f"COPY (FROM stream) TO '{tmp_path}/out.parquet' (COMPRESSION zstd)")
    assert stream.received == 2_000_000
    assert max(held) < 8 * held[0]


def test_a_damaged_block_costs_only_its_own_records(tmp_path: Path) -> None:
    lines = [b"%d,x,y\n" % number for number in range(5000)]
    lines[2500] = b'2500,x"y,z\n'
    rows = read(write(tmp_path, b"".join(lines)), 3, block=1000)
    assert len(rows) == 5000
    assert [(row["@row"], row["@raw"], row["@rule"]) for row in rows if row["@rule"]] == [
        (2501, b'2500,x"y,z\n', "quoting")
    ]


def test_a_quote_that_stays_open_spoils_its_lines_and_no_others(tmp_path: Path) -> None:
    content = b'1,"open,3\n' + b"2,b,c\n" * 100 + b"3,d,e\n" * 100
    rows = read(write(tmp_path, content), 3, block=64, longest=300)
    spoiled = [row["@rule"] for row in rows]
    assert len(rows) == 201
    assert spoiled[0] == "quoting"
    assert spoiled[-1] is None
    assert spoiled == sorted(spoiled, key=lambda rule: rule is None)
    assert b"".join(row["@raw"] for row in rows) == content


def test_a_line_beyond_all_bounds_is_no_csv(tmp_path: Path) -> None:
    path = write(tmp_path, b"x" * 1000)
    with pytest.raises(SourceError, match="a line is longer than 300 bytes"):
        read(path, 3, block=64, longest=300)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_endings_and_byte_order_mark(tmp_path: Path, ending: bytes, mark: bytes) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(mark + ending.join([b"c0,c1", b"1,2", b"", b"3,4"]))
    rows = read(path, 2)
    assert [(row["@c0@"], row["@c1@"]) for row in rows] == [("1", "2"), ("3", "4")]
    content = path.read_bytes()
    assert [content[row["@offset"] :].startswith(row["@raw"]) for row in rows] == [True, True]


def test_a_byte_order_mark_inside_the_file_is_text(tmp_path: Path) -> None:
    rows = read(write(tmp_path, b"1,2,3\n\xef\xbb\xbf4,5,6\n\xef\xbb\xbf7,8,9\n"), 3, block=6)
    assert [row["@c0@"] for row in rows] == ["1", "\ufeff4", "\ufeff7"]


def test_gzip_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "data.csv.gz"
    path.write_bytes(gzip.compress(b"c0,c1\n1,2\n3\n"))
    rows = read(path, 2)
    assert [(row["@offset"], row["@raw"], row["@rule"]) for row in rows] == [
        (6, b"1,2\n", None),
        (10, b"3\n", "fields"),
    ]


def test_damaged_gzip_is_told(tmp_path: Path) -> None:
    path = tmp_path / "data.csv.gz"
    path.write_bytes(gzip.compress(b"c0,c1\n" + b"1,2\n" * 2_000_000)[:-100])
    stream = CsvReader(contract_of(2), CSV, SourceFile(path)).stream()
    with pytest.raises(SourceError, match="it cannot be read"):
        stream.reader().read_all()
    with pytest.raises(SourceError, match="it cannot be read"):
        stream.check()


@pytest.mark.parametrize(
    ("source", "content", "expected"),
    [
        (CsvSource(format="csv", delimiter=";"), b"c0;c1\na,b;c\n", [("a,b", "c")]),
        (CsvSource(format="csv", delimiter="\t", quote=None), b'c0\tc1\n"a"\tb"\n', [('"a"', 'b"')]),
        (CsvSource(format="csv", quote="'"), b"c0,c1\n'a,b',\"\n", [("a,b", '"')]),
        (CsvSource(format="csv", escape="\\"), b'c0,c1\n"a\\"b",c\\,d\n', [('a"b', "c,d")]),
        (CsvSource(format="csv", escape="\\"), b'c0,c1\n"a\\\nb",\\\\\n', [("a\nb", "\\")]),
        (CsvSource(format="csv", escape="\\"), b'c0,c1\n\\N,"C:\\novo"\n', [("\\N", "C:\\novo")]),
        (CsvSource(format="csv", null="NA"), b'c0,c1\nNA,\n"NA",x\n', [(None, ""), (None, "x")]),
        (CsvSource(format="csv", encoding="latin-1"), b"c0,c1\n\xe9,\xff\n", [("é", "ÿ")]),
        (CsvSource(format="csv", encoding="cp1252"), b"c0,c1\n\x80,b\n", [("€", "b")]),
        (CsvSource(format="csv", header=False), b"a,b\nc,d\n", [("a", "b"), ("c", "d")]),
    ],
    ids=[
        "semicolon", "no quote", "other quote", "escape", "escaped end", "escapes nothing", "null", "latin-1", "cp1252",
        "no header",
    ],
)  # fmt: skip
def test_dialects(tmp_path: Path, source: CsvSource, content: bytes, expected: list[tuple[str | None, ...]]) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    rows = read(path, 2, source)
    assert [(row["@c0@"], row["@c1@"]) for row in rows] == expected
    assert [row["@rule"] for row in rows] == [None] * len(expected)


@pytest.mark.parametrize("content", [b"c0\n", b"c0\na\n", b"c0\n\n"])
def test_one_column_with_an_escape_has_no_record_behind_its_last(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    assert len(read(path, 1, CsvSource(format="csv", escape="\\"))) == content.count(b"\n") - 1


def test_a_byte_outside_the_encoding_spoils_its_record_alone(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(b"c0,c1\n\x81,a\n\x80,b\n")
    rows = read(path, 2, CsvSource(format="csv", encoding="cp1252"))
    assert [(row["@rule"], row["@reason"], row["@c0@"]) for row in rows] == [
        ("encoding", "byte 1 is not cp1252", None),
        (None, None, "€"),
    ]


def test_columns_come_by_name_in_any_order_and_optional_ones_may_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(b'"c2","c0"\n1,2\n')
    reader = CsvReader(contract_of(3), CSV, SourceFile(path))
    assert reader.columns == ("c2", "c0")
    assert reader.stream().reader().read_all()["@c0@"].to_pylist() == ["2"]


def test_a_header_of_another_name(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes("Descrição\nx\n".encode())
    assert CsvReader(contract_of(1, header="Descrição"), CSV, SourceFile(path)).columns == ("c0",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"\xef\xbb\xbf", "it is empty"),
        (b"\nc0,c1\n", "its line 2 has the columns of the contract, .* the header in line 1. Write `skip: 1`"),
        (b"\nx,y\n", "its first line is not a readable header: it is empty. Check skip and header"),
        (b'c0,"c1\n', "not a readable header. Check delimiter, quote"),
        (b"c0,\xff\n", "not a readable header: byte 4 is not utf-8. Write the file's `encoding`"),
        (b"c0,c1,c0\n", "the column 'c0' occurs twice"),
        (b"c0,c1,c00\n", "the column 'c00' is not in the contract of bronze.t. Did you mean 'c0'"),
        (b"c0\n", "the column 'c1' is missing, and the contract of bronze.t requires it. The file has: 'c0'"),
        (b"c0;c1\n", "its line 1 has the columns of the contract, separated by ';'"),
        (b"c0;x\n", "the column 'c0;x' is not in the contract"),
        (b"x,y\n", "None of the columns of the file is: check the table"),
        (b"c0,y\n", "Let `lagoa contract update bronze.t .*data.csv` add it"),
    ],
)
def test_headers_that_do_not_fit(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        CsvReader(contract_of(2, required=True), CSV, SourceFile(path))


@pytest.mark.parametrize("encoding", ["utf-32", "gbk", "no-such", "utf-7", "rot13"])
def test_encodings_that_are_not_read(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(SourceError, match=f"does not read the encoding '{encoding}'"):
        CsvReader(contract_of(3), CsvSource(format="csv", encoding=encoding), SourceFile(write(tmp_path, b"")))


def test_a_delimiter_beyond_ascii_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="the delimiter '§' is not an ASCII character"):
        CsvReader(contract_of(3), CsvSource(format="csv", delimiter="§"), SourceFile(write(tmp_path, b"")))
