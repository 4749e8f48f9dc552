"""Writes the rows of a query as the data files of an Iceberg table: DuckDB's `COPY`, with field ids and statistics."""

# ruff: noqa: S608 - names and texts are name_in_sql, values are bound

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import duckdb
from pyiceberg.types import BinaryType, PrimitiveType

from lagoa.adapters.duckdb.blooms import with_filters
from lagoa.adapters.duckdb.casts import cast
from lagoa.adapters.duckdb.partitions import key_sql, needs_extension, order_sql, transform_sql, value_of_key
from lagoa.adapters.duckdb.sql import NotWritable, query_error
from lagoa.adapters.duckdb.statistics import WrittenFile, data_file
from lagoa.adapters.duckdb.types import duckdb_type, field_ids, null_inside
from lagoa.catalog.table_facts import table_named, target_bytes
from lagoa.domain.refusals import refusal_of
from lagoa.domain.sql_names import name_in_sql, text_in_sql
from lagoa.errors import LagoaError, WriteError
from lagoa.storage.port import local_path

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from duckdb.sqltypes import DuckDBPyType
    from pyiceberg.manifest import DataFile
    from pyiceberg.partitioning import PartitionField
    from pyiceberg.schema import Schema
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.types import IcebergType, NestedField

    from lagoa.adapters.duckdb.session import Means
    from lagoa.domain.tables import TableName

_ZSTD_LEVEL = 1  # as small as DuckDB's own 3 on this kind of data, in a half to four fifths of the time

log = logging.getLogger("lagoa.engine")

_STAGED = "_lagoa_rows"


