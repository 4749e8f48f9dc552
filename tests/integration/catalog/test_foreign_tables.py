"""Tables that other engines wrote: read, changed, compared, audited and published like Lagoa's own, or refused."""

from __future__ import annotations

import gzip

import foreign_tables as others
import pyarrow as pa
import pytest
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.typedef import Record
from pyiceberg.types import FloatType, IntegerType, ListType, LongType, NestedField, StringType, StructType

from lagoa.bootstrap import examine_lake, open_lake
from lagoa.domain.commits import Change
from lagoa.domain.tables import TableName
from lagoa.errors import OutsideWarehouse, QueryError, TableUnreadable, WriteError
from lagoa.review.diff import diff
from lagoa.sql_models.described import described_tables
from lagoa.sql_models.run import transform

T = TableName.parse("bronze.t")
NAME = ("bronze", "t")
SCHEMA = Schema(
    NestedField(1, "k", LongType(), required=True), NestedField(2, "v", StringType()), NestedField(3, "n", LongType())
)


@pytest.fixture
def folder(folder):
    folder.contract("bronze.t", "k:long* v:string n:long")
    return folder


def rows(*values, names="k v n"):
    kinds = {"k": pa.int64(), "v": pa.string(), "n": pa.int64(), "w": pa.int64()}
    columns = zip(names.split(), zip(*values, strict=True), strict=True)
    return pa.table({name: pa.array(column, kinds[name]) for name, column in columns})


def make(lake, schema=SCHEMA, **options):
    """Make the table as another engine would, without Lagoa's properties."""
    catalog = lake.catalog("dev")
    catalog.create_namespace_if_not_exists("bronze")
    return catalog.create_table(NAME, schema, **options)


def fill(table, *parts):
    for part in parts:
        table.append(part.cast(table.schema().as_arrow()))
    return table


def table_of(lake):
    return lake.catalog("dev").load_table(NAME)


def content(lake, ref="dev"):
    """Return the rows by DuckDB, once PyIceberg reads the same."""
    found = lake.sql("SELECT * FROM bronze.t ORDER BY ALL", ref)
    names, values = found.columns, found.fetchall()
    read = lake.catalog(ref).load_table(NAME).scan().to_arrow().to_pylist()
    assert sorted(values, key=repr) == sorted((tuple(row[name] for name in names) for row in read), key=repr)
    return values


def paths(lake):
    return {task.file.file_path for task in table_of(lake).scan().plan_files()}


def point(lake, pointer):
    """Let the branch point to a metadata file."""
    lake.context.catalog.commit("dev", lake.resolve("dev").id, Change({T: pointer}))


def one_snapshot(lake):
    point(lake, others.write_metadata(table_of(lake), others.as_nessie_does))


def last_schema(document):
    others.as_nessie_does(document)
    document["schemas"] = [each for each in document["schemas"] if each["schema-id"] == document["current-schema-id"]]


def without_totals(document):
    for snapshot in document["snapshots"]:
        snapshot["summary"] = {"operation": "append"}


def test_rows_deleted_by_position_stay_deleted(lake, dev):
    fill(make(lake), rows((1, "a", 1), (2, "b", 1)), rows((3, "c", 1), (4, "d", 1)))
    others.delete_positions(table_of(lake), "v", "b", "d")
    assert content(lake) == [(1, "a", 1), (3, "c", 1)]
    assert (dev.merge("bronze.t", rows((3, "C", 2), (9, "z", 2))).rows_removed, content(lake)) == (
        1,
        [(1, "a", 1), (3, "C", 2), (9, "z", 2)],
    )
    others.delete_positions(table_of(lake), "v", "z")
    assert dev.delete("bronze.t", "k = 1").rows_removed == 1
    assert content(lake) == [(3, "C", 2)]
    others.delete_positions(table_of(lake), "v", "C")
    assert dev.delete("bronze.t", "k > 0").rows_removed == 0
    dev.append("bronze.t", rows((5, "e", 3)))
    assert content(lake) == [(5, "e", 3)]
    others.delete_positions(table_of(lake), "v", "e")
    dev.append("bronze.t", rows((6, "f", 3)))
    assert (dev.replace("bronze.t", rows((7, "g", 3))).rows_removed, content(lake)) == (1, [(7, "g", 3)])


def test_rows_deleted_by_position_in_partitions_stay_deleted(lake, dev):
    table = make(lake, partition_spec=PartitionSpec(PartitionField(3, 1000, IdentityTransform(), "n")))
    fill(table, rows((1, "a", 1), (2, "b", 2)), rows((3, "c", 1), (4, "d", 2)))
    others.delete_positions(table_of(lake), "k", 1, 3, partition=Record(1))
    others.delete_positions(table_of(lake), "k", 4, partition=Record(2))
    assert content(lake) == [(2, "b", 2)]
    dev.merge("bronze.t", rows((2, "B", 2), (5, "e", 1)))
    assert content(lake) == [(2, "B", 2), (5, "e", 1)]


