"""What differs between two states of one table, told by groups of its rows."""

# ruff: noqa: S608 - names are quoted
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from lagoa.catalog.readable import table_at
from lagoa.domain.sql_names import name_in_sql
from lagoa.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pyiceberg.table import FileScanTask, StaticTable

    from lagoa.domain.ports.engine import SqlSession
    from lagoa.storage.port import Storage


GroupSql: TypeAlias = "Callable[[Mapping[str, str]], str]"
"""Gives the SQL of the group that a row belongs to, for the types of a table's columns."""


class NotComparableError(Exception):
    """Two states of a table cannot be compared; the text says why."""


@dataclass(frozen=True)
class State:
    """A table of a lake at one pointer."""

    storage: Storage
    pointer: str

    @cached_property
    def table(self) -> StaticTable:
        """The table, as PyIceberg has it."""
        return table_at(self.storage, self.pointer)

    @cached_property
    def files(self) -> dict[tuple[str, ...], FileScanTask]:
        """Its files, each by its path and those of what was deleted in it."""
        tasks = self.table.scan().plan_files()
        return {(t.file.file_path, *sorted(each.file_path for each in t.delete_files)): t for t in tasks}

    @cached_property
    def columns(self) -> dict[str, str]:
        """The type of each column."""
        return {name: kind for name, (_, kind) in self.fields.items()}

    @cached_property
    def fields(self) -> dict[str, tuple[int, str]]:
        """The id and type of each column: another id is another column, whatever its name."""
        return {field.name: (field.field_id, str(field.field_type)) for field in self.table.schema().fields}


def changed_groups(
    session: SqlSession, before: State, after: State, group: GroupSql, names: Collection[str] | None = None
) -> set[Any]:
    """Return the groups of rows that are not the same in two states of a table; empty when all are.

    Only data files that one state has alone are read. Rows of a group are compared by their number and by the sum of
    a 64-bit hash of each, so nothing grows with the rows, and it does not matter in which files they stand.

    Args:
        session: runs the SQL.
        before: one state.
        after: of the other.
        group: gives the SQL of a row's group, for the types of the columns.
        names: compare these columns alone, as far as there are such; all by default.

    Raises:
        NotComparableError: these columns differ, or the earlier state cannot be read any more.
    """
    if before.pointer == after.pointer:
        return set()
    try:
        return _changed(session, (before, after), group, names)
    except (OSError, ValueError, QueryError) as error:
        raise NotComparableError("its earlier state cannot be read any more") from error


def _changed(
    session: SqlSession, states: tuple[State, State], group: GroupSql, names: Collection[str] | None
) -> set[Any]:
    old, new = states
    compared, was = ({n: f for n, f in each.fields.items() if names is None or n in names} for each in (new, old))
    if compared != was:
        raise NotComparableError("its columns have changed")
    columns = ", ".join(map(name_in_sql, compared)) or "0"
    sides = " UNION ALL ".join(
        f"SELECT {group(new.columns)} AS rows_of, {sign} AS number, {sign} * hash(hash({columns}))::HUGEINT AS content "
        f"FROM {source}"
        for sign, source in _unshared(session, old, new)
    )
    if not sides:
        return set()
    found = f"SELECT rows_of FROM ({sides}) GROUP BY rows_of HAVING sum(number) <> 0 OR sum(content) <> 0"
    return {row[0] for row in session.query(found).fetchall()}


def _unshared(session: SqlSession, old: State, new: State) -> list[tuple[int, str]]:
    """Return what to read of each state, as (-1 or 1, SQL), so that what both share is left out on both sides."""
    own = {
        sign: (state, [task for key, task in state.files.items() if key not in other.files])
        for sign, state, other in ((-1, old, new), (1, new, old))
    }
    whole = any(task.delete_files for _, tasks in own.values() for task in tasks)
    sources = []
    for sign, (state, tasks) in own.items():
        if tasks and not whole:
            source = session.data_files(state.table.metadata, [task.file for task in tasks])
            if source is None:
                whole = True
                break
            sources.append((sign, source))
    if whole:
        return [(sign, session.table_at(state.pointer)) for sign, (state, _) in own.items()]
    return sources
