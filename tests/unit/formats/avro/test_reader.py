"""The Avro reader: values that are exact or refused one by one, and files whose blocks lie."""

from __future__ import annotations

import gzip
import struct
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from avro_files import MARKER, block, header, long, one_field, text, write
from typed_files import REFUSED, contract_of, read_values, refused

from lagoa.errors import SourceError
from lagoa.formats import open_reader
from lagoa.formats.shared.files import SourceFile

if TYPE_CHECKING:
    from pathlib import Path

at = datetime.fromisoformat
NULLABLE = ["null", "long"]
NULL, PRESENT = long(0), long(1)
DAY_MS, LAST_DAY = 86_400_000, 2_932_896


def logical(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": name, **more}


def fixed(size: int, **more: Any) -> dict[str, Any]:
    return {"type": "fixed", "name": "f", "size": size, **more}


DECIMAL = logical("bytes", "decimal", precision=4, scale=2)
ENUM = {"type": "enum", "name": "e", "symbols": ["A", "B"]}
PAIR = {"type": "record", "name": "p", "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": DECIMAL}]}
MAP = {"type": "map", "values": "long"}


@pytest.mark.parametrize(
    ("kind", "values", "wanted", "expected"),
    [
        (NULLABLE, [PRESENT + long(-7), NULL, PRESENT + long(2**62)], "long", [-7, None, 2**62]),
        (["long", "null"], [long(0) + long(5), long(1)], "long", [5, None]),
        (["long"], [long(0) + long(5)], "long", [5]),
        ("null", [b"", b""], "string", None),
        ("int", [long(2**31 - 1), long(2**31), long(-(2**31) - 1)], "int", [2**31 - 1, REFUSED, REFUSED]),
        ("long", [long(1), long(2**40)], "int", [1, REFUSED]),
        ("boolean", [b"\1", b"\0", b"\2"], "boolean", [True, False, REFUSED]),
        ("float", [struct.pack("<f", 0.1)], "float", [pytest.approx(0.1)]),
        ("double", [struct.pack("<d", 0.1), struct.pack("<d", float("nan"))], "double", [0.1, REFUSED]),
        ("bytes", [text(b"\xff\0")], "binary", [b"\xff\0"]),
        ("string", [text("ção"), text(b"\xff"), text("")], "string", ["ção", REFUSED, ""]),
        (fixed(2), [b"ab"], "binary", [b"ab"]),
        (ENUM, [long(1), long(2), long(-1)], "string", ["B", REFUSED, REFUSED]),
        (logical("int", "date"), [long(LAST_DAY), long(LAST_DAY + 1)], "date", [date(9999, 12, 31), REFUSED]),
        (logical("int", "date"), [long(-719_162), long(-719_163), long(2**33)], "date", [date.min, REFUSED, REFUSED]),
        (logical("int", "time-millis"), [long(DAY_MS - 1), long(DAY_MS)], "time", [time(23, 59, 59, 999000), REFUSED]),
        (
            logical("long", "time-micros"),
            [long(1), long(DAY_MS * 1000), long(-1)],
            "time",
            [time(0, 0, 0, 1), *[REFUSED] * 2],
        ),
        (
            logical("long", "timestamp-millis"),
            [long(1), long(2**62)],
            "timestamptz",
            [at("1970-01-01 00:00:00.001"), REFUSED],
        ),
        (logical("long", "timestamp-micros"), [long(-1)], "timestamptz", [at("1969-12-31 23:59:59.999999")]),
        (
            logical("long", "timestamp-nanos"),
            [long(1000), long(1001)],
            "timestamptz",
            [at("1970-01-01 00:00:00.000001"), REFUSED],
        ),
        (logical("long", "local-timestamp-millis"), [long(1)], "timestamp", [at("1970-01-01 00:00:00.001")]),
        (logical("long", "local-timestamp-micros"), [long(1)], "timestamp", [at("1970-01-01 00:00:00.000001")]),
        (
            logical("long", "local-timestamp-nanos"),
            [long(1000), long(1)],
            "timestamp",
            [at("1970-01-01 00:00:00.000001"), REFUSED],
        ),
        (logical("long", "no-such-thing"), [long(5)], "long", [5]),
        (
            DECIMAL,
            [text(b"\x04\xd2"), text(b"\xff"), text(b"\x27\x10"), text(b"")],
            "decimal(4, 2)",
            [Decimal("12.34"), Decimal("-0.01"), REFUSED, REFUSED],
        ),
        (
            fixed(2, logicalType="decimal", precision=4),
            [b"\x27\x0f", b"\x27\x10"],
            "decimal(4, 0)",
            [Decimal(9999), REFUSED],
        ),
        (logical("string", "uuid"), [text(str(UUID(int=7))), text("seven")], "uuid", [UUID(int=7), REFUSED]),
        (fixed(16, logicalType="uuid"), [UUID(int=7).bytes], "uuid", [UUID(int=7)]),
        (
            fixed(12, logicalType="duration"),
            [b"\1\0\0\0\xff\xff\xff\xff\3\0\0\0"],
            "struct<months: long, days: long, milliseconds: long>",
            [{"months": 1, "days": 2**32 - 1, "milliseconds": 3}],
        ),
        (
            {"type": "array", "items": "string"},
            [long(2) + text("a") + text("b") + long(0), long(1) + text(b"\xff") + long(0), long(0)],
            "list<string>",
            [["a", "b"], REFUSED, []],
        ),
        (
            {"type": "array", "items": ["null", "int"]},
            [long(-2) + long(3) + NULL + PRESENT + long(1) + long(0)],
            "list<int>",
            [[None, 1]],
        ),
        (
            MAP,
            [
                long(1) + text("k") + long(3) + long(0),
                long(2) + (text("k") + long(3)) * 2 + long(0),
                long(1) + text(b"\xff") + long(1) + long(0),
            ],
            "map<string, long>",
            [{"k": 3}, REFUSED, REFUSED],
        ),
        (
            PAIR,
            [long(1) + text(b"\1"), long(1) + text(b"\x7f\xff")],
            "struct<a: int, b: decimal(4, 2)>",
            [{"a": 1, "b": Decimal("0.01")}, REFUSED],
        ),
    ],
)
def test_values(tmp_path: Path, kind: Any, values: list[bytes], wanted: str, expected: list[Any] | None) -> None:
    path = tmp_path / "a.avro"
    if expected is None:  # nothing but nulls has no bytes
        with pytest.raises(SourceError, match="its records have no field with bytes"):
            read_values(write(path, kind, values), "avro", wanted)
        return
    assert read_values(write(path, kind, values), "avro", wanted) == expected


