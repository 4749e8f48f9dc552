"""Files loaded into a lake: what is taken, what is refused, and that both together are all that came."""

from __future__ import annotations

import gzip
import hashlib
import os
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from effort import many
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lakes import LakeFolder
from pyarrow import parquet

from lagoa.domain.tables import TableName
from lagoa.errors import BatchChanged, ContractError, RefProtected, SourceError
from lagoa.ingest import ingest_file, ingest_folder, read_delivery
from lagoa.ingest.load import file_load
from lagoa.quarantine import show_quarantine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lakes import Columns

    from lagoa.formats.shared.reading import Reader
    from lagoa.formats.shared.stream import Stream
    from lagoa.ingest import IngestResult
    from lagoa.lake import Lake

SALES = TableName.parse("bronze.sales")
COLUMNS: Columns = {
    "id": "long!",
    "state": {"physicalType": "string", "enum": [{"value": "new"}, {"value": "paid"}]},
    "price": {"physicalType": "decimal(8, 2)", "logicalTypeOptions": {"minimum": 0}},
    "sold_at": "timestamp",
}
NESTED: Columns = {
    "id": "long!",
    "parts": "list<struct<sku: string, price: decimal(8, 2)>>",
    "labels": "map<string, long>",
}
HEADER = b"id,state,price,sold_at\n"
SOUND = HEADER + b'1,new,9.99,2026-01-02 03:04:05\n2,paid,,"2026-01-03"\n'


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    folder = LakeFolder(tmp_path_factory.mktemp("lake"), threads=2, memory_limit="512MB")
    folder.contract("bronze.sales", COLUMNS, source={"format": "csv", "file": "sales.csv"})
    folder.contract("bronze.other", COLUMNS, source={"format": "csv", "file": "other.csv", "delimiter": ";"})
    folder.contract("bronze.packed", COLUMNS, source={"format": "parquet", "file": "packed.parquet"})
    folder.contract("bronze.lines", COLUMNS, source={"format": "jsonl", "file": "lines.jsonl"})
    folder.contract("bronze.document", NESTED, source={"format": "json", "file": "document.json"})
    brazil = {"delimiter": ";", "date": "dd/mm/yyyy", "decimal": ",", "nulls": ["NA", "\\N"]}
    folder.contract("bronze.brazil", COLUMNS, source={"format": "csv", "file": "brazil.csv", **brazil})
    folder.contract("bronze.api", COLUMNS)
    with folder.open() as found:
        yield found


@pytest.fixture
def branch(lake: Lake, request: pytest.FixtureRequest) -> str:
    name = "t" + hashlib.sha1(request.node.nodeid.encode(), usedforsecurity=False).hexdigest()[:12]
    return lake.create_branch(name).name