def test_a_diff_counts_what_was_deleted_by_position(lake, dev):
    fill(make(lake), rows((1, "a", 1), (2, "b", 1)), rows((3, "c", 1)))
    lake.create_branch("before", "dev")
    others.delete_positions(table_of(lake), "v", "b")
    dev.append("bronze.t", rows((4, "d", 1)))
    (found,) = diff(lake.context, "before", "dev").tables
    assert (found.rows_added, found.rows_removed, found.rows_changed) == (1, 1, 0)
    (found,) = diff(lake.context, "main", "dev").tables
    assert (found.kind, found.rows_added) == ("added", 3)


def test_publishing_a_table_of_another_engine(folder, lake, dev):
    fill(make(lake), rows((1, "a", 1), (2, "b", 1)))
    others.delete_positions(table_of(lake), "v", "b")
    report = dev.publish().report
    assert report.passed
    assert content(lake, "main") == [(1, "a", 1)]
    assert lake.rollback("main~1").report is not None
    assert lake.tables() == {}


def refused(lake, dev):
    """Whatever reads or writes the table is refused."""
    yield lambda: lake.sql("SELECT * FROM bronze.t", "dev")
    yield lambda: dev.append("bronze.t", rows((9, "z", 1)))
    yield lambda: dev.append("bronze.t", "SELECT * FROM bronze.t")
    yield lambda: dev.replace("bronze.t", rows((9, "z", 1)))
    yield lambda: dev.merge("bronze.t", rows((9, "z", 1)))
    yield lambda: dev.delete("bronze.t", "k = 1")
    yield lambda: diff(lake.context, "main", "dev")
    yield dev.publish


@pytest.mark.parametrize("told", [True, False], ids=["told by the summary", "found in the manifests"])
def test_rows_deleted_by_value_are_refused(lake, dev, told):
    fill(make(lake), rows((1, "a", 1), (2, "b", 1)))
    others.delete_equal(table_of(lake), "k", 2)
    if not told:
        point(lake, others.write_metadata(table_of(lake), without_totals))
    head = lake.resolve("dev").id
    for call in refused(lake, dev):
        with pytest.raises(TableUnreadable, match=r"bronze\.t: .*equality deletes.*rewrite_data_files"):
            call()
    assert lake.resolve("dev").id == head
    assert lake.tables() == {}
    assert ["equality deletes" in finding.message for finding in examine_lake(lake.settings.root)] == [True]


def test_rows_deleted_by_value_once_and_written_anew_are_read(lake, dev):
    """An engine that rewrote the files says so in the summary, or leaves no such file in the manifests."""
    fill(make(lake), rows((1, "a", 1)))
    point(lake, others.write_metadata(table_of(lake), without_totals))
    others.delete_positions(table_of(lake), "v", "none")
    assert content(lake) == [(1, "a", 1)]
    dev.merge("bronze.t", rows((1, "A", 1)))
    assert content(lake) == [(1, "A", 1)]


def evolve(table):
    """Widen, rename, drop and add, and add one of the name that was dropped."""
    with table.update_schema() as update:
        update.update_column("n", LongType())
        update.rename_column("v", "old")
    with table.update_schema() as update:
        update.add_column("v", StringType())
        update.delete_column("old")
    with table.update_schema() as update:
        update.move_after("v", "k")


EARLIER = Schema(
    NestedField(1, "k", LongType(), required=True),
    NestedField(2, "v", StringType()),
    NestedField(3, "n", IntegerType()),
)


@pytest.mark.parametrize("history", [True, False], ids=["all schemas", "the last schema alone"])
def test_files_of_earlier_schemas_are_read_by_field_id(lake, dev, history):
    table = fill(make(lake, EARLIER), rows((1, "gone", 1), (2, "gone", 2)))
    evolve(table)
    fill(table_of(lake), rows((3, "c", 2**40)))
    lake.create_branch("before", "dev")
    if not history:
        point(lake, others.write_metadata(table_of(lake), last_schema))
    assert content(lake) == [(1, None, 1), (2, None, 2), (3, "c", 2**40)]
    assert dev.delete("bronze.t", "v = 'gone'").rows_removed == 0
    dev.merge("bronze.t", rows((2, "b", 2)))
    assert content(lake) == [(1, None, 1), (2, "b", 2), (3, "c", 2**40)]
    (found,) = diff(lake.context, "before", "dev").tables
    assert (found.rows_added, found.rows_removed, found.rows_changed) == (0, 0, 1)


