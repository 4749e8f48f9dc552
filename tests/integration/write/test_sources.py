"""Rows from memory and from SQL: each value is written exactly, or the write fails with its column, row and value."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from lakes import LakeFolder

from lagoa.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.branch import Branch
    from lagoa.lake import Lake

D, at = Decimal, dt.datetime.fromisoformat
NAN, INF = float("nan"), float("inf")
MANY = 3000  # more than a sample of an engine would look at


def objects(*values: Any) -> pd.DataFrame:
    """Return a column of Python objects, the odd ones far behind the usual first."""
    usual, *odd = values
    return pd.DataFrame({"v": pd.Series([usual] * MANY + odd, dtype=object)})


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> LakeFolder:
    """Return the folder of the lake that all tests share; each writes on a branch of its own."""
    return LakeFolder(tmp_path_factory.mktemp("lake"))


@pytest.fixture(scope="module")
def lake(folder) -> Iterator[Lake]:
    with folder.open() as opened:
        yield opened


@pytest.fixture
def dev(lake: Lake) -> Branch:
    """Return a branch of the test's own."""
    return lake.create_branch(f"b{uuid.uuid4().hex[:8]}")


def written(folder, lake: Lake, kind: str, rows: Any) -> list[Any]:
    """Append to a new table and return its values, without the repeated first one of `objects`."""
    folder.contract("bronze.t", {"v": kind})
    lake.context.refresh()
    branch = lake.create_branch(f"b{uuid.uuid4().hex[:8]}")
    branch.append("bronze.t", rows)
    values = lake.sql("select v from bronze.t", branch.name).arrow().column(0).to_pylist()
    return values[MANY:] if len(values) > MANY else values


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("kind", "usual", "odd"),
    [
        ("decimal(18, 4)", D("9.90"), [D("9.8765"), 3, 0.5, None]),
        ("long", 1, [2**63 - 1, -(2**63), 2.0, D(3), np.int64(4), np.nan, pd.NA]),
        ("double", 1.5, [2, D("0.1"), None]),
        ("string", "a", ["007", "1.10", "", None, NAN, "ção\0"]),
        ("boolean", True, [False, np.bool_(True), None]),
        ("date", dt.date(2026, 1, 2), [dt.date(1, 1, 1), dt.date(9999, 12, 31), pd.NaT]),
        ("time", dt.time(1), [dt.time(23, 59, 59, 999_999), None]),
        ("timestamp", at("2026-01-02"), [pd.Timestamp("1500-01-01"), np.datetime64("9999-12-31T23:59:59")]),
        ("timestamptz", utc(2026, 1, 2), [pd.Timestamp("2026-01-02T03:04:05-03:00"), None]),
        ("uuid", uuid.UUID(int=1), ["00000000-0000-0000-0000-00000000000a"]),
        ("binary", b"a", [bytearray(b"\xff"), b""]),
        ("list<long>", [1], [[], [2**62, None], (1, 2), np.array([3]), None]),
        ("map<string, long>", {"a": 1}, [{"b": 2, "c": None}, [("d", 3)], {}]),
        ("struct<A: long, `b-c`: list<string>>", {"A": 1, "b-c": ["x"]}, [{"A": None, "b-c": []}, {"A": 2}]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_objects_of_pandas_stay_as_they_are(folder, lake: Lake, kind: str, usual: Any, odd: list[Any]) -> None:
    found = written(folder, lake, kind, objects(usual, *odd))
    wanted = [None if _missing(value) else _plain(value, kind) for value in odd]
    assert [_plain(value, kind) for value in found] == wanted


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)  # noqa: PLR0124


def _plain(value: Any, kind: str) -> Any:
    """Return values of the same meaning as one."""
    if kind == "uuid":
        return uuid.UUID(str(value)) if not isinstance(value, bytes) else uuid.UUID(bytes=value)
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    if isinstance(value, bytearray):
        return bytes(value)
    if isinstance(value, tuple | np.ndarray):
        return list(value)
    if isinstance(value, dict):
        return sorted(value.items()) if kind.startswith("map") else {"A": None, "b-c": None} | value
    return float(value) if kind == "double" and value is not None else value


@pytest.mark.parametrize(
    ("kind", "usual", "odd"),
    [
        ("decimal(18, 2)", D("9.90"), D("9.8765")),
        ("decimal(18, 2)", D("9.90"), D("1e99999")),
        ("decimal(18, 2)", D("9.90"), D("Infinity")),
        ("decimal(18, 2)", D("9.90"), "9.9"),
        ("long", 1, 2.7),
        ("long", 1, "3.6"),
        ("long", 1, "007"),
        ("long", 1, True),
        ("long", 1, 2**63),
        ("int", 1, 2**31),
        ("double", 1.5, NAN),
        ("double", 1.5, INF),
        ("double", 1.5, 2**53 + 1),
        ("double", 1.5, D("0.12345678901234567891")),
        ("float", 0.5, 0.1),
        ("string", "a", 1),
        ("string", "a", b"a"),
        ("string", "a", "\ud800"),
        ("boolean", True, 1),
        ("boolean", True, "true"),
        ("date", dt.date(2026, 1, 2), at("2026-01-02 03:00")),
        ("time", dt.time(1), dt.time(1, tzinfo=dt.UTC)),
        ("time", dt.time(1), "01:00"),
        ("timestamp", at("2026-01-02"), utc(2026, 1, 2)),
        ("timestamp", at("2026-01-02"), pd.Timestamp.max),
        ("timestamptz", utc(2026, 1, 2), at("2026-01-02")),
        ("timestamptz", utc(2026, 1, 2), pd.Timestamp(1, unit="ns", tz="UTC")),
        ("uuid", uuid.UUID(int=1), "no uuid"),
        ("binary", b"a", "a"),
        ("list<long>", [1], [1.5]),
        ("list<double>", [1.5], [NAN]),
        ("list<string>", ["a"], "abc"),
        ("map<string, long>", {"a": 1}, {1: 1}),
        ("struct<a: long>", {"a": 1}, {"b": 1}),
        ("struct<a: long>", {"a": 1}, {"a": 1, "b": 2}),
    ],
)
def test_an_object_that_does_not_fit_ends_the_write(folder, lake: Lake, kind: str, usual: Any, odd: Any) -> None:
    with pytest.raises(WriteError, match=rf"column 'v' \(.*\) cannot hold .* in row {MANY + 1}\."):
        written(folder, lake, kind, objects(usual, odd))


ROWS = [
    ("double", pa.array([0.5, NAN])),
    ("double", pa.array([0.5, -INF])),
    ("list<double>", pa.array([[0.5], [NAN]])),
    ("long", pa.array([1.0, 2.5])),
    ("long", pa.array([1, 2**63], pa.uint64())),
    ("int", pa.array([1, 2**40])),
    ("double", pa.array([1, 2**53 + 1])),
    ("decimal(4, 2)", pa.array([D("1.50"), D("1.505")])),
    ("timestamp", pa.array([1000, 1001], pa.timestamp("ns"))),
    ("timestamptz", pa.array([1000, 1001], pa.timestamp("ns", "America/Sao_Paulo"))),
    ("list<timestamptz>", pa.array([[1000], [1001]], pa.list_(pa.timestamp("ns", "UTC")))),
    ("timestamp", pa.array([0, 9 * 10**18], pa.timestamp("us"))),
    ("timestamp", pa.array([0, 2**62], pa.timestamp("s"))),
    ("date", pa.array([0, 2**31 - 1], pa.date32())),
    ("date", pa.array([0, 1], pa.timestamp("us"))),
    ("time", pa.array([1000, 1001], pa.time64("ns"))),
    ("time", pa.array([0, 86_400], pa.time32("s"))),
]


def streams(values: pa.Array) -> dict[str, Any]:
    """Return the same rows as each source in memory that Arrow's types get into unchanged."""
    table = pa.table({"v": values})
    return {
        "table": table,
        "chunks": pa.concat_tables([table.slice(0, 1), table.slice(1)]),
        "reader": table.to_reader(max_chunksize=1),
        "pandas": table.to_pandas(types_mapper=pd.ArrowDtype),
        "polars": pl.from_arrow(table),
    }


@pytest.mark.parametrize("source", ["table", "chunks", "reader", "pandas"])
@pytest.mark.parametrize(("kind", "values"), ROWS, ids=str)
def test_the_rule_is_the_same_for_all_rows_in_memory(
    folder, lake: Lake, kind: str, values: pa.Array, source: str
) -> None:
    with pytest.raises(WriteError, match=r"column 'v' \(.*\) cannot hold .* in row 2\."):
        written(folder, lake, kind, streams(values)[source])
    assert len(written(folder, lake, kind, streams(values.slice(0, 1))[source])) == 1


@pytest.mark.parametrize(
    ("kind", "values", "wanted"),
    [
        ("time", pa.array([3_723_000_000_000], pa.time64("ns")), [dt.time(1, 2, 3)]),
        ("timestamp", pa.array([-14831769600], pa.timestamp("s")), [at("1500-01-01")]),
        ("string", pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        ("long", pa.RunEndEncodedArray.from_arrays([2, 3], [5, 6]), [5, 5, 6]),
        ("long", pa.array([2**63 - 1, -(2**63)]), [2**63 - 1, -(2**63)]),
        ("decimal(38, 2)", pa.array([D("1.25")], pa.decimal256(38, 2)), [D("1.25")]),
        ("double", pa.array([D("0.1")]), [0.1]),
        ("boolean", pa.array([1, 0], pa.int8()).cast(pa.bool8()), [True, False]),
    ],
    ids=str,
)
def test_what_fits_is_taken(folder, lake: Lake, kind: str, values: pa.Array, wanted: list[Any]) -> None:
    assert written(folder, lake, kind, pa.table({"v": values})) == wanted


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (pd.Series([1], name="v"), "a Series, which has no named columns"),
        (pa.chunked_array([[1]]), "rows cannot come from this ChunkedArray"),
        (pd.DataFrame(), "the rows have no column"),
        (pa.table({"v": pa.array([D("1.25")], pa.decimal256(45, 2))}), "the rows have decimal256"),
        (pa.table({"v": ["1"]}), "column 'v' is long and the rows have string"),
        (pa.table({"v": pa.array([1], pa.duration("s"))}), "the rows have duration"),
        (pa.table([pa.array([1]), pa.array([2])], ["v", "v"]), "the column 'v' twice"),
        (pd.DataFrame([[1, 2]], columns=["v", "v"]), "the column 'v' twice"),
        (pd.DataFrame({0: [1]}), "the name 0, which is no text"),
        (pd.DataFrame({"v": [1]}, index=pd.Index([5], name="v")), "the column 'v' twice, once as its index"),
        (pd.DataFrame({"v": [1]}, index=pd.Index([5], name="k")), "the table has no column 'k'"),
        (pd.DataFrame({"v": [pd.Period("2026-01")]}), "cannot hold 2026-01 in row 1"),
        ("select 1 as v, 2 as V", "the column 'v' twice"),
        (duckdb.sql("select '10:00:00+03'::timetz as v"), "a column of TIME WITH TIME ZONE"),
        (pl.DataFrame({"v": pl.Series([object()], dtype=pl.Object)}), "a column of Object"),
        (pl.LazyFrame({"v": [1]}), "rows cannot come from a LazyFrame"),
    ],
    ids=lambda value: "" if isinstance(value, str) else type(value).__name__,
)
def test_rows_that_cannot_be_taken_are_told_in_our_words(folder, lake: Lake, rows: Any, message: str) -> None:
    with pytest.raises(WriteError, match=message) as raised:
        written(folder, lake, "long", rows)
    assert "query" not in raised.value.advice.lower()


