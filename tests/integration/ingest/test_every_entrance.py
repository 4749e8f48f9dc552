"""Every type of Arrow with its extremes, through every entrance: each value is read back exactly, or was refused.

What was written is read by another process. A refusal names the row, and its row has a value that does not fit.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
import subprocess
import sys
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from effort import FACTOR, many
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lakes import LakeFolder
from pyarrow import parquet

from lagoa.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lagoa.branch import Branch

SETTINGS = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 if FACTOR == 1 else 0)]

SECOND = 10**9
DECIMALS = Context(prec=80)
DAY = 86_400 * SECOND
FIRST, AFTER = -719_162 * DAY, 2_932_897 * DAY
UNITS = {"s": SECOND, "ms": 10**6, "us": 1000, "ns": 1}


class Moment(NamedTuple):
    """A point in time: nanoseconds since 1970, and whether it has a zone."""

    ns: int
    zoned: bool


class Clock(NamedTuple):
    """A time of day in nanoseconds."""

    ns: int


# What a value means, whatever holds it.


def meanings(array: pa.Array) -> list[Any]:
    """Return what each value of an Arrow array means."""
    return [meaning(each) for each in array]


def meaning(scalar: pa.Scalar) -> Any:  # noqa: PLR0911 - one for each kind
    kind, has = scalar.type, pa.types
    if not scalar.is_valid:
        return None
    if has.is_dictionary(kind):
        return meaning(scalar.value)
    if isinstance(kind, pa.BaseExtensionType):
        return meaning(scalar.value)
    if has.is_timestamp(kind):
        return Moment(scalar.value * UNITS[kind.unit], kind.tz is not None)
    if has.is_date(kind):
        return Moment(scalar.value * (DAY if has.is_date32(kind) else 10**6), False)
    if has.is_time(kind):
        return Clock(scalar.value * UNITS[kind.unit])
    if has.is_map(kind):
        return [(meaning(each["key"]), meaning(each["value"])) for each in scalar.values]
    if has.is_nested(kind) and not has.is_struct(kind):
        return meanings(scalar.values)
    if has.is_struct(kind):
        return {name: meaning(value) for name, value in scalar.items()}
    return float(scalar.as_py()) if has.is_float16(kind) else scalar.as_py()


def meaning_of_object(value: Any, kind: str) -> Any:  # noqa: PLR0911 - one for each kind
    """Return what a Python object means in a column of pandas."""
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, float) and value != value and kind not in {"double", "float"}:  # noqa: PLR0124 - NaN
        return None
    if isinstance(value, pd.Timestamp):
        zoned = value.tzinfo is not None
        naive = value.tz_convert("UTC").tz_localize(None) if zoned else value
        return Moment((naive - pd.Timestamp(0)).value, zoned) if naive.unit == "ns" else _of_datetime(value)
    if isinstance(value, dt.datetime):
        return _of_datetime(value)
    if isinstance(value, dt.date):
        return Moment((value - dt.date(1970, 1, 1)).days * DAY, False)
    if isinstance(value, dt.time):
        hours = (value.hour * 60 + value.minute) * 60 + value.second
        return Clock(hours * SECOND + value.microsecond * 1000)
    if isinstance(value, list):
        if kind.startswith("map"):
            return [(key, meaning_of_object(each, "")) for key, each in value]
        return [meaning_of_object(each, "") for each in value]
    if isinstance(value, dict):
        return {key: meaning_of_object(each, "") for key, each in value.items()}
    return value.item() if hasattr(value, "item") else value


def _of_datetime(value: dt.datetime) -> Moment:
    zoned = value.tzinfo is not None
    since = value - dt.datetime(1970, 1, 1, tzinfo=dt.UTC if zoned else None)
    return Moment(((since.days * 86_400 + since.seconds) * 10**6 + since.microseconds) * 1000, zoned)


def same(given: Any, found: Any) -> bool:  # noqa: PLR0911 - one for each kind
    """Return whether a value that was read back means what was given."""
    if isinstance(given, Moment | Clock) or isinstance(found, Moment | Clock):
        return type(given) is type(found) and given == found
    if isinstance(given, bool) or isinstance(found, bool) or given is None or found is None:
        return given is found
    if isinstance(given, list | tuple):
        return isinstance(found, list | tuple) and len(given) == len(found) and all(map(same, given, found))
    if isinstance(given, dict):
        return isinstance(found, dict) and given.keys() == found.keys() and all(same(given[k], found[k]) for k in given)
    if (isinstance(given, float) and isinstance(found, Decimal)) or (
        isinstance(given, Decimal) and isinstance(found, float)
    ):
        text = [Decimal(repr(each)) if isinstance(each, float) else each for each in (given, found)]
        return text[0] == text[1]
    if isinstance(given, int | float | Decimal):
        return isinstance(found, int | float | Decimal) and given == found
    return type(given) is type(found) and bool(given == found)


def fits(value: Any) -> bool:
    """Return whether a table can hold a value in the type that is made for values of its kind."""
    if isinstance(value, float):
        return value - value == 0
    if isinstance(value, Moment):
        return FIRST <= value.ns < AFTER and value.ns % 1000 == 0
    if isinstance(value, Clock):
        return 0 <= value.ns < DAY and value.ns % 1000 == 0
    if isinstance(value, dict):
        return all(map(fits, value.values()))
    if isinstance(value, list) and value and isinstance(value[0], tuple) and not isinstance(value[0], Moment | Clock):
        keys = [key for key, _ in value]
        return len(set(keys)) == len(keys) and all(fits(each) for _, each in value)
    return all(map(fits, value)) if isinstance(value, list) else True


# What is thrown: a type of a contract, a type of Arrow, and whether every value that fits must be taken.


class Pair(NamedTuple):
    kind: str
    arrow: pa.DataType
    natural: bool = True


def _moments(kind: str, zone: str | None) -> list[Pair]:
    return [Pair(kind, pa.timestamp(unit, zone)) for unit in UNITS]


PAIRS = [
    Pair("boolean", pa.bool_()),
    *(Pair("int", each()) for each in (pa.int8, pa.int16, pa.int32, pa.uint8, pa.uint16)),
    *(Pair("long", each()) for each in (pa.int32, pa.int64, pa.uint32)),
    Pair("int", pa.int64(), natural=False),
    Pair("int", pa.float64(), natural=False),
    Pair("long", pa.uint64(), natural=False),
    Pair("long", pa.decimal128(38, 2), natural=False),
    Pair("double", pa.float64()),
    Pair("double", pa.float32()),
    Pair("double", pa.float16()),
    Pair("double", pa.int64(), natural=False),
    Pair("double", pa.decimal128(38, 10), natural=False),
    Pair("float", pa.float32()),
    Pair("float", pa.float64(), natural=False),
    Pair("decimal(20, 0)", pa.uint64()),
    Pair("decimal(38, 10)", pa.decimal128(38, 10)),
    Pair("decimal(38, 10)", pa.decimal256(38, 10)),
    Pair("decimal(9, 2)", pa.decimal128(38, 10), natural=False),
    Pair("decimal(9, 2)", pa.float64(), natural=False),
    Pair("string", pa.string()),
    Pair("string", pa.large_string()),
    Pair("string", pa.string_view()),
    Pair("binary", pa.binary()),
    Pair("binary", pa.binary_view()),
    Pair("date", pa.date32()),
    Pair("date", pa.date64(), natural=False),  # a file of Parquet has days
    Pair("date", pa.timestamp("us"), natural=False),
    *_moments("timestamp", None),
    *_moments("timestamptz", "America/Sao_Paulo"),
    Pair("timestamp", pa.date32()),
    Pair("time", pa.time32("s")),
    Pair("time", pa.time32("ms")),
    Pair("time", pa.time64("us")),
    Pair("time", pa.time64("ns")),
]
INSIDE = [each for each in PAIRS if each.natural and each.kind not in {"binary", "time"} and each.arrow != pa.date32()]
SHAPES = {"list": "list<{}>", "struct": "struct<A: {}, `b-c`: {}>", "map": "map<string, {}>"}
KINDS = sorted(
    {each.kind for each in PAIRS} | {form.format(*[each.kind] * 2) for form in SHAPES.values() for each in INSIDE}
)
TEXTLESS = ("binary", "decimal(20")


def _integers(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    near = {low, high, 0, 1, 2**53 + 1, 2**53, high - 1, -1}
    return st.sampled_from(sorted(each for each in near if low <= each <= high)) | st.integers(low, high)


def _counts(unit: int, bits: int) -> st.SearchStrategy[int]:
    """Return numbers for moments in a unit: at the ends of the calendar and of the number, with and without a rest."""
    edges = [0, 1, -1, 999, 1000, 1001, FIRST // unit, FIRST // unit - 1, AFTER // unit - 1, AFTER // unit]
    edges += [2 ** (bits - 1) - 1, -(2 ** (bits - 1)), -14_831_769_600 * SECOND // unit]
    fit = [each for each in edges if -(2 ** (bits - 1)) <= each < 2 ** (bits - 1)]
    return st.sampled_from(fit) | st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def raw_values(kind: pa.DataType) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one for each kind
    """Return values of an Arrow type; moments are their numbers."""
    has = pa.types
    if has.is_boolean(kind):
        return st.booleans()
    if has.is_integer(kind):
        return _integers(kind.bit_width, signed=has.is_signed_integer(kind))
    if has.is_floating(kind):
        edges = st.sampled_from(
            [0.0, -0.0, 0.5, 9.9, 1e22, float("nan"), float("inf"), float("-inf"), 65504.0, 2.7, 3.0]
        )
        return edges | st.floats(width=kind.bit_width)
    if has.is_decimal(kind):
        digits = st.integers(-(10**kind.precision) + 1, 10**kind.precision - 1) | st.integers(-(10**12), 10**12)
        return digits.map(lambda number: Decimal(number).scaleb(-kind.scale, DECIMALS))
    if has.is_date(kind):
        return _counts(DAY if has.is_date32(kind) else 10**6, kind.bit_width)
    if has.is_timestamp(kind):
        return _counts(UNITS[kind.unit], 64)
    if has.is_time(kind):
        day = DAY // UNITS[kind.unit]
        return st.sampled_from([0, 1, 1000, 1001, day - 1, day, 3723 * SECOND // UNITS[kind.unit]]) | st.integers(
            0, day - 1
        )
    text = st.sampled_from(["", "007", "1.10", "ção", "null", '"', "a,b", "👍"]) | st.text(max_size=5)
    return text.map(str.encode) if has.is_binary(kind) or has.is_binary_view(kind) else text


def array_of(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Return values of `raw_values` as an array."""
    has = pa.types
    if has.is_temporal(kind):
        number = pa.int32() if has.is_date32(kind) or has.is_time32(kind) else pa.int64()
        return pa.array(values, number).cast(kind, safe=False)
    if has.is_float16(kind):
        return pa.array(values, pa.float32()).cast(pa.float16(), safe=False)
    return pa.array(values, kind)


