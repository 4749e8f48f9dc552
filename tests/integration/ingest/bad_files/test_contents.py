"""What becomes of each kind of bad content: one table of cases, each a file's bytes and what is to happen.

Either single records are refused (`Taken`) and stand in quarantine byte by byte, or the file is (`Refused`), and then
nothing of it is anywhere.
"""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow.parquet import write_table

from lagoa.domain.tables import TableName
from lagoa.errors import SourceError
from lagoa.quarantine import show_quarantine

if TYPE_CHECKING:
    from pathlib import Path

    from lagoa.branch import Branch
    from lagoa.lake import Lake


@dataclass(frozen=True)
class Taken:
    """The ids of the rows in the table, and how many records each rule refused."""

    ids: list[int]
    refused: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """What the error says of the file."""

    message: str


@dataclass(frozen=True)
class Case:
    content: bytes
    outcome: Taken | Refused
    table: str = "bronze.sales"
    name: str = "data.csv"


def csv(*lines: bytes) -> bytes:
    return b"id,name\n" + b"".join(lines)


def values(column: str, *texts: str) -> bytes:
    """Return a file with one record a text, in one column."""
    return f"id,{column}\n".encode() + b"".join(f'{at},"{text}"\n'.encode() for at, text in enumerate(texts, 1))


def all_refused(column: str, *texts: str) -> Case:
    return Case(values(column, "", *texts), Taken([1], {f"type/{column}": len(texts)}))


def all_taken(column: str, *texts: str) -> Case:
    return Case(values(column, *texts), Taken(list(range(1, len(texts) + 1))))


GOOD = csv(b"1,ana\n", b"2,bia\n")
BOM = b"\xef\xbb\xbf"

COLUMNS = {
    "a required column is missing": Case(b"name,n\nana,1\n", Refused("the column 'id' is missing")),
    "an optional column is missing": Case(GOOD, Taken([1, 2])),
    "an extra column": Case(b"id,nmae\n1,a\n", Refused("'nmae' is not in the contract .*Did you mean 'name'")),
    "another order": Case(b"price,name,id\n9.90,ana,1\n,bia,2\n", Taken([1, 2])),
    "a column twice": Case(b"id,name,id\n1,a,2\n", Refused("the column 'id' occurs twice")),
    "other case": Case(b"ID,Name\n1,a\n", Refused("the column 'ID' is not in .*Did you mean 'id'")),
    "spaces around a name": Case(b"id, name\n1,a\n", Refused("the column ' name' is not in .*Did you mean 'name'")),
    "a column without a name": Case(b"id,,name\n1,a,\n", Refused("column 2 has no name in its header")),
    "a last column without a name": Case(b"id,\n1,\n2,a\n3, \n", Taken([1, 3], {"fields": 1})),
    "the header again": Case(csv(b"1,a\n", b"id,name\n", b"2,b\n"), Taken([1, 2], {"header": 1})),
    "records that all end in a delimiter": Case(
        csv(b"1,a,\n", b"2,b,\n"), Refused("its 2 records have 3 fields, and the header has 2: each record ends in ','")
    ),
    "records without header that all end in a delimiter": Case(
        b"1,a,,,,,,,\n2,b,,,,,,,\n", Taken([1, 2]), "bronze.bare"
    ),
    "records that all have other fields": Case(
        csv(b"1\n", b"2,b,c\n"), Refused("its 2 records have 1 or 3 fields, and the header has 2")
    ),
    "Excel's line with the delimiter": Case(b"sep=;\nid;name\n1;a\n", Refused("its line 1 is 'sep=;'")),
    "another delimiter": Case(b"id;name\n1;a\n", Refused("its line 1 has the columns .* separated by ';'")),
    "lines before the header": Case(
        b"Report\n\nid,name,\n1,a,\n", Refused("its line 3 has the columns of the contract, separated by ','")
    ),
    "10,000 columns": Case(
        b",".join(b"c%d" % at for at in range(10_000)) + b"\n", Refused("the column 'c0' is not in the contract")
    ),
    "a record of 10,000 fields": Case(csv(b"1,a\n", b"," * 9_999 + b"\n"), Taken([1], {"fields": 1})),
    "no header where one should be": Case(b"1,ana\n2,bia\n", Refused("the column '1' is not in the contract")),
    "a header where none should be": Case(
        b"id,name,n,price,ratio,day,at,moment\n1,a,,,,,,\n", Taken([1], {"header": 1}), "bronze.bare"
    ),
    "a NUL in the header": Case(b"id,na\0me\n1,a\n", Refused("is not in the contract .*Did you mean 'name'")),
    "a header of 5 MB": Case(b"x" * 5_000_000 + b"\n", Refused("its first line is not a readable header")),
}

