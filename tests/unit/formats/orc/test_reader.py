"""The ORC reader: values exact or refused by row, moments that no reader passes on, and damaged files."""

from __future__ import annotations

import gzip
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from inferring import inferred, loaded, types
from pyarrow import orc
from typed_files import contract_of, refused

from lagoa.domain.tables import TableName
from lagoa.errors import SourceError
from lagoa.formats import open_reader
from lagoa.formats.shared.files import SourceFile

if TYPE_CHECKING:
    from pathlib import Path

at = datetime.fromisoformat
LONG = Decimal("-" + "9" * 36 + ".99")
COLUMNS = {
    "k": ("long", pa.array([1, 2, 3])),
    "i": ("int", pa.array([1, 2, None], pa.int8())),
    "m": ("decimal(38, 2)", pa.array([Decimal("1.25"), LONG, None], pa.decimal128(38, 2))),
    "d": ("date", pa.array([date(9999, 12, 31), date.min, None])),
    "u": ("timestamp", pa.array([2**63 // 1000, -(2**63) // 1000 + 1, None], pa.timestamp("us"))),
    "z": ("timestamptz", pa.array([1, -1, None], pa.timestamp("us", "UTC"))),
    "b": ("binary", pa.array([b"\xff\0", b"", None])),
    "l": ("list<struct<a: long, c: string>>", pa.array([[{"a": 1, "c": "x"}], [], None])),
    "p": ("map<string, double>", pa.array([[("a", 1.5)], [], None], pa.map_(pa.string(), pa.float64()))),
    "o": ("boolean", pa.array([True, False, None])),
}  # fmt: skip
TYPES = {name: kind for name, (kind, _) in COLUMNS.items()}


def write(path: Path, columns: dict[str, pa.Array], **more: Any) -> Path:
    orc.write_table(pa.table(columns), path, **more)
    return path


def test_values_come_as_they_are(tmp_path: Path) -> None:
    arrays = {name: array for name, (_, array) in COLUMNS.items()}
    path = write(tmp_path / "people.orc", arrays, compression="zstd")
    rows = open_reader(contract_of("orc", TYPES), SourceFile(path)).stream().reader().read_all()
    for name, (_, array) in COLUMNS.items():
        assert rows.column(f"@{name}@").to_pylist() == array.to_pylist(), name
    contract = inferred(path, TableName.parse("bronze.people"))[0]
    assert types(contract) == {**TYPES, "i": "int"}
    assert loaded(contract, path) == (3, 0)


def test_one_bad_value_costs_one_row(tmp_path: Path) -> None:
    columns = {
        "k": pa.array([1, 2, 3, 4, 5]),
        "d": pa.array([0, 2**31 - 1, 0, 0, 0], pa.date32()),
        "n": pa.array([1000, 0, 1001, 0, 0], pa.timestamp("ns")),
        "t": pa.array([b"a", b"b", b"c", b"\xff", b"d"], pa.binary()).view(pa.string()),
        "f": pa.array([1.5, 1.5, 1.5, 1.5, float("nan")]),
    }
    path = write(tmp_path / "a.orc", columns)
    kinds = {"k": "long", "d": "date", "n": "timestamp", "t": "string", "f": "double"}
    found = refused(path, "orc", kinds)
    assert [(row, rule) for row, rule, _, _ in found] == [(2, "type/d"), (3, "type/n"), (4, "encoding"), (5, "type/f")]
    assert (
        found[2][3]
        == b'{"k": 4, "d": "1970-01-01", "n": "1970-01-01 00:00:00.000000000", "t": {"hex": "ff"}, "f": 1.5}'
    )


@pytest.mark.parametrize("moment", ["9999-12-31 23:59:59", pytest.param("0001-01-01 00:00:00", marks=pytest.mark.slow)])
def test_a_moment_that_nanoseconds_do_not_hold_refuses_the_file_with_its_column(tmp_path: Path, moment: str) -> None:
    values = pa.array([None, at(moment)], pa.timestamp("us"))
    path = write(tmp_path / "a.orc", {"k": pa.array([1, 2]), "v": values})
    stream = open_reader(contract_of("orc", {"k": "long", "v": "timestamp"}), SourceFile(path)).stream()
    with pytest.raises(SourceError, match=r"outside the years 1677 to 2262, .* column 'v' in stripe 1 of 1"):
        stream.reader().read_all()


def test_files_that_are_no_orc(tmp_path: Path) -> None:
    good = write(tmp_path / "good.orc", {"v": pa.array([1, 2])}).read_bytes()
    path = tmp_path / "a.orc"
    cases = {
        b"a,b\n1,2\n": "it is not an ORC file",
        b"PAR1" + good[4:]: "it is a Parquet file, not an ORC file",
        good[:-1]: "it cannot be read",
        good[: len(good) // 2]: "it cannot be read",
    }
    for content, message in cases.items():
        path.write_bytes(content)
        with pytest.raises(SourceError, match=message):
            open_reader(contract_of("orc", {"v": "long"}), SourceFile(path))
    packed = tmp_path / "a.orc.gz"
    packed.write_bytes(gzip.compress(good))
    with pytest.raises(SourceError, match="not read from a compressed one"):
        open_reader(contract_of("orc", {"v": "long"}), SourceFile(packed))


def test_damage_that_ends_the_process_of_the_reader_is_told(tmp_path: Path) -> None:
    numbers = range(300)
    columns = {
        "k": pa.array(numbers),
        "t": pa.array([f"text {number % 7}" for number in numbers]),
        "d": pa.array([number * 86_400 * 10**9 for number in numbers], pa.timestamp("ns")),
        "l": pa.array([[number] for number in numbers]),
    }
    path = write(tmp_path / "a.orc", columns, compression="zlib")
    content = bytearray(path.read_bytes())
    content[content.index(b"\xc1+\1\0\t\0\0\xc1") + 3] = 0x51  # the length of a piece
    path.write_bytes(content)
    kinds = {"k": "long", "t": "string", "d": "timestamp", "l": "list<long>"}
    stream = open_reader(contract_of("orc", kinds), SourceFile(path)).stream()
    with pytest.raises(SourceError, match="it is damaged: ORC's library ended its process with -11"):
        stream.reader().read_all()


def test_hive_transactions_are_named(tmp_path: Path) -> None:
    names = ("operation", "originalTransaction", "bucket", "rowId", "currentTransaction", "row")
    path = write(tmp_path / "a.orc", {name: pa.array([1]) for name in names})
    with pytest.raises(SourceError, match="a transactional table of Hive"):
        open_reader(contract_of("orc", {"v": "long"}), SourceFile(path))


def test_text_that_begins_as_orc_does_is_text(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("ORCAMENTO;valor\nabc;1\ndef;2\n")
    contract = inferred(path, TableName.parse("bronze.people"))[0]
    assert (types(contract), loaded(contract, path)) == ({"orcamento": "string", "valor": "long"}, (2, 0))
    write(tmp_path / "b.csv", {"v": pa.array([1, 2])})
    with pytest.raises(SourceError, match="it is an ORC file, not a CSV file"):
        open_reader(contract, SourceFile(tmp_path / "b.csv"))