def test_a_field_that_is_there_twice_is_not_lost(folder, lake: Lake) -> None:
    twice = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"])
    with pytest.raises(WriteError, match="the rows have struct"):
        written(folder, lake, "struct<a: long>", pa.table({"v": twice}))


def test_a_named_index_is_a_column(folder, lake: Lake, dev: Branch) -> None:
    folder.contract("bronze.t", "k:string v:long")
    lake.context.refresh()
    dev.append("bronze.t", pd.DataFrame({"k": ["a", "b", "a"], "v": [1, 2, 3]}).groupby("k").sum())
    dev.append("bronze.t", pd.DataFrame({"k": ["c"], "v": [5]}, index=[7]))
    assert lake.sql("select k, v from bronze.t order by k", dev.name).fetchall() == [("a", 4), ("b", 2), ("c", 5)]


def test_sparse_and_nullable_columns_of_pandas(folder, lake: Lake) -> None:
    assert written(folder, lake, "double", pd.DataFrame({"v": pd.arrays.SparseArray([0, 1])})) == [0, 1]
    assert written(folder, lake, "double", pd.DataFrame({"v": pd.array([2**62, None], "Int64")})) == [2**62, None]
    assert written(folder, lake, "double", pd.DataFrame({"v": [0.5, NAN]}).convert_dtypes()) == [0.5, None]
    with pytest.raises(WriteError, match="NaN in row 2") as raised:
        written(folder, lake, "double", pd.DataFrame({"v": [0.5, NAN]}))
    assert "convert_dtypes" in raised.value.advice


