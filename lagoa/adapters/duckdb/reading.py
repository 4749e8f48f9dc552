"""SQL that reads some data files of a table in the table's schema, where that is certain to give its rows.

Reading files straight is several times quicker than reading through the table's metadata, as only then do joins leave
out row groups. The files themselves say which of them can be read so: metadata may have only the latest schema.
"""

# ruff: noqa: S608 - texts are quoted

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from pyiceberg.manifest import FileFormat
from pyiceberg.table import TableProperties
from pyiceberg.transforms import IdentityTransform

from lagoa.adapters.duckdb.sql import NotWritable
from lagoa.adapters.duckdb.types import children, duckdb_type, is_plain
from lagoa.domain.ports.engine import FILE_COLUMN
from lagoa.domain.sql_names import name_in_sql, text_in_sql
from lagoa.storage.port import local_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb
    from pyiceberg.manifest import DataFile
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.types import NestedField

    from lagoa.adapters.duckdb.session import Means
    from lagoa.domain.cache import Cache
    from lagoa.storage.port import Storage

FileColumn: TypeAlias = "tuple[int | None, str, str]"
"""A column in a Parquet file, nested ones too: field id, name, and all that is said of its type."""

_DEFAULTS_SINCE = 3  # format of Iceberg in which a column that a file lacks may have a value


def read_files(
    cursor: duckdb.DuckDBPyConnection,
    means: Means,
    table: TableMetadata,
    files: Sequence[DataFile],
    *,
    whole: bool = False,
) -> str | None:
    """Return SQL to select from that reads data files; None if the table's metadata is needed for it.

    Args:
        cursor: where it will run.
        means: of the session; the columns of files that were not looked at before are added to it.
        table: the table.
        files: some of its data files.
        whole: whether all rows are read, so that no join leaves out row groups: files are looked at only if they must.
    """
    if any(file.file_format != FileFormat.PARQUET for file in files):
        return None
    paths = [means.storage.path(file.file_path) for file in files]
    location = _location_sql(means.storage, paths, files)
    if location is None:
        return None
    fields = table.schema().fields
    options = f"filename = {text_in_sql(FILE_COLUMN)}, hive_partitioning = false"
    listed = f"read_parquet([{', '.join(map(text_in_sql, paths))}], {options}"
    by_id = all(is_plain(field.field_type) for field in fields) and _lacks_nothing(table, files)
    columns = set() if whole and by_id else _columns(cursor, means.file_columns, paths)
    if len(columns) == 1 and {each[:2] for each in columns.pop() if each[0] is not None} == set(_names(fields)):
        return f"(SELECT {', '.join(map(_typed, fields))}, {location} AS {FILE_COLUMN} FROM {listed}))"
    if by_id:
        entries = ", ".join(
            f"{field.field_id}: {{name: {text_in_sql(field.name)}, "
            f"type: {text_in_sql(duckdb_type(field.field_type))}, default_value: NULL}}"
            for field in fields
        )
        source = f"{listed}, schema = MAP {{{entries}}})"
        return source if location == FILE_COLUMN else f"(SELECT * REPLACE ({location} AS {FILE_COLUMN}) FROM {source})"
    return None


def _location_sql(storage: Storage, paths: Sequence[str], files: Sequence[DataFile]) -> str | None:
    """Return SQL of a file's path as the table's metadata has it; None if the location does not tell."""
    if storage.home == storage.location:
        return FILE_COLUMN
    if any(storage.location_of(path) != local_path(file.file_path) for path, file in zip(paths, files, strict=True)):
        return None
    here, home = (text_in_sql(f"{each}/") for each in (storage.location, storage.home))
    moved = f"{home} || substr({FILE_COLUMN}, length({here}) + 1)"
    return f"CASE WHEN starts_with({FILE_COLUMN}, {here}) THEN {moved} ELSE {FILE_COLUMN} END"


def _columns(
    cursor: duckdb.DuckDBPyConnection, known: Cache[str, frozenset[FileColumn]], paths: Sequence[str]
) -> set[frozenset[FileColumn]]:
    """Return the columns of files, each set of them once; those of files that are not known are kept."""
    kept = {path: known.get(path) for path in paths}
    columns = {each for each in kept.values() if each is not None}
    unknown = [path for path, each in kept.items() if each is None]
    if unknown:
        found: dict[str, set[FileColumn]] = {}
        of_type = "concat_ws(' ', type, type_length, converted_type, precision, scale, logical_type)"
        sql = (
            f"SELECT file_name, field_id, name, {of_type} FROM parquet_schema([{', '.join(map(text_in_sql, unknown))}])"
        )
        for path, *column in cursor.execute(sql).fetchall():
            found.setdefault(path, set()).add((column[0], column[1], column[2]))
        for path, each in found.items():
            known.keep(path, frozenset(each))
            columns.add(frozenset(each))
    return columns


def _names(fields: Sequence[NestedField]) -> Iterator[tuple[int, str]]:
    for field in fields:
        yield field.field_id, field.name
        yield from _names(children(field.field_type))


def _typed(field: NestedField) -> str:
    """Return the SQL of a column in its type now, which may be wider than that of the files."""
    try:
        return f"CAST({name_in_sql(field.name)} AS {duckdb_type(field.field_type)}) AS {name_in_sql(field.name)}"
    except NotWritable:
        return name_in_sql(field.name)


def _lacks_nothing(table: TableMetadata, files: Sequence[DataFile]) -> bool:
    """Return whether columns are found by field id, and one that is not there is null.

    It is not so where a name mapping replaces ids, where a column's values are in the partition only, and where
    columns have defaults.
    """
    if TableProperties.DEFAULT_NAME_MAPPING in table.properties or table.format_version >= _DEFAULTS_SINCE:
        return False
    known = {
        number: {each.source_id for each in spec.fields if isinstance(each.transform, IdentityTransform)}
        for number, spec in table.specs().items()
    }
    return all(known[file.spec_id] <= (file.column_sizes or file.value_counts or {}).keys() for file in files)
