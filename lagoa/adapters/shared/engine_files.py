"""How an engine that finds tables by a catalog writes files for a table of a lake, without committing to the lake.

It is lent a branch on which the result is an empty table with the columns, partitions and sort order of the lake's
table, and adds rows there. Lagoa commits the files of that table itself.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Protocol

from lagoa.catalog.metadata_files import without_history, write_metadata
from lagoa.domain.bloom import bloom_columns, bloom_properties
from lagoa.domain.faults import fault_point
from lagoa.domain.tables import TableName
from lagoa.write.incoming import passing_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from pyiceberg.table.metadata import TableMetadata

    from lagoa.domain.ports.catalog import Pointers
    from lagoa.storage.port import Storage

RESULT = TableName(("lagoa_build",), "result")
"""The table that an engine writes on a lent branch."""


class LentBranch(Protocol):
    """A branch that an engine reads and writes by itself."""

    @property
    def branch(self) -> str:
        """Its name."""

    def pointer(self, table: TableName) -> str:
        """Return where a table is now."""


def build_files(
    storage: Storage,
    lend: Callable[[Pointers], AbstractContextManager[LentBranch]],
    tables: Pointers,
    table: TableMetadata,
    insert: Callable[[str], object],
) -> str:
    """Let an engine add rows to an empty table like another one; return the pointer of that table afterwards.

    Args:
        storage: opens the lake's files.
        lend: makes a branch that has exactly these tables.
        tables: the tables that the engine reads.
        table: the metadata that the files must match.
        insert: adds the rows to `RESULT` on a branch.
    """
    fault_point("engine.asked")
    with lend({**tables, RESULT: _empty(storage, table)}) as lent:
        fault_point("engine.lent")
        insert(lent.branch)
        fault_point("engine.done")
        return lent.pointer(RESULT)


def insert_sql(query: str, table: TableMetadata, quoted: Callable[[str], str]) -> str:
    """Return the statement that adds the rows of a query to `RESULT`.

    Args:
        query: one SELECT, which yields the table's columns in any order.
        table: the metadata that `RESULT` is like.
        quoted: quotes a name in the engine's SQL.
    """
    columns = ", ".join(quoted(field.name) for field in table.schema().fields)
    return f"INSERT INTO {RESULT} ({columns}) SELECT {columns} FROM (\n{query}\n)"  # noqa: S608 - quoted


def _empty(storage: Storage, table: TableMetadata) -> str:
    """Write the metadata of an empty table like another one, whose data files are placed with those of that one.

    If that has no place, its files pass with the metadata.
    """
    name, place = uuid.uuid4(), passing_folder(storage)
    order = table.sort_order_by_id(table.default_sort_order_id)
    empty = without_history(table).model_copy(
        update={
            "table_uuid": name,
            "location": place,
            "last_sequence_number": 0,
            "schemas": [table.schema()],
            "partition_specs": [table.spec()],
            "sort_orders": [order],
            "properties": {
                **({"write.data.path": f"{table.location}/data"} if table.location else {}),
                "write.parquet.compression-codec": "zstd",
                "commit.retry.num-retries": "0",  # nobody else writes it
                **bloom_properties(bloom_columns(table.properties)),
            },
        }
    )
    pointer = f"{place}/metadata/00000-{name}.metadata.json"
    write_metadata(empty, storage.file_io({}).new_output(pointer))
    return pointer
