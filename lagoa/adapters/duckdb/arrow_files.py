"""Data files with what DuckDB does not write, such as `fixed`: through Arrow, in memory.

PyIceberg's own writer is not used: it makes null lists empty, and ends the process at a null map.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from pyiceberg.types import BinaryType, ListType, MapType, StringType, StructType, UUIDType

from lagoa.adapters.duckdb.blooms import filtered_columns, filters
from lagoa.adapters.duckdb.sql import NotWritable
from lagoa.adapters.duckdb.types import children, is_plain
from lagoa.domain.sql_names import name_in_sql

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.manifest import DataFile
    from pyiceberg.schema import Schema
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.types import NestedField

    from lagoa.storage.port import Storage


def arrow_schema(schema: Schema) -> pa.Schema:
    """Return the Arrow schema, with field ids, of rows that `write_arrow` takes.

    Its texts have small offsets, as those that DuckDB gives: Arrow 24 ends the process when it casts the content of a
    map with a null among its rows.

    Raises:
        NotWritable: a map has values in it that must be cast, or a list, map or struct a uuid.
    """
    import pyarrow as pa

    return pa.schema([_arrow_field(field, inside=False, in_map=False) for field in schema.fields])


def uuids_as_bytes(schema: Schema) -> str:
    """Return SQL that makes the bytes of the uuids in rows of a schema, which DuckDB else gives to Arrow as text."""
    uuids = [name_in_sql(field.name) for field in schema.fields if isinstance(field.field_type, UUIDType)]
    bytes_of = ", ".join(f"unhex(replace(CAST({name} AS VARCHAR), '-', '')) AS {name}" for name in uuids)
    return f"REPLACE ({bytes_of})" if uuids else ""


def _arrow_field(field: NestedField, *, inside: bool, in_map: bool) -> pa.Field:
    """Return a field as PyIceberg's `schema_to_pyarrow` does, which has large offsets."""
    import pyarrow as pa
    from pyiceberg.io.pyarrow import PYARROW_PARQUET_FIELD_ID_KEY, schema_to_pyarrow

    kind = field.field_type
    fields = [_arrow_field(each, inside=True, in_map=in_map or isinstance(kind, MapType)) for each in children(kind)]
    match kind:
        case StructType():
            arrow = pa.struct(fields)
        case ListType():
            arrow = pa.list_(*fields)
        case MapType():
            arrow = pa.map_(*fields)
        case StringType():
            arrow = pa.string()
        case BinaryType():
            arrow = pa.binary()
        case UUIDType() if inside:
            raise NotWritable("Arrow writes no uuid inside another value")
        case _ if in_map and not is_plain(kind):
            raise NotWritable(f"Arrow writes no {kind} in a map")
        case _:
            arrow = schema_to_pyarrow(kind)
    return pa.field(field.name, arrow, not field.required, {PYARROW_PARQUET_FIELD_ID_KEY: str(field.field_id)})


def write_arrow(table: TableMetadata, rows: pa.Table, folder: str, storage: Storage) -> list[DataFile]:
    """Write rows as data files of a table, one per partition; return their manifest entries.

    Args:
        table: the table.
        rows: in the table's schema, with field ids.
        folder: location for the files.
        storage: creates them.

    Raises:
        NotInstalledError: the table is partitioned by a transform that PyIceberg does not compute for a column's type.
    """
    from pyarrow import parquet
    from pyiceberg.io.pyarrow import (
        _determine_partitions,
        compute_statistics_plan,
        data_file_statistics_from_parquet_metadata,
        parquet_path_to_id_mapping,
    )
    from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
    from pyiceberg.typedef import Record

    schema, spec = table.schema(), table.spec()
    parts = [(Record(), rows)] if rows.num_rows else []
    if not spec.is_unpartitioned():
        found = _determine_partitions(spec, schema, rows)
        parts = [(each.partition_key.partition, each.arrow_table_partition) for each in found]
    plan, ids = compute_statistics_plan(schema, table.properties), parquet_path_to_id_mapping(schema)
    files = []
    for partition, part in parts:
        path = f"{folder}/{uuid.uuid4()}.parquet"
        written: list[parquet.FileMetaData] = []
        output = storage.file_io({}).new_output(path)
        with output.create() as stream:
            options = {"bloom_filter_options": filters(filtered_columns(table), part.num_rows)}
            parquet.write_table(part, stream, compression="zstd", metadata_collector=written, **options)
        statistics = data_file_statistics_from_parquet_metadata(written[0], plan, ids)
        entry = DataFile.from_args(
            content=DataFileContent.DATA,
            file_path=f"{'file://' if table.location.startswith('file://') else ''}{path}",
            file_format=FileFormat.PARQUET,
            partition=partition,
            file_size_in_bytes=len(output),
            **statistics.to_serialized_dict(),
        )
        entry.spec_id = table.default_spec_id
        files.append(entry)
    return files
