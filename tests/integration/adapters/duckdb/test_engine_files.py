"""Files that DuckDB writes are Iceberg data files: PyIceberg reads the same rows from them and prunes by them."""

from __future__ import annotations

import logging
import uuid
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyiceberg.catalog.memory import InMemoryCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import NullOrder, SortDirection, SortField, SortOrder
from pyiceberg.transforms import (
    BucketTransform,
    DayTransform,
    HourTransform,
    IdentityTransform,
    MonthTransform,
    TruncateTransform,
    VoidTransform,
    YearTransform,
)
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from lagoa.adapters.duckdb.engine import DuckDBEngine
from lagoa.domain.tables import TableName
from lagoa.errors import QueryError, SettingsError, WriteError
from lagoa.storage.local import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyiceberg.table import Table

T = TableName(("bronze",), "t")


def engine_in(folder: Path, **options: Any) -> DuckDBEngine:
    return DuckDBEngine(LocalStorage(folder / "warehouse"), spill=folder / "spill", **options)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state") / "warehouse"


@pytest.fixture(scope="module")
def engine(warehouse: Path) -> Iterator[DuckDBEngine]:
    with engine_in(warehouse.parent, memory_limit="1GB", threads=2, target_file_bytes=2**27) as engine:
        yield engine


@pytest.fixture
def catalog(warehouse: Path) -> InMemoryCatalog:
    catalog = InMemoryCatalog("test", warehouse=str(warehouse))
    catalog.create_namespace("bronze")
    return catalog


def create(catalog: InMemoryCatalog, *fields: NestedField, **more: Any) -> Table:
    location = f"{catalog.properties['warehouse']}/bronze/t-{uuid.uuid4()}"
    return catalog.create_table(f"bronze.t{uuid.uuid4().hex[:6]}", Schema(*fields), location=location, **more)


def write(engine: DuckDBEngine, table: Table, query: str) -> Table:
    with engine.session({}) as session:
        files = session.write(query, table.metadata)
    with table.transaction() as tx, tx.update_snapshot().fast_append() as append:
        for file in files:
            append.append_data_file(file)
    return table


def read(engine: DuckDBEngine, table: Table, sql: str = "select * from bronze.t") -> list[tuple[Any, ...]]:
    with engine.session({T: table.metadata_location}) as session:
        return session.query(sql).fetchall()


ALL_TYPES = (
    NestedField(1, "b", BooleanType()),
    NestedField(2, "i", IntegerType()),
    NestedField(3, "l", LongType()),
    NestedField(4, "f", FloatType()),
    NestedField(5, "d", DoubleType()),
    NestedField(6, "dec", DecimalType(9, 2)),
    NestedField(7, "big", DecimalType(38, 4)),
    NestedField(8, "day", DateType()),
    NestedField(9, "clock", TimeType()),
    NestedField(10, "ts", TimestampType()),
    NestedField(11, "tz", TimestamptzType()),
    NestedField(12, "s", StringType()),
    NestedField(13, "u", UUIDType()),
    NestedField(14, "bin", BinaryType()),
    NestedField(15, "st", StructType(NestedField(16, "x", IntegerType()), NestedField(17, 'y "q', StringType()))),
    NestedField(18, "li", ListType(19, LongType(), element_required=False)),
    NestedField(20, "m", MapType(21, StringType(), 22, DecimalType(5, 1), value_required=False)),
)
ROW = """
    select true b, -7::int i, 12345678901 l, 1.5::float f, -2.25::double d, -1234567.89::decimal(9,2) "dec",
           -1234567890123456789.0123::decimal(38,4) big, date '2024-02-29' "day", time '23:59:59.123456' clock,
           timestamp '1969-12-31 23:59:59.999999' ts, timestamptz '2024-01-31 23:30:00-03' tz, 'ação' s,
           '00000000-0000-0000-0000-0000000000ff'::uuid u, '\\x00\\xFF'::blob bin, {x: 3, 'y "q': 'q'} st, [1, null] li,
           map {'k': 1.5::decimal(5,1)} m
"""


