"""The Parquet reader: columns by name, values that fit without a loss, and files that are none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from duck import database
from pyarrow import parquet

from lagoa.contracts.contract import Column, Contract
from lagoa.domain.tables import TableName
from lagoa.errors import ContractError, SourceError
from lagoa.formats import FORMATS, open_reader
from lagoa.formats.shared.files import SourceFile
from lagoa.formats.shared.row_sql import STREAM, RowSql

REFUSED = "refused"
at = datetime.fromisoformat
NOT_UTF8 = pa.Array.from_buffers(
    pa.string(), 3, [None, pa.py_buffer(np.array([0, 1, 3, 4], np.int32)), pa.py_buffer(b"a\xff\xfeb")]
)


def contract_of(kind: str, form: str | None = "parquet") -> Contract:
    source = FORMATS[form].options(format=form) if form else None
    column = Column("v", kind, required=False)
    return Contract(TableName.parse("bronze.t"), "1.0.0", Path("t.odcs.yaml"), "hash", (column,), source=source)


def read(folder: Path, values: pa.Array, kind: str) -> list[Any]:
    """Return each value as the contract's type, or `REFUSED`."""
    path = folder / "data.parquet"
    parquet.write_table(pa.table({"v": values}), path, row_group_size=2)
    reader = open_reader(contract_of(kind), SourceFile(path))
    sql = RowSql(contract_of(kind), reader, str(path))
    parameters = ["batch", at("2026-01-01T00:00:00+00:00"), "data.parquet"]
    with database() as connection:
        connection.execute("SET TimeZone = 'America/Sao_Paulo'")
        connection.register(STREAM, reader.stream().arrow_stream())
        shown = "v AT TIME ZONE 'UTC'" if kind == "timestamptz" else "v"
        good = connection.execute(f"SELECT _row, {shown} FROM ({sql.accepted})", parameters).fetchall()
        connection.register(STREAM, reader.stream().arrow_stream())
        bad = connection.execute(f"SELECT record, '{REFUSED}' FROM ({sql.refused})", parameters).fetchall()
    rows = sorted(good + bad, key=lambda row: row[0])
    assert [row[0] for row in rows] == list(range(1, len(values) + 1))
    return [row[1] for row in rows]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (pa.array([1, None, 2**40]), "int", [1, None, REFUSED]),
        (pa.array([1, None, 2**40]), "long", [1, None, 2**40]),
        (pa.array([1, 2**63], pa.uint64()), "long", [1, REFUSED]),
        (pa.array([1.0, 1.5, float("nan")]), "int", [1, REFUSED, REFUSED]),
        (pa.array([1.5, 1.999]), "decimal(5, 2)", [Decimal("1.50"), REFUSED]),
        (pa.array([Decimal("1.500"), Decimal("1.501")]), "decimal(5, 2)", [Decimal("1.50"), REFUSED]),
        (pa.array([0.5, 0.1]), "float", [0.5, REFUSED]),
        (pa.array([1, 2**53 + 1]), "double", [1.0, REFUSED]),
        (pa.array(["a", None, ""]), "string", ["a", None, ""]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), "string", ["a", "b", "a"]),
        (pa.array(["12", "1.5"]), "int", [12, REFUSED]),
        (pa.array([True, None]), "boolean", [True, None]),
        (pa.array([b"a", None]), "binary", [b"a", None]),
        (pa.array([None, None]), "date", [None, None]),
        (pa.array([date(2026, 1, 2)]), "date", [date(2026, 1, 2)]),
        (pa.array([date(2026, 1, 2)]), "timestamp", [at("2026-01-02")]),
        (pa.array([at("2026-01-02"), at("2026-01-02 01:00")]), "date", [date(2026, 1, 2), REFUSED]),
        (pa.array([at("2026-01-02 01:00")], pa.timestamp("s")), "timestamp", [at("2026-01-02 01:00")]),
        (pa.array([1000, 1001], pa.timestamp("ns")), "timestamp", [at("1970-01-01 00:00:00.000001"), REFUSED]),
        (
            pa.array([1000, 1001], pa.timestamp("ns", "UTC")),
            "timestamptz",
            [at("1970-01-01 00:00:00.000001"), REFUSED],
        ),
        (
            pa.array([datetime(2026, 1, 2, tzinfo=UTC)], pa.timestamp("us", "Asia/Tokyo")),
            "timestamptz",
            [at("2026-01-02")],
        ),
        (pa.array([[1], None]), "list<int>", [[1], None]),
        (pa.array([{"a": 1}]), "struct<a: int>", [{"a": 1}]),
        (pa.array([[1], [2**40]]), "list<int>", [[1], REFUSED]),
        (pa.array([[1.5], [1.25]]), "list<decimal(5, 1)>", [[Decimal("1.5")], REFUSED]),
        (pa.array([{"b": 1, "a": 2**40}, {"b": 2, "a": 3}]), "struct<a: int, b: int>", [REFUSED, {"a": 3, "b": 2}]),
        (
            pa.array([[("k", 1)], [("k", 2**40)]], pa.map_(pa.string(), pa.int64())),
            "map<string, int>",
            [{"k": 1}, REFUSED],
        ),
        (
            pa.array([[("k", 1)], [("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int32())),
            "map<string, int>",
            [{"k": 1}, REFUSED],
        ),
        (pa.array([[1], [2]], pa.list_(pa.int32(), 1)), "list<int>", [[1], [2]]),
        (pa.array([1.5, float("nan"), float("-inf")]), "double", [1.5, REFUSED, REFUSED]),
        (pa.array(np.array([1.5, np.nan], np.float16)), "float", [1.5, REFUSED]),
        (pa.array([Decimal(1), Decimal(1000)], pa.decimal256(38, 0)), "decimal(3, 0)", [Decimal(1), REFUSED]),
        (pa.array([0, 2**31 - 1, -(2**31)], pa.date32()), "date", [date(1970, 1, 1), REFUSED, REFUSED]),
        (pa.array([0, 253402300800], pa.timestamp("s")), "timestamp", [at("1970-01-01"), REFUSED]),
        (
            pa.array([0, 2**62, -(2**63)], pa.timestamp("ms", "UTC")),
            "timestamptz",
            [at("1970-01-01"), REFUSED, REFUSED],
        ),
        (pa.array([0, 2**63 - 1], pa.timestamp("us")), "timestamp", [at("1970-01-01"), REFUSED]),
        (pa.array([1000, 1001], pa.time64("ns")), "time", [time(0, 0, 0, 1), REFUSED]),
        (pa.array([1, 86_400], pa.time32("s")), "time", [time(0, 0, 1), REFUSED]),
        (
            pa.array([1000, 1001], pa.timestamp("ns", "Asia/Tokyo")),
            "timestamptz",
            [at("1970-01-01 00:00:00.000001"), REFUSED],
        ),
        (pa.array([Decimal("0.1"), Decimal("0.12345678901234567891")]), "double", [0.1, REFUSED]),
        (pa.array([[1.5, float("nan")], [1.5], [float("inf")], None]), "list<double>", [REFUSED, [1.5], REFUSED, None]),
        (pa.array([{"a": float("nan")}, {"a": None}]), "struct<a: double>", [REFUSED, {"a": None}]),
        (
            pa.array([[("k", float("nan"))], [("k", 0.5)]], pa.map_(pa.string(), pa.float64())),
            "map<string, double>",
            [REFUSED, {"k": 0.5}],
        ),
        (
            pa.array([[], [2**63 - 1], [0]], pa.list_(pa.timestamp("us"))),
            "list<timestamp>",
            [[], REFUSED, [at("1970-01-01")]],
        ),
        (
            pa.array([[1001], [1000]], pa.list_(pa.timestamp("ns"))),
            "list<timestamp>",
            [REFUSED, [at("1970-01-01 00:00:00.000001")]],
        ),
        (
            pa.array([[[2**31 - 1]], [[0]]], pa.list_(pa.list_(pa.date32()))),
            "list<list<date>>",
            [REFUSED, [[date(1970, 1, 1)]]],
        ),
        (
            pa.array([[[("k", 1), ("k", 2)]], [[("k", 1)]]], pa.list_(pa.map_(pa.string(), pa.int32()))),
            "list<map<string, int>>",
            [REFUSED, [{"k": 1}]],
        ),
        (
            pa.array([{"t": [1001]}, {"t": [1000]}], pa.struct([("t", pa.list_(pa.time64("ns")))])),
            "struct<t: list<time>>",
            [REFUSED, {"t": [time(0, 0, 0, 1)]}],
        ),
        (pa.array([1, 0, None], pa.int8()).cast(pa.bool8()), "boolean", [True, False, None]),
        (pa.array(['{"a": 1}'], pa.json_()), "string", ['{"a": 1}']),
        (NOT_UTF8, "string", ["a", REFUSED, "b"]),
        (pa.ListArray.from_arrays(pa.array([0, 2, 3], pa.int32()), NOT_UTF8), "list<string>", [REFUSED, ["b"]]),
    ],
)
def test_values(tmp_path: Path, values: pa.Array, kind: str, expected: list[Any]) -> None:
    assert read(tmp_path, values, kind) == expected


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array([at("2026-01-02")]), "timestamptz"),
        (pa.array([at("2026-01-02T00:00:00+00:00")], pa.timestamp("us", "UTC")), "timestamp"),
        (pa.array([1]), "string"),
        (pa.array([b"x"]), "string"),
        (pa.array([1]), "boolean"),
        (pa.array([[1]]), "int"),
        (pa.array([1]), "date"),
        (pa.array([b"abc"], pa.binary(3)), "fixed[2]"),
        (pa.array([Decimal(1)], pa.decimal256(40, 0)), "decimal(38, 0)"),
        (pa.array([["1"]]), "list<int>"),
        (pa.array([[0]], pa.list_(pa.timestamp("us", "UTC"))), "list<timestamp>"),
        (pa.array([[0]], pa.list_(pa.timestamp("ns", "UTC"))), "list<timestamp>"),
        (pa.array([[0]], pa.list_(pa.timestamp("us"))), "list<timestamptz>"),
        (pa.array([[1]]), "list<double>"),
        (pa.array([{"a": 1, "b": 2}]), "struct<a: int>"),
        (pa.array([{"b": 2}]), "struct<a: int>"),
        (pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]), "struct<a: int>"),
        (pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], ["a", "A"]), "struct<a: int>"),
        (pa.array([1], pa.duration("s")), "long"),
    ],
)
def test_types_that_do_not_go_together(tmp_path: Path, values: pa.Array, kind: str) -> None:
    with pytest.raises(SourceError, match=r"column 'v': the file has .*, (the contract|whose moments)"):
        read(tmp_path, values, kind)