def test_nested_columns_renamed_and_widened(folder, lake, dev):
    inside = StructType(NestedField(5, "a", IntegerType()), NestedField(6, "f", FloatType()))
    table = make(
        lake, Schema(*SCHEMA.fields, NestedField(4, "s", inside), NestedField(7, "l", ListType(8, LongType())))
    )
    (folder.root / "iceberg/bronze/t.odcs.yaml").unlink()
    first = pa.table({"k": [1, 2], "v": ["a", "b"], "n": [1, 1], "s": [{"a": 1, "f": 0.1}] * 2, "l": [[1], None]})
    fill(table, first)
    with table.update_schema() as update:
        update.rename_column("s.a", "b")
    with table.update_schema() as update:
        update.add_column(("s", "a"), StringType())
    point(lake, others.write_metadata(table_of(lake), last_schema))
    with folder.open() as later:
        dev = later.branch("dev")
        dev.delete("bronze.t", "k = 1")
        kept = [(2, "b", 1, {"b": 1, "f": pytest.approx(0.1), "a": None}, None)]
        assert later.sql("SELECT * FROM bronze.t", "dev").fetchall() == kept
        before = paths(later)
        dev.append("bronze.t", "SELECT * REPLACE (5 AS k) FROM bronze.t")
        dev.merge("bronze.t", "SELECT * REPLACE ('B' AS v) FROM bronze.t WHERE k = 5", key=["k"])
        assert before < paths(later)  # the file of the other row was left alone
        assert [row[:2] for row in content(later)] == [(2, "b"), (5, "B")]


@pytest.mark.parametrize("kind", ["ids", "names"])
def test_names_that_parquet_spells_otherwise(folder, lake, kind):
    (folder.root / "iceberg/bronze/t.odcs.yaml").unlink()
    nested = [NestedField(3, "l", ListType(4, LongType()))] if kind == "names" else []
    schema = Schema(NestedField(1, "a b-c", LongType()), NestedField(2, "v", StringType()), *nested)
    table = make(lake, schema)
    first = pa.table({"a b-c": [1, 2], "v": ["a", "b"], **({"l": [[1], [2]]} if nested else {})})
    table.append(first.cast(table.schema().as_arrow()))
    with folder.open() as later:
        dev = later.branch("dev")
        dev.delete("bronze.t", '"a b-c" = 1')
        assert [row[:2] for row in content(later)] == [(2, "b")]
        dev.merge("bronze.t", first.slice(1).set_column(1, "v", pa.array(["B"])), key=["a b-c"])
        assert [row[:2] for row in content(later)] == [(2, "B")]


def test_files_without_field_ids_are_read_by_the_name_mapping(lake, dev):
    table = fill(make(lake), rows((1, "own", 1)))
    others.add_file(table, rows((2, "b", 1), (3, "c", 1)))
    for before, after in (("v", "old"), ("old", "v")):
        with table_of(lake).update_schema() as update:
            update.rename_column(before, after)
    assert content(lake) == [(1, "own", 1), (2, "b", 1), (3, "c", 1)]
    dev.merge("bronze.t", rows((2, "B", 2)))
    assert content(lake) == [(1, "own", 1), (2, "B", 2), (3, "c", 1)]


def test_a_file_that_lacks_the_column_of_its_partition(lake, dev):
    table = make(lake, partition_spec=PartitionSpec(PartitionField(3, 1000, IdentityTransform(), "n")))
    others.add_file(table, rows((1, "a"), (2, "b"), names="k v"), partition=Record(7))
    assert content(lake) == [(1, "a", 7), (2, "b", 7)]
    lake.create_branch("before", "dev")
    dev.merge("bronze.t", rows((2, "B", 7)))
    assert content(lake) == [(1, "a", 7), (2, "B", 7)]
    (found,) = diff(lake.context, "before", "dev").tables
    assert (found.rows_added, found.rows_removed, found.rows_changed) == (0, 0, 1)


def test_another_partition_spec_than_the_files(lake, dev):
    table = fill(make(lake), rows((1, "a", 1), (2, "b", 2)))
    with table.update_spec() as update:
        update.add_field("n", IdentityTransform(), "n")
    fill(table_of(lake), rows((3, "c", 3)))
    (lake.settings.root / "iceberg/bronze/t.odcs.yaml").unlink()
    with open_lake(lake.settings.root) as later:
        later.branch("dev").merge("bronze.t", rows((2, "B", 2), (3, "C", 3)), key=["k"])
        assert content(later) == [(1, "a", 1), (2, "B", 2), (3, "C", 3)]


