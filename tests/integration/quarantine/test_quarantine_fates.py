"""Refused records on their way back: retried, fixed, discarded, exported; and the share of those that wait."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from avro_files import block, header, long, text
from excel_files import write as workbook
from hypothesis import given
from hypothesis import strategies as st
from lakes import LakeFolder
from pyarrow import parquet

from lagoa.adapters.duckdb.engine import DuckDBEngine
from lagoa.adapters.env.secrets import EnvSecrets
from lagoa.adapters.soda.auditor import SodaAuditor
from lagoa.adapters.sqlite.catalog import SqliteCatalog
from lagoa.adapters.sqlite.receipts import SqliteReceipts
from lagoa.bootstrap import approvals_of, open_online_features, open_tracking, open_training, open_turns
from lagoa.cli.commands.status import _waiting
from lagoa.context import LakeContext
from lagoa.domain.selection import Fate, Selection
from lagoa.errors import (
    AuditFailed,
    BatchHeld,
    ContractError,
    PublishConflict,
    QueryError,
    RefProtected,
    SourceError,
    TableNotFound,
    WriteError,
)
from lagoa.lake import Lake
from lagoa.publish.local import LocalPublisher
from lagoa.quarantine.export import guarded, unguarded
from lagoa.settings import Settings
from lagoa.storage.local import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lagoa.branch import Branch

A = "bronze.a"
INT: dict[str, Any] = {"physicalType": "int!", "logicalTypeOptions": {"maximum": 10}}
LAX = {**INT, "logicalTypeOptions": {"maximum": 100}}
TEXT = {"physicalType": "string"}


class Place:
    """A lake whose contract can change: each `lake` goes by the contract that was last written."""

    def __init__(self, root: Path, engine: DuckDBEngine) -> None:
        self.root = root
        self.engine = engine
        self.catalog = SqliteCatalog(root / "catalog.db", create=True)
        self.receipts = SqliteReceipts(root / "receipts.db")
        self.versions = 0

    def lake(self, columns: dict[str, Any], source: dict[str, Any] | None = None, **custom: Any) -> Lake:
        self.versions += 1
        folder = LakeFolder(self.root / f"v{self.versions}")
        values = {"source": {"format": "csv"} | (source or {}), "quarantineShare": 1, **custom}
        folder.contract(A, columns, version=f"{self.versions}.0.0", **values)
        settings = Settings(root=folder.root, state=self.root, author="ana")
        parts = (LocalStorage(settings.warehouse_location), self.catalog, lambda: self.engine, self.receipts)
        opened = (partial(each, settings) for each in (open_online_features, open_training, open_tracking, open_turns))
        return Lake(LakeContext(settings, *parts, SodaAuditor, EnvSecrets, LocalPublisher, *opened, gate=approvals_of))

    def file(self, content: bytes | str, name: str = "a.csv") -> Path:
        path = self.root / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def load(self, lake: Lake, content: bytes | str, name: str = "a.csv", batch: str = "b1") -> Branch:
        """Load a file on the branch `dev`."""
        if "dev" not in {ref.name for ref in lake.refs()}:
            lake.create_branch("dev")
        branch = lake.branch("dev")
        branch.ingest(self.file(content, name), A, batch=batch)
        return branch


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engine") / "warehouse"


@pytest.fixture(scope="module")
def engine(warehouse: Path) -> Iterator[DuckDBEngine]:
    warehouse.mkdir()
    options = {"memory_limit": "500MB", "threads": 1, "target_file_bytes": 2**28}
    with DuckDBEngine(LocalStorage(warehouse), spill=warehouse.parent / "spill", **options) as started:
        yield started


@pytest.fixture
def place(tmp_path: Path, warehouse: Path, engine: DuckDBEngine) -> Iterator[Place]:
    (tmp_path / "warehouse").symlink_to(warehouse)  # where the engine may look; each table has a folder of its own
    found = Place(tmp_path, engine)
    yield found
    found.catalog.close()
    found.receipts.close()


def rows(lake: Lake, sql: str, ref: str = "dev") -> list[tuple[Any, ...]]:
    return lake.sql(sql, ref).fetchall()


def table(lake: Lake, ref: str = "dev") -> list[tuple[Any, ...]]:
    return rows(lake, f"SELECT * EXCLUDE (_batch_id, _ingested_at, _source, _row) FROM {A} ORDER BY ALL", ref)


def waiting(lake: Lake, ref: str = "dev") -> dict[int, str]:
    return {each.record: each.rule for each in lake.refused_records(A, ref)}


def test_what_passes_the_contract_of_today_comes_into_the_table(place: Place) -> None:
    strict = place.lake({"k": INT, "v": TEXT})
    place.load(strict, "k,v\n1,a\n20,b\nx,c\n")
    lake = place.lake({"k": LAX, "v": TEXT})
    before = lake.ref("dev").commit
    result = lake.branch("dev").retry_quarantine(A)
    assert (result.records, result.accepted, dict(result.rules)) == (2, 1, {"type/k": 1})
    assert len(lake.log("dev")) == len(lake.log(f"dev@{before}")) + 1
    (row,) = rows(lake, f"SELECT k, v, _batch_id, _source, _row FROM {A} WHERE k = 20")
    assert row == (20, "b", result.batch, "a.csv", 2)
    first, second = lake.refused_records(A, "dev", fate=None)
    assert (first.fate, first.fate_batch, first.fate_commit, first.fate_by) == (
        "accepted",
        result.batch,
        result.commit,
        "ana",
    )
    assert first.raw == b"20,b\n"
    assert first.fate_reason == "passes version 2.0.0 of the contract"
    assert (second.fate, second.rule, second.fate_at) == ("waiting", "type/k", None)
    head = lake.ref("dev").commit
    again = lake.branch("dev").retry_quarantine(A)
    assert (again.accepted, again.commit, lake.ref("dev").commit) == (0, None, head)


def test_a_retry_is_one_batch_wherever_it_is_done(place: Place) -> None:
    lake = place.lake({"k": INT, "v": TEXT})
    place.load(lake, "k,v\n20,b\n30,c\n")
    lake.create_branch("other", "dev")
    lax = place.lake({"k": LAX, "v": TEXT})
    one, two = (lax.branch(name).retry_quarantine(A) for name in ("dev", "other"))
    assert one.batch == two.batch
    # Where the quarantine alone is put back, the rows do not come a second time.
    with lax.branch("dev").write() as tx:
        tx.restore([lake.refused_records(A, "dev", fate=None)[0] and _quarantine()], "dev~1")
    assert lax.branch("dev").retry_quarantine(A).batch == one.batch
    assert len(table(lax)) == 2
    assert waiting(lax) == {}


def _quarantine() -> Any:
    from lagoa.domain.tables import TableName

    return TableName.parse(A).quarantine


def test_only_what_is_meant_is_sent(place: Place) -> None:
    lake = place.lake({"k": INT, "v": TEXT})
    place.load(lake, "k,v\n20,a\n30,b\ny,c\n")
    place.load(lake, "k,v\n40,a\n", batch="b'2")
    lax = place.lake({"k": LAX, "v": TEXT}).branch("dev")
    assert lax.retry_quarantine(A, Selection(rule="type/k")).accepted == 0
    assert lax.retry_quarantine(A, Selection(batch="b'2")).accepted == 1
    assert lax.retry_quarantine(A, Selection(where="v = 'b' AND _row = 2 AND _rule LIKE 'range%'")).accepted == 1
    assert waiting(lake) == {1: "range/k", 3: "type/k"}


def test_only_what_is_meant_is_shown(place: Place) -> None:
    lake = place.lake({"k": INT, "v": TEXT})
    place.load(lake, "k,v\n20,a\n30,b\ny,c\n")
    place.load(lake, "k,v\n40,a\n", batch="b'2")
    place.lake({"k": LAX, "v": TEXT}).branch("dev").retry_quarantine(A, Selection(where="v = 'b'"))

    def shown(fate: Fate | None = "waiting", **selection: str) -> list[bytes]:
        return [each.raw for each in lake.refused_records(A, "dev", Selection(**selection), fate=fate)]

    assert shown() == [b"20,a\n", b"y,c\n", b"40,a\n"]
    assert shown(where="v = 'a'") == [b"20,a\n", b"40,a\n"]
    assert shown(where="v = 'a'", batch="b'2") == [b"40,a\n"]
    assert shown(where="v IN ('a', 'b')", fate=None) == [b"20,a\n", b"30,b\n", b"40,a\n"]
    assert shown(where="v <> 'a'", fate="accepted") == [b"30,b\n"]
    with pytest.raises(QueryError):
        shown(where="v IN (SELECT v FROM bronze.a)")


def test_conditions_that_cannot_be_used(place: Place) -> None:
    lake = place.lake({"k": INT, "v": TEXT})
    branch = place.load(lake, "k,v\n20,a\n")
    head = branch.head
    for where in ("nothing = 'a'", "v IN (SELECT v FROM bronze.a)", "read_text('x') = ''", "v =", "1; 2", "v = ?"):
        with pytest.raises((QueryError, TableNotFound)):
            branch.discard_quarantine(A, "x", Selection(where=where))
    assert branch.head == head


def test_columns_go_by_the_header_of_their_own_file(place: Place) -> None:
    lake = place.lake({"k": INT, "town": TEXT, "v": TEXT})
    place.load(lake, "v,k,town\na,20,x\n", batch="b1")
    place.load(lake, "k,v\n30,b\n", batch="b2")
    place.load(lake, "town,k,v\ny,40,c\n", batch="b3")
    renamed = {"city": {**TEXT, "lagoa.formerName": "town"}}
    lax = place.lake({"v": TEXT, **renamed, "k": LAX})
    assert lax.branch("dev").retry_quarantine(A).accepted == 3
    assert rows(lax, f"SELECT k, v, city FROM {A} ORDER BY k") == [(20, "a", "x"), (30, "b", None), (40, "c", "y")]


def test_a_column_that_is_no_longer_there_is_not_dropped_in_silence(place: Place) -> None:
    lake = place.lake({"k": INT, "v": TEXT})
    lake.create_branch("dev").ingest(place.file("k,v\n20,a\n"), A)
    lake.branch("dev").delete(A, "true")
    with lake.branch("dev").write() as tx:
        tx.restore([_quarantine()], "dev")
    lax = place.lake({"k": LAX, "w": TEXT})
    lax.catalog("dev").drop_table(A)
    result = lax.branch("dev").retry_quarantine(A)
    assert (result.accepted, dict(result.rules)) == (0, {"keys": 1})
    (record,) = lax.refused_records(A, "dev")
    assert "'v' is not in the contract" in record.reason


def test_a_dialect_that_was_mended(place: Place) -> None:
    lake = place.lake({"k": INT, "v": TEXT})
    place.load(lake, b'k,v\n1,Jo\xe3o\n2,5" screen\n3,"a\nb"\n4,"open\n5,z\n')
    assert waiting(lake) == {1: "encoding", 2: "quoting", 4: "quoting", 5: "quoting"}
    latin = place.lake({"k": INT, "v": TEXT}, {"encoding": "latin-1"})
    assert latin.branch("dev").retry_quarantine(A).accepted == 1
    # What an open quote spoilt may be text of its field, however sound by itself.
    assert waiting(lake) == {2: "quoting", 4: "quoting", 5: "quoting"}
    assert latin.branch("dev").retry_quarantine(A, Selection(alone=True)).accepted == 1
    plain = place.lake({"k": INT, "v": TEXT}, {"quote": None})
    assert plain.branch("dev").retry_quarantine(A).accepted == 2
    assert table(plain) == [(1, "João"), (2, '5" screen'), (3, "a\nb"), (4, '"open'), (5, "z")]


def test_records_in_another_encoding_than_the_contract(place: Place) -> None:
    lake = place.lake({"k": INT, "v": TEXT}, {"encoding": "cp1252"})
    place.load(lake, "k,v\n1,Jo\xe3o\nx,S\xe3o\n".encode("cp1252") + "3,Conceição\n".encode())
    assert waiting(lake) == {2: "type/k", 3: "encoding"}
    assert lake.branch("dev").retry_quarantine(A, Selection(encoding="utf-8")).accepted == 1
    assert table(lake) == [(1, "João"), (3, "Conceição")]
    utf8 = place.lake({"k": TEXT, "v": TEXT})  # later files are in UTF-8
    utf8.catalog("dev").drop_table(A)
    assert utf8.branch("dev").retry_quarantine(A).accepted == 0
    assert utf8.branch("dev").retry_quarantine(A, Selection(encoding="cp1252")).accepted == 1
    assert rows(utf8, f"SELECT k, v FROM {A}") == [("x", "São")]
    place.load(utf8, b"k,v\n1,a,b\n")
    with pytest.raises(SourceError, match="does not read the encoding 'utf-99'"):
        utf8.branch("dev").retry_quarantine(A, Selection(encoding="utf-99"))


NESTED = {
    "k": INT,
    "d": "decimal(38, 2)",
    "l": "list<double>",
    "s": "struct<x: int, y: date>",
}
LINES = """{"k": 20, "d": 12345678901234567890.12, "l": [1e300, 0.1, null], "s": {"x": 1, "y": "2020-02-29"}}
{"k": 30, "d": 1e1, "l": ["x"], "s": null}
{"k": 1, "unknown": 2}
{"k": 1
"""


def test_json_goes_back_as_it_came(place: Place) -> None:
    lake = place.lake(NESTED, {"format": "jsonl"})
    place.load(lake, LINES, "a.jsonl")
    lax = place.lake({**NESTED, "k": LAX}, {"format": "jsonl"})
    reasons = [each.reason for each in lake.refused_records(A, "dev")]
    result = lax.branch("dev").retry_quarantine(A)
    assert (result.accepted, dict(result.rules)) == (1, {"json": 1, "keys": 1, "type/l": 1})
    texts = f"SELECT k, CAST(d AS VARCHAR), CAST(l AS VARCHAR), CAST(s AS VARCHAR) FROM {A}"
    expected = [(20, "12345678901234567890.12", "[1e+300, 0.1, NULL]", "{'x': 1, 'y': 2020-02-29}")]
    assert rows(lax, texts) == expected
    assert [each.reason for each in lake.refused_records(A, "dev")][1:] == reasons[2:]
    fixed = lax.branch("dev").fix_quarantine(A, {"l": "[]"}, Selection(rule="type/l"))
    assert (fixed.accepted, fixed.changed) == (1, {"l": 1})
    exported = lax.export_quarantine(A, place.root / "a.jsonl.out.jsonl", "dev")
    assert (exported.records, exported.raw) == (2, 2)


def test_rows_of_parquet_go_back_as_they_came(place: Place) -> None:
    columns = {**NESTED, "t": TEXT, "z": "binary"}
    lake = place.lake(columns, {"format": "parquet"})
    kinds = {
        "k": pa.int64(),
        "d": pa.decimal128(38, 2),
        "l": pa.list_(pa.float64()),
        "t": pa.binary(),
        "z": pa.binary(),
    }
    schema = pa.schema({**kinds, "t": pa.string()})
    texts = pa.array([b"fine", b"\xff"], pa.binary()).view(pa.string())
    arrays = [pa.array([20, 30]), pa.array([None, None], kinds["d"]), pa.array([[0.1], None], kinds["l"]), texts]
    path = place.root / "a.parquet"
    parquet.write_table(pa.Table.from_arrays([*arrays, pa.array([b"\0\xff", None])], schema=schema), path)
    branch = lake.create_branch("dev")
    branch.ingest(path, A)
    lax = place.lake({**columns, "k": LAX}, {"format": "parquet"})
    result = lax.branch("dev").retry_quarantine(A)
    assert (result.accepted, dict(result.rules)) == (1, {"encoding": 1})
    assert rows(lax, f"SELECT k, l, t, z FROM {A}") == [(20, [0.1], "fine", b"\0\xff")]


def test_rows_of_avro_go_back_as_they_came(place: Place) -> None:
    columns = {"k": INT, "d": {"logicalType": "number", "physicalType": "decimal(4, 2)"}, "t": TEXT}
    decimal = {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}
    kinds = {"k": "long", "d": decimal, "t": "string"}
    schema = {"type": "record", "name": "r", "fields": [{"name": name, "type": kind} for name, kind in kinds.items()]}
    made = [
        long(1) + text(b"\x7f\xff") + text("a"),
        long(20) + text(b"\1") + text("b"),
        long(2) + text(b"\1") + text(b"\xff"),
    ]
    path = place.root / "a.avro"
    path.write_bytes(header(schema) + block(made))
    lake = place.lake(columns, {"format": "avro"})
    result = lake.create_branch("dev").ingest(path, A)
    assert (result.accepted, result.rules) == (0, {"type/d": 1, "range/k": 1, "encoding": 1})
    wide = {"k": LAX, "d": {"logicalType": "number", "physicalType": "decimal(6, 2)"}, "t": TEXT}
    lax = place.lake(wide, {"format": "avro"})
    result = lax.branch("dev").retry_quarantine(A)
    assert (result.accepted, dict(result.rules)) == (2, {"encoding": 1})
    assert rows(lax, f"SELECT k, d, t FROM {A} ORDER BY k") == [(1, Decimal("327.67"), "a"), (20, Decimal("0.01"), "b")]


def test_rows_of_excel_go_back_as_they_came(place: Place) -> None:
    columns = {"k": INT, "d": "date", "t": TEXT}
    lake = place.lake(columns, {"format": "excel"})
    days = ['<c s="1"><v>45000</v></c>', '<c s="1"><v>60</v></c>']
    made = [
        ["k", "d", "t"],
        [20, days[0], "a"],
        [1, days[0], '<c t="e"><v>#N/A</v></c>'],
        [2, days[1], "b"],
        [3, days[0], "c"],
    ]
    path = workbook(place.root / "a.xlsx", made)
    result = lake.create_branch("dev").ingest(path, A)
    assert (result.accepted, result.rules) == (1, {"range/k": 1, "type/t": 1, "type/d": 1})
    lax = place.lake({**columns, "k": LAX}, {"format": "excel"})
    result = lax.branch("dev").retry_quarantine(A)
    assert (result.accepted, dict(result.rules)) == (1, {"type/t": 1, "type/d": 1})
    assert lax.branch("dev").fix_quarantine(A, {"t": "x"}, Selection(rule="type/t")).unsplit == 1
    nulls = [{"property": "lagoa.nulls", "value": ["#N/A"]}]
    lax = place.lake({**columns, "k": LAX, "t": {**TEXT, "customProperties": nulls}}, {"format": "excel"})
    assert lax.branch("dev").retry_quarantine(A).accepted == 1
    assert waiting(lax) == {4: "type/d"}
    assert rows(lax, f"SELECT k, CAST(d AS VARCHAR), t, _row FROM {A} ORDER BY k") == [
        (1, "2023-03-15", None, 3),
        (3, "2023-03-15", "c", 5),
        (20, "2023-03-15", "a", 2),
    ]


def test_records_of_xml_go_back_with_the_namespaces_around_them(place: Place) -> None:
    path = place.root / "a.xml"
    records = [b"<x:r><k>x</k><t> a </t></x:r>", b"<x:r><k>20</k><t>&amp;</t></x:r>", b"<x:r><k>2</k><z/></x:r>"]
    path.write_bytes(b"<x:all xmlns:x='urn:x' xmlns='urn:x'>" + b"\n".join(records) + b"</x:all>")
    source = {"format": "xml", "record": "all/r"}
    lake = place.lake({"k": INT, "t": TEXT}, source)
    result = lake.create_branch("dev").ingest(path, A)
    assert (result.accepted, result.rules) == (0, {"type/k": 1, "range/k": 1, "keys": 1})
    assert rows(lake, "SELECT raw FROM quarantine.bronze__a ORDER BY record") == [(record,) for record in records]
    lax = place.lake({"k": LAX, "t": TEXT, "z": TEXT}, source)
    result = lax.branch("dev").retry_quarantine(A)
    assert (result.accepted, dict(result.rules)) == (2, {"type/k": 1})
    assert rows(lax, f"SELECT k, t, z FROM {A} ORDER BY k") == [(2, None, ""), (20, "&", None)]


def test_lines_of_fixed_widths_go_back_by_the_layout_of_now(place: Place) -> None:
    path = place.root / "a.txt"
    path.write_bytes(b"000x a \n0020 b\n0003cc \n")
    layout = {"k": {"start": 1, "length": 4}, "t": {"start": 5, "length": 3}}
    lake = place.lake({"k": INT, "t": TEXT}, {"format": "fixed_width", "columns": layout})
    result = lake.create_branch("dev").ingest(path, A)
    assert (result.accepted, result.rules) == (1, {"type/k": 1, "fields": 1})
    assert rows(lake, "SELECT raw FROM quarantine.bronze__a ORDER BY record") == [(b"000x a \n",), (b"0020 b\n",)]
    layout["t"] = {"start": 5, "length": 2}
    lax = place.lake({"k": LAX, "t": TEXT}, {"format": "fixed_width", "columns": layout})
    result = lax.branch("dev").retry_quarantine(A)
    assert (result.accepted, dict(result.rules)) == (1, {"fields": 1})
    assert rows(lax, f"SELECT k, t FROM {A} ORDER BY k") == [(3, "cc"), (20, " b")]


def test_values_take_the_place_of_those_received(place: Place) -> None:
    lake = place.lake({"k": INT, "v": {**TEXT, "enum": [{"value": "a"}, {"value": "b"}]}})
    branch = place.load(lake, "k,v\nx,q\n20,a\n1,b\n3,a,extra\n")
    half = branch.fix_quarantine(A, {"k": "5"}, Selection(where="k = 'x'"))
    assert (half.records, half.accepted, half.waiting, half.changed) == (1, 0, 1, {"k": 1})
    assert waiting(lake) == {1: "enum/v", 2: "range/k", 4: "fields"}
    assert branch.fix_quarantine(A, {"k": "5"}, Selection(where="k IN ('x', '5')")).commit is None
    whole = branch.fix_quarantine(A, {"v": "a"}, Selection(where="k = '5'"))
    assert (whole.accepted, table(lake)) == (1, [(1, "b"), (5, "a")])
    (record,) = lake.refused_records(A, "dev", fate="accepted")
    assert (record.raw, record.fixed, record.fate_reason) == (b"x,q\n", {"k": "5", "v": "a"}, "fixed: v")
    everywhere = branch.fix_quarantine(A, {"k": "7", "v": ""})  # a record of three fields has no columns to set
    assert (everywhere.records, table(lake)[-1], waiting(lake)) == (1, (7, None), {4: "fields"})
    assert (half.unsplit, everywhere.unsplit) == (1, 1), "neither a condition on columns nor a value applies to it"
    for where, unsplit in (("k = '3'", 1), ("_row = 4", 0), ("_rule = 'fields'", 0)):
        assert branch.retry_quarantine(A, Selection(where=where)).unsplit == unsplit, where
    with pytest.raises(WriteError, match="Did you mean"):
        branch.fix_quarantine(A, {"vv": "a"})


def edit(path: Path, changes: dict[str, dict[str, str]], delimiter: str = ",") -> None:
    """Change cells of an export as a spreadsheet would: by record and column."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        found = list(csv.DictReader(stream))
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, found[0].keys(), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(row | changes.get(row["RECORD"], {}) for row in found)


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_an_edited_export_comes_back(place: Place, delimiter: str) -> None:
    lake = place.lake({"k": INT, "v": TEXT}, {"null": "NA"})
    branch = place.load(lake, 'k,v\nx,=1+1\n20,NA\ny,\n3,a,extra\n4,"a;\nb",\n')
    path = place.root / "edited.csv"
    exported = lake.export_quarantine(A, path, "dev")
    assert (exported.records, exported.raw) == (5, 2)
    assert "'=1+1" in path.read_text("utf-8-sig")
    changes = {"b1#1": {"k": "1"}, "b1#2": {"k": "2"}, "b1#4": {"k": "3", "v": "a"}}
    edit(path, changes, delimiter)
    result = branch.fix_quarantine(A, path)
    assert (result.records, result.accepted, result.changed) == (3, 3, {"k": 3, "v": 1})
    assert table(lake) == [(1, "=1+1"), (2, None), (3, "a")]
    assert waiting(lake) == {3: "type/k", 5: "fields"}
    assert branch.fix_quarantine(A, path).commit is None


def test_a_record_that_could_not_be_split_is_given_whole(place: Place) -> None:
    branch = place.load(place.lake({"k": INT, "v": TEXT}), "k,v\n3,a,extra\n")
    wide = place.lake({"k": INT, "v": TEXT, "w": TEXT})
    path = place.root / "edited.csv"
    path.write_text("RECORD,k,v\nb1#1,9,\n")
    with pytest.raises(SourceError, match="w is not given"):
        wide.branch("dev").fix_quarantine(A, path)
    path.write_text("RECORD,k,v\nb1#1,90,\n")
    assert branch.fix_quarantine(A, path).rules == {"range/k": 1}
    assert branch.fix_quarantine(A, {"k": "9"}, Selection(rule="range/k")).accepted == 1
    (record,) = wide.refused_records(A, "dev", fate="accepted")
    assert (record.raw, record.fixed) == (b"3,a,extra\n", {"k": "9", "v": None})


def test_json_lines_come_back(place: Place) -> None:
    lake = place.lake({"k": INT, "v": TEXT})
    branch = place.load(lake, "k,v\nx,b\ny,c\n")
    path = place.root / "edited.jsonl"
    lake.export_quarantine(A, path, "dev", Selection(where="v <> 'zz'"))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0] == {"record": "b1#1", "source": "a.csv", "rule": "type/k", "reason": "k is no int: 'x'"} | {
        "values": {"k": "x", "v": "b"}
    }
    lines[0]["values"] |= {"k": 4, "v": None}
    path.write_text("\n".join(map(json.dumps, lines)))
    assert branch.fix_quarantine(A, path).changed == {"k": 1, "v": 1}
    assert table(lake) == [(4, None)]