def put(folder: Path, content: bytes, name: str = "sales.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def rows(lake: Lake, branch: str, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
    return lake.sql(f"SELECT {columns} FROM {table} ORDER BY _row", branch).fetchall()


def load(lake: Lake, branch: str, path: Path, **options: Any) -> IngestResult:
    return ingest_file(lake.context, branch, options.pop("table", SALES), path, **options)


def test_rows_come_typed_and_with_their_lineage(lake: Lake, branch: str, tmp_path: Path) -> None:
    before = datetime.now(UTC)
    path = put(tmp_path, SOUND)
    result = load(lake, branch, path)
    digest = hashlib.sha256(SOUND).hexdigest()
    assert (result.received, result.accepted, result.quarantined) == (2, 2, 0)
    assert (result.batch, result.source, result.skipped, dict(result.rules)) == (digest[:16], "sales.csv", False, {})
    found = rows(lake, branch, "bronze.sales")
    assert [row[:4] for row in found] == [
        (1, "new", Decimal("9.99"), datetime.fromisoformat("2026-01-02 03:04:05")),
        (2, "paid", None, datetime.fromisoformat("2026-01-03")),
    ]
    assert [(row[4], row[6], row[7]) for row in found] == [(digest[:16], "sales.csv", 1), (digest[:16], "sales.csv", 2)]
    assert all(before <= row[5] <= datetime.now(UTC) for row in found)
    head = lake.resolve(branch)
    assert head.id == result.commit
    assert SALES.quarantine not in lake.tables(branch)
    properties = lake.catalog(branch).load_table("bronze.sales").properties
    held = lake.context.batches.of(properties).get(digest[:16])
    assert (held.fingerprint, held.received) == (f"sha256:{digest}", 2)
    assert not any(digest[:16] in text for text in (*properties, *properties.values()))


def test_refused_records_keep_their_bytes_place_and_reason(lake: Lake, branch: str, tmp_path: Path) -> None:
    bad = [
        (b"x,new,1,\n", "type/id", "id"),
        (b",new,1,\n", "required/id", "id"),
        (b"3,old,1,\n", "enum/state", "state"),
        (b"4,new,-1,\n", "range/price", "price"),
        (b"5,new,1.999,\n", "type/price", "price"),
        (b"6,new,1\n", "fields", None),
        (b'7,"new"x,1,\n', "quoting", None),
        (b"8,\xff,1,\n", "encoding", None),
        (b"9,n\0w,1,\n", "nul", None),
        (b"10,new,1,2026-13-01\n", "type/sold_at", "sold_at"),
    ]
    content = HEADER + b"".join(b"100,new,1,\n" + raw for raw, *_ in bad)
    result = load(lake, branch, put(tmp_path, content), batch="b1")
    assert (result.received, result.accepted, result.quarantined) == (20, 10, 10)
    assert dict(result.rules) == {rule: 1 for _, rule, _ in bad}
    found = show_quarantine(lake.context, branch, SALES)
    assert [(each.raw, each.rule, each.column) for each in found] == bad
    assert [each.record for each in found] == list(range(2, 21, 2))
    assert all(content[each.byte_offset :].startswith(each.raw) for each in found if each.byte_offset)
    assert {(each.source, each.batch) for each in found} == {("sales.csv", "b1")}
    assert found[0].reason == "id is no long: 'x'"
    assert found[5].reason == "3 fields, 4 expected"
    assert [row[0] for row in rows(lake, branch, "bronze.sales", "_row")] == list(range(1, 20, 2))
    head = lake.resolve(branch)
    assert head.id == result.commit
    changed = lake.context.catalog.diff(head.parents[0], head.id)
    assert set(changed) == {SALES, SALES.quarantine}


def test_the_same_batch_again_is_a_no_op_that_says_so(lake: Lake, branch: str, tmp_path: Path) -> None:
    path = put(tmp_path, SOUND + b"x,,,\n")
    first = load(lake, branch, path)
    again = load(lake, branch, put(tmp_path, path.read_bytes(), "renamed.csv"))
    assert (again.skipped, again.commit, again.batch) == (True, None, first.batch)
    assert lake.resolve(branch).id == first.commit


def test_the_same_batch_with_another_content_is_refused(lake: Lake, branch: str, tmp_path: Path) -> None:
    first = load(lake, branch, put(tmp_path, SOUND), batch="monday")
    with pytest.raises(BatchChanged, match=r"'monday' of bronze\.sales was loaded before with different content"):
        load(lake, branch, put(tmp_path, SOUND + b"3,new,1,\n"), batch="monday")
    assert lake.resolve(branch).id == first.commit


def test_two_batches_of_one_table_stand_beside_each_other(lake: Lake, branch: str, tmp_path: Path) -> None:
    load(lake, branch, put(tmp_path, SOUND + b"x,,,\n"))
    result = load(lake, branch, put(tmp_path, SOUND + b"y,,,\n"))
    assert result.accepted == 2
    assert len(rows(lake, branch, "bronze.sales", "id")) == 4
    assert [each.raw for each in show_quarantine(lake.context, branch, SALES)] == [b"x,,,\n", b"y,,,\n"]


def test_a_header_alone_is_a_batch_without_rows(lake: Lake, branch: str, tmp_path: Path) -> None:
    path = put(tmp_path, HEADER)
    result = load(lake, branch, path)
    assert (result.received, result.accepted, result.quarantined) == (0, 0, 0)
    assert rows(lake, branch, "bronze.sales") == []
    assert load(lake, branch, path).skipped


def test_a_file_of_which_all_is_refused(lake: Lake, branch: str, tmp_path: Path) -> None:
    path = put(tmp_path, HEADER + b"x,,,\n" * 3)
    result = load(lake, branch, path)
    assert (result.received, result.accepted, result.quarantined) == (3, 0, 3)
    assert load(lake, branch, path).skipped


def test_columns_in_another_order_and_an_optional_one_missing(lake: Lake, branch: str, tmp_path: Path) -> None:
    result = load(lake, branch, put(tmp_path, b"price,id\n1.5,1\n"))
    assert result.missing == ("state", "sold_at")
    assert rows(lake, branch, "bronze.sales", "id, state, price, sold_at, _row") == [
        (1, None, Decimal("1.50"), None, 1)
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"state,price\n", "the column 'id' is missing"),
        (b"id,extra\n1,2\n", "the column 'extra' is not in the contract of bronze.sales"),
        (b"id,id\n1,2\n", "the column 'id' occurs twice"),
    ],
)
def test_a_file_of_another_form_is_refused_whole(
    lake: Lake, branch: str, tmp_path: Path, content: bytes, message: str
) -> None:
    before = lake.resolve(branch).id
    with pytest.raises(SourceError, match=message):
        load(lake, branch, put(tmp_path, content))
    assert lake.resolve(branch).id == before