def test_metadata_that_shows_one_snapshot(lake, dev):
    fill(make(lake), rows((1, "a", 1)), rows((2, "b", 1)))
    lake.create_branch("before", "dev")
    one_snapshot(lake)
    dev.merge("bronze.t", rows((2, "B", 2)))
    one_snapshot(lake)
    dev.append("bronze.t", rows((3, "c", 2)))
    dev.delete("bronze.t", "k = 1")
    assert content(lake) == [(2, "B", 2), (3, "c", 2)]
    (found,) = diff(lake.context, "before", "dev").tables
    assert (found.rows_added, found.rows_removed, found.rows_changed) == (1, 1, 1)
    assert dev.publish().report.passed


def test_metadata_packed_by_gzip(lake, dev):
    fill(make(lake), rows((1, "a", 1)))
    packed = others.write_metadata(table_of(lake), lambda _: None, ".gz.metadata.json", gzip.compress)
    point(lake, packed)
    assert content(lake) == [(1, "a", 1)]
    dev.merge("bronze.t", rows((1, "A", 1)))
    point(lake, packed)
    assert dev.publish().report.passed
    assert content(lake, "main") == [(1, "a", 1)]


def test_a_table_of_the_first_format(lake, dev):
    fill(make(lake, properties={"format-version": "1"}), rows((1, "a", 1), (2, "b", 1)))
    dev.merge("bronze.t", rows((2, "B", 2), (3, "c", 2)))
    dev.delete("bronze.t", "k = 1")
    assert content(lake) == [(2, "B", 2), (3, "c", 2)]
    assert table_of(lake).metadata.format_version == 1
    assert dev.publish().report.passed


def test_a_table_of_the_third_format_is_read_and_not_written(lake, dev):
    fill(make(lake), rows((1, "a", 1)))
    lake.create_branch("before", "dev")

    def third(document):
        document["format-version"], document["next-row-id"] = 3, 1
        added = {"id": 4, "name": "w", "type": "long", "required": False, "initial-default": 42, "write-default": 42}
        document["schemas"][-1]["fields"].append(added)
        document["last-column-id"] = 4

    point(lake, others.write_metadata(table_of(lake), third))
    assert content(lake) == [(1, "a", 1, 42)]
    assert diff(lake.context, "before", "dev").tables[0].columns[0].column == "w"
    for engine in ("spark", "trino"):  # which do not read all of it: such a table is left to DuckDB
        assert described_tables(lake.context, lake.tables("before"), engine).tables
        assert not described_tables(lake.context, lake.tables("dev"), engine).tables
    for write in (dev.append, dev.merge, dev.replace):
        with pytest.raises(WriteError, match=r"bronze\.t: it has Iceberg format version 3"):
            write("bronze.t", rows((2, "b", 1, 1), names="k v n w"))


def test_files_of_another_kind_are_refused(lake, dev):
    from pyarrow import orc
    from pyiceberg.manifest import DataFile, DataFileContent, FileFormat

    table = fill(make(lake), rows((1, "a", 1)))
    path = f"{table.location()}/data/a.orc"
    orc.write_table(rows((2, "b", 1)), path)
    file = DataFile.from_args(
        content=DataFileContent.DATA, file_path=path, file_format=FileFormat.ORC, partition=Record(), record_count=1,
        file_size_in_bytes=len(table.io.new_input(path)),
    )  # fmt: skip
    file.spec_id = 0
    with table.transaction() as tx, tx.update_snapshot().fast_append() as append:
        append.append_data_file(file)
    with pytest.raises(QueryError, match="ORC"):
        lake.sql("SELECT * FROM bronze.t", "dev")
    with pytest.raises(QueryError, match="ORC"):
        dev.merge("bronze.t", rows((1, "A", 1)))


def test_a_table_in_a_store_of_others_is_told(lake, dev):
    point(lake, "s3://elsewhere/bronze/t/metadata/00000.metadata.json")
    for call in refused(lake, dev):
        with pytest.raises(OutsideWarehouse, match=r"s3://elsewhere/.* is outside of the lake's warehouse"):
            call()


def test_a_models_table_that_others_wrote_to_is_stale(folder):
    """Also where the metadata names no file before it, as that of Nessie's REST catalog."""
    folder.contract("silver.m", "k:long* v:string", materialization="full")
    folder.model("silver.m", "SELECT k, v FROM bronze.t\n")
    with folder.open() as lake:
        lake.create_branch("dev").append("bronze.t", rows((1, "a", 1)))
        for _ in range(2):
            assert [result.skipped for result in transform(lake.context, "dev")] == [False]
            assert [result.skipped for result in transform(lake.context, "dev")] == [True]
            table = lake.catalog("dev").load_table("silver.m")
            assert table.scan().to_arrow().to_pylist() == [{"k": 1, "v": "a"}]
            fill(table, rows((9, "z"), names="k v"))
            pointer = others.write_metadata(lake.catalog("dev").load_table("silver.m"), others.as_nessie_does)
            change = Change({TableName.parse("silver.m"): pointer})
            lake.context.catalog.commit("dev", lake.resolve("dev").id, change)