NO_EXPORTS = [
    ("a.csv", b"k,v\n1,2\n", "no column RECORD"),
    ("a.csv", b"", "no column RECORD"),
    ("a.csv", b"RECORD,k\nb1#1,1\nb1#1,2\n", "twice"),
    ("a.csv", b"RECORD,q\nb1#1,1\n", "no column 'q'"),
    ("a.csv", b"RECORD,k\nb1#77,1\n", "no record 77"),
    ("a.csv", b"RECORD,k\n17,1\n", "names no record"),
    ("a.csv", b"RECORD,k\nb1#1,1,2\n", "3 cells"),
    ("a.csv", b"RECORD,k\nb1#1,\xe3\n", "not UTF-8"),
    ("a.csv", b"RECORD,k\nb1#1,\0\n", "text cannot contain"),
    ("a.jsonl", b'{"record": "b1#1", "values": {"k": "\\ud800"}}\n', "text cannot contain"),
    ("a.jsonl", b"[]\n", "line 1 is not a record"),
    ("a.jsonl", b'{"record": "b1#1"}\n', "line 1 is not a record"),
    ("a.jsonl", b'{"record": "b1#1", "values": {"q": null}}\n', "no column 'q'"),
]


def test_files_that_are_no_edited_export(place: Place) -> None:
    branch = place.load(place.lake({"k": INT, "v": TEXT}), "k,v\nx,b\n")
    head = branch.head
    for name, content, said in NO_EXPORTS:
        with pytest.raises((SourceError, WriteError), match=said):
            branch.fix_quarantine(A, place.file(content, f"edited-{name}"))
    with pytest.raises(SourceError, match="cannot be read"):
        branch.fix_quarantine(A, place.root / "missing.csv")
    assert branch.head == head