@pytest.mark.parametrize(
    ("kind", "value", "wanted", "why", "shown"),
    [
        ("string", text(b"\xff\xfe"), "string", "v is not utf-8", b'{"hex": "fffe"}'),
        ("boolean", b"\2", "boolean", "v is no boolean: its byte is neither 0 nor 1", b'{"hex": "02"}'),
        (ENUM, long(7), "string", "it is symbol 7, and enum e has 2", b'{"symbol": 7}'),
        ("int", long(2**40), "int", "it has more than 32 bits", b"1099511627776"),
        (logical("int", "date"), long(2**33), "date", "it has more than 32 bits", b"8589934592"),
        (DECIMAL, text(b"\x01\x86\xa0"), "decimal(4, 2)", "it has more than 4 digits", b'"1000.00"'),
        (DECIMAL, text(b""), "decimal(4, 2)", "it has no bytes", b'{"hex": ""}'),
        (
            PAIR,
            long(1) + text(b"\x7f\xff"),
            "struct<a: int, b: decimal(4, 2)>",
            "more than 4 digits",
            b'{"a": 1, "b": "327.67"}',
        ),
        (logical("int", "time-millis"), long(DAY_MS), "time", "it is not within a day", b"86400000"),
        (
            logical("long", "timestamp-nanos"),
            long(1),
            "timestamptz",
            "part of a microsecond",
            b'"1970-01-01 00:00:00.000000001Z"',
        ),
        (
            MAP,
            long(1) + text(b"\xff") + long(1) + long(0),
            "map<string, long>",
            "v is not utf-8",
            b'[[{"hex": "ff"}, 1]]',
        ),
    ],
)
def test_one_bad_value_costs_one_row(
    tmp_path: Path, kind: Any, value: bytes, wanted: str, why: str, shown: bytes
) -> None:
    schema = {
        "type": "record",
        "name": "r",
        "fields": [{"name": "k", "type": "long"}, {"name": "v", "type": ["null", kind]}],
    }
    records = [long(number) + (PRESENT + value if number == 2 else NULL) for number in range(4)]
    path = tmp_path / "a.avro"
    path.write_bytes(header(schema) + block(records))
    ((row, _, reason, raw),) = refused(path, "avro", {"k": "long", "v": wanted})
    assert (row, why in reason, raw) == (3, True, b'{"k": 2, "v": ' + shown + b"}")


