"""Files that are text and no table are recognised by their beginning, and tables are not taken for such files."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from effort import many
from hypothesis import given, settings
from hypothesis import strategies as st

from lagoa.contracts.contract import Column, Contract
from lagoa.domain.tables import TableName
from lagoa.errors import SourceError
from lagoa.formats import FORMATS
from lagoa.formats.csv.options import CsvSource
from lagoa.formats.infer import infer_contract
from lagoa.formats.shared.files import SourceFile
from lagoa.formats.shared.kinds import fixed_width, kind_of_text

if TYPE_CHECKING:
    from lagoa.formats.csv.reader import CsvReader

DBF = struct.pack("<BBBBIHH20x", 3, 124, 1, 31, 7, 65, 20) + b"NAME".ljust(11, b"\0") + b"C" + b"\0" * 20 + b"\r"
CNAB_240 = b"00100000" + b" " * 232 + b"\r\n" + b"00100011" + b"x" * 232 + b"\r\n"
CNAB_400 = b"01REMESSA01" + b" " * 389 + b"\r\n1" + b"0" * 399 + b"\r\n"
KINDS = {
    "a page": (b"<!DOCTYPE html>\n<html><body>404</body></html>", "an HTML page"),
    "a page in capitals, behind space": (b"\r\n  <HTML>\n", "an HTML page"),
    "a page behind a comment": (b"<!-- saved -->\n<html>", "an HTML page"),
    "a table of a page": (b"<table><tr><td>1</td></tr></table>", "an HTML page"),
    "a page as XML": (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "x"><html>', "an HTML page"),
    "a document": (b'\xef\xbb\xbf<?xml version="1.0"?><a/>', "an XML document"),
    "a document without declaration": (b'<rss version="2.0"><channel>', "an XML document"),
    "a statement": (b"OFXHEADER:100\nDATA:OFXSGML\n", "an OFX file"),
    "a statement as XML": (b'<?xml version="1.0"?>\n<?OFX OFXHEADER="200"?><OFX>', "an OFX file"),
    "an object": (b'{"a": 1}\n{"a": 2}\n', "JSON"),
    "an object over several lines": (b'{\n  "a": [\n', "JSON"),
    "an array of objects": (b'[\n {"a": 1},\n', "JSON"),
    "arrays": (b"[[1,2],[3,4]]", "JSON"),
    "an array of numbers": (b"[1, 2]\n", "JSON"),
    "an empty object": (b"{}\n", "JSON"),
    "fiscal records": (b"|0000|017|0|01012024|31012024|ACME|\r\n|0001|0|\r\n", "a SPED file"),
    "payments of 240": (CNAB_240, "a CNAB file"),
    "payments of 400": (CNAB_400, "a CNAB file"),
    "dBASE": (DBF, "a dBASE table"),
    "UTF-16": ("name;city\nAna;Olinda\n".encode("utf-16-le"), "a text in UTF-16"),
    "UTF-16, big end first": ("name;city\nAna;Olinda\n".encode("utf-16-be"), "a text in UTF-16"),
    "a letter": (rb"{\rtf1\ansi", "an RTF document"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "name"), KINDS.values(), ids=KINDS)
def test_what_is_no_table_is_named(content: bytes, name: str) -> None:
    kind = kind_of_text(content)
    assert kind is not None
    assert kind[0].startswith(name)
    assert kind[1].endswith(".")


TABLES = [
    b"a,b\n1,2\n",
    b"",
    b"<5,>5\n1,2\n",
    b"<5 anos>,x\n1,2\n",
    b"{id},{name}\n1,2\n",
    b"[id],[name]\n1,2\n",
    b"[1;2]\n",
    b"{1},2\n",
    b"|a|b|\n|1|2|\n",
    b"|0000\n|1\n",
    b"0" * 240 + b"\n" + b"1" * 240 + b"\n",
    b"01REMESSA\n",
    b"\0" * 4096,
    b"\x03;1\n" * 20,
    b"ofx;header\n1;2\n",
]


@pytest.mark.parametrize("content", TABLES)
def test_a_table_is_not_taken_for_something_else(content: bytes) -> None:
    assert kind_of_text(content) is None


@settings(max_examples=many(60), deadline=None)
@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5), min_size=2), min_size=1
    )
)
def test_quoted_tables_are_tables(rows: list[list[str]]) -> None:
    lines = (";".join(f'"{cell}"' for cell in row) for row in rows)
    assert kind_of_text("\n".join(lines).encode()) is None


PADDED = b"001 Ana       Olinda    \n002 Bea       Recife    \n003 Cid       Natal     \n"


@pytest.mark.parametrize(
    ("content", "width"),
    [
        (PADDED, 24),
        (PADDED.replace(b"\n", b"\r\n"), 24),
        (PADDED + b"004 D", 24),
        (PADDED + b"004\n", None),
        (PADDED.replace(b" A", b";A"), None),
        (b"".join(b"%044d\n" % number for number in range(9)), None),
        (b"short  a\n" * 9, None),
        (PADDED[:50], None),
    ],
)
def test_fixed_widths(content: bytes, width: int | None) -> None:
    assert fixed_width(content, ";|") == width


def reader(folder: Path, content: bytes, columns: int, header: bool) -> CsvReader:
    path = folder / "data.csv"
    path.write_bytes(content)
    names = tuple(Column(f"c{number}", "string") for number in range(columns))
    source = CsvSource(format="csv", header=header)
    contract = Contract(TableName.parse("bronze.t"), "1", Path("t.yaml"), "", names, source=source)
    return FORMATS["csv"].reader(contract, source, SourceFile(path))  # type: ignore[return-value]


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize(("content", "name"), KINDS.values(), ids=KINDS)
def test_they_are_not_loaded_as_csv(tmp_path: Path, content: bytes, name: str, columns: int, header: bool) -> None:
    with pytest.raises(SourceError, match=f"it is {name}.*, not a CSV file"):
        reader(tmp_path, content, columns, header)


@pytest.mark.parametrize(("content", "name"), KINDS.values(), ids=KINDS)
def test_no_contract_is_inferred_from_them(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    if "UTF-16" in name:
        assert "encoding: utf-16-" in infer_contract(path, TableName.parse("bronze.t"))
        return
    with pytest.raises(SourceError, match=f"it is {name}.*, not a CSV file"):
        infer_contract(path, TableName.parse("bronze.t"))


def test_fixed_widths_are_not_loaded_as_csv(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="its lines all have 24 characters and no ','"):
        reader(tmp_path, PADDED, 3, header=False)


@pytest.mark.parametrize("content", [b"\n", b" ", b"\r\n\r\n", b"\xef\xbb\xbf\n"])
@pytest.mark.parametrize("header", [True, False])
def test_blank_files_are_empty(tmp_path: Path, content: bytes, header: bool) -> None:
    with pytest.raises(SourceError, match="it is empty: it has only blank lines"):
        reader(tmp_path, content, 2, header)


@pytest.mark.parametrize("content", [b"a", b"\0", b"\xff", b",", b'"', b"0"])
def test_a_file_of_one_byte_has_no_header_that_fits(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SourceError, match=r"is not in the contract|not a readable header|has no name"):
        reader(tmp_path, content, 2, header=True)


@pytest.mark.parametrize(
    "content",
    [b"x" * 10_000 + b"\n1\n", b",".join(b"column_%d" % number for number in range(100_000)) + b"\n" + b"," * 99_999],
    ids=["10,000 characters", "100,000 columns"],
)
def test_errors_about_enormous_headers_are_bounded(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SourceError, match="is not in the contract") as raised:
        reader(tmp_path, content, 2, header=True)
    assert len(str(raised.value)) < 600