def test_every_type_comes_back_alike_from_duckdb_and_from_pyiceberg(
    engine: DuckDBEngine, catalog: InMemoryCatalog
) -> None:
    table = create(catalog, *ALL_TYPES)
    names = [field.name for field in table.schema().fields]
    nulls = "select " + ", ".join(f'null as "{name}"' for name in names if name not in {"st", "li", "m"})
    nulls += ', null::struct(x int, "y ""q" varchar) st, null::bigint[] li, null::map(varchar, decimal(5,1)) m'
    write(engine, table, f"{ROW} union all by name {nulls}")
    wanted = {
        "b": True, "i": -7, "l": 12345678901, "f": 1.5, "d": -2.25, "dec": Decimal("-1234567.89"),
        "big": Decimal("-1234567890123456789.0123"), "day": date(2024, 2, 29), "clock": time(23, 59, 59, 123456),
        "ts": datetime.fromisoformat("1969-12-31T23:59:59.999999"), "tz": datetime(2024, 2, 1, 2, 30, tzinfo=UTC),
        "s": "ação",
        "u": uuid.UUID(int=255), "bin": b"\x00\xff", "st": {"x": 3, 'y "q': "q"}, "li": [1, None],
        "m": {"k": Decimal("1.5")},
    }  # fmt: skip
    by_pyiceberg = sorted(table.scan().to_arrow().to_pylist(), key=lambda row: row["i"] is None)
    assert {**by_pyiceberg[0], "m": dict(by_pyiceberg[0]["m"])} == wanted
    assert set(by_pyiceberg[1].values()) == {None}
    by_duckdb = read(engine, table, "select * from bronze.t order by i nulls last")
    assert dict(zip(names, by_duckdb[0], strict=True)) == wanted
    assert set(by_duckdb[1]) == {None}


@pytest.mark.parametrize("field", [f for f in ALL_TYPES if f.field_type.is_primitive], ids=lambda f: f.name)
def test_pyiceberg_prunes_by_the_bounds_of_every_type(
    engine: DuckDBEngine, catalog: InMemoryCatalog, field: NestedField
) -> None:
    table = create(catalog, *ALL_TYPES)
    write(engine, table, ROW)
    value = table.scan().to_arrow().to_pylist()[0][field.name]
    shown = value.isoformat() if hasattr(value, "isoformat") else value
    found = list(table.scan(row_filter=_equal(field.name, shown)).plan_files())
    assert len(found) == 1
    others = {
        "b": False, "i": -8, "l": 5, "f": 9.5, "d": 0.0, "dec": Decimal("0.00"), "big": Decimal("0.0000"),
        "day": "2024-03-01", "clock": "00:00:00", "ts": "1970-01-01T00:00:00", "tz": "2024-02-01T02:30:01+00:00",
        "s": "acao", "u": uuid.UUID(int=256), "bin": b"\x01",
    }  # fmt: skip
    assert list(table.scan(row_filter=_equal(field.name, others[field.name])).plan_files()) == []
    assert list(table.scan(row_filter=f"{field.name} is null").plan_files()) == []


def _equal(name: str, value: Any) -> Any:
    from pyiceberg.expressions import EqualTo

    return EqualTo(name, value)


def test_long_texts_have_short_bounds_that_still_hold(engine: DuckDBEngine, catalog: InMemoryCatalog) -> None:
    table = create(catalog, NestedField(1, "s", StringType()), NestedField(2, "b", BinaryType()))
    write(engine, table, "select repeat('é', 40) || 'z' s, repeat('\\xFF', 40)::blob b")
    (file,) = [task.file for task in table.scan().plan_files()]
    assert file.lower_bounds[1].decode() == "é" * 16
    assert file.upper_bounds[1].decode() == "é" * 15 + "ê"
    assert file.lower_bounds[2] == b"\xff" * 16
    assert 2 not in file.upper_bounds, "nothing of 16 bytes is above"
    assert len(list(table.scan(row_filter=_equal("s", "é" * 40 + "z")).plan_files())) == 1


def test_bounds_leave_out_what_iceberg_has_no_place_for(engine: DuckDBEngine, catalog: InMemoryCatalog) -> None:
    table = create(catalog, NestedField(1, "d", DoubleType()), NestedField(2, "e", DoubleType()),
                   NestedField(3, "t", DateType()), NestedField(4, "n", IntegerType()))  # fmt: skip
    write(engine, table, "select 'nan'::double d, 1.0::double e, '20000-01-01'::date t, null n union all "
                         "select 1, 2, date '2024-01-01', null")  # fmt: skip
    (file,) = [task.file for task in table.scan().plan_files()]
    assert 1 not in file.lower_bounds, "DuckDB holds NaN above all, Iceberg outside: no bounds"
    assert file.nan_value_counts == {2: 0}
    assert 3 in file.lower_bounds
    assert 3 not in file.upper_bounds
    assert file.null_value_counts == {1: 0, 2: 0, 3: 0, 4: 2}
    assert file.value_counts[4] == 2
    assert read(engine, table, "select count(*) from bronze.t where d > 5") == [(1,)]