def test_a_refused_row_is_shown_with_its_logical_values(tmp_path: Path) -> None:
    path = write(tmp_path / "a.avro", logical("string", "uuid"), [text("seven")])
    assert refused(path, "avro", {"v": "uuid"}) == [(1, "type/v", "v is no uuid: 'seven'", b'{"v":"seven"}')]


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy", "zstandard", "bzip2", "xz"])
def test_codecs(tmp_path: Path, codec: str) -> None:
    path = write(tmp_path / "a.avro", "string", [text("a" * 1000), text("b"), text("c")], codec)
    assert read_values(path, "avro", "string") == ["a" * 1000, "b", "c"]
    content = path.read_bytes()
    place = content.index(MARKER, len(header(one_field("string"), codec))) - 6
    path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
    if codec in {"deflate", "snappy", "bzip2", "xz"}:
        with pytest.raises(SourceError, match="block 1, which begins at byte"):
            read_values(path, "avro", "string")


def test_the_checksum_of_snappy_is_looked_at(tmp_path: Path) -> None:
    path = write(tmp_path / "a.avro", "string", [text("abcd")], "snappy")
    path.write_bytes(path.read_bytes().replace(b"abcd", b"abce"))
    with pytest.raises(SourceError, match=r"block 1, .*: the checksum of its snappy data is wrong"):
        read_values(path, "avro", "string")


def test_deflate_with_what_an_older_library_left_behind_it(tmp_path: Path) -> None:
    data = block([text("a")], "deflate")
    packed = data[2 : -len(MARKER)]
    path = tmp_path / "a.avro"
    path.write_bytes(
        header(one_field("string"), "deflate") + long(1) + long(len(packed) + 3) + packed + b"abc" + MARKER
    )
    assert read_values(path, "avro", "string") == ["a"]


RECORDS = [text(str(number)) for number in range(3)]
HEAD = header(one_field("string"))
LIES = {
    "too few": (block(RECORDS, count=2), "says that it has 2 records, and there are bytes behind them"),
    "too many": (block(RECORDS, count=4), "record 4 of 4 does not have the bytes"),
    "none of three": (block(RECORDS, count=0), "says that it has 0 records"),
    "fewer than none": (block(RECORDS, count=-3), "says that it has -3 records"),
    "another marker": (
        block(RECORDS) + block(RECORDS, marker=b"x" * 16),
        "block 2, .* the marker of the file is not behind it",
    ),
    "cut in the marker": (block(RECORDS)[:-1], "block 1, .* the file ends at byte"),
    "cut in the records": ((block(RECORDS) + block(RECORDS))[:-20], "block 2, .* the file ends at byte"),
    "cut in its numbers": (block(RECORDS) + long(2**20)[:1], "block 2, .* the file ends at byte"),
    "a size beyond all": (long(1) + long(2**40), r"1 records in 1,099,511,627,776 bytes"),
    "a size below none": (long(1) + long(-5), "in -5 bytes"),
    "a number without end": (b"\xff" * 12, "a number has more than 64 bits"),
    "a text beyond the block": (block([long(2**40) + b"abc"]), "record 1 of 1 does not have the bytes"),
    "a text below none": (block([long(-1) + b"abc"]), "record 1 of 1 does not have the bytes"),
}


