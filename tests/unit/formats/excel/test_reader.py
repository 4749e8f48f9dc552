"""The Excel reader: the values of cells, what a sheet may look like, and workbooks that are refused by name."""

from __future__ import annotations

import zipfile
from contextlib import suppress
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from excel_files import CLOCK, DAY, ELAPSED, MOMENT, PERCENT, error, number, sheet_of, write
from typed_files import REFUSED, contract_of, read_values, refused

from lagoa.errors import SourceError
from lagoa.formats import open_reader
from lagoa.formats.shared.files import SourceFile

if TYPE_CHECKING:
    from pathlib import Path

at = datetime.fromisoformat
FORMULA = "<c><f>A1+1</f></c>"


def values(path: Path, cells: list[object], kind: str, **options: Any) -> list[Any]:
    """Return the values of a column of cells; a second column keeps a row that is blank."""
    write(path, [["v", "k"], *([cell, 1] for cell in cells)], from_1904=options.pop("from_1904", False))
    return read_values(path, "excel", kind, {"k": "int"}, **options)


@pytest.mark.parametrize(
    ("cells", "kind", "expected"),
    [
        (
            [number("19.989999999999998"), 0.1, number("1E-3"), 3],
            "decimal(5, 3)",
            [Decimal("19.990"), Decimal("0.100"), Decimal("0.001"), Decimal(3)],
        ),
        ([number("3"), number("3.0"), 3.5, number("1e5"), None], "int", [3, 3, REFUSED, 100_000, None]),
        (
            [number("9007199254740992"), number("9007199254740993"), number("12345678901234567890")],
            "long",
            [2**53, REFUSED, REFUSED],
        ),
        (
            ["12345678901234567890", number("12345678901234567000")],
            "decimal(38, 0)",
            [Decimal(12345678901234567890), Decimal(12345678901234567000)],
        ),
        (
            [number("1.5"), number("1e300"), number("1e400"), number("NaN"), number("-0")],
            "double",
            [1.5, 1e300, REFUSED, REFUSED, 0.0],
        ),
        ([number("0.125", PERCENT)], "double", [0.125]),
        ([number("7", 6), number("-1.5", 7)], "double", [7.0, -1.5]),
        ([True, False, 1, "yes", 2], "boolean", [True, False, True, True, REFUSED]),
        (["a", "", None, " b ", 12, True], "string", ["a", None, None, " b ", "12", "true"]),
        (["007", "1.50"], "string", ["007", "1.50"]),
        (
            ["a_x000D_b", "_x005F_x000D_", "_xD83D__xDE00_", "_xD83D_", "_x0000_"],
            "string",
            ["a\rb", "_x000D_", "\U0001f600", REFUSED, REFUSED],
        ),
        ([error("#N/A"), error("#DIV/0!"), FORMULA, None], "string", [REFUSED, REFUSED, REFUSED, None]),
        (
            ["<c><f>1+1</f><v>2</v></c>", '<c t="str"><f>""</f><v></v></c>', '<c t="str"><f>A</f><v>5</v></c>'],
            "int",
            [2, None, 5],
        ),
        (
            [number("45000", DAY), number("45000.5", DAY), number("61", DAY), number("59", DAY), number("1", DAY)],
            "date",
            [date(2023, 3, 15), REFUSED, date(1900, 3, 1), date(1900, 2, 28), date(1900, 1, 1)],
        ),
        (
            [
                number("60", DAY),
                number("60.5", MOMENT),
                number("0", DAY),
                number("-1", DAY),
                number("2958465", DAY),
                number("2958466", DAY),
            ],
            "timestamp",
            [REFUSED, REFUSED, REFUSED, REFUSED, at("9999-12-31"), REFUSED],
        ),
        (
            [45000, "2023-03-15", '<c t="d"><v>2023-03-15T00:00:00</v></c>'],
            "date",
            [REFUSED, date(2023, 3, 15), date(2023, 3, 15)],
        ),
        (
            [number("45000.416666666664", MOMENT), number("45000.4166666667", MOMENT), number("45000.123456", MOMENT)],
            "timestamp",
            [at("2023-03-15 10:00"), at("2023-03-15 10:00"), at("2023-03-15 02:57:46.598400")],
        ),
        (
            [number("45000.000011574", MOMENT), number("45000.00001157", MOMENT)],
            "timestamp",
            [at("2023-03-15 00:00:00.999993"), at("2023-03-15 00:00:00.999648")],
        ),
        (
            [
                number("0.41666666666666669", CLOCK),
                number("0.416666666666667", CLOCK),
                number("0.99999999999", CLOCK),
                number("1.25", CLOCK),
            ],
            "time",
            [time(10), time(10), REFUSED, REFUSED],
        ),
        (
            [number("1.25", ELAPSED), number("0.5", ELAPSED), number("-0.5", ELAPSED)],
            "string",
            ["30:00:00", "12:00:00", "-12:00:00"],
        ),
        ([number("1.25", ELAPSED), number("0.5", ELAPSED)], "time", [REFUSED, time(12)]),
        (['<c t="s"><v>9</v></c>', '<c t="b"><v>7</v></c>'], "string", [REFUSED, REFUSED]),
    ],
)
def test_values(tmp_path: Path, cells: list[object], kind: str, expected: list[Any]) -> None:
    assert values(tmp_path / "a.xlsx", cells, kind) == expected


