"""Writes the rows of some files of a table into few new ones, and proves that they are the same rows."""

# ruff: noqa: S608 - names are quoted

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.domain.faults import fault_point
from lagoa.domain.sql_names import name_in_sql, names_in_sql
from lagoa.errors import WriteError
from lagoa.write.rewrite import Rewrite, in_partition, without_partitions, without_statistics

if TYPE_CHECKING:
    from pyiceberg.types import NestedField

    from lagoa.context import LakeContext
    from lagoa.domain.ports.engine import SqlSession
    from lagoa.maintain.compaction.need import Group, Need


def rewrite(context: LakeContext, need: Need) -> list[Rewrite]:
    """Write the new files of a table, sorted as it is to be; nothing refers to them yet.

    Raises:
        WriteError: the files cannot be written, or do not have the rows of the old ones.
        QueryError: the old ones cannot be read.
    """
    with context.engine.session({}) as session:
        done = []
        for group in need.groups:
            source = None if need.whole else session.data_files(need.metadata, group.files)
            if source is None:  # they can only be read through the metadata: all of them, then
                done = [_rewritten(session, need, session.table_at(need.pointer), need.every)]
                break
            done.append(_rewritten(session, need, source, group))
    fault_point("compact.compared")
    return done


def _rewritten(session: SqlSession, need: Need, source: str, group: Group) -> Rewrite:
    columns = names_in_sql([field.name for field in need.metadata.schema().fields])
    query, partition = f"SELECT {columns} FROM {source}", group.partition
    if partition is None:
        added = session.write(query, need.metadata)
    else:  # known from the old files, so that nothing has to be kept apart
        written = session.write(query, without_partitions(need.metadata))
        added = [in_partition(file, partition) for file in written]
    fault_point("compact.written")
    new = session.data_files(need.metadata, added) if added else f"(SELECT {columns} FROM {source} WHERE false)"
    if new is None or rows_digest(session, need, source) != rows_digest(session, need, new):
        raise WriteError(
            need.table,
            "the rows of its new files are not those of the old ones.",
            "Nothing was changed. This is an error in Lagoa: report it with the contract.",
        )
    return Rewrite([without_statistics(file) for file in group.files], added)


def rows_digest(session: SqlSession, need: Need, source: str) -> tuple[int, int, int]:
    """Return what is the same for two sets of rows only if they are the same: their number and hashes of all values.

    The order of the rows does not count.

    Args:
        session: reads them.
        need: whose columns they have.
        source: SQL for a FROM clause.
    """
    values = ", ".join(value for field in need.metadata.schema().fields for value in _exact(field))
    rows = f"SELECT hash({values}) AS row FROM {source}"
    totals = f"SELECT count(*), coalesce(sum(row::HUGEINT), 0), coalesce(bit_xor(row), 0) FROM ({rows})"
    count, added, mixed = session.query(totals).fetchall()[0]
    return int(count), int(added), int(mixed)


def _exact(field: NestedField) -> list[str]:
    """Return the SQL of what differs wherever a column's values do.

    DuckDB's hash is the same for 0.0 and -0.0, and for nested values of different structure.
    """
    from pyiceberg.types import DoubleType, FloatType

    name = name_in_sql(field.name)
    if isinstance(field.field_type, FloatType | DoubleType):
        return [name, f"signbit({name})"]
    return [name] if field.field_type.is_primitive else [name, f"CAST({name} AS VARCHAR)"]
