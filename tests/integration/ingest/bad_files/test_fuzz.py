"""Whatever comes: rows add up or there is a LagoaError. Never another exception, never a hang."""

from __future__ import annotations

import copy
import csv
import gzip
import io
import json
import shutil
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import yaml
from effort import FACTOR, many
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

import lagoa
from lagoa.contracts import Contracts
from lagoa.domain.tables import TableName
from lagoa.errors import LagoaError, QueryError
from lagoa.formats import FORMATS
from lagoa.formats.infer import infer_contract
from lagoa.ingest import ingest_file
from lagoa.quarantine import show_quarantine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lagoa.context import LakeContext
    from lagoa.lake import Lake

GUESSED = TableName.parse("bronze.guessed")
SECONDS = 20

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 if FACTOR == 1 else 0)]


def fuzz(examples: int) -> Any:
    """Return the settings for so many examples; one that takes longer than `SECONDS` counts as hanging."""
    return settings(
        max_examples=many(examples),
        deadline=SECONDS * 1000,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


# What is thrown.

TEXTS = st.one_of(
    st.sampled_from(
        ["", "0", "-1", "007", "1,5", "1.50", "1e309", "nan", "inf", "true", "2018-02-31", "2016-02-29", "0000-00-00",
         "9999-12-31 24:00:00", "2018-01-02 03:04:05Z", "2018-01-02T03:04:05+99:99", "9" * 40, "null", "NA", '"', "'",
         "\\", "\n", "\r\n", "\r", ";", "\t", "\ufeff", "x" * 500, "São", "👍", "\u202e", "a\0b"]
    ),
    st.integers().map(str),
    st.floats().map(str),
    st.decimals().map(str),
    st.dates().map(str),
    st.datetimes().map(str),
    st.text(max_size=8),
)  # fmt: skip
NAMES = st.one_of(
    st.sampled_from(["id", "name", "n", "price", "ratio", "day", "at", "moment", "ID", " id", "x"]), st.text(max_size=5)
)
PIECES = st.sampled_from(
    [b"id", b"name", b"1", b"a", b",", b",", b",", b";", b"\t", b'"', b'""', b"'", b"\\", b"\n", b"\n", b"\r\n", b"\r",
     b" ", b"\0", b"\xff", b"\xc3", "é".encode(), b"\xef\xbb\xbf", b"\xff\xfe", b"PK\x03\x04", b"PAR1", b"\x1f\x8b",
     b"1,2\n", b'"x\ny",z\n', b"{", b"}", b"[", b"]", b":", b"null", b"true", b"1e999", b'{"id":1}', b'{"id":1},',
     b'{"id":1,"name":"\\u0000\\ud800"}\n', b"-", b"." , b"NaN", b"//", b"#"]
)  # fmt: skip
SOUP = st.lists(PIECES, max_size=40).map(b"".join)
CUTS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "insert", "remove", "double"]), st.integers(0), PIECES | st.binary(max_size=4)
    ),
    max_size=4,
)


def spoiled(content: bytes, cuts: list[tuple[str, int, bytes]]) -> bytes:
    """Return a content with bytes flipped, cut off, put in, taken out or doubled."""
    for how, where, piece in cuts:
        at = where % (len(content) + 1)
        if how == "flip" and at < len(content):
            content = content[:at] + bytes([content[at] ^ (1 << where % 8)]) + content[at + 1 :]
        elif how == "cut":
            content = content[:at]
        elif how == "insert":
            content = content[:at] + piece + content[at:]
        elif how == "remove":
            content = content[:at] + content[at + 1 + len(piece) :]
        elif how == "double":
            content = content[: at + len(piece)] + content[at:]
    return content