def test_days_since_1904(tmp_path: Path) -> None:
    cells = [number("0", DAY), number("60", DAY), number("43538", DAY), number("-1", DAY)]
    expected = [date(1904, 1, 1), date(1904, 3, 1), date(2023, 3, 15), REFUSED]
    assert values(tmp_path / "a.xlsx", cells, "date", from_1904=True) == expected


def test_dates_as_text_beside_true_ones(tmp_path: Path) -> None:
    forms = ["yyyy-mm-dd", "dd/mm/yyyy"]
    assert (
        values(tmp_path / "a.xlsx", ["15/03/2023", number("45000", DAY)], "date", date=forms) == [date(2023, 3, 15)] * 2
    )


@pytest.mark.parametrize(
    ("value", "rule", "why", "shown"),
    [
        (error("#N/A"), "type/v", "v is no string: the error #N/A", '{"error": "#N/A"}'),
        (FORMULA, "type/v", "v is no string: a formula whose value is not in the file", '{"formula": true}'),
        (number("60", DAY), "type/v", "it is 29 February 1900", '{"days": "60"}'),
        (number("1.25", CLOCK), "type/v", "shown as a time, and is not within a day", '{"days": "1.25"}'),
        (number("9007199254740993"), "type/v", "more digits than a cell holds", '{"number": "9007199254740993"}'),
        ("_xD83D_", "encoding", "v has half a character", '{"escaped": "\'\\\\ud83d\'"}'),
        ("_x0000_", "nul", "v has a NUL character", '{"escaped": "\'\\\\x00\'"}'),
        ('<c t="s"><v>9</v></c>', "type/v", "it refers to text '9'", '{"text": "9"}'),
    ],
)
def test_a_refused_row_is_shown_with_its_cells_as_they_are(
    tmp_path: Path, value: object, rule: str, why: str, shown: str
) -> None:
    path = write(tmp_path / "a.xlsx", [["k", "v"], [1.5, value], [2.5, "b"]])
    ((row, found, reason, raw),) = refused(path, "excel", {"k": "double", "v": "string"})
    assert (row, found, raw.decode()) == (2, rule, f'{{"k": "1.5", "v": {shown}}}')
    assert why in reason


