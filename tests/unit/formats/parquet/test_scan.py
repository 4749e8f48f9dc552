"""What the engine reads of a Parquet file by itself is what it gets through Arrow, or it does not read it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from duck import database
from pyarrow import parquet

from lagoa.contracts.contract import Column, Contract
from lagoa.domain.tables import TableName
from lagoa.formats import FORMATS, open_reader
from lagoa.formats.shared.files import SourceFile
from lagoa.formats.shared.row_sql import STREAM, RowSql

if TYPE_CHECKING:
    from lagoa.formats.shared.reading import Reader

INF, NAN = float("inf"), float("nan")
DAYS = pa.array([-719_163, -719_162, 0, 2_932_896, 2_932_897, 2**31 - 1, -(2**31) + 1, None], pa.int32())
FIRST, AFTER = -62_135_596_800_000_000, 253_402_300_800_000_000
EDGES = pa.array([FIRST - 1, FIRST, -1, 0, 1, AFTER - 1, AFTER, 2**63 - 1, -(2**63) + 1, None], pa.int64())
MILLIS = pa.array(
    [-62_135_596_800_001, -62_135_596_800_000, 253_402_300_799_999, 253_402_300_800_000, None], pa.int64()
)
TOO_LONG = pa.Array.from_buffers(
    pa.decimal128(5, 2), 3, [None, pa.py_buffer(np.array([99_999, 0, 100_000, 0, -100_000, -1], np.int64))]
)
READ = {
    "long": [pa.array([-(2**63), 0, 2**63 - 1, None], pa.int64())],
    "int": [
        pa.array([-(2**31), 2**31 - 1, None], pa.int32()), pa.array([0, 2**32 - 1], pa.uint32()),
        pa.array([-128, 127], pa.int8()), pa.array([0, 2**16 - 1], pa.uint16()), pa.array([2**31, -1], pa.int64()),
    ],
    "decimal(20, 0)": [pa.array([0, 2**64 - 1, None], pa.uint64())],
    "boolean": [pa.array([True, False, None])],
    "float": [pa.array([0.1, -0.0, INF, -INF, NAN, None, 3.4e38, 1e-45], pa.float32())],
    "double": [pa.array([0.1, -0.0, INF, -INF, NAN, None, 1.8e308, 5e-324], pa.float64())],
    "string": [
        pa.array(["", "ação", "a\0b", "NaN", None, "🏖"]), pa.array(["x" * 70_000], pa.large_string()),
    ],
    "date": [DAYS.cast(pa.date32())],
    "timestamp": [EDGES.cast(pa.timestamp("us")), MILLIS.cast(pa.timestamp("ms")), DAYS.cast(pa.date32())],
    "timestamptz": [EDGES.cast(pa.timestamp("us", "UTC")), EDGES.cast(pa.timestamp("us", "America/Sao_Paulo"))],
    "decimal(5, 2)": [pa.array([Decimal("-999.99"), Decimal("0.01"), None]).cast(pa.decimal128(5, 2)), TOO_LONG],
    "decimal(38, 0)": [pa.array([Decimal(10**38 - 1), Decimal(1 - 10**38), None], pa.decimal128(38, 0))],
    "decimal(38, 38)": [pa.array([Decimal("0." + "9" * 38), None], pa.decimal128(38, 38))],
}  # fmt: skip
NOT_READ = {
    "timestamp": pa.array([1, 1000], pa.timestamp("ns")),
    "time": pa.array([0, 1], pa.time64("us")),
    "binary": pa.array([b"\xff", None], pa.binary()),
    "list<long>": pa.array([[1], None], pa.list_(pa.int64())),
}


def contract_of(*columns: Column) -> Contract:
    source = FORMATS["parquet"].options(format="parquet")
    return Contract(TableName.parse("bronze.t"), "1.0.0", Path("t.odcs.yaml"), "hash", columns, source=source)


def opened(path: Path, values: pa.Array | pa.Table, kind: str, **options: Any) -> tuple[Contract, Reader]:
    table = values if isinstance(values, pa.Table) else pa.table({"v": values})
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path, **{"row_group_size": 2, **options})
    contract = contract_of(*(Column(name, kind, required=False) for name in table.column_names))
    return contract, open_reader(contract, SourceFile(path))


def accepted(contract: Contract, reader: Reader, *, by_itself: bool) -> list[tuple[Any, ...]]:
    """Return the rows that a table takes, as text, so that a zero has its sign; with the number of each."""
    names = ", ".join(f'CAST("{column.name}" AS VARCHAR)' for column in contract.columns)
    with database() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        if by_itself:
            assert reader.scan is not None
            connection.execute(f'CREATE TEMP VIEW "{STREAM}" AS {reader.scan.sql}')
            found = connection.execute(f'SELECT * FROM "{STREAM}" LIMIT 0').to_arrow_table().schema
            assert reader.scan.has_types_of(found, reader.stream().schema)
        else:
            connection.register(STREAM, reader.stream().arrow_stream())
        sql = RowSql(contract, reader, "t").accepted
        parameters = ["batch", datetime(2026, 1, 1, tzinfo=UTC), "t.parquet"]
        return connection.execute(f"SELECT {names}, _row FROM ({sql}) ORDER BY _row", parameters).fetchall()


@pytest.mark.parametrize(("kind", "values"), [(kind, each) for kind, many in READ.items() for each in many])
def test_the_engine_takes_the_rows_that_it_gets_through_arrow(tmp_path: Path, kind: str, values: pa.Array) -> None:
    for version in ("1.0", "2.6"):
        for schema in (True, False):
            contract, reader = opened(tmp_path / "t.parquet", values, kind, version=version, store_schema=schema)
            through_arrow = accepted(contract, reader, by_itself=False)
            assert accepted(contract, reader, by_itself=True) == through_arrow
            assert through_arrow


@pytest.mark.parametrize(
    "options",
    [
        {"use_dictionary": False},
        {"data_page_version": "2.0"},
        {"store_decimal_as_integer": True},
        {"compression": "brotli"},
    ],
)
@pytest.mark.parametrize("kind", READ)
def test_files_are_written_in_many_ways(tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    values = pa.chunked_array([READ[kind][0]] * 50).combine_chunks()
    contract, reader = opened(tmp_path / "t.parquet", values, kind, data_page_size=64, **options)
    assert accepted(contract, reader, by_itself=True) == accepted(contract, reader, by_itself=False)


@pytest.mark.parametrize(
    ("kind", "encoding"),
    [
        ("long", "DELTA_BINARY_PACKED"), ("timestamp", "DELTA_BINARY_PACKED"), ("double", "BYTE_STREAM_SPLIT"),
        ("string", "DELTA_BYTE_ARRAY"), ("string", "DELTA_LENGTH_BYTE_ARRAY"), ("boolean", "RLE"),
    ],
)  # fmt: skip
def test_values_are_encoded_in_many_ways(tmp_path: Path, kind: str, encoding: str) -> None:
    encoded = {"use_dictionary": False, "column_encoding": {"v": encoding}}
    contract, reader = opened(tmp_path / "t.parquet", READ[kind][0], kind, **encoded)
    assert accepted(contract, reader, by_itself=True) == accepted(contract, reader, by_itself=False)


def test_an_encoding_that_the_engine_does_not_know_is_left_to_arrow(tmp_path: Path) -> None:
    split = {"use_dictionary": False, "column_encoding": {"v": "BYTE_STREAM_SPLIT"}}
    contract, reader = opened(tmp_path / "t.parquet", pa.array([1, None, 3]), "long", **split)
    with pytest.raises(duckdb.Error, match="BYTE_STREAM_SPLIT"):
        accepted(contract, reader, by_itself=True)
    assert accepted(contract, reader, by_itself=False) == [("1", 1), (None, 2), ("3", 3)]


@pytest.mark.parametrize(("kind", "values"), NOT_READ.items())
def test_other_types_go_through_arrow(tmp_path: Path, kind: str, values: pa.Array) -> None:
    _, reader = opened(tmp_path / "t.parquet", values, kind, version="2.6")
    assert reader.scan is None


def test_moments_in_96_bits_go_through_arrow(tmp_path: Path) -> None:
    values = pa.array([1], pa.timestamp("us"))
    _, reader = opened(tmp_path / "t.parquet", values, "timestamp", use_deprecated_int96_timestamps=True)
    assert reader.scan is None


@pytest.mark.parametrize("name", ["t*.parquet", "t[1].parquet", "t?.parquet"])
def test_a_name_that_the_engine_would_take_for_a_pattern(tmp_path: Path, name: str) -> None:
    _, reader = opened(tmp_path / name, pa.array([1]), "long")
    assert reader.scan is None


@pytest.mark.parametrize("names", [("v", "file_row_number"), ("v", "File_Row_Number")])
def test_names_that_the_engine_cannot_tell_apart(tmp_path: Path, names: tuple[str, ...]) -> None:
    contract, reader = opened(tmp_path / "t.parquet", pa.table({name: [1, 2] for name in names}), "long")
    assert reader.scan is None
    assert accepted(contract, reader, by_itself=False) == [("1", "1", 1), ("2", "2", 2)]


def test_a_folder_that_looks_like_a_partition_adds_nothing(tmp_path: Path) -> None:
    contract, reader = opened(tmp_path / "v=7" / "w=8" / "it's.parquet", pa.array([1, None]), "long")
    assert accepted(contract, reader, by_itself=True) == [("1", 1), (None, 2)]


def test_text_that_is_not_utf8_is_left_to_arrow(tmp_path: Path) -> None:
    bad = pa.Array.from_buffers(
        pa.string(), 3, [None, pa.py_buffer(np.array([0, 1, 3, 4], np.int32)), pa.py_buffer(b"a\xff\xfeb")]
    )
    contract, reader = opened(tmp_path / "t.parquet", bad, "string")
    with pytest.raises(duckdb.Error, match="UTF"):
        accepted(contract, reader, by_itself=True)
    assert accepted(contract, reader, by_itself=False) == [("a", 1), ("b", 3)]


def test_types_that_the_engine_sees_otherwise_are_noticed(tmp_path: Path) -> None:
    _, reader = opened(tmp_path / "t.parquet", pa.array([1], pa.timestamp("us", "UTC")), "timestamptz")
    assert reader.scan is not None
    local = pa.schema([field.with_type(pa.timestamp("us")) if field.name == "@v@" else field
                       for field in reader.stream().schema])  # fmt: skip
    assert not reader.scan.has_types_of(local, reader.stream().schema)


def test_a_date_is_no_number(tmp_path: Path) -> None:
    contract, reader = opened(tmp_path / "t.parquet", pa.array([date(2026, 1, 1), date(1, 1, 1)]), "date")
    assert accepted(contract, reader, by_itself=True) == [("2026-01-01", 1), ("0001-01-01", 2)]