@st.composite
def columns(draw: st.DrawFn) -> tuple[str, bool, pa.Array]:
    """Return the type of a contract, whether all that fits must be taken, and values."""
    shape = draw(st.sampled_from(["", "", "", *SHAPES]))
    pair = draw(st.sampled_from(INSIDE if shape else PAIRS))
    values = draw(st.lists(st.none() | raw_values(pair.arrow), min_size=1, max_size=6))
    flat = array_of(values, pair.arrow)
    if not shape:
        if draw(st.booleans()) and not pa.types.is_nested(pair.arrow) and pair.kind in {"string", "long", "timestamp"}:
            flat = flat.dictionary_encode() if pair.arrow != pa.string_view() else flat
        return pair.kind, pair.natural, flat
    cut = draw(st.integers(0, len(values)))
    kind = SHAPES[shape].format(pair.kind, pair.kind)
    if shape == "struct":
        fields = [flat, array_of(values[::-1], pair.arrow)]
        return kind, pair.natural, pa.StructArray.from_arrays(fields, ["A", "b-c"])
    offsets = pa.array([0, cut, cut, len(values)], pa.int32())
    if shape == "list":
        return kind, pair.natural, pa.ListArray.from_arrays(offsets, flat)
    keys = pa.array(draw(st.lists(st.sampled_from("abc"), min_size=len(values), max_size=len(values))), pa.string())
    return kind, pair.natural, pa.MapArray.from_arrays(offsets, keys, flat)


