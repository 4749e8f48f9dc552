"""Filters find every row of a partitioned table: through its metadata, as a process reads it that did not write it."""

from __future__ import annotations

import operator
import uuid
from datetime import UTC, date, datetime, time
from decimal import Decimal
from math import inf, isnan, nan
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.memory import InMemoryCatalog
from pyiceberg.conversions import from_bytes
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import parse_transform
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from lagoa.adapters.duckdb.engine import DuckDBEngine
from lagoa.adapters.duckdb.types import bound
from lagoa.domain.tables import TableName
from lagoa.storage.local import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyiceberg.table import Table

T = TableName(("bronze",), "t")

DAYS = [date.fromisoformat(each) for each in (
    "0001-01-01", "1899-12-31", "1968-12-31", "1969-11-30", "1969-12-31", "1970-01-01", "1972-02-29", "9999-12-31",
)]  # fmt: skip
MOMENTS = [datetime.fromisoformat(each) for each in (
    "0001-01-01 00:00:00", "1950-05-05 05:05:05", "1969-11-30 23:59:59.999999", "1969-12-31 00:00:00",
    "1969-12-31 22:59:59.999999", "1969-12-31 23:59:59.999999", "1970-01-01 00:00:00", "1970-01-01 00:00:00.000001",
    "2024-02-29 12:00:00", "9999-12-31 23:59:59.999999",
)]  # fmt: skip
INTEGERS = [-(2**31), -(2**31) + 1, -1000, -999, -11, -10, -1, 0, 1, 999, 2**31 - 1]
TYPES: dict[str, tuple[Any, pa.DataType, list[Any]]] = {
    "date": (DateType(), pa.date32(), DAYS),
    "timestamp": (TimestampType(), pa.timestamp("us"), MOMENTS),
    "timestamptz": (TimestamptzType(), pa.timestamp("us", "UTC"), [each.replace(tzinfo=UTC) for each in MOMENTS]),
    "time": (TimeType(), pa.time64("us"), [time(0), time(12, 30, 0, 1), time(23, 59, 59, 999999)]),
    "int": (IntegerType(), pa.int32(), INTEGERS),
    "long": (LongType(), pa.int64(), [-(2**63), -(2**63) + 1, *INTEGERS, 2**63 - 1]),
    "decimal(4,0)": (
        DecimalType(4, 0), pa.decimal128(4, 0), list(map(Decimal, ("-9999", "-999", "-1", "0", "1", "9999"))),
    ),
    "decimal(9,2)": (
        DecimalType(9, 2), pa.decimal128(9, 2),
        list(map(Decimal, ("-9999999.99", "-10.00", "-9.99", "-1.50", "-0.01", "0.00", "0.01", "9.99", "9999999.99"))),
    ),
    "decimal(38,38)": (
        DecimalType(38, 38), pa.decimal128(38, 38),
        list(map(Decimal, (f"-0.{'9' * 38}", "0", "1e-38", f"0.{'9' * 38}"))),
    ),
    "string": (
        StringType(), pa.string(),
        ["", "a", "A/b=c%", "__HIVE_DEFAULT_PARTITION__", "_", "md5-x", "é" * 40, "ab\ud7ff", "\ue000",
         "\U0010ffff" * 17, "x" * 500, "x" * 501, "漢" * 30],
    ),
    "binary": (BinaryType(), pa.binary(), [b"", b"\0", b"ab", b"\x80abc", b"\xff\xfe", b"\xff" * 40, b"z" * 300]),
    "uuid": (UUIDType(), pa.uuid(), [uuid.UUID(int=each) for each in (0, 1, 2**127 - 1, 2**127, 2**128 - 1)]),
    "boolean": (BooleanType(), pa.bool_(), [False, True]),
    "float": (FloatType(), pa.float32(), [-inf, -1.5, -0.0, 0.0, 2.5, inf, nan]),
    "double": (DoubleType(), pa.float64(), [-inf, -1.5, -0.0, 0.0, 2.5, inf, nan]),
}  # fmt: skip
TIMES = ["year", "month", "day"]
TRUNCATED = ["truncate[1]", "truncate[10]", "truncate[1000]", "truncate[999999999]"]
TRANSFORMS: dict[str, list[str]] = {
    "date": TIMES, "timestamp": [*TIMES, "hour"], "timestamptz": [*TIMES, "hour"], "int": TRUNCATED, "long": TRUNCATED,
    "decimal(4,0)": TRUNCATED, "decimal(9,2)": TRUNCATED, "decimal(38,38)": TRUNCATED, "string": TRUNCATED,
    "binary": TRUNCATED,
}  # fmt: skip
NOT_IN_BUCKETS = {"boolean", "float", "double"}
TRUNCATIONS = [(kind, each) for kind, found in TRANSFORMS.items() for each in found if each in TRUNCATED]
RARE = {"truncate[1]", "truncate[1000]", "truncate[999999999]"}
"""Tried by the slow tests only: filters are then as those of `truncate[10]`, with more rows or fewer in a partition."""
ALIKE = {("timestamptz", each) for each in (*TIMES, "hour")} | {("decimal(9,2)", "truncate[10]"), ("date", "year")}
"""Tried by the slow tests only: the same transform of another type of the same kind is among the others."""
CASES = [
    pytest.param(kind, transform, marks=[pytest.mark.slow] if transform in RARE or (kind, transform) in ALIKE else [])
    for kind in TYPES
    for transform in [*TRANSFORMS.get(kind, []), *([] if kind in NOT_IN_BUCKETS else ["bucket[3]"]), "identity"]
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBEngine]:
    folder = tmp_path_factory.mktemp("state")
    storage = LocalStorage(folder / "warehouse")
    options: dict[str, Any] = {"memory_limit": "1GB", "threads": 1, "target_file_bytes": 2**27}
    with DuckDBEngine(storage, spill=folder / "spill", **options) as engine:
        yield engine


