"""Bloom filters: exactly those that the contract asks for are in the files, and point lookups read less."""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem

from lagoa.catalog.readable import table_at
from lagoa.contracts.comparison import compare
from lagoa.domain.bloom import bloom_columns, bloom_properties
from lagoa.domain.tables import TableName
from lagoa.errors import ContractError

TABLE = "bronze.orders"
COLUMNS = {"id": "long", "code": "string", "units": "int", "price": "decimal(9, 2)", "tags": "list<string>"}
ASKED = {"id", "code", "units"}
ROWS, FILES = 20_000, 5


def code(number):
    return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()


def orders(part):
    """Return rows of which any file may have any code, by the least and the greatest that it has."""
    numbers = range(part, ROWS * FILES, FILES)
    tags = [None if number % 3 else [f"t{number}", None] for number in numbers]
    return pa.table(
        {
            "id": pa.array(numbers),
            "code": [code(number) for number in numbers],
            "units": pa.array(numbers, pa.int32()),
            "price": pa.array([number % 100 for number in numbers], pa.decimal128(9, 2)),
            "tags": pa.array(tags, pa.list_(pa.string())),
        }
    )


def load(folder, parts, **custom):
    folder.contract(TABLE, COLUMNS, **custom)
    with folder.open() as lake, lake.run("load") as run:
        for part in parts:
            run.append(TABLE, orders(part))
        run.publish()


def table(lake):
    return table_at(lake.context.storage, lake.context.pointers("main")[TableName.parse(TABLE)])


def files(lake):
    """Return the files of the table, the latest first."""
    return [task.file for task in table(lake).scan().plan_files()]


def filtered(file):
    """Return the columns of which each row group of a file has a bloom filter, without those of few values."""
    footer = pq.read_metadata(file.file_path)
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    chunks = [group.column(number) for group in groups for number in range(group.num_columns)]
    missing = {each.path_in_schema for each in chunks if each.bloom_filter_offset is None}
    return ASKED - missing


class Counting(LocalFileSystem):
    """The local files, of which it counts the bytes that are read."""

    protocol = "counting"
    cachable = False
    read = 0

    def _open(self, path, mode="rb", **options):
        file = super()._open(path, mode, **options)
        whole = file.read

        def counted(size=-1):
            found = whole(size)
            self.read += len(found)
            return found

        file.read = counted
        return file


def read_for(lake, condition):
    """Return the bytes that DuckDB reads of the table's files for the rows that meet a condition, and their ids."""
    counting = Counting()
    with duckdb.connect(":memory:", config={"threads": 1, "enable_external_file_cache": False}) as connection:
        connection.register_filesystem(counting)
        paths = [f"counting://{file.file_path}" for file in files(lake)]
        rows = connection.execute(f"SELECT id FROM read_parquet($1) WHERE {condition}", [paths]).fetchall()
    return counting.read, [row for (row,) in rows]


def test_new_files_have_the_filters_of_the_contract_and_all_else_as_before(folder):
    load(folder, [0])
    load(folder, [1], bloom=["code", "id"])
    with folder.open() as lake:
        new, old = files(lake)
        assert (filtered(new), filtered(old)) == ({"id", "code"}, set())
        assert bloom_columns(table(lake).properties) == ("code", "id")
        for file, part in ((new, 1), (old, 0)):
            assert pq.ParquetFile(file.file_path).read(list(COLUMNS)).to_pylist() == orders(part).to_pylist()
            group = pq.read_metadata(file.file_path).row_group(0)
            sizes = [group.column(number).total_compressed_size for number in range(group.num_columns)]
            assert sorted(file.column_sizes.values()) == sorted(sizes)
            assert file.file_size_in_bytes == Path(file.file_path).stat().st_size
            assert len(list(Path(file.file_path).parent.iterdir())) == 1, "nothing is left beside it"
        assert new.lower_bounds.keys() == old.lower_bounds.keys()
        assert str(pq.ParquetFile(new.file_path).schema_arrow) == str(pq.ParquetFile(old.file_path).schema_arrow)
        assert lake.sql("SELECT count(*), count(tags) FROM bronze.orders").fetchall() == [(2 * ROWS, 13_334)]


def test_a_point_lookup_reads_less(folder):
    conditions = (f"code = '{code(50_001)}'", "units = 50001", "id = 99")
    load(folder, range(FILES))
    with folder.open() as lake:
        before = [read_for(lake, condition) for condition in conditions]
    folder.contract(TABLE, COLUMNS, bloom=["code", "units"])
    with folder.open() as lake, lake.run("again") as run:
        run.replace(TABLE, orders(0))
        for part in range(1, FILES):
            run.append(TABLE, orders(part))
        run.publish()
    with folder.open() as lake:
        after = [read_for(lake, condition) for condition in conditions]
    assert [rows for _, rows in after] == [rows for _, rows in before] == [[50_001], [50_001], [99]]
    codes, units, ids = (now / then for (now, _), (then, _) in zip(after, before, strict=True))
    assert codes < 0.4, "one of five files, and the filters of the others"
    assert units < 0.9, "of which there is less to read"
    assert ids > 0.99, "of which there is no filter"


def test_a_compaction_writes_them_too_and_a_contract_takes_them_back(folder):
    load(folder, range(FILES))
    folder.contract(TABLE, COLUMNS, bloom=["code"])
    with folder.open() as lake:
        with lake.run("touch") as run:
            run.append(TABLE, orders(0).slice(0, 1))
            run.publish()
        done = lake.compact()
        assert [each.state for each in done.tables] == ["compacted"]
        (file,) = files(lake)
        assert filtered(file) == {"code"}
        assert file.record_count == FILES * ROWS + 1
    load(folder, [0], bloom=["units"])
    with folder.open() as lake:
        assert [filtered(each) for each in files(lake)] == [{"units"}, {"code"}]
        assert bloom_columns(table(lake).properties) == ("units",)
    load(folder, [0])
    with folder.open() as lake:
        assert filtered(files(lake)[0]) == set()
        assert not bloom_properties(["units"]).keys() & table(lake).properties.keys()


def test_a_comparison_names_the_change(folder):
    load(folder, [0])
    folder.contract(TABLE, COLUMNS, bloom=["code"])
    with folder.open() as lake:
        (found,) = compare(lake.context.contracts[TableName.parse(TABLE)], table(lake).metadata).differences
        assert (found.before, found.after, found.effect) == (None, "code", "evolves")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["price"], r"price is decimal\(9, 2\)"),
        (["tags"], "no engine looks for its values"),
        (["cod"], "Did you mean 'code'"),
        (["code", "code"], "twice"),
    ],
)
def test_what_can_have_none_is_named(folder, columns, message):
    folder.contract(TABLE, COLUMNS, bloom=columns)
    with folder.open() as lake, pytest.raises(ContractError, match=message):
        lake.context.contracts[TableName.parse(TABLE)]


def test_a_column_that_became_wider_is_found_in_files_of_before(folder):
    load(folder, [0], bloom=["units"])
    folder.contract(TABLE, COLUMNS | {"units": "long"}, bloom=["units"])
    with folder.open() as lake, lake.run("wider") as run:
        rows = orders(1)
        at = rows.schema.get_field_index("units")
        run.append(TABLE, rows.set_column(at, "units", rows["units"].cast(pa.int64())))
        run.publish()
        for number in (0, 5, 1, 6, 7):
            found = lake.sql(f"SELECT units FROM {TABLE} WHERE units = {number}").fetchall()
            assert found == ([] if number == 7 else [(number,)])