# The entrances: what each makes of the values, and what these then mean.

Given = tuple[Any, list[Any]]


def _frame(array: pa.Array) -> pa.Table:
    return pa.table({"v": array})


def _pandas(array: pa.Array, kind: str) -> Given:
    series = _frame(array).to_pandas()["v"]
    if series.dtype == object:
        return series, [meaning_of_object(each, kind) for each in series]
    if kind not in {"float", "double"} and series.isna().all():  # there is no value, whatever the type
        return series, [None] * len(series)
    return series, meanings(pa.array(series, from_pandas=False))


def _arrow_in_pandas(array: pa.Array, kind: str) -> Given:
    del kind
    if "view" in str(array.type):
        raise TypeError("pandas takes no rows of it")
    return _frame(array).to_pandas(types_mapper=pd.ArrowDtype)["v"], meanings(array)


def _objects(array: pa.Array, kind: str) -> Given:
    values = array.to_pylist()
    return pd.Series(values, dtype=object), [meaning_of_object(each, kind) for each in values]


def _polars(array: pa.Array, kind: str) -> Given:
    del kind
    series = pl.from_arrow(_frame(array))["v"]
    return series, meanings(series.to_arrow())


def _relation(array: pa.Array, kind: str) -> Given:
    del kind
    rows = duckdb.from_arrow(_frame(array)).to_arrow_table()["v"].combine_chunks()
    return rows, meanings(rows)