@given(st.text(max_size=8) | st.from_regex(r"'*[=+@-].*"))
def test_no_exported_cell_begins_a_formula_and_each_comes_back(cell: str) -> None:
    shown = guarded(cell)
    assert unguarded(shown) == cell
    assert shown[:1] not in set("=@\t\r")
    assert shown[:1] not in set("+-") or shown[1:].replace(".", "").replace(",", "").isdigit()


def test_a_discarded_record_says_why(place: Place) -> None:
    lake = place.lake({"k": INT, "v": TEXT})
    branch = place.load(lake, "k,v\nx,b\n20,c\n")
    with pytest.raises(WriteError, match="reason"):
        branch.discard_quarantine(A, " ")
    assert branch.discard_quarantine(A, "a test row", Selection(rule="type/k")).discarded == 1
    assert branch.discard_quarantine(A, "a test row", Selection(rule="type/k")).commit is None
    (record,) = lake.refused_records(A, "dev", fate="discarded")
    assert (record.fate_by, record.fate_reason, record.raw) == ("ana", "a test row", b"x,b\n")
    assert record.fate_at is not None
    assert [each.records for each in lake.quarantine("dev")] == [1]
    assert place.lake({"k": LAX, "v": TEXT}).branch("dev").retry_quarantine(A).accepted == 1


