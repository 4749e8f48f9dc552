"""Files of fixed widths line by line: what is handed on, with which bytes from which place, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from pydantic import ValidationError

from lagoa.contracts.contract import Column, Contract
from lagoa.domain.tables import TableName
from lagoa.errors import SourceError
from lagoa.formats.fixed_width.options import FixedSource
from lagoa.formats.fixed_width.reader import FixedReader
from lagoa.formats.fixed_width.resend import split_fixed
from lagoa.formats.shared.files import SourceFile
from lagoa.formats.shared.refused import Fault, Kept
from lagoa.formats.shared.row_sql import STREAM, RowSql

TABLE = TableName.parse("bronze.quotes")
COTAHIST: dict[str, Any] = {
    "format": "fixed_width",
    "length": 245,
    "header": "00",
    "prefix": "01",
    "trailer": {"prefix": "99", "count": {"start": 32, "length": 11}},
    "date": "yyyymmdd",
    "columns": {
        "day": {"start": 3, "length": 8},
        "ticker": {"start": 13, "length": 12},
        "company": {"start": 28, "length": 12},
        "close": {"start": 109, "length": 13, "places": 2},
        "trades": {"start": 148, "length": 5},
        "volume": {"start": 171, "length": 18, "places": 2},
    },
}
KINDS = {
    "day": "date", "ticker": "string", "company": "string", "close": "decimal(13, 2)", "trades": "int",
    "volume": "decimal(18, 2)",
}  # fmt: skip


def quote(day: str, ticker: str, company: str, close: str, trades: str, volume: str) -> str:
    line = f"01{day}02{ticker:12}010{company:12}".ljust(108) + close.rjust(13, "0")
    line = line.ljust(147) + trades.rjust(5, "0")
    return line.ljust(170) + volume.rjust(18, "0") + " " * 57


HEADER = "00COTAHIST.2026BOVESPA 20260102".ljust(245)
QUOTES = [
    quote("20260102", "PETR4", "PETROBRAS", "3705", "123", "100000000000"),
    quote("20260105", "ITSA4", "ITAÚSA", "5", "0", "0"),
]


def cotahist(quotes: list[str], count: int | None = None) -> bytes:
    said = len(quotes) + 2 if count is None else count
    trailer = f"99COTAHIST.2026BOVESPA 20260102{said:011}".ljust(245)
    return "".join(line + "\r\n" for line in [HEADER, *quotes, trailer]).encode("latin-1")


def contract_of(kinds: dict[str, str], source: dict[str, Any]) -> Contract:
    columns = tuple(Column(name, kind) for name, kind in kinds.items())
    return Contract(TABLE, "1.0.0", Path("q.odcs.yaml"), "", columns, source=FixedSource(**source))


def read(path: Path, kinds: dict[str, str], source: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    """Return the records in the order of the file, as the reader hands them on, and check where their bytes are."""
    reader = FixedReader(contract_of(kinds, source), FixedSource(**source), SourceFile(path), **options)
    found = [row for batch in reader.stream().reader() for row in batch.to_pylist()]
    for row in found:
        assert path.read_bytes()[row["@offset"] :][: len(row["@raw"])] == row["@raw"]
    return sorted(found, key=lambda row: row["@row"])


def texts(content: bytes, folder: Path, source: dict[str, Any], kinds: dict[str, str], **options: Any) -> list[Any]:
    path = folder / "q.txt"
    path.write_bytes(content)
    rows = read(path, kinds, {"format": "fixed_width", **source}, **options)
    return [row["@rule"] or [row[f"@{name}@"] for name in kinds] for row in rows]


@pytest.mark.parametrize("block", [100, 4096])
def test_cotahist(tmp_path, block):
    source = COTAHIST | {"encoding": "latin-1"}
    assert texts(cotahist(QUOTES), tmp_path, source, KINDS, block=block) == [
        ["20260102", "PETR4", "PETROBRAS", "37.05", "123", "1000000000.00"],
        ["20260105", "ITSA4", "ITAÚSA", "0.05", "0", "0.00"],
    ]
    contract = contract_of(KINDS, source)
    reader = FixedReader(contract, FixedSource(**source), SourceFile(tmp_path / "q.txt"))
    with duckdb.connect() as connection:
        connection.register(STREAM, reader.stream().reader())
        accepted = RowSql(contract, reader, "f").accepted
        rows = connection.execute(accepted, ["b", "2026-01-01", "f"]).fetchall()
    assert [tuple(map(str, row[:6])) for row in rows] == [
        ("2026-01-02", "PETR4", "PETROBRAS", "37.05", "123", "1000000000.00"),
        ("2026-01-05", "ITSA4", "ITAÚSA", "0.05", "0", "0.00"),
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (cotahist(QUOTES, 3), "its trailer counts 3 lines, and it has 4"),
        (cotahist(QUOTES)[:-247], "it is truncated: its last line does not begin with '99'"),
        (cotahist(QUOTES)[247:], "its first line does not begin with '00'"),
        (cotahist(QUOTES) + QUOTES[0].encode("latin-1"), "it goes on behind its trailer, at byte 988"),
        (cotahist(QUOTES).replace(b"00000000004", b"          x"), "where it counts lines"),
        (b"", "it is empty"),
        (b"%PDF-1.4", "it is a PDF"),
    ],
)
def test_a_file_that_lost_something_is_refused(tmp_path, content, why):
    with pytest.raises(SourceError, match=why):
        texts(content, tmp_path, COTAHIST | {"encoding": "latin-1"}, KINDS)


LAYOUT = {"columns": {"a": {"start": 1, "length": 3}, "n": {"start": 4, "length": 4, "places": 2}}}


def test_lines_that_do_not_fit_are_refused_by_themselves(tmp_path):
    content = b"abc1234\nab\nabc12345\n\nabc\xff234\nab\x001234\nabc12.5\nabc  12\n   -123\nabc    "
    assert texts(content, tmp_path, LAYOUT, {"a": "string", "n": "decimal(6, 2)"}) == [
        ["abc", "12.34"],
        "fields",
        "fields",
        "fields",
        "encoding",
        "nul",
        "type/n",
        ["abc", "0.12"],
        [None, "-1.23"],
        ["abc", None],
    ]


def test_padding_marks_and_nulls(tmp_path):
    kinds = {"a": "string", "n": "decimal(6, 2)"}
    source = {**LAYOUT, "decimal": ",", "thousands": "."}
    assert texts(b" a    7\nabc1234", tmp_path, source, {"a": "string", "n": "decimal(6, 2)"})[1] == ["abc", "12,34"]
    assert texts("é à1234\n".encode(), tmp_path, LAYOUT, kinds) == [["é à", "12.34"]]
    assert texts("é à1234\n".encode("latin-1"), tmp_path, LAYOUT | {"encoding": "latin-1"}, kinds) == [["é à", "12.34"]]
    assert texts(b"00700 7\n", tmp_path, {"columns": {"a": {"start": 1, "length": 7}}}, {"a": "string"}) == [
        ["00700 7"]
    ]


def test_refused_lines_are_split_by_the_contract_of_now(tmp_path):
    kinds = {"a": "string", "n": "decimal(6, 2)"}
    contract = contract_of(kinds, {"format": "fixed_width", **LAYOUT})
    assert isinstance(contract.source, FixedSource)
    fault = Fault("x", "y")
    kept = [Kept(raw, None, {}, fault) for raw in (b"abc1234\r\n", b"ab")] + [Kept(b"a,b", ("a", "n"), {}, fault)]
    good, short, other = split_fixed(contract, contract.source, kept)
    assert good.values == {"a": "abc", "n": "12.34"}
    assert short.fault == Fault("fields", "a line of 2 characters, not 7")
    assert other.fault is fault


def test_layouts_that_contradict_themselves_are_told():
    def faults(**source: Any) -> list[str]:
        return [message for _, message, _ in FixedSource(format="fixed_width", **source).faults()]

    two = {"a": {"start": 1, "length": 3}, "b": {"start": 3, "length": 1}}
    assert faults(columns=two) == ["'a' is at 1 to 3, and 'b' begins at 3."]
    assert faults(columns={"a": two["a"]}, length=2) == ["'a' ends at 3, and a line has 2 characters."]
    assert faults(columns={"a": {"start": 1, "length": 1, "places": 2}}) == ["'a' has 2 places in 1 characters."]
    with pytest.raises(ValidationError):
        FixedSource(format="fixed_width", columns={})