MEMORY: dict[str, Callable[[pa.Array, str], Given]] = {
    "arrow": lambda array, _: (array, meanings(array)),
    "sliced": lambda array, _: (pa.concat_arrays([array, array]).slice(len(array)), meanings(array)),
    "arrow in pandas": _arrow_in_pandas,
    "pandas": _pandas,
    "objects": _objects,
    "polars": _polars,
    "relation": _relation,
}
FOREIGN = (
    pa.ArrowException,
    duckdb.Error,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    ValueError,
    ArithmeticError,
    TypeError,
)


def rows_of(entrance: str, column: Any, numbers: list[int], label: str) -> Any:
    """Return rows as an entrance gets them; those of a column whose numbers are given."""
    labels = {"src": [label] * len(numbers), "n": numbers}
    if isinstance(column, pd.Series):
        return pd.DataFrame(labels).assign(v=column.iloc[numbers].reset_index(drop=True))
    if isinstance(column, pl.Series):
        return pl.DataFrame({**labels, "v": column.gather(numbers)})
    slices = [column.slice(number, 1) for number in numbers]
    table = pa.table({**labels, "v": pa.chunked_array(slices, column.type)})
    table = table if entrance == "sliced" else table.combine_chunks()
    return duckdb.from_arrow(table) if entrance == "relation" else table


def row_of(error: WriteError) -> int:
    """Return the row that a refusal names."""
    row = re.search(r"in row (\d+)\.", str(error))
    assert row, f"no row is named: {error}"
    return int(row[1])


