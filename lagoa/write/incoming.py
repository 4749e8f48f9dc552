"""Incoming rows, kept in files outside of any table, so that a merge or history can be replayed on another state.

A merge stores the result of combining its rows with existing ones. On another state the result may differ, so the
incoming rows are kept separately; the intent of the write refers to their files.
"""

# ruff: noqa: S608 - names are quoted
from __future__ import annotations

import secrets
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from lagoa.contracts.scd2 import CURRENT, DELETED, selected_columns
from lagoa.domain.bloom import bloom_columns, bloom_properties
from lagoa.domain.sql_names import names_in_sql
from lagoa.errors import WriteError

if TYPE_CHECKING:
    from pyiceberg.table.metadata import TableMetadata

    from lagoa.context import LakeContext
    from lagoa.domain.ports.engine import SqlSession
    from lagoa.domain.tables import TableName
    from lagoa.storage.port import Storage
    from lagoa.write.replay import WrittenColumns
    from lagoa.write.target import Target

FOLDER = "_lagoa/incoming"
"""Folder in the warehouse, with one subfolder per day, so that old ones can be deleted whole."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """The place where a lake keeps incoming rows.

    Attributes:
        place: the folder of today's files.
    """

    place: str

    def keep(self, session: SqlSession, target: Target, query: str) -> tuple[str, ...]:
        """Write the rows of a query, which have the table's columns; return the paths of the files.

        Columns have the table's field ids, and may be null: a deletion mark contains only its key.

        Raises:
            WriteError: the files cannot be written.
        """
        files = session.write(query, _plain(target.name, target.metadata, self.place))
        return tuple(file.file_path for file in files)


@dataclass(frozen=True, slots=True)
class IncomingRows:
    """Incoming rows that were kept: a source of rows for a merge or a history of another state of the table.

    Attributes:
        paths: the files, as `Incoming.keep` returned them.
        columns: those that they were written with.
        by: names of the columns by which they are merged.
    """

    paths: tuple[str, ...]
    columns: WrittenColumns
    by: tuple[str, ...] = ()

    def sql(self, session: SqlSession, target: Target) -> str:
        """Return SQL for the rows, by field id in the columns that the table has now.

        Raises:
            WriteError: they are other columns by now, or have changed so that only a table's metadata could be read.
        """
        from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
        from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
        from pyiceberg.typedef import Record

        self.columns.refuse_unfit(target)
        self.columns.refuse_renamed(target, " ".join(self.by))
        contract = target.contract
        columns = target.columns if contract is None or contract.scd2 is None else selected_columns(contract)
        names = names_in_sql(name for name in columns if name != DELETED or name in target.columns)
        if DELETED in columns and DELETED not in target.columns:
            names += f", NOT {CURRENT} AS {DELETED}"
        files = [
            DataFile.from_args(
                content=DataFileContent.DATA,
                file_path=path,
                file_format=FileFormat.PARQUET,
                partition=Record(),
                record_count=0,
                file_size_in_bytes=0,
            )
            for path in self.paths
        ]
        for file in files:
            file.spec_id = UNPARTITIONED_PARTITION_SPEC.spec_id
        read = session.data_files(_plain(target.name, target.metadata, ""), files)
        if read is None:
            message = "the columns of the rows that were merged on the branch cannot be read as those of the table now."
            raise WriteError(target.name, message, "Merge the same rows again on a new branch from main.")
        return f"SELECT {names} FROM {read}"


def incoming_of(context: LakeContext) -> Incoming | None:
    """Return where a lake keeps incoming rows; None if it keeps none."""
    if not context.settings.incoming_days:
        return None
    return Incoming(_today(context.storage))


def passing_folder(storage: Storage) -> str:
    """Return a new folder for files that are needed for a moment; it is deleted with the incoming rows of its day.

    Its name is short: temporary keys of an object store name it several times, in 2,048 characters.
    """
    return f"{_today(storage)}/{secrets.token_hex(8)}"


def sweep_incoming(context: LakeContext) -> None:
    """Delete incoming rows older than `incoming_days`. In an object store a lifecycle rule does this."""
    oldest = datetime.now(UTC).date() - timedelta(days=context.settings.incoming_days)
    for folder in context.storage.disposable(f"{context.storage.home}/{FOLDER}"):
        with suppress(ValueError):  # a folder that is not ours
            if date.fromisoformat(folder.rpartition("/")[2]) < oldest:
                context.storage.discard(folder)


def _today(storage: Storage) -> str:
    return f"{storage.home}/{FOLDER}/{datetime.now(UTC):%Y-%m-%d}"


def _plain(table: TableName, metadata: TableMetadata, place: str) -> TableMetadata:
    """Return metadata for writing rows with the table's columns, unpartitioned, unsorted and with nulls allowed."""
    from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
    from pyiceberg.schema import Schema
    from pyiceberg.table.sorting import UNSORTED_SORT_ORDER

    schema = metadata.schema()
    fields = [field.model_copy(update={"required": False}) for field in schema.fields]
    blooms = bloom_properties(bloom_columns(metadata.properties))  # nobody looks for single values there
    return metadata.model_copy(
        update={
            "location": f"{place}/{table.layer}/{table.name}-{uuid.uuid4()}",
            "schemas": [Schema(*fields, schema_id=schema.schema_id)],
            "partition_specs": [UNPARTITIONED_PARTITION_SPEC],
            "default_spec_id": UNPARTITIONED_PARTITION_SPEC.spec_id,
            "sort_orders": [UNSORTED_SORT_ORDER],
            "default_sort_order_id": UNSORTED_SORT_ORDER.order_id,
            "properties": {key: value for key, value in metadata.properties.items() if key not in blooms},
        }
    )