def test_a_file_that_breaks_off_changes_nothing(lake: Lake, branch: str, tmp_path: Path) -> None:
    before = lake.resolve(branch).id
    packed = gzip.compress(HEADER + b"1,new,1,\n" * 1_000_000)
    with pytest.raises(SourceError, match="it cannot be read: Compressed file ended"):
        load(lake, branch, put(tmp_path, packed[:-50], "sales.csv.gz"))
    assert lake.resolve(branch).id == before


class Meddled:
    """A reader to whose every pass something is done."""

    scan = None

    def __init__(self, reader: Reader, meddle: Callable[[Stream], None]) -> None:
        self.columns, self.header, self.raw, self.value = reader.columns, reader.header, reader.raw, reader.value
        self._reader, self._meddle = reader, meddle

    def stream(self) -> Stream:
        stream = self._reader.stream()
        self._meddle(stream)
        return stream


def miscount(stream: Stream) -> None:
    stream.received += 1


def load_meddled(lake: Lake, branch: str, path: Path, meddle: Callable[[Stream], None]) -> None:
    """Load a file, with something done after its hash was taken and before its records are read."""
    job = file_load(lake.context, SALES, path)
    job.rows.reader = Meddled(job.rows.reader, meddle)
    job.commit(branch)


def test_records_that_do_not_add_up_are_not_committed(lake: Lake, branch: str, tmp_path: Path) -> None:
    path = put(tmp_path, SOUND)
    before = lake.resolve(branch).id
    with pytest.raises(SourceError, match="of 3 records 2 were accepted and 0 refused; nothing was written"):
        load_meddled(lake, branch, path, miscount)
    assert lake.resolve(branch).id == before


def grow(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"3,new,1,\n")


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 22)


def replace_by_another(path: Path) -> None:
    before, new = path.stat(), path.with_name("new")
    new.write_bytes(path.read_bytes().replace(b"9.99", b"1.11"))
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    new.replace(path)


def overwrite(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"9.99", b"1.11"))