@pytest.mark.parametrize("name", LIES)
def test_blocks_that_lie_refuse_the_file(tmp_path: Path, name: str) -> None:
    content, message = LIES[name]
    path = tmp_path / "a.avro"
    path.write_bytes(HEAD + content)
    with pytest.raises(SourceError, match=message):
        read_values(path, "avro", "string")


@pytest.mark.parametrize("number", [-1, -2, -64, 2, 3, 63, -65, 64, 200])
def test_a_branch_that_a_union_does_not_have_refuses_the_file(tmp_path: Path, number: int) -> None:
    path = write(tmp_path / "a.avro", NULLABLE, [long(number) + long(5)])
    with pytest.raises(SourceError, match="record 1 of 1 does not have the bytes"):
        read_values(path, "avro", "long")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n", "it is not an Avro file"),
        (b"PAR1" + b"\0" * 20, "it is a Parquet file, not an Avro file"),
        (HEAD[:3], "it is not an Avro file"),
        (HEAD[:30], "its header is damaged: the file ends at byte 30"),
        (header(one_field("string"), "lzo"), "packed with 'lzo', which Lagoa does not unpack"),
        (
            b"Obj\x01" + long(2) + (text("avro.schema") + text('"long"')) * 2 + long(0) + MARKER,
            "it has 'avro.schema' twice",
        ),
        (b"Obj\x01" + long(2**50), "it says that it has 1,125,899,906,842,624 entries"),
        (b"Obj\x01" + long(1) + text("avro.schema") + text("{") + long(0) + MARKER, "its schema is not JSON"),
        (b"Obj\x01" + long(1) + text("avro.schema") + long(2**40), "says that an entry has 1,099,511,627,776 bytes"),
        (header("long"), "it has values of the type long, not records"),
    ],
)
def test_files_that_are_no_avro(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.avro"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=message) as raised:
        open_reader(contract_of("avro", {"v": "string"}), SourceFile(path))
    assert raised.value.advice


NESTED: Any = "long"
for _ in range(30):
    NESTED = {"type": "array", "items": NESTED}
TREE = {"type": "record", "name": "t", "fields": [{"name": "v", "type": ["null", "t"]}]}
BOMB = "long"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (["null", "long", "string"], r"its field 'v' is a union \(null or long or string\)"),
        (["long", "string"], r"its field 'v' is a union \(long or string\)"),
        ([], r"its field 'v' is a union \(of nothing\)"),
        ({"type": "array", "items": ["long", PAIR]}, r"its field 'v\[\]' is a union \(long or p\)"),
        (["null", TREE], "its field 'v.v' is a 't' inside another one: a table has no recursion"),
        ("nowhere", "its field 'v' has the type 'nowhere', which its schema does not define"),
        (NESTED, "is nested more than 20 deep"),
        ({"type": "array", "items": "null"}, "its field 'v' is an array of values without bytes"),
        ({"type": "array", "items": fixed(0)}, "its field 'v' is an array of values without bytes"),
        (logical("bytes", "decimal", precision=39), "its field 'v' is a decimal of 39 digits, and 38 are the most"),
        (logical("bytes", "decimal", precision=3, scale=4), "is a decimal of precision 3 and scale 4"),
        (logical("bytes", "decimal"), "is a decimal of precision None"),
        ({"type": "enum", "name": "e"}, "has the enum 'e' without symbols"),
        ({"type": "fixed", "name": "f"}, "has the fixed 'f' without a size"),
        ({"type": "record", "name": "p", "fields": [{"name": "a", "type": "int"}] * 2}, "has the field 'a' twice"),
        ({"type": "record", "name": "p"}, "its field 'v' is a record without fields"),
        ({"type": 5}, "its field 'v' has no type"),
    ],
)
def test_types_that_are_refused_by_name(tmp_path: Path, kind: Any, message: str) -> None:
    path = tmp_path / "a.avro"
    path.write_bytes(header(one_field(kind)))
    with pytest.raises(SourceError, match=message):
        open_reader(contract_of("avro", {"v": "long"}), SourceFile(path))