@st.composite
def csv_files(draw: st.DrawFn) -> bytes:
    """Return a CSV file in some dialect, some encoding and some damage."""
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        delimiter=draw(st.sampled_from(",,,;\t|")),
        quotechar=draw(st.sampled_from('""\'')),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"])),
    )
    writer.writerow(["id", *draw(st.lists(NAMES, max_size=4))])
    writer.writerows(draw(st.lists(st.lists(TEXTS, max_size=6), max_size=12)))
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16", "utf-16-le"]))
    return text.getvalue().encode(encoding, "replace")


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
RECORDS = st.lists(
    st.fixed_dictionaries({"id": JSONS}, optional={"name": JSONS, "price": JSONS, "at": JSONS}), max_size=6
)
JSON_FILES = st.one_of(
    RECORDS.map(lambda rows: "\n".join(map(json.dumps, rows)).encode()),
    RECORDS.map(lambda rows: json.dumps(rows).encode()),
    JSONS.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")),
    SOUP,
)
ARRAYS = st.sampled_from(
    [pa.array([1, None, 2**40]), pa.array(["a", None, "é"]), pa.array([1.5, float("nan"), None]),
     pa.array(["1", "x", "2018-01-02"]), pa.array([0, 2**31 - 1, None], pa.date32()), pa.array([[1], None, []]),
     pa.array([0, 2**62, None], pa.timestamp("ms", "UTC")), pa.array([0, 1, None], pa.timestamp("ns")),
     pa.array([{"a": 1}, None, {"a": None}]), pa.array([b"a", b"\xff", None]),
     pa.array([1, 1001, None], pa.time64("ns")),
     pa.array([[("a", 1), ("a", 2)], [], None], pa.map_(pa.string(), pa.int64())), pa.nulls(3),
     pa.array(["a", "b", "a"]).dictionary_encode(), pa.array([True, False, None]), pa.array([1, 2, 3], pa.uint64()),
     pa.array([b"ab", b"cd", None], pa.binary(2)), pa.array([1, 2, 3], pa.duration("s"))]
)  # fmt: skip


@st.composite
def parquet_files(draw: st.DrawFn) -> bytes:
    """Return a Parquet file of some types, written in some way."""
    names = ["id", *draw(st.lists(NAMES.filter(str.isprintable), max_size=3))]
    with io.BytesIO() as stream:
        parquet.write_table(
            pa.Table.from_arrays([draw(ARRAYS) for _ in names], names),
            stream,
            compression=draw(st.sampled_from(["none", "snappy", "zstd", "gzip"])),
            use_dictionary=draw(st.booleans()),
            row_group_size=draw(st.sampled_from([1, 2, 1000])),
            data_page_version=draw(st.sampled_from(["1.0", "2.0"])),
        )
        return stream.getvalue()


FULL = """
apiVersion: v3.1.0
kind: DataContract
id: bronze.guessed
name: bronze.guessed
version: 1.0.0
status: active
description: {purpose: x}
schema:
  - name: guessed
    physicalName: bronze.guessed
    physicalType: table
    properties:
      - name: id
        logicalType: integer
        physicalType: long
        required: true
        primaryKey: true
        primaryKeyPosition: 1
      - name: name
        physicalType: string
        logicalTypeOptions: {pattern: '^a', maxLength: 3}
        enum: [{value: a}, {value: b}]
        customProperties:
          - {property: lagoa.header, value: Nome}
          - {property: lagoa.formerName, value: nome}
      - name: price
        physicalType: decimal(8, 2)
        logicalTypeOptions: {minimum: 0, maximum: 10.5}
      - name: tags
        physicalType: "list<struct<a: int, b: map<string, double>>>"
      - name: at
        physicalType: timestamptz
    customProperties:
      - {property: lagoa.source, value: {format: jsonl, encoding: utf-8}}
      - {property: lagoa.partition, value: ["month(at)", "bucket(4, id)"]}
      - {property: lagoa.sort, value: [id desc]}
      - {property: lagoa.quarantineShare, value: 0.1}
team: {name: x, members: [{username: y}]}
"""
LINES = b"\n".join(
    [b'{"id":1,"Nome":"a","price":1,"at":"2018-01-02T03:04:05Z"}', b'{"id":2}', b'{"id":"x"}', b"id,name", b"1,a", b'"']
)
JUNK = st.one_of(
    JSONS,
    st.sampled_from(
        [10**400, -1, 0, 1e308, "list<" * 50, "decimal(99, -1)", "((((", "a{1,99999}", "[[:foo:]]", "2016-01-01",
         "../../x", "x" * 2000, "long\n", "\u2028", [], {}, [[[[]]]], {"value": {}}, "csv", "parquet", ["id"],
         {"format": "csv"}, {"format": "json"}, "utf-16", "rot13", "", " ", True]
    ),
)  # fmt: skip
YAML_PIECES = st.sampled_from(
    [b"\t", b"&a [*a]", b"*a", b"&a", b"<<: {a: b}", b"!!python/object/apply:os.getcwd []", b"!!binary x", b"!!set {a}",
     b"---\n", b"...\n", b"%YAML 9.9\n", b"? [a]\n: b\n", b"\0", b"\xff", b"\xef\xbb\xbf", b"id: x\n", b": ", b"- ",
     b"|\n", b"{", b"[" * 200, b"'", b'"', b"#", b"1_000", b"0o17", b"2016-13-45", b".inf", b"0x1F",
     b"12:30:45", b"null", b"~", "é".encode(), b"\r", b"\xc2\x85", b"@", b"`"]
)  # fmt: skip


