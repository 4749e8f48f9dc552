"""Refused records are read again by themselves as they were read within their file."""

from __future__ import annotations

from pathlib import Path

from effort import many
from hypothesis import given, settings
from hypothesis import strategies as st

from lagoa.contracts import Column, Contract
from lagoa.domain.tables import TableName
from lagoa.formats.csv.options import CsvSource
from lagoa.formats.csv.reader import CsvReader
from lagoa.formats.resend import split_records
from lagoa.formats.shared.files import SourceFile
from lagoa.formats.shared.refused import Fault, Kept
from lagoa.formats.shared.stream import RAW, REASON, ROW, RULE, stream_name

OTHER = Fault("range/a", "a is not <= 1")
SOURCES = [
    CsvSource(format="csv"),
    CsvSource(format="csv", null="NA", delimiter=";"),
    CsvSource(format="csv", quote=None, encoding="latin-1"),
    CsvSource(format="csv", escape="\\", quote="'"),
]
PIECES = [
    b"a",
    b'"',
    b"'",
    b",",
    b";",
    b"\n",
    b"\r\n",
    b"\r",
    b"\\",
    b"NA",
    b"\0",
    b"\xe3",
    "é".encode(),
    b'""',
    b" ",
    b"\xef\xbb\xbf",
]


def contract(*names: str) -> Contract:
    columns = tuple(Column(name, "string") for name in names)
    return Contract(TableName.parse("bronze.a"), "1.0.0", Path("a.odcs.yaml"), "", columns)


@settings(max_examples=many(40), deadline=None)
@given(
    text=st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join),
    source=st.sampled_from(SOURCES),
    names=st.sampled_from([("a",), ("a", "b"), ("b", "a", "c")]),
)
def test_records_are_read_again_as_they_were_read(
    tmp_path_factory, text: bytes, source: CsvSource, names: tuple[str, ...]
) -> None:
    path = tmp_path_factory.mktemp("file") / "a.csv"
    path.write_bytes(source.delimiter.join(names).encode() + b"\n" + text)
    table = CsvReader(contract(*names), source, SourceFile(path)).stream().reader().read_all().sort_by(ROW)
    raws, rules, reasons = (table.column(name).to_pylist() for name in (RAW, RULE, REASON))
    faults = [Fault(rule, reason) if rule else None for rule, reason in zip(rules, reasons, strict=True)]
    kept = [Kept(raw, names, {}, fault or OTHER) for raw, fault in zip(raws, faults, strict=True)]
    found = split_records(contract(*names), source, kept, alone=False)
    assert [each.fault for each in found] == faults
    values = {name: table.column(stream_name(name)).to_pylist() for name in names}
    for place, each in enumerate(found):
        assert each.values == (None if faults[place] else {name: values[name][place] for name in names})