def test_a_table_without_rows_is_read_with_its_columns_and_types(
    engine: DuckDBEngine, catalog: InMemoryCatalog
) -> None:
    table = create(catalog, *ALL_TYPES)
    with engine.session({T: table.metadata_location}, confined=True) as session:
        empty = session.query("select * from bronze.t").arrow()
    write(engine, table, ROW)
    with engine.session({T: table.metadata_location}, confined=True) as session:
        assert session.query("select * from bronze.t").arrow().schema == empty.schema
    assert empty.num_rows == 0


def test_a_query_without_rows_leaves_no_file(engine: DuckDBEngine, catalog: InMemoryCatalog) -> None:
    for spec in (PartitionSpec(), PartitionSpec(PartitionField(1, 1000, IdentityTransform(), "i"))):
        table = create(catalog, NestedField(1, "i", IntegerType(), required=True), partition_spec=spec)
        with engine.session({}) as session:
            assert session.write("select 1 as i where false", table.metadata) == []
        assert not list((Path(table.location()) / "data").rglob("*"))


REQUIRED = {
    "i": (NestedField(1, "i", IntegerType(), required=True), "null::int", "7"),
    "st": (
        NestedField(1, "st", StructType(NestedField(2, "x", IntegerType(), required=True)), required=False),
        "{x: null::int}",
        "{x: 1}",
    ),
    "whole": (
        NestedField(1, "whole", StructType(NestedField(2, "x", IntegerType())), required=True),
        "null::struct(x int)",
        "{x: null::int}",
    ),
    "li": (NestedField(1, "li", ListType(2, LongType(), element_required=True)), "[1::bigint, null]", "[1::bigint]"),
    "m": (
        NestedField(1, "m", MapType(2, StringType(), 3, LongType(), value_required=True)),
        "map {'a': null::bigint}",
        "null::map(varchar, bigint)",
    ),
}


@pytest.mark.parametrize("name", REQUIRED)
def test_nulls_in_required_columns_are_counted_and_refused(
    engine: DuckDBEngine, catalog: InMemoryCatalog, name: str
) -> None:
    field, bad, good = REQUIRED[name]
    table = create(catalog, field)
    with engine.session({}) as session:
        with pytest.raises(WriteError, match=f"'{name}' is required and null in 3 rows"):
            session.write(f"select {bad} as {name} from range(3) union all select {good}", table.metadata)
        assert not list(Path(table.location()).rglob("*.parquet"))
        assert len(session.write(f"select {good} as {name}", table.metadata)) == 1


BAD_VALUES = {
    "overflow": (IntegerType(), "3000000000", "3000000000"),
    "fraction": (IntegerType(), "1.5::double", "1.5"),
    "decimal overflow": (DecimalType(4, 2), "123.45::decimal(9,2)", "123.45"),
    "decimal rounding": (DecimalType(4, 2), "1.255::decimal(9,3)", "1.255"),
    "average": (DecimalType(9, 2), "1 / 3", "0.333"),
    "float": (FloatType(), "0.1::double", "0.1"),
    "long in double": (DoubleType(), "9007199254740993", "9007199254740993"),
    "nan": (LongType(), "'nan'::double", "nan"),
    "time of day": (DateType(), "timestamp '2024-01-01 10:00:00'", "10:00:00"),
    "nanoseconds": (TimestampType(), "'2024-01-01 00:00:00.123456789'::timestamp_ns", "123456789"),
    "uuid": (UUIDType(), "'no uuid'", "no uuid"),
    "text": (DateType(), "'2024-01-01'", "Cast it"),
    "number as text": (StringType(), "1", "cannot hold 1"),
    "long as text": (StringType(), "1::bigint", "Cast it"),
    "zone": (TimestampType(), "timestamptz '2024-01-01 00:00:00+00'", "Cast it"),
    "no zone": (TimestamptzType(), "timestamp '2024-01-01 00:00:00'", "Cast it"),
    "list": (ListType(2, IntegerType()), "[3000000000]", "3000000000"),
    "struct": (StructType(NestedField(2, "x", IntegerType())), "{x: 1, y: 2}", "Cast it"),
    "scalar": (ListType(2, IntegerType()), "1.5", "Cast it"),
    "map": (MapType(2, StringType(), 3, IntegerType()), "{a: 1}", "Cast it"),
}