@pytest.mark.parametrize(
    "value",
    ["'nan'::double", "'infinity'::float", "'infinity'::date", "'-infinity'::timestamp", "timestamp '10000-01-01'",
     "'infinity'::timestamptz", "time '24:00:00'", "['nan'::double]", "{'a': ['infinity'::date]}",
     "map {'k': 'nan'::double}", "date '0001-01-01' - 400"],
)  # fmt: skip
@pytest.mark.parametrize("source", ["sql", "relation"])
def test_a_query_yields_no_value_that_tables_do_not_have(folder, lake: Lake, value: str, source: str) -> None:
    kinds = {"[": "list<double>", "{": "struct<a: list<date>>", "m": "map<string, double>"}
    named = value.replace("'", " ").split("::")[-1].split()[0]
    kind = kinds.get(value[0]) or {"date": "date", "time": "time"}.get(named, named)
    query = f"select {value} as v"
    with pytest.raises(WriteError, match=r"column 'v' .*cannot hold"):
        written(folder, lake, kind, query if source == "sql" else duckdb.sql(query))


@pytest.mark.parametrize("kind", ["string", "date", "long", "list<long>"])
def test_a_column_without_any_value_fits_every_type(folder, lake: Lake, kind: str) -> None:
    assert written(folder, lake, kind, pd.DataFrame({"v": [NAN, NAN]})) == [None, None]
    assert written(folder, lake, kind, pd.DataFrame({"v": []})) == []
    assert written(folder, lake, kind, pl.DataFrame({"v": [None]})) == [None]


def test_a_batch_of_rows_that_do_not_fit_is_told_alike(folder, lake: Lake, dev: Branch) -> None:
    folder.contract("bronze.t", "v:int")
    lake.context.refresh()
    with pytest.raises(WriteError, match=r"cannot hold 1099511627776 in row 2\."):
        dev.append("bronze.t", pa.table({"v": [1, 2**40]}), batch="b1")
    with pytest.raises(WriteError, match=r"cannot hold 1099511627776 in row 2\."):
        dev.replace("bronze.t", pa.table({"v": [1, 2**40]}))


def test_rows_that_break_off_are_told(folder, lake: Lake, dev: Branch) -> None:
    def batches():
        yield pa.record_batch({"v": [1]})
        raise OSError("the connection was lost")

    folder.contract("bronze.t", "v:long")
    lake.context.refresh()
    rows = pa.RecordBatchReader.from_batches(pa.schema([("v", pa.int64())]), batches())
    with pytest.raises(WriteError, match=r"cannot be read after row 1: .*the connection was lost"):
        dev.append("bronze.t", rows)