def steps(value: Any) -> list[tuple[Any, Any]]:
    """Return every place in a value, as what holds it and its key."""
    here = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    return [(value, key) for key, _ in here] + [step for _, inner in here for step in steps(inner)]


@st.composite
def contracts(draw: st.DrawFn) -> bytes:
    """Return a contract in which some values are others, are gone, or are more."""
    document = yaml.safe_load(FULL)
    for _ in range(draw(st.integers(0, 3))):
        places = steps(document)
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        change = draw(st.sampled_from(["other", "other", "gone", "more", "wrapped"]))
        if change == "other":
            holder[key] = copy.deepcopy(draw(JUNK))
        elif change == "gone":
            del holder[key]
        elif change == "wrapped":
            holder[key] = draw(st.sampled_from([[holder[key]], {"value": holder[key]}, [holder[key]] * 2]))
        elif isinstance(holder, dict):
            holder[draw(st.sampled_from(["unknown", "name", "type", "items", "quality", "required"]))] = copy.deepcopy(
                draw(JUNK)
            )
        else:
            holder.append(copy.deepcopy(draw(JUNK)))
    return json.dumps(document).encode("utf-8", "surrogatepass")


# What must be.


def told(error: LagoaError) -> None:
    """Make sure that an error says what is wrong with the file, and what to do."""
    assert error.advice
    assert not isinstance(error, QueryError)
    assert "error in Lagoa" not in str(error)


class Arena:
    """A lake, in which each file is loaded on a branch of its own."""

    def __init__(self, lake: Lake, folder: Path) -> None:
        self.lake = lake
        self.folder = folder
        self._numbers = count()

    def put(self, content: bytes, suffix: str) -> Path:
        """Write a file."""
        path = self.folder / f"data{suffix}"
        path.write_bytes(content)
        return path

    def load(self, context: LakeContext, path: Path, table: TableName) -> None:
        """Load a file: its records add up, or it is refused as a whole and says what to do."""
        branch = self.lake.create_branch(f"fuzz{next(self._numbers)}")
        head = branch.head
        try:
            result = ingest_file(context, branch.name, table, path)
        except LagoaError as error:
            told(error)
            assert branch.head == head
        else:
            taken = [row[0] for row in self.lake.sql(f"SELECT _row FROM {table}", branch.name).fetchall()]
            bad = show_quarantine(self.lake.context, branch.name, table, limit=10_000)
            assert (len(taken), len(bad)) == (result.accepted, result.quarantined)
            assert sorted(taken + [each.record for each in bad]) == list(range(1, result.received + 1))
        self.lake.delete_ref(branch.name)

    def load_by_guess(self, path: Path) -> None:
        """Guess a contract of a file: it can be read, and files can be loaded by it; or the file is refused."""
        try:
            text = infer_contract(path, GUESSED)
        except LagoaError as error:
            told(error)
            return
        self.load(self.context_of(text.encode()), path, GUESSED)

    def context_of(self, contract: bytes) -> LakeContext:
        """Return the lake's context with one contract, which is read."""
        folder = self.folder / "contracts"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "bronze").mkdir(parents=True)
        (folder / "bronze" / "guessed.odcs.yaml").write_bytes(contract)
        contracts = Contracts.load(folder, FORMATS)
        context = replace(self.lake.context)
        context._opened.update(self.lake.context._opened | {"contracts": contracts})
        return context