class Lakes:
    """A lake with a table for each type and kind of entrance, and what was done to it."""

    def __init__(self, folder: LakeFolder) -> None:
        self.folder = folder
        self.given: dict[tuple[str, str, int], Any] = {}
        self.refused: set[tuple[str, str, int]] = set()
        for number, kind in enumerate(KINDS):
            folder.contract(f"bronze.memory{number}", {"src": "string", "n": "long", "v": kind})
            for form in ("parquet", "json", "csv"):
                source = {"format": form} | ({"null": "NULL"} if form == "csv" else {})
                folder.contract(f"bronze.{form}{number}", {"src": "string", "n": "long", "v": kind}, source=source)
        self.lake = folder.open()
        self.branch: Branch = self.lake.create_branch("dev")

    def write(self, entrance: str, kind: str, array: pa.Array, label: str) -> list[Any]:
        """Append through an entrance, without the rows that it refuses one after the other; return the meanings."""
        table = f"bronze.memory{KINDS.index(kind)}"
        column, given = MEMORY[entrance](array, kind)
        numbers = list(range(len(given)))
        while numbers:
            try:
                self.branch.append(table, rows_of(entrance, column, numbers, label))
                break
            except WriteError as error:
                self.refused.add((table, label, numbers.pop(row_of(error) - 1)))
        self.given |= {(table, label, number): value for number, value in enumerate(given)}
        return given

    def ingest(self, form: str, kind: str, path: Path, given: dict[int, Any], label: str) -> None:
        table = f"bronze.{form}{KINDS.index(kind)}"
        result = self.branch.ingest(path, table, batch=label)
        assert result.received == len(given)
        self.given |= {(table, label, number): value for number, value in given.items()}

    def read_back(self) -> tuple[dict[tuple[str, str, int], Any], set[tuple[str, str, int]]]:
        """Return what another process reads: the rows, and the refused records of files."""
        out = self.folder.root / "out"
        out.mkdir()
        subprocess.run([sys.executable, "-c", READER, str(self.folder.root), str(out)], check=True)
        found, refused = {}, set()
        for path in sorted(out.iterdir()):
            rows = pa.ipc.open_file(path).read_all()
            table = path.name.removesuffix(".quarantine")
            if path.name.endswith(".quarantine"):
                pairs = zip(rows["_batch_id"].to_pylist(), rows["record"].to_pylist(), strict=True)
                refused |= {(table, label, record - 1) for label, record in pairs}
                continue
            for label, number, value in zip(rows["src"].to_pylist(), rows["n"].to_pylist(), rows["v"], strict=True):
                found[table, label, number] = meaning(value)
        return found, refused


READER = """
import sys
from pathlib import Path
import pyarrow as pa
import lagoa
with lagoa.open_lake(Path(sys.argv[1])) as lake:
    for table in lake.tables("dev"):
        name = str(table)
        quarantined = name.startswith("quarantine.")
        columns = "_batch_id, record" if quarantined else "src, n, v"
        rows = lake.sql(f"select {columns} from {name}", "dev").arrow()
        to = name.replace("quarantine.bronze__", "bronze.") + (".quarantine" if quarantined else "")
        with pa.ipc.new_file(Path(sys.argv[2]) / to, rows.schema) as file:
            file.write_table(rows)
"""


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lakes]:
    made = Lakes(LakeFolder(tmp_path_factory.mktemp("lake")))
    with made.lake:
        yield made


def as_text(value: Any) -> Any:  # noqa: PLR0911, C901 - one for each kind
    """Return a value as text files have it, for JSON; raises `ValueError` if none can express it."""
    if isinstance(value, Moment | Clock):
        if isinstance(value, Clock):
            if not 0 <= value.ns < DAY:
                raise ValueError
            return str(pa.scalar(value.ns, pa.time64("ns")).cast(pa.string()))
        if not FIRST <= value.ns < AFTER:
            raise ValueError
        whole = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=value.ns // SECOND)  # noqa: DTZ001
        return f"{whole:%Y-%m-%d %H:%M:%S}".rjust(19, "0") + f".{value.ns % SECOND:09}" + ("Z" if value.zoned else "")
    if isinstance(value, float):
        if value - value != 0:
            raise ValueError
        return Raw(repr(value))
    if isinstance(value, Decimal):
        return Raw(format(value, "f"))
    if isinstance(value, bytes):
        raise ValueError  # noqa: TRY004 - no text for it
    if isinstance(value, dict):
        return {key: as_text(each) for key, each in value.items()}
    if isinstance(value, list):
        if value and isinstance(value[0], tuple) and not isinstance(value[0], Moment | Clock):
            return {key: as_text(each) for key, each in dict(value).items()} if fits(value) else None
        return [as_text(each) for each in value]
    return value


