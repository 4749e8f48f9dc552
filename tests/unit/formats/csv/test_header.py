"""Where the records of a CSV file begin and end, and the names of their fields."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from effort import many
from hypothesis import given, settings
from hypothesis import strategies as st

from lagoa.contracts.contract import Column, Contract
from lagoa.domain.tables import TableName
from lagoa.errors import SourceError
from lagoa.formats import FORMATS
from lagoa.formats.csv.options import CsvSource
from lagoa.formats.csv.reader import CsvReader
from lagoa.formats.shared.files import SourceFile

if TYPE_CHECKING:
    from lagoa.formats.shared.stream import Stream

Row = tuple[Any, ...]


def contract(names: str, source: CsvSource) -> Contract:
    columns = tuple(Column(name, "string") for name in names)
    return Contract(TableName.parse("bronze.t"), "1.0.0", Path("t.odcs.yaml"), "hash", columns, source=source)


def opened(folder: Path, content: bytes | str, names: str = "ab", block: int = 4096, **options: Any) -> Stream:
    path = folder / "data.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    source = CsvSource(format="csv", delimiter=options.pop("delimiter", ";"), **options)
    reader = CsvReader(contract(names, source), source, SourceFile(path), block=block)
    reader.check_first_records()
    return reader.stream()


def rows(stream: Stream, names: str = "ab") -> list[Row]:
    """Return of each record its values, or the rule that it breaks."""
    found = sorted(stream.reader().read_all().to_pylist(), key=lambda row: row["@row"])
    assert [row["@row"] for row in found] == list(range(1, len(found) + 1))
    return [(row["@rule"],) if row["@rule"] else tuple(row[f"@{name}@"] for name in names) for row in found]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lines_before_the_header_are_skipped(tmp_path: Path, ending: str) -> None:
    content = ending.join(['Report "of;2024', "", "a;b", "1;2", ""])
    stream = opened(tmp_path, content, skip=2)
    assert stream.reader().read_all()["@offset"].to_pylist() == [content.index("1;2")]
    assert rows(opened(tmp_path, content, skip=2)) == [("1", "2")]
    assert rows(opened(tmp_path, content, skip=3, header=False)) == [("1", "2")]
    assert rows(opened(tmp_path, content, skip=3, header=["b", "a"])) == [("2", "1")]


def test_lines_are_skipped_behind_a_byte_order_mark(tmp_path: Path) -> None:
    assert rows(opened(tmp_path, "\ufeffreport\na;b\n1;2\n", skip=1)) == [("1", "2")]


@pytest.mark.parametrize("skip", [3, 9])
def test_more_lines_to_skip_than_there_are(tmp_path: Path, skip: int) -> None:
    with pytest.raises(SourceError, match=f"it has 2 lines, and the contract skips {skip}"):
        opened(tmp_path, "a;b\n1;2", skip=skip, header=False)


def test_a_list_names_the_fields_of_a_file_without_header(tmp_path: Path) -> None:
    stream = opened(tmp_path, "1;2\n3;4\nb;a\n5;6\n", header=["b", "a"])
    assert rows(stream) == [("2", "1"), ("4", "3"), ("header",), ("6", "5")]


def test_without_a_header_the_names_of_the_contract_are_one(tmp_path: Path) -> None:
    """Else a file that has a header after all would bring a row of its names."""
    assert rows(opened(tmp_path, "a;b\n1;2\n", header=False)) == [("header",), ("1", "2")]


def test_nobody_has_decided_about_the_header(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nobody has decided yet") as raised:
        opened(tmp_path, "x1;" + "y" * 500 + "\n", header="undecided")
    assert "The first line is 'x1;yyy" in raised.value.advice
    assert "`header: false`" in raised.value.advice
    assert len(str(raised.value)) < 600


@pytest.mark.parametrize("block", [3, 4096])
def test_the_header_again_is_refused(tmp_path: Path, block: int) -> None:
    content = 'a;b\n1;2\na;b\n"a";"b"\nb;a\na;x\n1;2;3\na;b'
    stream = opened(tmp_path, content, block=block)
    assert rows(stream) == [("1", "2"), ("header",), ("header",), ("b", "a"), ("a", "x"), ("fields",), ("header",)]


def test_the_header_again_behind_a_byte_order_mark(tmp_path: Path) -> None:
    """As in files that were put together, each with its own."""
    assert rows(opened(tmp_path, "\ufeffa;b\n1;2\n\ufeffa;b\n3;4\n")) == [("1", "2"), ("header",), ("3", "4")]


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        ("Report\nof 2024;\n\nb;a\n1;2\n", "Write `skip: 3` in"),
        ("b,a\n1,2\n", "Write `delimiter: ','` in"),
        ("x\nb|a|\n1|2|\n", "Write `skip: 1` and `delimiter: '|'` in"),
        ("\n".join(["x"] * 49) + "\nb\ta\n", r"Write `skip: 49` and `delimiter: '\t'` in"),
    ],
)
def test_the_header_is_in_another_place(tmp_path: Path, content: str, advice: str) -> None:
    with pytest.raises(SourceError, match=r"its line \d+ has the columns of the contract") as raised:
        opened(tmp_path, content)
    assert raised.value.advice.startswith(advice.replace("\\t", "\\t"))


@pytest.mark.parametrize("content", ["x;y\na\n1;2\n", "\n".join(["x"] * 50) + "\na;b\n", 'x\n"a;b\n'])
def test_no_other_line_is_taken_for_the_header(tmp_path: Path, content: str) -> None:
    with pytest.raises(SourceError, match="the column 'x' is not in the contract"):
        opened(tmp_path, content)


def test_the_header_again_in_another_order(tmp_path: Path) -> None:
    content = "a;b;c\nb;c;a\na;a;c\n\ufeffa;b;c\nc;b;a\n1;b;c\n"
    values = [("header",), ("a", "a", "c"), ("header",), ("header",), ("1", "b", "c")]
    assert rows(opened(tmp_path, content, "abc"), "abc") == values
    assert rows(opened(tmp_path, "a;b;c\n;a;c\na;c;\n", "abc", nulls=["b"]), "abc") == [("header",), ("header",)]
    assert rows(opened(tmp_path, "a;b\nb;a\n")) == [("b", "a")]  # two values may be the names by chance


def test_the_header_again_with_names_that_mean_null(tmp_path: Path) -> None:
    assert rows(opened(tmp_path, "a;b\na;b\na;\n", nulls=["b"])) == [("header",), ("header",)]


@pytest.mark.parametrize("block", [3, 4096])
@pytest.mark.parametrize("tail", [";", ";;;", "; ;"])
def test_last_columns_without_name_and_values_are_left_out(tmp_path: Path, tail: str, block: int) -> None:
    stream = opened(tmp_path, f"a;b{tail}\n1;2{tail}\n3;4{tail}\n", block=block)
    assert stream.notes
    assert rows(stream) == [("1", "2"), ("3", "4")]


@pytest.mark.parametrize("block", [3, 4096])
def test_a_value_in_a_last_column_without_name_is_refused(tmp_path: Path, block: int) -> None:
    content = 'a;b;\n1;2;\n3;4;x\n5";6;\na;b;\n7;8;9\n9;9;" "\n'
    stream = opened(tmp_path, content, block=block)
    assert rows(stream) == [("1", "2"), ("fields",), ("quoting",), ("header",), ("fields",), ("9", "9")]


def test_a_list_may_have_a_last_field_without_name(tmp_path: Path) -> None:
    assert rows(opened(tmp_path, "a;b\n1;2;\n3;4;\n", skip=1, header=["a", "b", ""])) == [("1", "2"), ("3", "4")]


def test_a_column_without_name_that_the_contract_names(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(";b\n0;x\n1;y\n")
    source = CsvSource(format="csv", delimiter=";")
    columns = (Column("n", "int", header=""), Column("b", "string"))
    found = Contract(TableName.parse("bronze.t"), "1", Path("t"), "", columns, source=source)
    assert CsvReader(found, source, SourceFile(path)).columns == ("n", "b")
    path.write_text("b;\nx;0\n")
    assert CsvReader(found, source, SourceFile(path)).columns == ("b", "n")


@pytest.mark.parametrize("names", ["", "a;;b", ";a;b"])
def test_columns_without_name_elsewhere(tmp_path: Path, names: str) -> None:
    with pytest.raises(SourceError, match=r"column [12] has no name|not a readable header"):
        opened(tmp_path, f"{names}\n1;2;3\n")


@settings(max_examples=many(30), deadline=None)
@given(
    lines=st.lists(st.sampled_from(["1;2", "x", '"', "3;4;5", ""]), max_size=12),
    footer=st.integers(1, 5),
    block=st.sampled_from([1, 5, 4096]),
)
def test_the_last_records_are_left_out_or_refused_if_they_may_be_data(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], footer: int, block: int
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    content = "".join(f"{line}\n" for line in ["a;b", "0;0", *lines])
    records = rows(opened(folder, content, block=block))
    if len(records) < footer:
        stream = opened(folder, content, footer=footer, block=block)
        with pytest.raises(SourceError, match=f"it has {len(records)} records, and by `footer: {footer}`"):
            stream.reader().read_all()
        return
    whole = opened(folder, content, block=block).reader().read_all().sort_by("@row").to_pylist()
    edge = len(whole) - footer
    kept = whole[:edge] + [{**each, "@rule": each["@rule"] or "footer"} for each in whole[edge:] if is_pair(each)]
    stream = opened(folder, content, footer=footer, block=block)
    found = stream.reader().read_all().sort_by("@row").to_pylist()
    assert [(each["@row"], each["@raw"], each["@rule"]) for each in found] == [
        (each["@row"], each["@raw"], each["@rule"]) for each in kept
    ]
    assert (stream.received, stream.footer) == (len(kept), len(whole) - len(kept))


def is_pair(record: dict[str, Any]) -> bool:
    return bool(record["@raw"].count(b";") == 1)


@pytest.mark.parametrize("block", [5, 4096])
def test_what_tells_a_footer_from_the_records_before_it(tmp_path: Path, block: int) -> None:
    path = tmp_path / "data.csv"
    columns = (Column("uf", "string"), Column("people", "int"), Column("note", "string"))
    source = CsvSource(format="csv", delimiter=";", footer=1)
    contract = Contract(TableName.parse("bronze.t"), "1", Path("t"), "", columns, source=source)
    left_out = ["Total;3;b", "Brasil;3;b", "Sum of both;x;b", ";3;b", ";;", "Fonte: IBGE;;", "Fonte: IBGE", "Total;3"]
    refused = {
        "TO;3;b": "footer",
        "TO;3;": "footer",
        'T"O;3;b': "quoting",
        "T\0O;3;b": "nul",
        "uf;people;note": "header",
    }
    for last in [*left_out, *refused]:
        path.write_text(f"uf;people;note\nSP;1;a\nRJ;2;\n{last}\n")
        stream = CsvReader(contract, source, SourceFile(path), block=block).stream()
        rules = stream.reader().read_all().sort_by("@row").column("@rule").to_pylist()
        assert (rules, stream.footer) == (([None, None, refused[last]], 0) if last in refused else ([None, None], 1)), (
            last
        )


def test_records_that_end_in_a_delimiter_and_the_header_does_not(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match="its 2 records have 3 fields, and the header has 2: each record ends in ';'"
    ) as raised:
        opened(tmp_path, "a;b\n1;2;\n3;4;\n")
    assert "Write `skip: 1` and `header: ['a', 'b', '']`" in raised.value.advice
    with pytest.raises(SourceError, match="each record ends in ';'") as raised:
        opened(tmp_path, "1;2;\n3;4;\n", header=["a", "b"])
    assert "Write `header: ['a', 'b', '']`" in raised.value.advice


def test_without_a_header_what_is_behind_a_last_delimiter_is_no_column(tmp_path: Path) -> None:
    content = "1;2;\n3;4;\n"
    stream = opened(tmp_path, content, header=False)
    assert rows(stream) == [("1", "2"), ("3", "4")]
    assert stream.notes == ("the last column has no name and is left out",)
    late = content * 60 + "5;6\n7;8;9\n"  # beyond the first records, by which it is decided
    assert rows(opened(tmp_path, late, header=False))[-2:] == [("fields",), ("fields",)]
    for other in ("1;2;\n", "1;2;\n3;4\n", "1;2;9\n3;4;\n"):  # one record proves nothing
        assert ("fields",) in rows(opened(tmp_path, other + "a;b\n", header=False))


def test_a_header_that_ends_in_a_delimiter_and_the_records_do_not(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="the header ends in ';', and the records do not") as raised:
        opened(tmp_path, "a;b;\n1;2\n3;4\n")
    assert "Write `skip: 1` and a list" in raised.value.advice


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
@pytest.mark.parametrize("block", [9, 4096])
def test_a_record_in_utf_8_is_refused_among_those_of_another_encoding(
    tmp_path: Path, encoding: str, block: int
) -> None:
    """Each of its bytes is a character there, so that `São` would become `SÃ£o`."""
    content = "a;b\n1;São\n".encode("latin-1") + "2;São\n".encode() + "3;É»\n4;x\n5;ÃO\n".encode("latin-1")
    content += "6;\u2013\n".encode() + "7;São".encode() + " João\n".encode("latin-1")
    found = rows(opened(tmp_path, content, encoding=encoding, block=block))
    assert [row if len(row) == 1 else row[0] for row in found] == [
        "1",
        ("encoding",),
        "3",
        "4",
        "5",
        ("encoding",),
        "7",
    ]


def test_a_block_without_a_record_that_can_be_read(tmp_path: Path) -> None:
    content = "a;b\n1;São\n".encode("latin-1") + "2;São;x\n".encode()
    found = rows(opened(tmp_path, content, encoding="latin-1", block=10))
    assert [row if len(row) == 1 else row[0] for row in found] == ["1", ("fields",)]


@pytest.mark.parametrize("content", ["a;b\n1;São\n2;x\n".encode(), b"\xef\xbb\xbfa;b\n1;x\n", "á;b\n".encode()])
def test_a_file_in_utf_8_is_refused_where_another_encoding_is_agreed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    source = CsvSource(format="csv", delimiter=";", encoding="latin-1")
    with pytest.raises(SourceError, match="its text is UTF-8, and the contract says latin-1"):
        FORMATS["csv"].reader(contract("ab", source), source, SourceFile(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a;b\n1,2\n3,4\n", "its 2 records have 1 field, and the header has 2"),
        ("a;b\n" + "1;2;3\n" * 101, "its first 100 records have 3 fields"),
        ("a;b\n1\n1;2;3\n1;2;3;4\n", "its 3 records have 1 or 3 or 4 fields"),
    ],
)
def test_no_record_has_the_fields_of_the_header(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        opened(tmp_path, content)


@pytest.mark.parametrize("content", ["a;b\n1;2;\n3;4\n", "a;b\n1;2;\n", "a;b\n" + "1;2;3\n" * 99 + "1;2\n"])
def test_single_records_of_other_fields_are_refused_alone(tmp_path: Path, content: str) -> None:
    found = rows(opened(tmp_path, content))
    assert len(found) == content.count("\n") - 1
    assert found[0] == ("fields",)


def test_the_reason_tells_a_delimiter_at_the_end(tmp_path: Path) -> None:
    found = opened(tmp_path, "a;b\n1;2;\n1;2;3\n1\n1;2\n").reader().read_all().sort_by("@row")["@reason"].to_pylist()
    assert found == [
        "3 fields, 2 expected; it ends in a delimiter", "3 fields, 2 expected", "1 field, 2 expected", None
    ]  # fmt: skip


@pytest.mark.parametrize("first", ["sep=;", "SEP=,", '"sep=;"', "sep=\t"])
def test_the_line_in_which_excel_names_the_delimiter(tmp_path: Path, first: str) -> None:
    with pytest.raises(SourceError, match="with which Excel names the delimiter") as raised:
        opened(tmp_path, f"{first}\na;b\n1;2\n")
    assert "Write `skip: 1` and `delimiter: " in raised.value.advice
    assert rows(opened(tmp_path, f"{first}\na;b\n1;2\n", skip=1)) == [("1", "2")]


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("mark", [True, False])
@pytest.mark.parametrize("packed", [True, False])
def test_utf_16_is_read(tmp_path: Path, codec: str, mark: bool, packed: bool) -> None:
    content = ("\ufeff" * (mark and codec != "utf-16") + "a;b\r\né;😀\r\nx\r\n").encode(codec)
    path = tmp_path / ("data.csv.gz" if packed else "data.csv")
    path.write_bytes(gzip.compress(content) if packed else content)
    source = CsvSource(format="csv", delimiter=";", encoding=codec)
    for block in (1, 3, 4096):
        stream = CsvReader(contract("ab", source), source, SourceFile(path), block=block).stream()
        found = stream.reader().read_all().sort_by("@row").to_pylist()
        assert [(row["@rule"], row["@a@"], row["@b@"]) for row in found] == [(None, "é", "😀"), ("fields", None, None)]
        assert [(row["@offset"], row["@raw"]) for row in found] == [(5, "é;😀\r\n".encode()), (14, b"x\r\n")]


def test_half_a_character_of_utf_16_is_refused_alone(tmp_path: Path) -> None:
    content = "a;b\n1;2\n".encode("utf-16-le") + "3;".encode("utf-16-le") + b"\x00\xd8\x0a\x00"
    content += "5;6\n7;8".encode("utf-16-le") + b"9"
    assert rows(opened(tmp_path, content, encoding="utf-16-le")) == [
        ("1", "2"), ("encoding",), ("5", "6"), ("encoding",)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        ("a;b\n".encode("utf-16-le"), "utf-16", "it has no byte order mark"),
        (b"\xff\xfe" + "a;b\n".encode("utf-16-le"), "utf-16-be", "its byte order mark is that of utf-16-le"),
        (b"\xff\xfe", "utf-16", "it is empty"),
        (b"\xff", "utf-16-le", "not a readable header"),
    ],
)
def test_utf_16_that_cannot_be_read(tmp_path: Path, content: bytes, encoding: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        opened(tmp_path, content, encoding=encoding)


def test_the_registry_checks_the_first_records(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,b\n1\n2\n")
    source = CsvSource(format="csv")
    with pytest.raises(SourceError, match="its 2 records have 1 field,"):
        FORMATS["csv"].reader(contract("ab", source), source, SourceFile(path))
