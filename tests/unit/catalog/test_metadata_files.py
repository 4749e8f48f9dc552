"""What is kept of metadata files: they never change, and each is read once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.schema import Schema
from pyiceberg.serializers import ToOutputFile
from pyiceberg.table.metadata import new_table_metadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
from pyiceberg.types import LongType, NestedField

from lagoa.catalog.metadata_files import MetadataFiles
from lagoa.errors import CatalogDamaged
from lagoa.storage.local import LocalStorage


@pytest.fixture
def pointer(tmp_path):
    return written(tmp_path, "id")


def written(folder, column):
    schema = Schema(NestedField(1, column, LongType()))
    metadata = new_table_metadata(schema, UNPARTITIONED_PARTITION_SPEC, UNSORTED_SORT_ORDER, str(folder), {"a": column})
    pointer = f"{folder}/{column}.metadata.json"
    ToOutputFile.table_metadata(metadata, LocalStorage(folder).file_io({}).new_output(pointer))
    return pointer


def test_a_file_is_read_once(tmp_path, pointer):
    files = MetadataFiles(LocalStorage(tmp_path))
    facts, parsed = files.facts(pointer), files.parsed(pointer)
    (tmp_path / "id.metadata.json").unlink()
    assert files.facts(pointer) is facts
    assert files.parsed(pointer) is parsed
    assert facts.columns == {"id": "long"}
    assert facts.properties == parsed.properties == {"a": "id"}


def test_two_lakes_keep_nothing_in_common(tmp_path, pointer):
    one, other = (MetadataFiles(LocalStorage(tmp_path)) for _ in range(2))
    one.facts(pointer), one.parsed(pointer)
    (tmp_path / "id.metadata.json").unlink()
    with pytest.raises(CatalogDamaged):
        other.facts(pointer)
    with pytest.raises(FileNotFoundError):
        other.parsed(pointer)


def test_what_was_just_written_is_not_read(tmp_path, pointer):
    files = MetadataFiles(LocalStorage(tmp_path))
    metadata = files.parsed(pointer)
    files.keep(f"{tmp_path}/never-there.metadata.json", metadata)
    assert files.parsed(f"{tmp_path}/never-there.metadata.json") is metadata


def test_threads_share_one(tmp_path):
    pointers = [written(tmp_path, f"c{number}") for number in range(20)]
    files = MetadataFiles(LocalStorage(tmp_path))

    def read(pointer):
        return files.facts(pointer).properties, files.parsed(pointer).properties

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(read, pointers * 10))
    assert found == [({"a": f"c{number}"}, {"a": f"c{number}"}) for number in range(20)] * 10