def test_records_of_files_of_another_form(place: Place) -> None:
    lake = place.lake({"v": {**TEXT, "enum": [{"value": "a"}]}})
    place.load(lake, 'v\n"{""v"": ""a""}"\n')
    other = place.lake({"v": {**TEXT, "enum": [{"value": "a"}]}}, {"format": "jsonl"})
    result = other.branch("dev").retry_quarantine(A)
    assert (result.records, result.accepted, result.commit) == (1, 0, None)


def test_what_cannot_be_decided(place: Place) -> None:
    lake = place.lake({"k": INT, "v": TEXT})
    branch = lake.create_branch("dev")
    with pytest.raises(TableNotFound):
        branch.retry_quarantine(A)
    with pytest.raises(ContractError):
        branch.retry_quarantine("bronze.none")
    place.load(lake, "k,v\n1,b\n")
    assert branch.retry_quarantine(A).records == 0
    with pytest.raises(RefProtected):
        type(branch)(lake.context, "main").retry_quarantine(A)
    no_source = place.lake({"k": INT, "v": TEXT}, quarantineShare=0.5)
    assert no_source.branch("dev").discard_quarantine(A, "x").records == 0


def test_two_branches_that_decide_the_same_record_conflict(place: Place) -> None:
    lake = place.lake({"k": INT, "v": TEXT})
    place.load(lake, "k,v\n20,a\n").publish()
    lax = place.lake({"k": LAX, "v": TEXT})
    one, two = lax.create_branch("one"), lax.create_branch("two")
    one.retry_quarantine(A)
    two.discard_quarantine(A, "junk")
    one.publish()
    with pytest.raises(PublishConflict):
        two.publish()
    assert [each.fate for each in lax.refused_records(A, fate=None)] == ["accepted"]
    (change,) = (each for each in lax.diff("main~1", "main").tables if each.table == _quarantine())
    assert (change.rows_added, change.rows_changed, change.rows_removed) == (0, 1, 0)
    (accepted,) = lax.refused_records(A, fate="accepted")
    assert accepted.fate_commit == lax.ref("main").commit