VALUES = {
    "a wrong type": all_refused("n", "x", "12a", "1 2", "true", "--1", "0x1f", "1e3", "٣", "1_000"),
    "an int beyond its range": all_refused("n", "2147483648", "-2147483649", "9" * 400),
    "the ends of an int's range": all_taken("n", "2147483647", "-2147483648"),
    "a long beyond its range": Case(
        b"id\n9223372036854775807\n9223372036854775808\n", Taken([9223372036854775807], {"type/id": 1})
    ),
    "a decimal beyond its digits": all_refused("price", "1000000", "999999.995", "0.001"),
    "the greatest decimal": all_taken("price", "999999.99", "999999.990"),
    "a double beyond its range": all_refused("ratio", "1e309", "-1e309", "1e-400"),
    "NaN and infinity": all_refused("ratio", "NaN", "nan", "inf", "-Infinity", "+inf"),
    "NaN as a decimal": all_refused("price", "NaN", "Infinity"),
    "a day that is none": all_refused("day", "2018-02-31", "2018-04-31", "2018-13-01", "2018-00-01", "2018-01-00"),
    "29 February": Case(
        values("day", "2016-02-29", "2000-02-29", "2018-02-29", "1900-02-29"), Taken([1, 2], {"type/day": 2})
    ),
    "29 February with a time": Case(
        values("at", "2016-02-29 10:00", "2018-02-29 10:00"), Taken([1], {"type/at": 1})
    ),
    "a year beyond 1 to 9999": all_refused("day", "0000-01-01", "10000-01-01", "-2018-01-01", "infinity"),
    "the first and the last day": all_taken("day", "0001-01-01", "9999-12-31"),
    "a timestamp beyond its range": all_refused("at", "0000-12-31 10:00:00", "10000-01-01 00:00:00", "infinity"),
    "a moment that its offset puts beyond the years": all_refused(
        "moment", "9999-12-31 23:59:59-05", "0001-01-01 00:00:00+05"
    ),
    "a day written otherwise": all_refused("day", "31/12/2018", "12/31/18", "20181231", "2018-1-2", "1 Jan 2018"),
    "a time that is none": all_refused("at", "2018-01-02 24:00:00", "2018-01-02 25:00", "2018-01-02 23:59:60"),
    "an offset where none may be": all_refused("at", "2018-01-02 10:00:00Z", "2018-01-02 10:00:00-03:00"),
    "more than microseconds": all_refused("at", "2018-01-02 10:00:00.1234567"),
    "offsets": all_taken(
        "moment", "2018-01-02 10:00:00Z", "2018-01-02T10:00:00-03:00", "2018-01-02 10:00:00+0545",
        "2018-01-02 10:00:00+14"
    ),
    "no offset, and a night that Brazil skipped": all_taken("moment", "2018-11-04 00:30:00", "2018-01-02"),
    "offsets that are none": all_refused(
        "moment", "2018-01-02 10:00:00+99:99", "2018-01-02 10:00:00+24", "2018-01-02 10:00:00+02:60"
    ),
    "names of time zones": all_refused("moment", "2018-01-02 10:00:00 America/Sao_Paulo", "2018-01-02 10:00:00 BRT"),
    "a decimal comma": all_refused("price", "1,5", "1.234,56"),
    "thousands separators": all_refused("price", "1,234.56", "1 234.56", "1'234.56"),
    "currency and other words": all_refused("price", "R$ 9.90", "9.90-", "(9.90)", "9.90 EUR"),
    "a decimal comma as agreed": Case(
        b"id;price\n1;1,5\n2;1234,56\n3;-,5\n", Taken([1, 2], {"range/price": 1}), "bronze.german"
    ),
    "a point where a comma is agreed": Case(
        b"id;price\n1;1,5\n2;1.5\n3;1.234,5\n", Taken([1], {"type/price": 2}), "bronze.german"
    ),
    "a negative price": Case(values("price", "0", "-0.01", "1"), Taken([1, 3], {"range/price": 1})),
    "a required value that is missing": Case(csv(b"1,a\n", b",b\n"), Taken([1], {"required/id": 1})),
}  # fmt: skip