class Raw(str):
    """A number as it is written."""

    __slots__ = ()


def dumped(value: Any) -> str:
    if isinstance(value, Raw):
        return value
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(key)}: {dumped(each)}' for key, each in value.items())}}}"
    return f"[{', '.join(map(dumped, value))}]" if isinstance(value, list) else json.dumps(value)


def files(lakes: Lakes, kind: str, array: pa.Array, label: str) -> None:
    """Write the values into files of each format that can express them, and load these."""
    path = lakes.folder.root / "in.parquet"
    given = meanings(array)
    labels = {"src": [label] * len(given), "n": range(len(given))}
    try:
        parquet.write_table(pa.table({**labels, "v": array}), path)
        given = meanings(parquet.ParquetFile(path).read()["v"].combine_chunks())
    except (pa.ArrowException, OverflowError, ValueError):
        pass  # Parquet has no such value
    else:
        lakes.ingest("parquet", kind, path, dict(enumerate(given)), label)
    texts: list[tuple[Any, Any]] = []
    for value in meanings(array):
        try:
            texts.append((value, {} if value == [] and kind.startswith("map") else as_text(value)))
        except ValueError:
            continue
    if kind.startswith(TEXTLESS) or not texts or any(kind.startswith("map") and text is None for _, text in texts):
        return
    if kind == "date":  # texts of dates have no time
        texts = [(value, text and text[:10]) for value, text in texts if value is None or value.ns % DAY == 0]
    path = lakes.folder.root / "in.json"
    lines = [f'{{"src": "{label}", "n": {number}, "v": {dumped(text)}}}' for number, (_, text) in enumerate(texts)]
    path.write_text(f"[{', '.join(lines)}]", "utf-8")
    lakes.ingest("json", kind, path, {number: value for number, (value, _) in enumerate(texts)}, label)
    if "<" in kind:
        return
    path = lakes.folder.root / "in.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["src", "n", "v"])
        writer.writerows([label, number, "NULL" if text is None else text] for number, (_, text) in enumerate(texts))
    wanted = {number: None if text == "NULL" else value for number, (value, text) in enumerate(texts)}
    lakes.ingest("csv", kind, path, wanted, label)


def test_each_value_is_exact_or_refused(lakes: Lakes) -> None:
    must: set[tuple[str, str, int]] = set()
    count = iter(range(10**9))

    @settings(
        max_examples=many(15),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(columns())
    def throw(thrown: tuple[str, bool, pa.Array]) -> None:
        kind, natural, array = thrown
        label = f"x{next(count)}"
        for entrance, opened in MEMORY.items():
            try:
                opened(array, kind)
            except FOREIGN:  # the library has no such value
                continue
            lakes.write(entrance, kind, array, f"{label} {entrance}")
            if natural and entrance in {"arrow", "sliced", "arrow in pandas"}:
                table = f"bronze.memory{KINDS.index(kind)}"
                must.update((table, f"{label} {entrance}", n) for n, value in enumerate(meanings(array)) if fits(value))
        files(lakes, kind, array, label)
        if natural:
            for form in ("parquet", "json", "csv"):
                table = f"bronze.{form}{KINDS.index(kind)}"
                must.update(key for key, value in lakes.given.items() if key[:2] == (table, label) and fits(value))

    throw()
    found, quarantined = lakes.read_back()
    refused = lakes.refused | quarantined
    assert found.keys() | refused == lakes.given.keys()
    assert not found.keys() & refused
    changed = {key: (lakes.given[key], value) for key, value in found.items() if not same(lakes.given[key], value)}
    assert not changed
    assert not {key: lakes.given[key] for key in must & refused}