def table_of(engine: DuckDBEngine, folder: Path, kind: str, transform: str) -> Table:
    """Return a table with each value of a type, and a null, in its own row."""
    iceberg, arrow, values = TYPES[kind]
    catalog = InMemoryCatalog("test", warehouse=str(folder / "warehouse"))
    catalog.create_namespace("bronze")
    schema = Schema(NestedField(1, "id", LongType()), NestedField(2, "v", iceberg))
    spec = PartitionSpec(PartitionField(2, 1000, parse_transform(transform), "p"))
    table = catalog.create_table("bronze.t", schema, f"{folder}/warehouse/bronze/t-{uuid.uuid4()}", spec)
    with engine.session({}) as session:
        session.register("given", pa.table({"id": range(len(values) + 1), "v": pa.array([*values, None], arrow)}))
        files = session.write("select * from given", table.metadata)
    with table.transaction() as tx, tx.update_snapshot().fast_append() as append:
        for file in files:
            append.append_data_file(file)
    return table


def in_sql(value: Any, kind: str) -> str:
    name = {"long": "bigint", "string": "varchar", "binary": "blob"}.get(kind, kind)
    if isinstance(value, bytes):
        return f"from_hex('{value.hex()}')"
    text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    return f"'{text}'::{name}"


def order(value: Any) -> Any:
    """Return what DuckDB orders a value by: NaN is greater than all numbers, texts are ordered by their bytes."""
    if isinstance(value, float):
        return (isnan(value), 0.0 if isnan(value) else value)
    return value.encode() if isinstance(value, str) else value


COMPARED = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@pytest.mark.parametrize(("kind", "transform"), CASES)
def test_a_filter_finds_every_row(engine: DuckDBEngine, tmp_path: Path, kind: str, transform: str) -> None:
    values = TYPES[kind][2]
    table = table_of(engine, tmp_path, kind, transform)
    wrong = []
    with engine.session({T: table.metadata_location}) as session:
        for value in values:
            wanted = {
                f"v {sign} {in_sql(value, kind)}": sum(compare(order(each), order(value)) for each in values)
                for sign, compare in COMPARED.items()
            }
            several = [value, values[0]]
            listed = ", ".join(in_sql(each, kind) for each in several)
            keys = {order(each) for each in several}
            wanted[f"v in ({listed})"] = sum(order(each) in keys for each in values)
            low, high = sorted((value, values[len(values) // 2]), key=order)
            between = f"v between {in_sql(low, kind)} and {in_sql(high, kind)}"
            wanted[between] = sum(order(low) <= order(each) <= order(high) for each in values)
            for condition, count in wanted.items():
                found = session.query(f"select count(*) from bronze.t where {condition}").fetchall()[0][0]
                if found != count:
                    wrong.append((condition, found, count))
        assert session.query("select id from bronze.t where v is null").fetchall() == [(len(values),)]
        assert session.query("select * from bronze.t").columns == ["id", "v"]
    assert not wrong
    assert table.scan().to_arrow().num_rows == len(values) + 1


@pytest.mark.parametrize("transform", ["month", "day"])
def test_files_are_left_out_by_their_bounds(engine: DuckDBEngine, tmp_path: Path, transform: str) -> None:
    table = table_of(engine, tmp_path, "timestamp", transform)
    with engine.session({T: table.metadata_location}) as session:
        query = "select id from bronze.t where v = timestamp '1950-05-05 05:05:05'"
        plan = session.query(f"explain analyze {query}").fetchall()[0][1]
    read = next(line for line in plan.splitlines() if "Total Files Read" in line)
    assert "Total Files Read: 2 " in read  # the file with the row, and that of the null
    assert len(list(table.scan().plan_files())) > 6


@pytest.mark.parametrize(
    ("kind", "transform"),
    TRUNCATIONS,
)
def test_truncated_values_are_kept_in_order(engine: DuckDBEngine, tmp_path: Path, kind: str, transform: str) -> None:
    """Where Iceberg's truncated value is below the type's range, the type's least value stands for it."""
    table = table_of(engine, tmp_path, kind, transform)
    iceberg = TYPES[kind][0]
    exact = parse_transform(transform).transform(iceberg)
    least = min(TYPES[kind][2]) if kind not in {"string", "binary"} else None
    for task in table.scan().plan_files():
        lower = (task.file.lower_bounds or {}).get(2)
        if lower is None:  # nulls
            assert task.file.partition[0] is None
            continue
        value = from_bytes(iceberg, lower)
        wanted = exact(value) if kind not in {"string", "binary"} else value[: int(transform[9:-1])]
        got = task.file.partition[0]
        if kind in {"string", "binary"}:
            assert got[:16] == wanted[:16]
        else:
            assert got == (wanted if least is None else max(wanted, least))


@pytest.mark.parametrize(
    ("text", "upper"),
    [
        ("z" * 15 + "\ud7ff" + "tail", "z" * 15 + "\ue000"),
        ("z" * 15 + "\U0010ffff" + "tail", "z" * 14 + "{"),
        ("\U0010ffff" * 17, None),
        ("é" * 17, "é" * 15 + "ê"),
        ("é" * 16, "é" * 16),
    ],
)
def test_the_bound_above_a_long_text_is_a_text(text: str, upper: str | None) -> None:
    found = bound(StringType(), text, upper=True)
    assert found == (None if upper is None else upper.encode())
    assert upper is None or text.encode() <= upper.encode()