@dataclass
class FileWriter:
    """Writes data files of one table through one connection.

    Attributes:
        cursor: the connection, in which the query's tables can be named.
        table: the metadata that the files are to fit.
        means: what the engine does for its sessions.
    """

    cursor: duckdb.DuckDBPyConnection
    table: TableMetadata
    means: Means

    def write(self, query: str, parameters: Sequence[Any], constant: Collection[str] = ()) -> list[DataFile]:
        """Run the query and return the files with its rows; no file where it has none.

        Args:
            query: one SELECT.
            parameters: values bound to it.
            constant: columns that have one value in all rows.

        Raises:
            WriteError: a column is missing or unknown, a value does not fit, a required one is null; the files cannot
                be written.
            QueryError: the query fails.
        """
        storage = self.means.storage
        folder = f"{local_path(self.table.location)}/data/{uuid.uuid4().hex}"
        try:
            storage.make_folder(folder)
            columns = self._columns(query, parameters)
            try:
                files = self._copy(query, parameters, columns, folder, constant)
            except NotWritable as reason:
                log.warning("%s: Arrow writes the files, which is slower: %s", self.name, reason)
                files = self._write_by_arrow(query, parameters, folder)
        except duckdb.Error as error:
            storage.discard(folder)
            raise self._translated(error) from error
        except OSError as error:
            storage.discard(folder)
            raise WriteError(
                self.name,
                f"its files cannot be written: {error.strerror or error}.",
                "Check the free disk space and the permissions of the state folder, then try again.",
            ) from error
        except BaseException:
            storage.discard(folder)
            raise
        if not files:
            storage.discard(folder)
        return files

    def stage(self, name: str, query: str, parameters: Sequence[Any]) -> int:
        """Keep the rows as they would be written in a temporary table; return their number.

        Raises:
            WriteError, QueryError: as `write` does; nulls are let through.
        """
        try:
            select = f"SELECT {', '.join(self._columns(query, parameters))} FROM ({query}\n)"
            self.cursor.execute(f"CREATE OR REPLACE TEMP TABLE {name_in_sql(name)} AS {select}", list(parameters))
            row = self.cursor.fetchone()
        except duckdb.Error as error:
            raise self._translated(error) from error
        return int(row[0]) if row else 0

    @cached_property
    def schema(self) -> Schema:
        """The table's schema."""
        return self.table.schema()

    @cached_property
    def name(self) -> TableName:
        """The table's name, from its location."""
        return table_named(self.table.location)

    @property
    def _target_bytes(self) -> int:
        return target_bytes(self.table.properties, self.means.target_bytes)

    def _columns(self, query: str, parameters: Sequence[Any]) -> list[str]:
        """Return the SQL of each of the table's columns, cast from what the query yields."""
        described = self.cursor.execute(f"SELECT * FROM ({query}\n) LIMIT 0", list(parameters)).description
        wanted = [field.name for field in self.schema.fields]
        types: dict[str, DuckDBPyType] = {  # case does not matter in SQL: `AS Total` is the column total
            name.lower() if name.lower() in wanted else name: kind for name, kind, *_ in described
        }
        missing = [field.name for field in self.schema.fields if field.name not in types]
        if missing:
            raise WriteError(
                self.name,
                f"the rows have no column {', '.join(map(repr, missing))}.",
                f"Name each of the table's columns: {', '.join(wanted)}; NULL AS … where there is no value.",
            )
        unknown = [name for name in types if name not in wanted]
        if unknown:
            raise WriteError(
                self.name,
                f"the table has no column {', '.join(map(repr, unknown))}.",
                f"Leave it out, or add it to the contract. The table has: {', '.join(wanted)}.",
            )
        return [self._column(field.name, types[field.name]) for field in self.schema.fields]

    def _column(self, name: str, source: DuckDBPyType) -> str:
        target = self.schema.find_field(name).field_type
        try:
            duckdb_type(target)
        except NotWritable:  # Arrow will write it, and checks it
            return name_in_sql(name)
        value = cast(name_in_sql(name), source, target, name)
        if value is None:
            raise WriteError(
                self.name,
                f"column {name!r} is {target} and the rows have {source} there.",
                f"Cast it explicitly in the query: CAST({name_in_sql(name)} AS …).",
            )
        return f"{value} AS {name_in_sql(name)}"

    def _copy(
        self, query: str, parameters: Sequence[Any], columns: list[str], folder: str, constant: Collection[str]
    ) -> list[DataFile]:
        fields = self.table.spec().fields
        single = bool(fields) and {self.schema.find_column_name(field.source_id) for field in fields} <= set(constant)
        for field in fields:
            if needs_extension(field.transform):
                self.means.load_extension()
        duckdb_type(self.schema.as_struct())  # or `NotWritable`
        ids = field_ids(self.schema.fields)
        transforms = [transform_sql(field.transform, self.schema, field.source_id) for field in fields]
        kinds = [each.field_type for each in self.table.spec().partition_type(self.schema).fields]
        partitions = [] if single else list(map(key_sql, transforms, kinds))
        order = order_sql(self.table.sort_order(), self.schema)
        select = f"SELECT {', '.join(columns)} FROM ({query}\n)"
        names = [f"_partition_{position}" for position in range(len(fields))]
        if partitions:
            extra = ", ".join(f"{sql} AS {name}" for sql, name in zip(partitions, names, strict=True))
            select = f"SELECT *, {extra} FROM ({select})"
            how = f"PARTITION_BY ({', '.join(names)}), WRITE_PARTITION_COLUMNS false"
        else:
            how = f"FILE_SIZE_BYTES {self._target_bytes}"
        options = f"FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL {_ZSTD_LEVEL}, FIELD_IDS {ids}, RETURN_STATS"
        if order and not partitions:
            files = self._copy_in_order(f"{select} {order}", parameters, options, folder)
        else:
            options += f", OVERWRITE_OR_IGNORE, FILENAME_PATTERN 'f_{{uuid}}', {how}"
            files = self._run_copy(f"{select} {order}", parameters, options, folder)
        for file in files:
            if not file.count:  # DuckDB leaves an empty file where the query has no rows
                self.means.storage.discard(file.path)
        files = [file for file in files if file.count]
        self._check_required(files)
        files = [with_filters(file, self.table, self.means.storage) for file in files]
        if single:
            files = [replace(file, partition=self._partition_of(file, fields, transforms)) for file in files]
        elif partitions:
            files = [self._with_values(file, transforms, kinds) for file in files]
        ordered = order != "" and not partitions  # within partitions DuckDB keeps runs in order, not the whole
        return [data_file(file, self.table, ordered=ordered) for file in files]

    def _with_values(self, file: WrittenFile, transforms: list[str], kinds: Sequence[IcebergType]) -> WrittenFile:
        """Return a file with the values of its partition in place of the keys that DuckDB wrote it by."""
        values = {}
        for (name, key), sql, kind in zip((file.partition or {}).items(), transforms, kinds, strict=True):
            text, known = value_of_key(key, kind)
            if not known:
                path = text_in_sql(self.means.storage.path(file.path))
                shown = f"hex({sql})" if isinstance(kind, BinaryType) else sql
                source = f"read_parquet({path}, hive_partitioning = false)"
                text = (self.cursor.execute(f"SELECT {shown} FROM {source} LIMIT 1").fetchone() or (None,))[0]
            values[name] = text
        return replace(file, partition=values)

    def _partition_of(
        self, file: WrittenFile, fields: Sequence[PartitionField], transforms: list[str]
    ) -> dict[str, str]:
        """Return the partition of a file whose rows have one value in each column that the table is partitioned by."""
        found = {}
        for field, sql in zip(fields, transforms, strict=True):
            column = self.schema.find_field(field.source_id)
            name, kind = name_in_sql(column.name), duckdb_type(column.field_type)
            least, most = (file.columns[name][bound] for bound in ("min", "max"))
            value = f"SELECT CAST({sql} AS VARCHAR) FROM (SELECT CAST(? AS {kind}) AS {name})"
            first, last = ((self.cursor.execute(value, [each]).fetchone() or ("",))[0] for each in (least, most))
            if first != last or file.nulls(column.name):
                message = f"column {column.name!r}, which the table is partitioned by, has several values in one file."
                raise WriteError(self.name, message, "This is an error in Lagoa: report it with the contract.")
            found[field.name] = first
        return found

    def _copy_in_order(self, query: str, parameters: Sequence[Any], options: str, folder: str) -> list[WrittenFile]:
        """Write the rows in their order, into files that do not overlap.

        DuckDB keeps the order in one file, whatever its threads, but not over the files of FILE_SIZE_BYTES. So what
        is larger than a file should be is cut into slices after.
        """
        whole = f"{folder}/f_{uuid.uuid4()}.parquet"
        files = self._run_copy(query, parameters, options, whole)
        count, size = files[0].count, files[0].size
        slices = min(round(size / self._target_bytes), count)
        if slices < 2:  # noqa: PLR2004 - one file is right as it is
            return files
        edges = [count * number // slices for number in range(slices + 1)]
        path = text_in_sql(self.means.storage.path(whole))
        source = f"read_parquet({path}, file_row_number = true, hive_partitioning = false)"
        files = [
            part
            for low, high in pairwise(edges)
            for part in self._run_copy(
                f"SELECT * EXCLUDE (file_row_number) FROM {source} "
                f"WHERE file_row_number >= {low} AND file_row_number < {high}",
                (),
                options,
                f"{folder}/f_{uuid.uuid4()}.parquet",
            )
        ]
        self.means.storage.discard(whole)
        return files

    def _run_copy(self, query: str, parameters: Sequence[Any], options: str, to: str) -> list[WrittenFile]:
        """Copy the rows of a query to a location, a file or a folder, and return the files, each by its location."""
        path = self.means.storage.path(to)
        statement = f"COPY ({query}) TO {text_in_sql(path)} ({options})"
        rows = self.cursor.execute(statement, list(parameters)).fetchall()
        return [WrittenFile(f"{to}{file.removeprefix(path)}", *row) for file, *row in rows]

    def _order_or_none(self) -> str:
        try:
            return order_sql(self.table.sort_order(), self.schema)
        except NotWritable:
            return ""

    def _check_required(self, files: list[WrittenFile]) -> None:
        """Refuse nulls in required columns: DuckDB's Parquet columns are all optional."""
        nested = []
        for field in self.schema.fields:
            if not isinstance(field.field_type, PrimitiveType):
                nested.append(field)
            elif field.required:
                self._refuse_nulls(field.name, sum(file.nulls(field.name) for file in files))
        if files:
            paths = [self.means.storage.path(file.path) for file in files]
            listed = ", ".join(map(text_in_sql, paths))
            self._refuse_nulls_of(f"read_parquet([{listed}], hive_partitioning = false)", nested)

    def _refuse_nulls_of(self, source: str, fields: list[NestedField]) -> None:
        conditions = {field.name: null_inside(field, name_in_sql(field.name)) for field in fields}
        conditions = {name: sql for name, sql in conditions.items() if sql}
        if conditions:
            counts = ", ".join(f"count(*) FILTER ({sql})" for sql in conditions.values())
            found = self.cursor.execute(f"SELECT {counts} FROM {source}").fetchone() or ()
            for name, nulls in zip(conditions, found, strict=True):
                self._refuse_nulls(name, nulls)

    def _refuse_nulls(self, column: str, nulls: int) -> None:
        if nulls:
            raise WriteError(
                self.name,
                f"column {column!r} is required and null in {nulls:,} row{'s' if nulls > 1 else ''}.",
                "Leave these rows out or fill the column; nothing was written.",
            )

    def _write_by_arrow(self, query: str, parameters: Sequence[Any], folder: str) -> list[DataFile]:
        """Write what DuckDB cannot: its rows go through Arrow, in memory."""
        from pyiceberg.exceptions import NotInstalledError

        from lagoa.adapters.duckdb.arrow_files import arrow_schema, uuids_as_bytes, write_arrow

        self.stage(_STAGED, query, parameters)
        try:
            self._refuse_nulls_of(_STAGED, list(self.schema.fields))
            select = f"SELECT * {uuids_as_bytes(self.schema)} FROM {_STAGED} {self._order_or_none()}"
            rows = self.cursor.execute(select).to_arrow_table()
        finally:
            self.cursor.execute(f"DROP TABLE IF EXISTS {_STAGED}")
        try:
            rows = rows.cast(arrow_schema(self.schema))
        except NotWritable as error:
            raise WriteError(self.name, f"{error}.", "Use binary in place of fixed[n] there.") from error
        except (ValueError, NotImplementedError) as error:  # pyarrow's errors are ValueErrors
            raise WriteError(self.name, f"a value does not fit: {error}.", "Cast it in the query.") from error
        try:
            return write_arrow(self.table, rows, folder, self.means.storage)
        except NotInstalledError as error:
            raise WriteError(
                self.name,
                f"it is partitioned by {', '.join(str(field.transform) for field in self.table.spec().fields)}, "
                "and has a column of a type that is not written so.",
                "Partition it by another transform, or give the column another type.",
            ) from error

    def _translated(self, error: duckdb.Error) -> LagoaError:
        if reason := refusal_of(error):
            return WriteError(self.name, f"{reason}.", "Round or cast it explicitly in the query.")
        return query_error(error)
