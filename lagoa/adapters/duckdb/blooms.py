"""Bloom filters in data files: pyarrow writes a file of DuckDB again, with those that its table asks for.

DuckDB writes a filter of a column only beside a dictionary of all its values in the row group, so of none with many
different ones. An option lifts that limit, but for every column, which makes files half as large again.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from lagoa.adapters.duckdb.types import leaves
from lagoa.domain.bloom import BLOOM_TYPES, bloom_columns

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pyarrow.parquet as pq
    from pyiceberg.table.metadata import TableMetadata

    from lagoa.adapters.duckdb.statistics import WrittenFile
    from lagoa.storage.port import Storage

_FALSE_POSITIVES = 0.02
"""The share of row groups that a filter does not leave out though they lack the value. A filter has a power of two of
bytes: by this one 128 KiB for the 122,880 rows of DuckDB's row groups, by Iceberg's own default of 0.01 twice that."""


def filtered_columns(table: TableMetadata) -> list[str]:
    """Return the columns of which a table's files are to have bloom filters, as far as there are such columns."""
    kinds = {field.name: str(field.field_type) for field in table.schema().fields}
    return [name for name in bloom_columns(table.properties) if kinds.get(name) in BLOOM_TYPES]


def filters(columns: Collection[str], rows: int) -> dict[str, dict[str, float]]:
    """Return pyarrow's option for bloom filters of some columns in row groups of so many rows."""
    return {column: {"ndv": max(rows, 1), "fpp": _FALSE_POSITIVES} for column in columns}


def with_filters(file: WrittenFile, table: TableMetadata, storage: Storage) -> WrittenFile:
    """Write a file again with the bloom filters of its table; return it as it is if it has them already.

    One row group is in memory at a time. Rows, row groups and the types of columns stay as they are.

    Args:
        file: which DuckDB has just written.
        table: the metadata that it fits.
        storage: where it lies.
    """
    from pyarrow import parquet

    columns = filtered_columns(table)
    if not columns:
        return file
    io = storage.file_io({})
    with io.new_input(file.path).open() as stream, parquet.ParquetFile(stream) as source:
        footer = source.metadata
        groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
        chunks = [group.column(number) for group in groups for number in range(group.num_columns)]
        if all(each.bloom_filter_offset is not None for each in chunks if each.path_in_schema in columns):
            return file
        folder, _, _ = file.path.rpartition("/")
        path = f"{folder}/f_{uuid.uuid4()}.parquet"
        output = io.new_output(path)
        with (
            output.create() as target,
            parquet.ParquetWriter(
                target,
                source.schema_arrow,
                compression="zstd",
                compression_level=1,
                use_dictionary=sorted({each.path_in_schema for each in chunks if each.has_dictionary_page}),
                bloom_filter_options=filters(columns, max(group.num_rows for group in groups)),
                store_schema=False,
                store_decimal_as_integer=True,  # as Iceberg wants it
            ) as writer,
        ):
            for number in range(footer.num_row_groups):
                writer.write_table(source.read_row_group(number))
    with io.new_input(path).open() as stream:
        written = parquet.read_metadata(stream)
    storage.discard(file.path)
    return replace(file, path=path, size=len(output), columns=_sizes(file, table, written))


def _sizes(file: WrittenFile, table: TableMetadata, footer: pq.FileMetaData) -> dict[str, Mapping[str, str]]:
    """Return the statistics of a file's columns with their sizes in another file of the same rows."""
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    sizes = {
        name: sum(group.column(number).total_compressed_size for group in groups)
        for number, name in enumerate(leaves(table.schema()))
    }
    return {name: {**said, "column_size_bytes": str(sizes[name])} for name, said in file.columns.items()}