def test_a_row_that_the_contract_refuses(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", [["k", "v"], None, ["x", number("45000", DAY)]])
    found = refused(path, "excel", {"k": "int", "v": "date"})
    assert found == [(3, "type/k", "k is no int: 'x'", b'{"k":"x","v":"2023-03-15"}')]


def test_blank_rows_and_a_dimension_that_lies(tmp_path: Path) -> None:
    rows = [["v"], ["a"], None, [None], ["b"], [""], ["c"]]
    sheet = sheet_of(rows, dimension='<dimension ref="A1:A2"/>')
    path = write(tmp_path / "a.xlsx", sheets={"Data": sheet})
    assert read_values(path, "excel", "string") == ["a", "b", "c"]


def test_shared_texts_of_several_fonts(tmp_path: Path) -> None:
    texts = [
        "<t>v</t>",
        '<r><t xml:space="preserve">a </t></r><r><t>b</t></r><rPh sb="0" eb="1"><t>no</t></rPh>',
        "<t/>",
    ]
    cells = [['<c t="s"><v>0</v></c>'], ['<c t="s"><v>1</v></c>'], ['<c t="s"><v>2</v></c>']]
    assert read_values(write(tmp_path / "a.xlsx", cells, texts=texts), "excel", "string") == ["a b"]


SHEETS = {"Old": sheet_of([["w"], ["x"]]), "Data": sheet_of([["v"], ["a"]]), "More": sheet_of([["v"], ["b"]])}


def test_sheets(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", sheets=SHEETS, hidden=["Old"])
    assert read_values(path, "excel", "string", sheet="More") == ["b"]
    with pytest.raises(
        SourceError, match="it has 2 sheets that are not hidden; all its sheets are 'Old', 'Data'"
    ) as raised:
        read_values(path, "excel", "string")
    assert "--sheet" in raised.value.advice
    with pytest.raises(SourceError, match=r"it has no sheet 'Dat'; it has .* Did you mean 'Data'"):
        read_values(path, "excel", "string", sheet="Dat")
    path = write(tmp_path / "b.xlsx", sheets=SHEETS, hidden=["Old", "More"])
    assert read_values(path, "excel", "string") == ["a"], "the first sheet is hidden"


TITLE = [["Report 2026"], None, ["k", "v"], [1, "a"], [2, "b"], ["total", "c"]]


def test_a_title_is_refused_with_its_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", TITLE, more='<mergeCells><mergeCell ref="A1:B1"/></mergeCells>')
    with pytest.raises(SourceError, match="row 1 has no name for column B, and B3 has a value") as raised:
        read_values(path, "excel", "string")
    assert "`range: A3`" in raised.value.advice
    assert read_values(path, "excel", "string", range="B3") == ["a", "b", "c"]
    assert read_values(path, "excel", "string", range="$B$3:$B$5") == ["a", "b"]
    assert refused(path, "excel", {"k": "int", "v": "string"}, range="A3:B")[0][0] == 6
    with pytest.raises(SourceError, match="row 2 of the sheet is blank"):
        read_values(path, "excel", "string", range="A2")


def test_merged_cells_of_the_table_are_refused(tmp_path: Path) -> None:
    rows = [["v", "w"], ["a", "x"], [None, "y"]]
    path = write(tmp_path / "a.xlsx", rows, more='<mergeCells><mergeCell ref="A2:A3"/></mergeCells>')
    with pytest.raises(SourceError, match="the cells A2:A3 of the sheet 'Data' are merged"):
        refused(path, "excel", {"v": "string", "w": "string"})
    assert read_values(path, "excel", "string", range="A1:A1") == []


def test_a_value_beside_the_columns(tmp_path: Path) -> None:
    rows = [["v"], *(["a"] for _ in range(120)), ["b", "note"]]
    path = write(tmp_path / "a.xlsx", rows)
    assert read_values(path, "excel", "string")[-2:] == ["a", REFUSED]
    assert refused(path, "excel", {"v": "string"}) == [
        (122, "fields", "B122 has a value, and its column no name", b'{"v": "b", "B": "note"}')
    ]
    assert read_values(path, "excel", "string", range="A:A")[-1] == "b"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "it has no header: the sheet is blank"),
        ([["v", error("#REF!")], ["a", "b"]], "its header has no name in B1: the error #REF!"),
        ([["v", "v"], ["a", "b"]], "the column 'v' occurs twice"),
        ([["x"], ["a"]], "the column 'x' is not in the contract"),
        ([["v", None, "w"], ["a", "b", "c"]], "row 1 has no name for column B, and B2 has a value"),
    ],
)
def test_headers_that_are_none(tmp_path: Path, rows: list[list[object]], message: str) -> None:
    with pytest.raises(SourceError, match=message) as raised:
        read_values(write(tmp_path / "a.xlsx", rows), "excel", "string")
    assert raised.value.advice


OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (OLD, r"it is a workbook of the old kind \(.xls\)"),
        (OLD + "EncryptedPackage".encode("utf-16-le"), "it is an encrypted workbook: it opens with a password"),
        (b"a,b\n1,2\n", "it is not an Excel workbook"),
        (b"PAR1" + b"\0" * 20, "it is a Parquet file, not an Excel workbook"),
        (b"PK\x03\x04" + b"\0" * 40, "it is not a whole zip file"),
    ],
)
def test_files_that_are_no_workbooks(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=message) as raised:
        read_values(path, "excel", "string")
    assert raised.value.advice


ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + sheet_of([["v"], ["a"]])
SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"xl/vbaProject.bin": b"x"}, r"it is a workbook with macros \(.xlsm\)"),
        ({"xl/macrosheets/sheet1.xml": "<x/>"}, "it is a workbook with macros"),
        ({"xl/workbook.bin": b"x"}, r"it is a binary workbook \(.xlsb\)"),
        ({SHEET: ENTITIES}, "declares a document type"),
        ({"xl/sharedStrings.xml": ENTITIES}, "declares a document type"),
        ({SHEET: "<worksheet><sheetData>"}, "is damaged: no element found"),
        ({SHEET: sheet_of([["v"]]).replace('<row r="1">', '<row r="2"/><row r="1">')}, "row 1 is behind row 2"),
        ({SHEET: sheet_of([['<c r="B2"/>']])}, "row 1 has the cell 'B2'"),
        ({SHEET: sheet_of([['<c r="B1"/>', '<c r="A1"/>']])}, "column 1 of row 1 is behind column 2"),
        ({SHEET: sheet_of([['<c r="ZZZ1"/>']])}, "column 18278 of row 1"),
        ({SHEET: sheet_of([]).replace("<sheetData>", '<sheetData><row r="1048577"/>')}, "row 1048577 is behind"),
        ({SHEET: "<a>" * 200}, "is nested more than 100 deep"),
        ({SHEET: sheet_of([["v"]], " " * 70 * 2**20)}, "more than 200 times its packed size"),
        ({SHEET: sheet_of([["v"]]).replace('r="1"', f'r="{"9" * 5000}"')}, "row -1 is behind row 0, or none"),
        ({"xl/styles.xml": "<x>"}, "'xl/styles.xml' in it is damaged"),
    ],
)
def test_workbooks_that_are_refused(tmp_path: Path, parts: dict[str, str | bytes], message: str) -> None:
    path = write(tmp_path / "a.xlsx", [["v"], ["a"]], parts=parts)
    with pytest.raises(SourceError, match=message) as raised:
        read_values(path, "excel", "string")
    assert raised.value.advice


def test_other_documents_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    for name, message in (
        ("mimetype", r"it is an OpenDocument file \(.ods\)"),
        ("x.txt", "a zip file without a workbook in it"),
    ):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, "x")
        with pytest.raises(SourceError, match=message):
            read_values(path, "excel", "string")


def test_a_damaged_part_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", [["v"], *([f"text {place}"] for place in range(500))])
    content = bytearray(path.read_bytes())
    place = content.index(b"sheet1.xml") + 400
    content[place] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(SourceError):
        read_values(path, "excel", "string")


def test_null_words_and_decimal_marks_of_a_column(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.xlsx", [["v", "k"], [error("#N/A"), 1], ["1,5", 2], [2.5, 3], ["-", 4], [error("#REF!"), 5]]
    )
    contract = contract_of("excel", {"v": "double", "k": "int"})
    column = contract.columns[0].__class__("v", "double", required=False, decimal=",", nulls=("#N/A", "-"))
    contract = contract.__class__(
        contract.table, "1.0.0", contract.file, "hash", (column, contract.columns[1]), source=contract.source
    )
    rows = open_reader(contract, SourceFile(path)).stream().reader().read_all().to_pylist()
    assert [(row["@row"], row["@v@"], row["@rule"]) for row in rows] == [
        (2, None, None),
        (3, "1,5", None),
        (4, "2,5", None),
        (5, None, None),
        (6, None, "type/v"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "part", [SHEET, "xl/styles.xml", "xl/workbook.xml", "xl/sharedStrings.xml", "xl/_rels/workbook.xml.rels"]
)
def test_any_changed_character_is_rows_or_a_refused_file(tmp_path: Path, part: str) -> None:
    rows = [["v", "k"], ['<c t="s"><v>0</v></c>', number("45000.5", MOMENT)], [error("#N/A"), 1.5], [True, FORMULA]]
    path = write(
        tmp_path / "a.xlsx", rows, texts=["<t>a_x000D_</t>"], more='<mergeCells><mergeCell ref="D9:E9"/></mergeCells>'
    )
    with zipfile.ZipFile(path) as archive:
        text = archive.read(part).decode()
    contract = contract_of("excel", {"v": "string", "k": "timestamp"})
    for place in range(len(text)):
        for other in '9<"é':
            changed = text[:place] + other + text[place + 1 :]
            write(path, rows, texts=["<t>a</t>"], parts={part: changed})
            with suppress(SourceError):
                open_reader(contract, SourceFile(path)).stream().reader().read_all()