def test_a_retry_that_was_rolled_back_waits_again(place: Place) -> None:
    lake = place.lake({"k": INT, "v": TEXT})
    branch = place.load(lake, "k,v\n1,b\n20,a\n")
    branch.publish()
    lax = place.lake({"k": LAX, "v": TEXT})
    again = lax.create_branch("again")
    result = again.retry_quarantine(A)
    again.publish()
    assert again.ingest(place.file("k,v\n1,b\n20,a\n"), A, batch="b1").skipped
    gone = lax.rollback("main~1", hold=True)
    assert gone.unseen == (f"{A}: {result.batch}",)
    assert waiting(lax, "main") == {2: "range/k"}
    assert _waiting(lax, lax.describe()) == {"quarantine.bronze__a": 1}
    third = lax.create_branch("third")
    with pytest.raises(BatchHeld):
        third.retry_quarantine(A)
    assert third.fix_quarantine(A, {"k": "9"}, Selection(where="k = '20'")).accepted == 1
    third.publish()
    assert table(lax, "main") == [(1, "b"), (9, "a")]
    assert _waiting(lax, lax.describe()) == {"quarantine.bronze__a": 0}


def test_a_quarantine_from_before_there_were_fates(place: Place) -> None:
    lake = place.lake({"k": INT, "v": TEXT})
    place.load(lake, "k,v\n1,b\n20,a\ny,c\n")
    catalog = lake.catalog("dev")
    later = ["header", "fate", "fate_batch", "fate_by", "fate_at", "fate_reason", "fixed"]
    old = catalog.load_table("quarantine.bronze__a").scan().to_arrow().drop(later)
    schema = catalog.load_table("quarantine.bronze__a").schema().select(*old.column_names)
    catalog.drop_table("quarantine.bronze__a")
    catalog.create_table("quarantine.bronze__a", schema).append(old.cast(schema.as_arrow()))
    assert lake.branch("dev").audit().passed
    assert waiting(lake) == {2: "range/k", 3: "type/k"}
    lax = place.lake({"k": LAX, "v": TEXT})
    branch = lax.branch("dev")
    result = branch.retry_quarantine(A)  # nobody knows which field was which column
    assert (result.records, result.accepted, dict(result.rules)) == (2, 0, {"range/k": 1, "type/k": 1})
    path = place.root / "old.csv"
    assert lax.export_quarantine(A, path, "dev").raw == 2
    edit(path, {"b1#2": {"k": "20", "v": "a"}})
    assert branch.fix_quarantine(A, path).accepted == 1
    assert branch.discard_quarantine(A, "old").discarded == 1
    assert branch.audit().passed
    assert table(lax) == [(1, "b"), (20, "a")]