FORMS = {
    "an empty file": Case(b"", Refused("it is empty")),
    "nothing but a byte order mark": Case(BOM, Refused("it is empty")),
    "blank lines alone": Case(b"\n\n\n", Refused("it is empty: it has only blank lines")),
    "a header alone": Case(csv(), Taken([])),
    "a header alone, without a line end": Case(b"id,name", Taken([])),
    "a last line without a line end": Case(GOOD[:-1], Taken([1, 2])),
    "a last line cut before its last field": Case(csv(b"1,ana\n", b"2"), Taken([1], {"fields": 1})),
    "a last line cut inside quotes": Case(csv(b"1,ana\n", b'2,"bi'), Taken([1], {"quoting": 1})),
    "a last line cut inside a letter": Case(csv(b"1,ana\n", b"2,bi\xc3"), Taken([1], {"encoding": 1})),
    "not UTF-8": Case(csv(b"1,ana\n", "2,João\n".encode("latin-1")), Taken([1], {"encoding": 1})),
    "encodings mixed": Case(
        csv("1,João\n".encode(), "2,João\n".encode("cp1252"), "3,José\n".encode()), Taken([1, 3], {"encoding": 1})
    ),
    "surrogates and letters too long": Case(
        csv(b"1,\xed\xa0\x80\n", b"2,\xc0\xaf\n", b"3,\xf5\x80\x80\x80\n", b"4,a\n"), Taken([4], {"encoding": 3})
    ),
    "a byte order mark": Case(BOM + GOOD, Taken([1, 2])),
    "a byte order mark before quotes": Case(BOM + b'"id","name"\n1,a\n', Taken([1])),
    "UTF-16, little end first": Case(b"\xff\xfe" + GOOD.decode().encode("utf-16-le"), Refused("a text in UTF-16")),
    "UTF-16, big end first": Case(b"\xfe\xff" + GOOD.decode().encode("utf-16-be"), Refused("it is a text in UTF-16")),
    "CRLF": Case(GOOD.replace(b"\n", b"\r\n"), Taken([1, 2])),
    "CR": Case(GOOD.replace(b"\n", b"\r"), Taken([1, 2])),
    "line ends mixed": Case(csv(b"1,a\r\n", b"2,b\r", b"3,c\n", b"\r\n", b"4,d"), Taken([1, 2, 3, 4])),
    "CR CR LF": Case(csv(b"1,a\r\r\n", b"2,b\r\r\n"), Taken([1, 2])),
    "a line end inside quotes": Case(csv(b'1,"a\nb"\n', b'2,"c\r\nd"\n', b"3,e\n"), Taken([1, 2, 3])),
    "a quote inside a field": Case(csv(b'1,6" nails\n', b"2,b\n"), Taken([2], {"quoting": 1})),
    "text after a closing quote": Case(csv(b'1,"a"b\n', b"2,b\n"), Taken([2], {"quoting": 1})),
    "a doubled quote": Case(csv(b'1,"6"" nails"\n', b"2,b\n"), Taken([1, 2])),
    "a quote that stays open": Case(csv(b"1,a\n", b'2,"b\n', b"3,c\n"), Taken([1], {"quoting": 2})),
    "too few and too many fields": Case(csv(b"1\n", b"2,a,b\n", b"3,c\n"), Taken([3], {"fields": 2})),
    "a NUL byte": Case(csv(b"1,a\0b\n", b"2,c\n"), Taken([2], {"nul": 1})),
    "NUL bytes at the end, as after a crash": Case(GOOD + b"\0" * 4096, Taken([1, 2], {"fields": 1})),
    "a cell of 10 MB": Case(csv(b'1,"%s"\n' % (b"x" * 10_000_000), b"2,b\n"), Taken([1, 2])),
    "a cell of 50 MB": Case(csv(b"1,%s\n" % (b"x" * 50_000_000), b"2,b\n"), Refused("a line is longer than")),
    "Parquet by the name of CSV": Case(b"PAR1\x15\0\x15\0PAR1", Refused("it is a Parquet file, not a CSV file")),
    "Excel": Case(b"PK\x03\x04\x14\0\x06\0" + b"\0" * 20, Refused("it is an Excel workbook or a zip file")),
    "Excel where no header is": Case(b"PK\x03\x04\x14\0\x06\0", Refused("it is an Excel workbook"), "bronze.bare"),
    "any bytes": Case(bytes(range(256)) * 10, Refused("is not in the contract")),
}  # fmt: skip