@pytest.mark.parametrize("case", BAD_VALUES)
def test_no_value_changes_silently(engine: DuckDBEngine, catalog: InMemoryCatalog, case: str) -> None:
    kind, value, said = BAD_VALUES[case]
    table = create(catalog, NestedField(1, "c", kind))
    with engine.session({}) as session, pytest.raises(WriteError) as caught:
        session.write(f"select {value} as c", table.metadata)
    assert said in str(caught.value)
    assert "'c'" in str(caught.value)
    assert not list(Path(table.location()).rglob("*.parquet"))


GOOD_VALUES = {
    "small": (LongType(), "1::tinyint", 1),
    "sum": (LongType(), "(select sum(range) from range(4))", 6),
    "whole double": (IntegerType(), "3.0::double", 3),
    "wider decimal": (DecimalType(9, 2), "1.5::decimal(2,1)", Decimal("1.50")),
    "trailing zero": (DecimalType(4, 2), "1.250::decimal(9,3)", Decimal("1.25")),
    "double": (DecimalType(9, 2), "0.1::double", Decimal("0.10")),
    "midnight": (DateType(), "timestamp '2024-01-01 00:00:00'", date(2024, 1, 1)),
    "microseconds": (
        TimestampType(),
        "'2024-01-01 00:00:00.123456'::timestamp_ns",
        datetime.fromisoformat("2024-01-01T00:00:00.123456"),
    ),
    "enum": (StringType(), "'a'::enum('a', 'b')", "a"),
    "uuid": (UUIDType(), "'00000000-0000-0000-0000-0000000000ff'", uuid.UUID(int=255)),
    "null": (StringType(), "null", None),
    "struct": (
        StructType(NestedField(2, "x", IntegerType()), NestedField(3, "y", StringType())),
        "{y: 'a', x: 1}",
        {"x": 1, "y": "a"},
    ),
    "list": (ListType(2, LongType(), element_required=False), "[1::int, null]", [1, None]),
}


@pytest.mark.parametrize("case", GOOD_VALUES)
def test_values_that_fit_are_cast(engine: DuckDBEngine, catalog: InMemoryCatalog, case: str) -> None:
    kind, value, wanted = GOOD_VALUES[case]
    table = write(engine, create(catalog, NestedField(1, "c", kind)), f"select {value} as c")
    assert table.scan().to_arrow().to_pylist() == [{"c": wanted}]
    assert read(engine, table) == [(wanted,)]


def test_columns_match_by_name(engine: DuckDBEngine, catalog: InMemoryCatalog) -> None:
    table = create(catalog, NestedField(1, "a", IntegerType()), NestedField(2, "b", StringType()))
    assert read(engine, write(engine, table, "select 'x' as b, 1 as a")) == [(1, "x")]
    with engine.session({}) as session:
        with pytest.raises(WriteError, match="no column 'b'"):
            session.write("select 1 as a", table.metadata)
        with pytest.raises(WriteError, match="table has no column 'c'"):
            session.write("select 1 as a, 'x' as b, 2 as c", table.metadata)
        with pytest.raises(QueryError, match="nope"):
            session.write("select 1 as a, nope as b", table.metadata)
        with pytest.raises(QueryError, match="boom"):
            session.write("select case when range > 5 then error('boom') else 1 end as a, 'x' as b from range(9)",
                          table.metadata)  # fmt: skip


MOMENTS = "(timestamptz '1968-11-30 23:59:59.5+00' + to_hours((i * 7919)::int))"
PARTITIONS = [
    (IdentityTransform(), "s"), (IdentityTransform(), "i"), (IdentityTransform(), "day"), (IdentityTransform(), "u"),
    (IdentityTransform(), "b"), (IdentityTransform(), "dec"), (IdentityTransform(), "tz"),
    (YearTransform(), "tz"), (MonthTransform(), "tz"), (DayTransform(), "tz"), (HourTransform(), "tz"),
    (YearTransform(), "day"), (MonthTransform(), "day"), (DayTransform(), "day"), (MonthTransform(), "ts"),
    (HourTransform(), "ts"), (BucketTransform(5), "i"), (BucketTransform(5), "l"), (BucketTransform(5), "s"),
    (BucketTransform(5), "day"), (BucketTransform(5), "tz"), (BucketTransform(5), "ts"), (BucketTransform(5), "u"),
    (BucketTransform(5), "dec"), (BucketTransform(5), "bin"), (TruncateTransform(3), "i"), (TruncateTransform(3), "l"),
    (TruncateTransform(2), "s"), (TruncateTransform(50), "dec"), (VoidTransform(), "s"),
]  # fmt: skip