@pytest.fixture(scope="module")
def arena(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    folder = tmp_path_factory.mktemp("fuzz")
    shutil.copytree(root / "iceberg", folder / "lake" / "iceberg")
    shutil.copy(root / "lagoa.toml", folder / "lake")
    with lagoa.open_lake(folder / "lake") as lake:
        assert lake.context.engine
        assert lake.context.contracts
        yield Arena(lake, folder)


def table(name: str) -> TableName:
    return TableName.parse(f"bronze.{name}")


@fuzz(30)
@given(
    content=csv_files() | SOUP.map(b"id,name\n".__add__) | SOUP,
    cuts=CUTS,
    name=st.sampled_from(["sales", "bare", "german"]),
)
def test_csv(arena: Arena, content: bytes, cuts: list[tuple[str, int, bytes]], name: str) -> None:
    arena.load(arena.lake.context, arena.put(spoiled(content, cuts), ".csv"), table(name))


@fuzz(8)
@given(content=csv_files(), cuts=CUTS)
def test_packed_csv(arena: Arena, content: bytes, cuts: list[tuple[str, int, bytes]]) -> None:
    arena.load(arena.lake.context, arena.put(spoiled(gzip.compress(content), cuts), ".csv.gz"), table("sales"))


@fuzz(15)
@given(content=csv_files() | SOUP, cuts=CUTS)
def test_guesses_of_csv(arena: Arena, content: bytes, cuts: list[tuple[str, int, bytes]]) -> None:
    arena.load_by_guess(arena.put(spoiled(content, cuts), ".csv"))


@fuzz(20)
@given(content=JSON_FILES, cuts=CUTS, name=st.sampled_from(["json", "jsonl"]))
def test_json(arena: Arena, content: bytes, cuts: list[tuple[str, int, bytes]], name: str) -> None:
    arena.load(arena.lake.context, arena.put(spoiled(content, cuts), f".{name}"), table(name))


@fuzz(10)
@given(content=JSON_FILES, cuts=CUTS, name=st.sampled_from(["json", "jsonl"]))
def test_guesses_of_json(arena: Arena, content: bytes, cuts: list[tuple[str, int, bytes]], name: str) -> None:
    arena.load_by_guess(arena.put(spoiled(content, cuts), f".{name}"))


@fuzz(20)
@given(content=parquet_files(), cuts=st.just([]) | CUTS)
def test_parquet(arena: Arena, content: bytes, cuts: list[tuple[str, int, bytes]]) -> None:
    arena.load(arena.lake.context, arena.put(spoiled(content, cuts), ".parquet"), table("packed"))


@fuzz(10)
@given(content=parquet_files(), cuts=st.just([]) | CUTS)
def test_guesses_of_parquet(arena: Arena, content: bytes, cuts: list[tuple[str, int, bytes]]) -> None:
    arena.load_by_guess(arena.put(spoiled(content, cuts), ".parquet"))


@fuzz(40)
@given(
    contract=contracts() | st.just(FULL.encode()),
    cuts=st.just([])
    | st.lists(
        st.tuples(st.sampled_from(["flip", "cut", "insert", "remove"]), st.integers(0), YAML_PIECES), max_size=3
    ),
)
def test_contracts(arena: Arena, contract: bytes, cuts: list[tuple[str, int, bytes]]) -> None:
    try:
        context = arena.context_of(spoiled(contract, cuts))
    except LagoaError as error:
        told(error)
    else:
        arena.load(context, arena.put(LINES, ".jsonl"), GUESSED)
