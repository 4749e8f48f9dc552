"""Writes the rows of some files of a table into few new ones, and proves that they are the same rows."""

# ruff: noqa: S608 - names are quoted

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from lagoa.domain.faults import fault_point
from lagoa.domain.sql_names import name_in_sql, names_in_sql
from lagoa.errors import WriteError
from lagoa.write.rewrite import Rewrite, by_partition, in_partition, without_partitions, without_statistics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyiceberg.manifest import DataFile
    from pyiceberg.types import NestedField

    from lagoa.context import LakeContext
    from lagoa.domain.ports.engine import SqlSession
    from lagoa.maintain.compaction.need import Group, Need


AT_ONCE = 128 * 2**20
"""Files of so many bytes are read once: their rows are kept, some four times as large, until they are written."""

_ROW = "_lagoa_row"
"""The column with the hash of a row."""

_TOTALS = f"count(*), coalesce(sum({_ROW}::HUGEINT), 0), coalesce(bit_xor({_ROW}), 0)"

Digest: TypeAlias = "tuple[int, int, int]"
"""What is the same for two sets of rows only if they are: their number, the sum of their hashes, these mixed by XOR."""


def rewrite(context: LakeContext, need: Need) -> list[Rewrite]:
    """Write the new files of a table, sorted as it is to be; nothing refers to them yet.

    Raises:
        WriteError: the files cannot be written, or do not have the rows of the old ones.
        QueryError: the old ones cannot be read.
    """
    with context.engine.session({}) as session:
        done = []
        for group in need.groups:
            source = None if need.whole else session.data_files(need.metadata, group.files, whole=True)
            if source is None:  # they can only be read through the metadata: all of them, then
                done = [_rewritten(session, need, session.table_at(need.pointer), need.every)]
                break
            done.append(_rewritten(session, need, source, group))
    fault_point("compact.compared")
    return done


def _rewritten(session: SqlSession, need: Need, source: str, group: Group) -> Rewrite:
    added, before = _written(session, need, source, group)
    fault_point("compact.written")
    nothing = f"(SELECT {_columns(need)} FROM {source} WHERE false)"
    new = session.data_files(need.metadata, added, whole=True) if added else nothing
    if (
        new is None
        or (before or rows_digest(session, need, source)) != rows_digest(session, need, new)
        or not (need.whole or _counted_alike(need, group.files, added))
    ):
        raise WriteError(
            need.table,
            "the rows of its new files are not those of the old ones.",
            "Nothing was changed. This is an error in Lagoa: report it with the contract.",
        )
    return Rewrite([without_statistics(file) for file in group.files], added)


def _written(session: SqlSession, need: Need, source: str, group: Group) -> tuple[list[DataFile], Digest | None]:
    """Write the rows into new files; return these, and the digest of the rows if it was taken as they were read."""
    columns = _columns(need)
    if group.bytes > AT_ONCE:
        return _files(session, f"SELECT {columns} FROM {source}", need, group), None
    # The rows that are written are those that were hashed: both come from what was read once.
    with session.noting() as (note, notes):
        read = (
            f"WITH _lagoa_read AS MATERIALIZED (SELECT {columns}, {_hash(need)} AS {_ROW} FROM {source}), "
            f"_lagoa_digest(rows, added, mixed) AS (SELECT {_TOTALS} FROM _lagoa_read) "
            f"SELECT {columns} FROM _lagoa_read WHERE (SELECT {note}(rows, added, mixed) FROM _lagoa_digest)"
        )
        added = _files(session, read, need, group)
    return added, notes[0] if len(notes) == 1 else None


def _files(session: SqlSession, query: str, need: Need, group: Group) -> list[DataFile]:
    partition = group.partition
    if partition is None:
        # One partition after the other: else as many files are open as there are partitions, each with rows of its own
        # in memory, and are closed and begun anew all the time.
        return session.write(query, by_partition(need.metadata))
    # It is known from the old files, so that nothing has to be kept apart.
    return [in_partition(file, partition) for file in session.write(query, without_partitions(need.metadata))]


def rows_digest(session: SqlSession, need: Need, source: str) -> Digest:
    """Return the digest of rows, whose order does not count.

    Args:
        session: reads them.
        need: whose columns they have.
        source: SQL for a FROM clause.
    """
    totals = f"SELECT {_TOTALS} FROM (SELECT {_hash(need)} AS {_ROW} FROM {source})"
    count, added, mixed = session.query(totals).fetchall()[0]
    return int(count), int(added), int(mixed)


def _counted_alike(need: Need, old: Sequence[DataFile], new: Sequence[DataFile]) -> bool:
    """Return whether what manifests say of the old files is so of the new ones: the rows, and the nulls of each column.

    It does not depend on how the engine reads the old files.
    """
    if sum(each.record_count for each in old) != sum(each.record_count for each in new):
        return False
    for field in need.metadata.schema().fields:
        before, after = ([(each.null_value_counts or {}).get(field.field_id) for each in files] for files in (old, new))
        known = field.field_type.is_primitive and None not in before and None not in after
        if known and sum(map(int, filter(None, before))) != sum(map(int, filter(None, after))):
            return False
    return True


def _columns(need: Need) -> str:
    return names_in_sql([field.name for field in need.metadata.schema().fields])


def _hash(need: Need) -> str:
    return f"hash({', '.join(value for field in need.metadata.schema().fields for value in _exact(field))})"


def _exact(field: NestedField) -> list[str]:
    """Return the SQL of what differs wherever a column's values do.

    DuckDB's hash is the same for 0.0 and -0.0, and for nested values of different structure.
    """
    from pyiceberg.types import DoubleType, FloatType

    name = name_in_sql(field.name)
    if isinstance(field.field_type, FloatType | DoubleType):
        return [name, f"signbit({name})"]
    return [name] if field.field_type.is_primitive else [name, f"CAST({name} AS VARCHAR)"]