@pytest.mark.slow
def test_a_schema_that_grows_by_its_names_is_refused(tmp_path: Path) -> None:
    kind: Any = "long"
    for depth in range(18):
        fields = [{"name": "a", "type": kind}, *({"name": f"b{n}", "type": f"n{depth - 1}"} for n in range(9) if depth)]
        kind = {"type": "record", "name": f"n{depth}", "fields": fields}
    path = tmp_path / "a.avro"
    path.write_bytes(header(one_field(kind)))
    with pytest.raises(SourceError, match="its schema is too long"):
        open_reader(contract_of("avro", {"v": "long"}), SourceFile(path))


def test_names_are_found_by_their_namespaces(tmp_path: Path) -> None:
    inner = {"type": "enum", "name": "other.e", "symbols": ["X"]}
    schema = {
        "type": "record",
        "name": "r",
        "namespace": "a.b",
        "fields": [
            {"name": "v", "type": ENUM},
            {"name": "w", "type": inner},
            {"name": "x", "type": "a.b.e"},
            {"name": "y", "type": "other.e"},
        ],
    }
    path = tmp_path / "a.avro"
    path.write_bytes(header(schema) + block([long(0) + long(0) + long(1) + long(0)]))
    reader = open_reader(contract_of("avro", dict.fromkeys("vwxy", "string")), SourceFile(path))
    (row,) = reader.stream().reader().read_all().to_pylist()
    assert [row[f"@{name}@"] for name in "vwxy"] == ["A", "X", "B", "X"]


def test_inside_gzip(tmp_path: Path) -> None:
    plain = write(tmp_path / "a.avro", "long", [long(1), long(2)])
    path = tmp_path / "a.avro.gz"
    path.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_values(path, "avro", "long") == [1, 2]
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(SourceError, match="it cannot be read"):
        read_values(path, "avro", "long")


def test_blocks_that_unpack_to_too_much(tmp_path: Path) -> None:
    path = tmp_path / "a.avro"
    huge = long(2**30 >> 1)[:-1] + b"\x04"
    data = huge + b"\xfe\xff" * 8
    path.write_bytes(header(one_field("string"), "snappy") + long(1) + long(len(data)) + data + MARKER)
    with pytest.raises(SourceError, match="more than 256 MiB when it is unpacked"):
        read_values(path, "avro", "string")


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["null", "deflate", "snappy", "zstandard"])
def test_any_damaged_byte_is_a_refused_file_or_other_rows_of_the_same_number(tmp_path: Path, codec: str) -> None:
    kinds = {"v": ["null", "string"], "n": DECIMAL, "m": MAP, "p": PAIR, "e": {**ENUM, "name": "other"}}
    schema = {"type": "record", "name": "r", "fields": [{"name": name, "type": kind} for name, kind in kinds.items()]}
    one = PRESENT + text("ab") + text(b"\1") + long(1) + text("k") + long(3) + long(0) + long(1) + text(b"\1") + long(1)
    content = header(schema, codec) + block([one, one], codec) + block([one], codec)
    path = tmp_path / "a.avro"
    types = {"v": "string", "n": "decimal(4, 2)", "m": "map<string, long>", "p": "struct<a: int, b: decimal(4, 2)>"}
    contract = contract_of("avro", {**types, "e": "string"})
    between = {len(header(schema, codec)), len(content) - len(block([one], codec))}
    seen = set()
    for place in range(len(content)):
        for other in (0, 0xFF, content[place] ^ 1, content[place] ^ 0x80):
            path.write_bytes(content[:place] + bytes([other]) + content[place + 1 :])
            try:
                seen.add(open_reader(contract, SourceFile(path)).stream().reader().read_all().num_rows)
            except SourceError:
                seen.add(None)
        path.write_bytes(content[:place])
        if place not in between:
            with pytest.raises(SourceError):
                open_reader(contract, SourceFile(path)).stream().reader().read_all()
    assert seen == {None, 3}