def test_a_refused_row_is_shown_as_json(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    parquet.write_table(pa.table({"v": pa.array(['say "x"'])}), path)
    reader = open_reader(contract_of("int"), SourceFile(path))
    sql = RowSql(contract_of("int"), reader, str(path))
    with database() as connection:
        connection.register(STREAM, reader.stream().arrow_stream())
        query = f"SELECT raw, byte_offset, rule, reason FROM ({sql.refused})"
        row = connection.execute(query, ["b", at("2026-01-01T00:00:00+00:00"), "f"]).fetchone()
    assert row == (b'{"v":"say \\"x\\""}', None, "type/v", "v is no int: 'say \"x\"'")


@pytest.mark.parametrize(
    ("values", "kind", "raw"),
    [
        (NOT_UTF8, "string", b'{"v": {"hex": "fffe"}}'),
        (
            pa.ListArray.from_arrays(pa.array([0, 0, 2], pa.int32()), NOT_UTF8),
            "list<string>",
            b'{"v": ["a", {"hex": "fffe"}]}',
        ),
        (pa.array([0, 2**31 - 1], pa.date32()), "date", b'{"v": 2147483647}'),
        (pa.array([0, 86_400_000], pa.time32("ms")), "time", b'{"v": 86400000}'),
        (pa.array([0, 2**63 - 1], pa.timestamp("ns")), "timestamp", b'{"v": "2262-04-11 23:47:16.854775807"}'),
        (
            pa.array([[0], [0, 10**18]], pa.list_(pa.timestamp("us"))),
            "list<timestamp>",
            b'{"v": [0, 1000000000000000000]}',
        ),
    ],
)
def test_a_row_that_no_engine_takes_is_shown_with_what_stands_there(
    tmp_path: Path, values: pa.Array, kind: str, raw: bytes
) -> None:
    path = tmp_path / "data.parquet"
    parquet.write_table(pa.table({"v": values}), path)
    rows = open_reader(contract_of(kind), SourceFile(path)).stream().reader().read_all().to_pylist()
    bad = [row for row in rows if row["@rule"]]
    assert [(row["@row"], row["@raw"]) for row in bad] == [(2, raw)]
    assert bad[0]["@rule"] in {"encoding", "type/v"}


@pytest.mark.parametrize(
    ("values", "kind", "why"),
    [
        (pa.array([float("nan")]), "double", "NaN, infinite"),
        (pa.array([[1001]], pa.list_(pa.timestamp("ns"))), "list<timestamp>", "a part of a microsecond"),
        (pa.array([2**62], pa.timestamp("us")), "timestamp", "outside the years 1 to 9999"),
        (pa.array([2**31 - 1], pa.date32()), "date", "no day of the years 1 to 9999"),
        (pa.array([86_400], pa.time32("s")), "time", "not within a day"),
    ],
)
def test_the_reason_says_what_is_wrong_with_a_value(tmp_path: Path, values: pa.Array, kind: str, why: str) -> None:
    path = tmp_path / "data.parquet"
    parquet.write_table(pa.table({"v": values}), path)
    (row,) = open_reader(contract_of(kind), SourceFile(path)).stream().reader().read_all().to_pylist()
    assert f"v is no {kind}: it is" in row["@reason"] or f"v is no {kind}: it has" in row["@reason"]
    assert why in row["@reason"]


def test_what_is_sound_in_a_bad_row_is_shown_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    parquet.write_table(pa.table({"v": pa.array([2**31 - 1, 0], pa.date32()), "w": NOT_UTF8.slice(0, 2)}), path)
    columns = (Column("v", "date"), Column("w", "string"))
    contract = replace(contract_of("date"), columns=columns)
    rows = open_reader(contract, SourceFile(path)).stream().reader().read_all().to_pylist()
    assert [row["@raw"] for row in rows] == [
        b'{"v": 2147483647, "w": "a"}',
        b'{"v": "1970-01-01", "w": {"hex": "fffe"}}',
    ]


def spoil_days(path: Path, before: datetime, after: int) -> None:
    """Write another number of days into a file whose moments are plain int96."""
    days = ((before - at("1970-01-01")).days + 2_440_588).to_bytes(4, "little")
    content = path.read_bytes()
    assert content.count(days) == 1
    path.write_bytes(content.replace(days, after.to_bytes(4, "little")))


def write_plain_int96(path: Path, moment: datetime) -> None:
    """Write a file of a moment and a null in int96, whose bytes are as they are in memory."""
    parquet.write_table(
        pa.table({"v": pa.array([moment, None], pa.timestamp("us"))}),
        path,
        use_deprecated_int96_timestamps=True,
        compression="none",
        use_dictionary=False,
        write_statistics=False,
    )


@pytest.mark.parametrize("year", [1, 1500, 2262, 9999])
def test_int96_holds_every_year(tmp_path: Path, year: int) -> None:
    path, moment = tmp_path / "data.parquet", at(f"{year:04}-12-31 23:59:59.999999")
    days = (moment - at("1970-01-01")).days + 2_440_588
    other = at("2001-02-03 23:59:59.999999")
    write_plain_int96(path, other)
    spoil_days(path, other, days)
    rows = open_reader(contract_of("timestamp"), SourceFile(path)).stream().reader().read_all().to_pylist()
    assert [(row["@v@"], row["@rule"]) for row in rows] == [(moment, None), (None, None)]


def test_int96_beyond_every_calendar_is_refused_with_its_moment(tmp_path: Path) -> None:
    path, other = tmp_path / "data.parquet", at("2001-02-03")
    write_plain_int96(path, other)
    spoil_days(path, other, 2**31)
    rows = open_reader(contract_of("timestamp"), SourceFile(path)).stream().reader().read_all().to_pylist()
    shown = f'{{"v": "{(2**31 - 2_440_588) * 86_400_000} ms since 1970"}}'.encode()
    assert [(row["@row"], row["@rule"], row["@raw"]) for row in rows] == [(2, None, None), (1, "type/v", shown)]


def test_nanoseconds_in_int96_are_refused_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    moments = pa.array([[1000], [2000, 1_000_000_001], None], pa.list_(pa.timestamp("ns")))
    parquet.write_table(pa.table({"v": moments}), path, use_deprecated_int96_timestamps=True, row_group_size=2)
    rows = open_reader(contract_of("list<timestamp>"), SourceFile(path)).stream().reader().read_all().to_pylist()
    assert {row["@row"]: row["@rule"] for row in rows} == {1: None, 2: "type/v", 3: None}
    flat = pa.array([1_000_000_001], pa.timestamp("ns"))
    parquet.write_table(pa.table({"v": flat}), path, use_deprecated_int96_timestamps=True)
    (row,) = open_reader(contract_of("timestamp"), SourceFile(path)).stream().reader().read_all().to_pylist()
    assert row["@raw"] == b'{"v": "1970-01-01 00:00:01.000000001"}'


def test_files_that_are_no_parquet(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    path.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(SourceError, match="it is not a Parquet file"):
        open_reader(contract_of("int"), SourceFile(path))
    parquet.write_table(pa.table({"w": [1]}), path)
    with pytest.raises(SourceError, match="the column 'w' is not in the contract"):
        open_reader(contract_of("int"), SourceFile(path))


def test_damage_inside_a_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    parquet.write_table(pa.table({"v": list(range(100_000))}), path, compression="zstd", use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[4:40] = b"\xff" * 36
    path.write_bytes(content)
    stream = open_reader(contract_of("long"), SourceFile(path)).stream()
    with pytest.raises(SourceError, match="it cannot be read"):
        stream.reader().read_all()


def test_a_contract_must_say_what_files_look_like(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('{"v": 1}\n')
    with pytest.raises(ContractError, match="does not say what its files look like"):
        open_reader(contract_of("int", None), SourceFile(path))