@pytest.mark.parametrize(("transform", "column"), PARTITIONS, ids=str)
def test_files_lie_in_the_partition_that_iceberg_says(
    engine: DuckDBEngine, catalog: InMemoryCatalog, transform: Any, column: str
) -> None:
    fields = [field for field in ALL_TYPES if field.field_type.is_primitive and field.name not in {"f", "d", "big"}]
    source = next(field for field in fields if field.name == column)
    spec = PartitionSpec(PartitionField(source.field_id, 1000, transform, "p"))
    table = create(catalog, *fields, partition_spec=spec)
    write(
        engine, table,
        f"""select i % 2 = 0 b, (i - 5)::int i, (i - 5) * 1000003 l, ((i - 5) * 33.33)::decimal(9,2) "dec",
            {MOMENTS}::date "day", null::time clock, timezone('UTC', {MOMENTS}) ts, {MOMENTS} tz,
            case i when 3 then null when 4 then 'NULL' when 5 then '' when 6 then 'a/b=c%' else 'ação' || i end s,
            md5(i::varchar)::uuid u, i::varchar::blob bin from range(12) r(i)""",
    )  # fmt: skip
    apply = transform.transform(source.field_type)
    rows = 0
    for task in table.scan().plan_files():
        values = {apply(value) for value in _internal(table, task.file.file_path, column, source)}
        value = task.file.partition[0]
        assert values == {value.bytes if isinstance(value, uuid.UUID) else value}
        assert task.file.spec_id == table.spec().spec_id
        rows += task.file.record_count
    assert rows == 12
    by_pyiceberg = sorted((tuple(row.values()) for row in table.scan().to_arrow().to_pylist()), key=lambda row: row[1])
    assert read(engine, table, "select * from bronze.t order by i") == by_pyiceberg


def _internal(table: Table, path: str, column: str, field: NestedField) -> list[Any]:
    """The values of a file's column as Iceberg's transforms take them."""
    import pyarrow.parquet as pq
    from pyiceberg.utils.datetime import date_to_days, datetime_to_micros

    values = pq.read_table(path, partitioning=None).column(column).to_pylist()
    convert = {
        "date": date_to_days, "timestamp": datetime_to_micros, "timestamptz": datetime_to_micros,
        "uuid": lambda value: value.bytes if isinstance(value, uuid.UUID) else value,
    }.get(str(field.field_type), lambda value: value)  # fmt: skip
    return [None if value is None else convert(value) for value in values]


def test_a_sorted_table_has_files_that_do_not_overlap(catalog: InMemoryCatalog, tmp_path: Path) -> None:
    order = SortOrder(SortField(1, IdentityTransform(), SortDirection.DESC, NullOrder.NULLS_FIRST))
    table = create(catalog, NestedField(1, "k", LongType()), NestedField(2, "s", StringType()), sort_order=order)
    with engine_in(tmp_path, memory_limit="1GB", threads=2, target_file_bytes=2**20) as engine:
        write(
            engine, table, "select if(i = 7, null, (i * 7919) % 1000003) k, md5(i::varchar) s from range(400000) r(i)"
        )
        files = sorted(
            (task.file for task in table.scan().plan_files()), key=lambda file: file.lower_bounds[1], reverse=True
        )
        assert len(files) > 2
        assert {file.sort_order_id for file in files} == {table.metadata.default_sort_order_id}
        ranges = sorted(
            tuple(int.from_bytes(bounds[1], "little") for bounds in (file.lower_bounds, file.upper_bounds))
            for file in files
        )
        assert all(before[1] < after[0] for before, after in pairwise(ranges))
        assert len(list(table.scan(row_filter=_equal("k", 500)).plan_files())) == 1