PACKED = {
    "gzip": Case(gzip.compress(GOOD), Taken([1, 2]), name="data.csv.gz"),
    "gzip by a name in capitals": Case(gzip.compress(GOOD), Taken([1, 2]), name="DATA.CSV.GZ"),
    "gzip in two members": Case(gzip.compress(GOOD) + gzip.compress(b"3,c\n"), Taken([1, 2, 3]), name="data.csv.gz"),
    "gzip with zeros behind it": Case(gzip.compress(GOOD) + b"\0" * 512, Taken([1, 2]), name="data.csv.gz"),
    "gzip with garbage behind it": Case(gzip.compress(GOOD) + b"!", Refused("Not a gzipped file"), name="data.csv.gz"),
    "gzip that breaks off": Case(gzip.compress(GOOD)[:-9], Refused("Compressed file ended"), name="data.csv.gz"),
    "gzip with a wrong sum": Case(gzip.compress(GOOD)[:-8] + b"\0" * 8, Refused("CRC check"), name="data.csv.gz"),
    "gzip with damage inside": Case(
        gzip.compress(GOOD)[:12] + b"\xff" * 9 + gzip.compress(GOOD)[21:], Refused("cannot be read"), name="d.csv.gz"
    ),
    "gzip of nothing": Case(gzip.compress(b""), Refused("it is empty"), name="data.csv.gz"),
    "gzip by the name of CSV": Case(gzip.compress(GOOD), Refused("it is a gzip file")),
    "CSV by the name of gzip": Case(
        GOOD, Refused("its name ends in .gz, and it is no gzip file. Take the ending off"), name="data.csv.gz"
    ),
}  # fmt: skip

CASES = {**COLUMNS, **VALUES, **FORMS, **PACKED}