@pytest.mark.parametrize("change", [grow, cut, replace_by_another, overwrite])
@pytest.mark.parametrize("name", ["sales.csv", "sales.csv.gz", "sales.csv.zip"])
def test_files_that_change_while_they_are_read_are_not_committed(
    lake: Lake, branch: str, tmp_path: Path, name: str, change: Callable[[Path], None]
) -> None:
    if name.endswith(".zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("sales.csv", SOUND)
    else:
        put(tmp_path, gzip.compress(SOUND, 0) if name.endswith(".gz") else SOUND, name)
    before = lake.resolve(branch).id
    with pytest.raises(SourceError) as raised:
        load_meddled(lake, branch, tmp_path / name, lambda _: change(tmp_path / name))
    assert "it changed while it was read" in raised.value.message or name != "sales.csv"
    assert lake.resolve(branch).id == before


def test_files_that_are_not_there(lake: Lake, branch: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no such file"):
        load(lake, branch, tmp_path / "none.csv")
    with pytest.raises(SourceError, match="it is a folder"):
        load(lake, branch, tmp_path)


def test_tables_that_take_no_files(lake: Lake, branch: str, tmp_path: Path) -> None:
    path = put(tmp_path, SOUND)
    with pytest.raises(ContractError, match="does not say what its files look like"):
        load(lake, branch, path, table=TableName.parse("bronze.api"))
    with pytest.raises(ContractError, match=r"bronze\.nothing has no contract"):
        load(lake, branch, path, table=TableName.parse("bronze.nothing"))


def test_main_takes_no_files(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(RefProtected):
        load(lake, "main", put(tmp_path, SOUND))


def test_parquet(lake: Lake, branch: str, tmp_path: Path) -> None:
    path = tmp_path / "packed.parquet"
    table = pa.table(
        {
            "price": pa.array([1.5, 2.999, None], pa.float64()),
            "id": pa.array([1, 2, None], pa.int32()),
            "state": pa.array(["new", "paid", "new"]).dictionary_encode(),
            "sold_at": pa.array([datetime.fromisoformat("2026-01-02 03:04:05"), None, None], pa.timestamp("ns")),
        }
    )
    parquet.write_table(table, path)
    packed = TableName.parse("bronze.packed")
    result = load(lake, branch, path, table=packed)
    assert (result.received, result.accepted, result.quarantined) == (3, 1, 2)
    assert dict(result.rules) == {"required/id": 1, "type/price": 1}
    assert rows(lake, branch, "bronze.packed", "id, state, price, sold_at, _row") == [
        (1, "new", Decimal("1.50"), datetime.fromisoformat("2026-01-02 03:04:05"), 1)
    ]
    found = show_quarantine(lake.context, branch, packed)
    assert [(each.record, each.byte_offset) for each in found] == [(2, None), (3, None)]
    assert found[0].raw == b'{"price":2.999,"id":2,"state":"paid","sold_at":null}'


@pytest.mark.parametrize("encoding", ["PLAIN", "BYTE_STREAM_SPLIT"])  # the engine cannot read the other one
def test_parquet_that_the_engine_may_read_by_itself(lake: Lake, branch: str, tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "packed.parquet"
    table = pa.table(
        {
            "id": pa.array([1, 2, None, 4, 5], pa.int32()),
            "state": pa.array(["new", "paid", "new", "paid", "paid"]),
            "price": pa.array([1.5, 2.999, None, float("nan"), 0.25]),
            "sold_at": pa.array([0, 1, 2, 3, 253_402_300_800_000_000], pa.timestamp("us")),
        }
    )
    parquet.write_table(table, path, use_dictionary=False, column_encoding=dict.fromkeys(["id"], encoding))
    packed = TableName.parse("bronze.packed")
    result = load(lake, branch, path, table=packed)
    assert (result.received, result.accepted, result.quarantined) == (5, 1, 4)
    assert dict(result.rules) == {"required/id": 1, "type/price": 2, "type/sold_at": 1}
    assert rows(lake, branch, "bronze.packed", "id, price, _row") == [(1, Decimal("1.50"), 1)]
    found = {each.record: each for each in show_quarantine(lake.context, branch, packed)}
    assert found[4].reason == "price is no decimal(8, 2): it is NaN, infinite or too long"
    assert "outside the years 1 to 9999" in found[5].reason
    assert load(lake, branch, path, table=packed).skipped


def test_a_folder_is_loaded_side_by_side(lake: Lake, branch: str, tmp_path: Path) -> None:
    put(tmp_path, SOUND)
    put(tmp_path, SOUND.replace(b",", b";") + b"3;new;1;\n", "other.csv")
    put(tmp_path, b"", "unrelated.csv")
    told: list[IngestResult] = []
    delivery = read_delivery(lake.context, tmp_path, ["unrelated.csv"])
    results = ingest_folder(lake.context, branch, delivery, on_done=told.append)
    assert [(str(each.table), each.accepted) for each in results] == [("bronze.other", 3), ("bronze.sales", 2)]
    assert sorted(each.table for each in told) == [each.table for each in results]
    assert {each.id for each in lake.log(branch)} >= {each.commit for each in results}
    assert all(each.skipped for each in ingest_folder(lake.context, branch, delivery, workers=1))


def test_a_folder_with_a_bad_file_keeps_the_good_ones(lake: Lake, branch: str, tmp_path: Path) -> None:
    put(tmp_path, SOUND + b"3,new,1,\n" * 100)
    put(tmp_path, b"wrong\n", "other.csv")
    with pytest.raises(SourceError, match=r"'wrong' is not in the contract of bronze\.other"):
        lake.branch(branch).ingest_folder(tmp_path)
    assert SALES in lake.tables(branch)
    assert TableName.parse("bronze.other") not in lake.tables(branch)


def test_a_folder_that_holds_no_known_file(lake: Lake, tmp_path: Path) -> None:
    put(tmp_path, b"", "unrelated.csv")
    with pytest.raises(SourceError, match=r"no contract names a file in it; they name .*other\.csv, packed"):
        read_delivery(lake.context, tmp_path)
    with pytest.raises(SourceError, match="there is no such folder"):
        read_delivery(lake.context, tmp_path / "none")


def test_of_a_folder_the_files_of_one_table(lake: Lake, tmp_path: Path) -> None:
    put(tmp_path, SOUND)
    put(tmp_path, SOUND, "other.csv")
    put(tmp_path, b"", "unrelated.csv")
    delivery = lake.delivery(tmp_path, table="bronze.other")
    assert delivery.files == {TableName.parse("bronze.other"): (tmp_path / "other.csv",)}
    (tmp_path / "other.csv").unlink()
    with pytest.raises(SourceError, match=r"no contract names a file in it; they name other\.csv"):
        lake.delivery(tmp_path, table="bronze.other")
    with pytest.raises(SourceError, match=r"silver\.none: its contract names no file"):
        lake.delivery(tmp_path, table="silver.none")


NUMBERS = count()
PIECES = st.sampled_from(
    [b"1,new,1,\n", b"2,paid,2.50,2026-01-01\r\n", b"x,,,\n", b"3,old,,\n", b'4,"new",1,\n', b'5,"ne', b'w",1,\n',
     b'"', b"\n", b"\xff,,,\n", b",,,\n", b"6,new,1\n", b"7,new,1,,\n", b"\0", b"8,new,-1,\r"]
)  # fmt: skip


@settings(max_examples=many(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(PIECES, max_size=60))
def test_all_that_came_is_accepted_or_quarantined(lake: Lake, tmp_path: Path, pieces: list[bytes]) -> None:
    content = b"0,new,1,\n" + b"".join(pieces)  # a file in which no record has the header's fields is refused
    branch = lake.create_branch(f"example{next(NUMBERS)}").name  # on one for all, each would read what the others wrote
    result = load(lake, branch, put(tmp_path, HEADER + content))
    assert result.received == result.accepted + result.quarantined
    taken = lake.sql("SELECT _row FROM bronze.sales", branch).fetchall()
    refused = show_quarantine(lake.context, branch, SALES, limit=1000) if result.quarantined else []
    assert (len(taken), len(refused)) == (result.accepted, result.quarantined)
    numbers = [row[0] for row in taken] + [each.record for each in refused]
    assert sorted(numbers) == list(range(1, result.received + 1))
    lake.delete_ref(branch)


def test_json_lines_are_taken_or_refused_with_their_bytes(lake: Lake, branch: str, tmp_path: Path) -> None:
    lines = [
        (b'{"id": 1, "state": "new", "price": 9.99, "sold_at": "2026-01-02T03:04:05"}\n', None),
        (b'{"id": 2}\r\n', None),
        (b'{"id": 2.5}\n', "type/id"),
        (b'{"state": "new"}\n', "required/id"),
        (b'{"id": 3, "state": "old"}\n', "enum/state"),
        (b'{"id": 3, "price": -0.01}\n', "range/price"),
        (b'{"id": 3, "price": {"brl": 1}}\n', "type/price"),
        (b'{"id": 3, "colour": 1}\n', "keys"),
        (b'{"id": 3, "id": 4}\n', "keys"),
        (b'{"id": 3, "price": Infinity}\n', "json"),
        (b'{"id": 4, "st', "json"),
    ]
    path = put(tmp_path, b"".join(line for line, _ in lines), "lines.jsonl")
    table = TableName.parse("bronze.lines")
    result = load(lake, branch, path, table=table)
    assert (result.received, result.accepted, result.quarantined) == (11, 2, 9)
    assert rows(lake, branch, "bronze.lines", "id, price, _row") == [(1, Decimal("9.99"), 1), (2, None, 2)]
    found = show_quarantine(lake.context, branch, table)
    assert {each.raw: each.rule for each in found} == {line: rule for line, rule in lines if rule}
    content = path.read_bytes()
    assert all(content[each.byte_offset :].startswith(each.raw) for each in found if each.byte_offset is not None)
    assert load(lake, branch, path, table=table).skipped


def test_a_json_document_with_nested_values(lake: Lake, branch: str, tmp_path: Path) -> None:
    content = b"""[
      {"id": 1, "parts": [{"sku": "a", "price": 1.10}, {"sku": null}], "labels": {"x y": 1}},
      {"id": 2, "parts": [], "labels": {}},
      {"id": 3, "parts": [{"sku": "a", "price": 1.111}]}
    ]"""
    table = TableName.parse("bronze.document")
    result = load(lake, branch, put(tmp_path, content, "document.json"), table=table)
    assert (result.received, result.accepted, dict(result.rules)) == (3, 2, {"type/parts": 1})
    assert rows(lake, branch, "bronze.document", "id, parts, labels") == [
        (1, [{"sku": "a", "price": Decimal("1.10")}, {"sku": None, "price": None}], {"x y": 1}),
        (2, [], {}),
    ]
    with pytest.raises(SourceError, match="not closed"):
        load(lake, branch, put(tmp_path, content[:-2], "document.json"), table=table)
    assert len(rows(lake, branch, "bronze.document")) == 2


def test_dates_and_nulls_as_the_contract_says(lake: Lake, branch: str, tmp_path: Path) -> None:
    lines = [
        b"1;new;9,99;31/12/2026\n",
        b"2;NA;\\N;01/02/2026 03:04:05\n",
        b"3;;1,5;NA\n",
        b"4;new;1,5;2026-02-01\n",
        b"5;new;1,5;31/02/2026\n",
        b"6;new;1,5;1/2/2026\n",
        b"7;N/A;1,5;\n",
    ]
    path = put(tmp_path, b"id;state;price;sold_at\n" + b"".join(lines), "brazil.csv")
    result = load(lake, branch, path, table=TableName.parse("bronze.brazil"))
    assert (result.accepted, dict(result.rules)) == (3, {"type/sold_at": 3, "enum/state": 1})
    assert rows(lake, branch, "bronze.brazil", "id, state, price, sold_at") == [
        (1, "new", Decimal("9.99"), datetime.fromisoformat("2026-12-31")),
        (2, None, None, datetime.fromisoformat("2026-02-01 03:04:05")),
        (3, None, Decimal("1.5"), None),
    ]


def partitions(lake: Lake, branch: str, table: str = "bronze.sales") -> list[str | None]:
    """The partition of each file of a table, as text."""
    tasks = lake.catalog(branch).load_table(table).scan().plan_files()
    return sorted((str(task.file.partition[0]) if len(task.file.partition) else None for task in tasks), key=str)


def test_what_is_loaded_is_partitioned_by_the_day_it_came(lake: Lake, branch: str, tmp_path: Path) -> None:
    load(lake, branch, put(tmp_path, SOUND))
    load(lake, branch, put(tmp_path, HEADER + b"3,new,1.00,2026-01-02 03:04:05\n"))
    today = (datetime.now(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
    assert set(partitions(lake, branch)) <= {str(today), str(today - 1)}
    assert len(partitions(lake, branch)) == 2
    assert len(rows(lake, branch, "bronze.sales")) == 3
    assert (
        lake.catalog(branch).load_table("bronze.sales").scan("_ingested_at < '2026-01-01T00:00:00+00:00'").count() == 0
    )
    assert [each.differences for each in lake.contract_diff(["bronze.sales"], branch)] == [()]


def test_rows_that_bring_their_own_moments_go_to_their_days(lake: Lake, branch: str) -> None:
    moments = [
        datetime(1969, 12, 31, 23, 59, tzinfo=UTC),
        datetime(2026, 5, 1, tzinfo=UTC),
        datetime(2026, 5, 1, 23, tzinfo=UTC),
    ]
    given = pa.table({
        "id": [1, 2, 3], "state": ["new"] * 3, "price": pa.array([None] * 3, pa.decimal128(8, 2)),
        "sold_at": pa.array([None] * 3, pa.timestamp("us")),
        "_ingested_at": pa.array(moments, pa.timestamp("us", "UTC")),
    })  # fmt: skip
    lake.branch(branch).append("bronze.sales", given)
    assert partitions(lake, branch) == ["-1", "20574"]
    assert rows(lake, branch, "bronze.sales", "_ingested_at") == [(moment,) for moment in moments]


def test_a_contract_may_say_otherwise_and_a_table_without_stays_so(folder: LakeFolder, tmp_path: Path) -> None:
    source = {"format": "csv", "file": "sales.csv"}
    folder.contract("bronze.sales", COLUMNS, source=source, partition=[])
    path = put(tmp_path, SOUND)
    with folder.open() as lake:
        load(lake, lake.create_branch("dev").name, path)
        assert partitions(lake, "dev") == [None]
    folder.contract("bronze.sales", COLUMNS, source=source)  # says nothing any more
    with folder.open() as lake:
        load(lake, "dev", put(tmp_path, HEADER + b"3,new,1.00,2026-01-02 03:04:05\n"))
        assert partitions(lake, "dev") == [None, None]
        assert [each.differences for each in lake.contract_diff(["bronze.sales"], "dev")] == [()]
    folder.contract("bronze.sales", COLUMNS, source=source, partition=["month(sold_at)"])
    with folder.open() as lake:
        load(lake, "dev", put(tmp_path, HEADER + b"4,new,1.00,2026-01-02 03:04:05\n"))
        assert lake.catalog("dev").load_table("bronze.sales").spec().fields[0].name == "sold_at_month"