def test_what_duckdb_cannot_write_arrow_writes_and_says_so(
    engine: DuckDBEngine, catalog: InMemoryCatalog, caplog: pytest.LogCaptureFixture
) -> None:
    table = create(
        catalog, NestedField(1, "c", FixedType(3)), NestedField(2, "i", IntegerType(), required=True),
        partition_spec=PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "i")),
    )  # fmt: skip
    with caplog.at_level(logging.WARNING, "lagoa.engine"):
        write(engine, table, "select 'abc'::blob c, range::int i from range(2)")
    assert "DuckDB writes no fixed[3]" in caplog.text
    assert sorted(read(engine, table)) == [(b"abc", 0), (b"abc", 1)]
    with engine.session({}) as session:
        with pytest.raises(WriteError, match="does not fit"):
            session.write("select 'abcd'::blob c, 1 i", table.metadata)
        with pytest.raises(WriteError, match="'i' is required and null in 1 row"):
            session.write("select 'abc'::blob c, null i", table.metadata)


NESTED: dict[str, list[Any]] = {
    "map(varchar, double)": [{"k": 1.0}, None, {}, {"k": None}],
    "map(varchar, struct(a integer))": [{"k": {"a": 1}}, None, {}, {"k": None}, {"k": {"a": None}}],
    "map(varchar, integer[])": [{"k": [1]}, None, {}, {"k": None}, {"k": []}],
    "struct(a varchar, b integer)[]": [[{"a": "x", "b": 1}], None, [], [None], [{"a": None, "b": None}]],
    "integer[][]": [[[1]], None, [], [None], [[]], [[None]]],
    "struct(l struct(a integer)[])": [{"l": [{"a": 1}]}, None, {"l": None}, {"l": []}, {"l": [None]}],
}


@pytest.mark.parametrize("partitioned", [False, True])
@pytest.mark.parametrize("kind", NESTED)
def test_nested_nulls_next_to_a_fixed_column(
    engine: DuckDBEngine, catalog: InMemoryCatalog, kind: str, partitioned: bool
) -> None:
    import pyarrow as pa

    struct = StructType(NestedField(11, "a", IntegerType()))
    types: dict[str, Any] = {
        "map(varchar, double)": MapType(5, StringType(), 6, DoubleType(), value_required=False),
        "map(varchar, struct(a integer))": MapType(5, StringType(), 6, struct, value_required=False),
        "map(varchar, integer[])": MapType(
            5, StringType(), 6, ListType(7, IntegerType(), element_required=False), value_required=False
        ),
        "struct(a varchar, b integer)[]": ListType(
            5, StructType(NestedField(6, "a", StringType()), NestedField(7, "b", IntegerType())), element_required=False
        ),
        "integer[][]": ListType(5, ListType(6, IntegerType(), element_required=False), element_required=False),
        "struct(l struct(a integer)[])": StructType(NestedField(5, "l", ListType(6, struct, element_required=False))),
    }
    fields = NestedField(1, "i", IntegerType()), NestedField(2, "c", FixedType(3)), NestedField(3, "x", types[kind])
    spec = PartitionSpec(PartitionField(1, 1000, IdentityTransform(), "p")) if partitioned else PartitionSpec()
    table = create(catalog, *fields, partition_spec=spec)
    values = NESTED[kind]
    with engine.session({}) as session:
        rows = {"i": range(len(values)), "x": [list(each.items()) if _is_map(each, kind) else each for each in values]}
        session.register("given", pa.table(rows | {"c": [b"abc"] * len(values)}, schema=_arrow(kind)))
        files = session.write("select * from given", table.metadata)
    with table.transaction() as tx, tx.update_snapshot().fast_append() as append:
        for file in files:
            append.append_data_file(file)
    assert read(engine, table, "select x from bronze.t order by i") == [(each,) for each in values]
    assert sum(file.record_count for file in files) == table.scan().to_arrow().num_rows == len(values)
    assert len(files) == (len(values) if partitioned else 1)


def _is_map(value: Any, kind: str) -> bool:
    return isinstance(value, dict) and kind.startswith("map")


def _arrow(kind: str) -> Any:
    import pyarrow as pa

    struct = pa.struct([("a", pa.int32())])
    return pa.schema([("i", pa.int32()), ("x", {
        "map(varchar, double)": pa.map_(pa.string(), pa.float64()),
        "map(varchar, struct(a integer))": pa.map_(pa.string(), struct),
        "map(varchar, integer[])": pa.map_(pa.string(), pa.list_(pa.int32())),
        "struct(a varchar, b integer)[]": pa.list_(pa.struct([("a", pa.string()), ("b", pa.int32())])),
        "integer[][]": pa.list_(pa.list_(pa.int32())),
        "struct(l struct(a integer)[])": pa.struct([("l", pa.list_(struct))]),
    }[kind]), ("c", pa.binary())])  # fmt: skip