JSON = {
    "an object a line": Case(b'{"id":1}\n\n{"name":"a","id":2}', Taken([1, 2]), "bronze.jsonl"),
    "an array": Case(b'[{"id":1},\n{"id":2}]', Taken([1, 2]), "bronze.json"),
    "an empty file": Case(b"", Refused("it is empty"), "bronze.jsonl"),
    "an array that breaks off": Case(b'[{"id":1},{"id"', Refused("it is truncated"), "bronze.json"),
    "a line that breaks off": Case(b'{"id":1}\n{"id"', Taken([1], {"json": 1}), "bronze.jsonl"),
    "text that is no JSON": Case(b'{"id":1}\nid,name\n1,a\n', Taken([1], {"json": 2}), "bronze.jsonl"),
    "values that are no objects": Case(b'{"id":1}\n[1]\n2\nnull', Taken([1], {"object": 3}), "bronze.jsonl"),
    "an unknown key": Case(b'{"id":1}\n{"id":2,"nmae":"a"}', Taken([1], {"keys": 1}), "bronze.jsonl"),
    "a key twice": Case(b'{"id":1}\n{"id":2,"id":3}', Taken([1], {"keys": 1}), "bronze.jsonl"),
    "a required key that is missing": Case(b'{"id":1}\n{"name":"a"}', Taken([1], {"required/id": 1}), "bronze.jsonl"),
    "numbers beyond all types": Case(
        b'{"id":1}\n{"id":1e9999}\n{"id":2,"ratio":1e999}', Taken([1], {"type/id": 1, "type/ratio": 1}), "bronze.jsonl"
    ),
    "NaN": Case(b'{"id":1}\n{"id":2,"ratio":NaN}', Taken([1], {"json": 1}), "bronze.jsonl"),
    "half a character": Case(b'{"id":1}\n{"id":2,"name":"\\ud800"}', Taken([1], {"encoding": 1}), "bronze.jsonl"),
    "not UTF-8": Case(b'{"id":1}\n{"id":2,"name":"\xff"}', Taken([1], {"encoding": 1}), "bronze.jsonl"),
    "nested without end": Case(
        b'{"id":1}\n{"id":2,"name":' + b"[" * 100_000, Taken([1], {"json": 1}), "bronze.jsonl"
    ),
    "Parquet by the name of JSON": Case(b"PAR1\0\0PAR1", Refused("it is a Parquet file, not a JSON"), "bronze.json"),
}  # fmt: skip


def parquet(table: pa.Table, **options: Any) -> bytes:
    with io.BytesIO() as stream:
        write_table(table, stream, **options)
        return stream.getvalue()


PEOPLE = pa.table({"id": [1, 2], "name": ["ana", "bia"]})
WHOLE = parquet(PEOPLE)
NOT_UTF8 = pa.array([b"a", b"\xff"]).view(pa.string())


def column(name: str, values: pa.Array) -> bytes:
    return parquet(pa.table({"id": list(range(1, len(values) + 1)), name: values}))


PARQUET = {
    "a file": (WHOLE, Taken([1, 2])),
    "CSV by the name of Parquet": (GOOD, Refused("it is not a Parquet file")),
    "gzip by the name of Parquet": (gzip.compress(WHOLE), Refused("it is a gzip file, not a Parquet file")),
    "an empty file": (b"", Refused("it is not a Parquet file")),
    "a file that breaks off": (WHOLE[:-9], Refused("it cannot be read: Parquet magic bytes not found in footer")),
    "a damaged footer": (WHOLE[:-60] + b"\xff" * 40 + WHOLE[-20:], Refused("it cannot be read")),
    "a footer longer than the file": (WHOLE[:-8] + b"\xff\xff\xff\x7fPAR1", Refused("it cannot be read: .*footer")),
    "a damaged page": (WHOLE[:4] + b"\xff" * 40 + WHOLE[44:], Refused("it cannot be read")),
    "an encrypted file": (b"PARE" + WHOLE[4:-4] + b"PARE", Refused("it is an encrypted Parquet file")),
    "a name that is no text": (
        parquet(PEOPLE.rename_columns(["id", "nXY"]), store_schema=False).replace(b"nXY", b"n\xff\xfe"),
        Refused("it cannot be read: 'utf-8' codec"),
    ),
    "no row groups": (parquet(PEOPLE.slice(0, 0)), Taken([])),
    "no columns": (parquet(pa.table({})), Refused("the column 'id' is missing")),
    "a column twice": (parquet(pa.table([[1], [2]], ["id", "id"])), Refused("the column 'id' occurs twice")),
    "other case": (parquet(PEOPLE.rename_columns(["ID", "name"])), Refused("'ID' is not in .*Did you mean 'id'")),
    "an extra column": (parquet(PEOPLE.append_column("x", [[1, 2]])), Refused("'x' is not in the contract")),
    "a type that does not go": (column("name", pa.array([1])), Refused("the file has int64, the contract string")),
    "nested values": (column("name", pa.array([["a"]])), Refused("'name': the file has list<.*, the contract string")),
    "texts for numbers": (column("n", pa.array(["7", "x"])), Taken([1], {"type/n": 1})),
    "numbers beyond an int": (column("n", pa.array([2**31, 1])), Taken([2], {"type/n": 1})),
    "NaN and infinity": (column("ratio", pa.array([1.5, float("nan"), float("inf")])), Taken([1], {"type/ratio": 2})),
    "more places than a decimal has": (column("price", pa.array([1.25, 1.999])), Taken([1], {"type/price": 1})),
    "a negative price": (column("price", pa.array([1.25, -1.0])), Taken([1], {"range/price": 1})),
    "days beyond all calendars": (column("day", pa.array([0, 2**31 - 1], pa.date32())), Taken([1], {"type/day": 1})),
    "moments beyond all calendars": (
        column("moment", pa.array([0, 2**62], pa.timestamp("ms", "UTC"))), Taken([1], {"type/moment": 1})
    ),
    "moments where local times are agreed": (
        column("at", pa.array([0], pa.timestamp("us", "UTC"))), Refused("'at': the file has timestamp.*UTC")
    ),
    "text that is not UTF-8": (column("name", NOT_UTF8), Taken([1], {"encoding": 1})),
    "nulls where a value is required": (parquet(pa.table({"id": [1, None]})), Taken([1], {"required/id": 1})),
}  # fmt: skip


