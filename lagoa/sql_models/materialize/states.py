"""What differs between two states of one table, by groups of its rows."""

# ruff: noqa: S608 - names are quoted
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from lagoa.catalog.readable import table_at
from lagoa.catalog.table_facts import rewritten_snapshot
from lagoa.domain.sql_names import names_in_sql
from lagoa.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pyiceberg.table import FileScanTask, StaticTable

    from lagoa.domain.ports.engine import SqlSession
    from lagoa.storage.port import Storage


GroupSql: TypeAlias = "Callable[[Mapping[str, str]], str]"
"""Returns the SQL of the group that a row belongs to, given the types of a table's columns."""


class NotComparableError(Exception):
    """Two states of a table cannot be compared; the text says why."""


@dataclass(frozen=True)
class State:
    """A table of a lake at one pointer.

    Attributes:
        storage: opens its files.
        pointer: the pointer.
        snapshot: id of the snapshot whose files it has; None for the current one.
    """

    storage: Storage
    pointer: str
    snapshot: int | None = None

    @cached_property
    def table(self) -> StaticTable:
        """The table as a PyIceberg object."""
        return table_at(self.storage, self.pointer)

    @cached_property
    def files(self) -> dict[tuple[str, ...], FileScanTask]:
        """Its data files, each by its path and those of its delete files."""
        tasks = self.table.scan(snapshot_id=self.snapshot).plan_files()
        return {(t.file.file_path, *sorted(each.file_path for each in t.delete_files)): t for t in tasks}

    @cached_property
    def columns(self) -> dict[str, str]:
        """The type of each column."""
        return {name: kind for name, (_, kind) in self.fields.items()}

    @cached_property
    def fields(self) -> dict[str, tuple[int, str]]:
        """The id and type of each column: columns with different ids are different, whatever their names."""
        return {field.name: (field.field_id, str(field.field_type)) for field in self.table.schema().fields}


def changed_groups(
    session: SqlSession, before: State, after: State, group: GroupSql, names: Collection[str] | None = None
) -> set[Any]:
    """Return the groups whose rows differ between two states of a table.

    Only data files that the states do not share are read. Rows of a group are compared by their number and by the sum
    of a 64-bit hash of each, so memory does not grow with the rows, and it does not matter in which files they are.

    Args:
        session: runs the SQL.
        before: one state.
        after: the other.
        group: returns the SQL of a row's group, given the types of the columns.
        names: compare only these columns, if they exist; all by default.

    Raises:
        NotComparableError: these columns differ, or the earlier state can no longer be read.
    """
    if before.pointer == after.pointer:
        return set()
    try:
        return _changed(session, (before, after), group, names)
    except (OSError, ValueError, QueryError) as error:
        raise NotComparableError("its earlier state can no longer be read") from error


def _changed(
    session: SqlSession, states: tuple[State, State], group: GroupSql, names: Collection[str] | None
) -> set[Any]:
    old, new = states
    compared, was = ({n: f for n, f in each.fields.items() if names is None or n in names} for each in (new, old))
    if compared != was:
        raise NotComparableError("its columns have changed")
    columns = names_in_sql(compared) or "0"
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
    """Return what to read of each state, as (-1 or 1, SQL), without the files that both share.

    If the earlier state's files were rewritten with the same rows since, those that they became are taken for it.
    """
    rewritten = rewritten_snapshot(new.table.metadata, old.table.metadata.current_snapshot_id)
    shared = old if rewritten is None else State(new.storage, new.pointer, rewritten)
    own = {
        sign: (state, [task for key, task in state.files.items() if key not in other.files])
        for sign, state, other in ((-1, shared, new), (1, new, shared))
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
        return [(-1, session.table_at(old.pointer)), (1, session.table_at(new.pointer))]
    return sources