@pytest.mark.parametrize("rows", [4_000_000, pytest.param(12_500_000, marks=pytest.mark.slow)])
def test_a_source_beyond_the_memory_limit_goes_through(catalog: InMemoryCatalog, tmp_path: Path, rows: int) -> None:
    """A row has 16 bytes: 64 MB, and 200 MB."""
    table = create(catalog, NestedField(1, "k", LongType()), NestedField(2, "a", LongType()))
    with engine_in(tmp_path, memory_limit="40MB", threads=1, target_file_bytes=2**27) as engine:
        with engine.session({}) as session:
            query = f"select i k, i * 7919 % 1000003 a from range({rows}) r(i)"
            assert session.stage("kept", query, table.metadata) == rows
            spilled = sum(path.stat().st_size for path in (tmp_path / "spill").rglob("*") if path.is_file())
            files = session.write("select * from kept", table.metadata)
        assert spilled > 0
        assert sum(file.record_count for file in files) == rows
    assert not list((tmp_path / "spill").iterdir())


def test_sessions_see_their_own_pointers_and_leave_nothing(engine: DuckDBEngine, catalog: InMemoryCatalog) -> None:
    table = create(catalog, NestedField(1, "i", IntegerType()))
    old = write(engine, table, "select 1 i").metadata_location
    new = write(engine, table, "select 2 i").metadata_location
    with engine.session({T: old}) as one, engine.session({T: new}) as two:
        assert one.query("select list(i) from bronze.t").fetchall() == [([1],)]
        assert two.query("select list_sort(list(i)) from bronze.t").fetchall() == [([1, 2],)]
    result = engine.session({T: old}).query("select * from bronze.t")
    assert result.columns == ["i"]
    assert result.fetchall() == [(1,)]
    del result
    with engine.session({}) as session:
        names = session.query("select database_name from duckdb_databases() where not internal").fetchall()
    assert names == [("memory",)]


def test_remembered_files_are_read_as_the_table_would_be(engine: DuckDBEngine, catalog: InMemoryCatalog) -> None:
    table = write(engine, create(catalog, *ALL_TYPES), ROW)
    with engine.session({T: table.metadata_location}, confined=True) as session:
        through_metadata = session.query("select * from bronze.t").arrow()
    files = [task.file.file_path for task in table.scan().plan_files()]
    engine.remember(table.metadata_location, files)
    assert engine.files(table.metadata_location) == tuple(files)
    with engine.session({T: table.metadata_location}, confined=True) as session:
        assert session.query("select * from bronze.t").arrow() == through_metadata


def test_results_come_in_every_form(engine: DuckDBEngine) -> None:
    import pyarrow as pa

    with engine.session({}) as session:
        session.register("given", pa.table({"x": [1, 2]}))
        sql = "select x, ? as y from given order by x"
        assert session.query(sql, ["a"]).fetchall() == [(1, "a"), (2, "a")]
        assert session.query(sql, ["a"]).arrow().to_pydict() == {"x": [1, 2], "y": ["a", "a"]}
        assert session.query(sql, ["a"]).df().x.tolist() == [1, 2]
        assert session.query(sql, ["a"]).reader(1).read_all().num_rows == 2
        assert session.query("select $v as v", {"v": 3}).fetchall() == [(3,)]
        with pytest.raises(QueryError, match="boom"):
            session.query("select error('boom')").fetchall()


def test_spill_of_processes_that_are_gone_is_swept(tmp_path: Path) -> None:
    left = tmp_path / "spill" / "999999999-abc"
    left.mkdir(parents=True)
    with engine_in(tmp_path, memory_limit="50%", threads=1, target_file_bytes=2**27) as engine:
        with engine.session({}) as session:
            limit = session.query("select value from duckdb_settings() where name = 'memory_limit'").fetchall()
        assert limit[0][0].endswith("iB")
    assert not left.exists()


def test_settings_that_the_engine_cannot_take_are_said(tmp_path: Path) -> None:
    engine = engine_in(tmp_path, memory_limit="many GB", threads=1, target_file_bytes=2**27)
    with pytest.raises(SettingsError, match="memory_limit"):
        engine.session({})