def share(lake: Lake) -> tuple[str, float | None]:
    results = lake.branch("dev").audit().results
    (found,) = (each for each in results if each.check == f"{A}/quarantine_share")
    return found.outcome, found.figure


def test_the_share_of_a_batch_that_waits(place: Place) -> None:
    good = "".join(f"{number % 10},v\n" for number in range(97))
    lake = place.lake({"k": INT, "v": TEXT}, quarantineShare=0.03)
    place.load(lake, f"k,v\n{good}20,a\n20,b\n20,c\n", batch="exact")
    assert share(lake) == ("passed", 0.03)
    place.load(lake, f"k,v\n{good}20,a\n20,b\n20,c\n20,d\n", batch="above")
    assert share(lake) == ("failed", 4 / 101)
    with pytest.raises(AuditFailed):
        lake.branch("dev").publish()
    lake.branch("dev").discard_quarantine(A, "x", Selection(batch="above", where="v = 'a'"))
    assert share(lake) == ("passed", 0.03)
    lax = place.lake({"k": LAX, "v": TEXT}, quarantineShare=0.01)
    assert share(lax) == ("failed", 0.03)
    lax.branch("dev").retry_quarantine(A)
    assert share(lax) == ("passed", 0.0)


def test_the_share_where_every_record_waits(place: Place) -> None:
    lake = place.lake({"k": INT, "v": TEXT}, quarantineShare=0.99)
    place.load(lake, "k,v\n20,a\n30,b\n")
    assert table(lake) == []
    assert share(lake) == ("failed", 1.0)
    lake.branch("dev").discard_quarantine(A, "x")
    assert share(lake) == ("passed", 0.0)


def test_rows_deleted_on_purpose_are_gone_and_not_waiting(place: Place) -> None:
    lake = place.lake({"k": INT, "v": TEXT})
    branch = place.load(lake, "k,v\n1,a\n2,b\n20,c\n")
    branch.append(A, pa.table({"k": pa.array([1], pa.int32()), "v": ["api"]}))
    branch.delete(A, "k = 1")
    (batch,) = lake.batches(A, "dev")
    assert (batch.received, batch.rows, batch.waiting, batch.gone) == (3, 1, 1, 1)
    with pytest.raises(TableNotFound):
        lake.batches("bronze.none", "dev")