def check(lake: Lake, branch: Branch, path: Path, case: Case) -> None:
    """Load the file; make sure of the outcome, that nothing is lost, and that nothing else is touched."""
    head, main = branch.head, lake.resolve("main").id
    table = TableName.parse(case.table)
    if isinstance(case.outcome, Refused):
        with pytest.raises(SourceError, match=case.outcome.message) as raised:
            branch.ingest(path, case.table)
        assert str(path) in raised.value.message
        assert raised.value.advice
        assert len(str(raised.value)) < 1000
        assert branch.head == head
        assert table not in lake.tables(branch.name)
    else:
        result = branch.ingest(path, case.table)
        assert result.rules == case.outcome.refused
        rows = lake.sql(f"SELECT id, _row FROM {case.table} ORDER BY _row", branch.name).fetchall()
        found = show_quarantine(lake.context, branch.name, table, limit=1000)
        assert [row[0] for row in rows] == case.outcome.ids
        assert (result.accepted, result.quarantined) == (len(rows), len(found))
        assert result.received == len(rows) + len(found)
        assert sorted([row[1] for row in rows] + [each.record for each in found]) == list(range(1, result.received + 1))
        assert all(each.column == (each.rule.partition("/")[2] or None) for each in found)
        assert branch.head == result.commit
    assert lake.resolve("main").id == main


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_csv(lake: Lake, branch: Branch, tmp_path: Path, case: Case) -> None:
    path = tmp_path / case.name
    path.write_bytes(case.content)
    check(lake, branch, path, case)
    if isinstance(case.outcome, Taken):
        for each in show_quarantine(lake.context, branch.name, TableName.parse(case.table), limit=1000):
            assert each.byte_offset is not None
            assert case.content[each.byte_offset :].startswith(each.raw)


@pytest.mark.parametrize("case", JSON.values(), ids=JSON)
def test_json(lake: Lake, branch: Branch, tmp_path: Path, case: Case) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(case.content)
    check(lake, branch, path, case)


@pytest.mark.parametrize(("content", "outcome"), PARQUET.values(), ids=PARQUET)
def test_parquet(lake: Lake, branch: Branch, tmp_path: Path, content: bytes, outcome: Taken | Refused) -> None:
    path = tmp_path / "data.parquet"
    path.write_bytes(content)
    check(lake, branch, path, Case(content, outcome, "bronze.packed"))
