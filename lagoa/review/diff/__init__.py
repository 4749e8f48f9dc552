"""What differs between two refs: tables, their columns, and their rows by key."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from lagoa.catalog.readable import readable_table
from lagoa.catalog.table_facts import damaged
from lagoa.domain.lists import counted
from lagoa.domain.notebooks import html_table
from lagoa.review.personal import HIDDEN, hidden_columns

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pyiceberg.table import StaticTable

    from lagoa.context import LakeContext
    from lagoa.domain.tables import TableName
    from lagoa.review.diff.rows import Pairs

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """A column that differs.

    Attributes:
        kind: what happened to it.
        column: its name after the change; its former name if it was removed.
        before: its type; its name if it was renamed; `required` or `optional`. None if it was added.
        after: likewise; None if it was removed.
    """

    kind: Literal["added", "removed", "renamed", "type", "nullability"]
    column: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row that differs.

    Attributes:
        kind: whether it was added, removed or changed.
        before: its values before; None if it was added.
        after: its values after; None if it was removed.
        changed: the columns whose values differ, of a row that was changed.
    """

    kind: Kind
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableDiff:
    """A table that differs.

    Attributes:
        table: its name.
        kind: whether the table was added, removed, or written to.
        columns: the columns that differ.
        key: the columns that rows are matched by; empty if they are matched by all values, so that none is `changed`.
        rows_added: rows that exist only after.
        rows_removed: rows that existed only before.
        rows_changed: rows with the same key and another value.
        samples: some of these rows, of each kind; none for a table that was added or removed.
        values_changed: in how many of the changed rows each column has another value; columns without any are left out.
    """

    table: TableName
    kind: Kind
    columns: tuple[ColumnChange, ...] = ()
    key: tuple[str, ...] = ()
    rows_added: int = 0
    rows_removed: int = 0
    rows_changed: int = 0
    samples: tuple[RowChange, ...] = ()
    values_changed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LakeDiff:
    """What differs from one commit to another.

    Attributes:
        a: id of the commit before.
        b: id of the commit after.
        tables: the tables that differ, by name, including those that were written to and have the same rows.
    """

    a: str
    b: str
    tables: tuple[TableDiff, ...]

    def __repr__(self) -> str:
        tables = f"{counted(len(self.tables), 'table')} differ{'s' if len(self.tables) == 1 else ''}"
        return f"<LakeDiff {self.a[:12]}..{self.b[:12]}: {tables}>"

    def _repr_html_(self) -> str:
        """Return the tables that differ as HTML, for a notebook."""
        columns = ("table", "", "rows added", "changed", "removed", "columns that differ")
        rows = [
            (each.table, each.kind, each.rows_added, each.rows_changed, each.rows_removed, len(each.columns))
            for each in self.tables
        ]
        return html_table(columns, rows)


def diff(
    context: LakeContext,
    a: str,
    b: str,
    *,
    tables: Collection[TableName] | None = None,
    samples: int = 5,
    personal: bool = True,
) -> LakeDiff:
    """Compare two refs, each at the commit it names now.

    Columns are the same if they are the same field of the table, whatever their names. Rows are matched by the
    contract's key; by all their values if there is no key, or if it is not unique. Lineage columns are not compared: a
    row that was loaded again in another batch is the same row. The values of a removed column are not counted. Data
    files that both sides share are not read, so the cost depends on what was written between them.

    Args:
        context: the lake.
        a: the ref before.
        b: the ref after.
        tables: compare only these.
        samples: how many rows of each kind to return per table.
        personal: whether values of columns that contracts classify as personal are returned, not `•••`.

    Raises:
        RefNotFound: there is no such ref, or its state, or that of a table to compare, has expired.
        TableUnreadable: others wrote something to a table that would not be read correctly.
        CatalogDamaged, QueryError: a file of a table cannot be read.
    """
    before, after = context.resolve(a, ()), context.resolve(b, ())
    changes = sorted(context.catalog.diff(before.id, after.id).items())
    compared = {table: pointers for table, pointers in changes if tables is None or table in tables}
    for ref, commit in ((a, before), (b, after)):
        context.refuse_expired(ref, commit, {table.layer for table in compared})
    found = [table_diff(context, table, pointers, samples) for table, pointers in compared.items()]
    shown = found if personal else (_without_personal(context, each) for each in found)
    return LakeDiff(before.id, after.id, tuple(shown))


def _without_personal(context: LakeContext, found: TableDiff) -> TableDiff:
    """Return a table that differs, with the personal values of its samples hidden; nulls stay null."""
    names = {name for row in found.samples for side in (row.before, row.after) for name in side or ()}
    hidden = hidden_columns(context.contracts.get(found.table), names)

    def masked(side: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        if side is None:
            return None
        return {name: HIDDEN if name in hidden and value is not None else value for name, value in side.items()}

    return replace(
        found, samples=tuple(replace(row, before=masked(row.before), after=masked(row.after)) for row in found.samples)
    )


def table_diff(
    context: LakeContext, table: TableName, pointers: tuple[str | None, str | None], samples: int
) -> TableDiff:
    """Compare two states of one table, as `diff` does.

    Args:
        context: the lake.
        table: its name.
        pointers: the states before and after; None where there is no table.
        samples: how many rows of each kind to return.

    Raises:
        TableUnreadable, CatalogDamaged, QueryError: as `diff`.
    """
    try:
        return _compared(context, table, pointers, samples)
    except OSError as error:
        states = " or ".join(filter(None, pointers))
        raise damaged(f"{table} as {states} describes it cannot be read: {error}.", error) from error


def _compared(
    context: LakeContext, table: TableName, pointers: tuple[str | None, str | None], samples: int
) -> TableDiff:
    from lagoa.contracts.fields import spelled
    from lagoa.review.diff.rows import compare_rows

    old, new = (readable_table(context.storage, pointer) if pointer else None for pointer in pointers)
    if old is None or new is None:
        state = new or old
        assert state is not None  # noqa: S101 - a pointer that differs exists on one side
        rows, fields = state.scan().count(), state.schema().fields
        if old is None:
            columns = tuple(ColumnChange("added", f.name, None, spelled(f.field_type)) for f in fields)
            return TableDiff(table, "added", columns, rows_added=rows)
        columns = tuple(ColumnChange("removed", f.name, spelled(f.field_type), None) for f in fields)
        return TableDiff(table, "removed", columns, rows_removed=rows)
    pairs = same_columns(old, new)
    contract = context.contracts.get(table)
    rows_diff = compare_rows(context.engine, (old, new), pairs, contract.key if contract else (), samples)
    return TableDiff(
        table,
        "changed",
        _column_changes(old, pairs),
        rows_diff.key,
        rows_diff.added,
        rows_diff.removed,
        rows_diff.changed,
        tuple(RowChange(kind, was, now, _changed(was, now)) for kind, was, now in rows_diff.samples),
        rows_diff.values_changed,
    )


def _changed(was: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> tuple[str, ...]:
    return tuple(name for name in now if now[name] != was[name]) if was is not None and now is not None else ()


def table_columns(context: LakeContext, pointers: tuple[str, str]) -> tuple[ColumnChange, ...]:
    """Return the columns in which two states of one table differ; no row is read.

    Raises:
        TableUnreadable: as `diff`.
    """
    old, new = (readable_table(context.storage, pointer) for pointer in pointers)
    return _column_changes(old, same_columns(old, new))


def same_columns(old: StaticTable, new: StaticTable) -> Pairs:
    """Return each column of `new` with the same column of `old`, or None if it was added.

    Field ids are not enough: two branches that each add a column give both the same id. So a column with another name
    is the same only if the history of one side has the id with the name on the other.
    """
    if old.metadata.table_uuid != new.metadata.table_uuid:
        by_name = {field.name: field for field in old.schema().fields}
        return [(by_name.get(field.name), field) for field in new.schema().fields]
    names = [
        {(field.field_id, field.name) for schema in side.metadata.schemas for field in schema.fields}
        for side in (old, new)
    ]
    by_id = {field.field_id: field for field in old.schema().fields}
    pairs: Pairs = []
    for now in new.schema().fields:
        was = by_id.get(now.field_id)
        known = was is not None and ((now.field_id, now.name) in names[0] or (now.field_id, was.name) in names[1])
        pairs.append((was if known else None, now))
    return pairs


def _column_changes(old: StaticTable, pairs: Pairs) -> tuple[ColumnChange, ...]:
    from lagoa.contracts.fields import spelled

    changes: list[ColumnChange] = []
    for was, now in pairs:
        if was is None:
            changes.append(ColumnChange("added", now.name, None, spelled(now.field_type)))
            continue
        if was.name != now.name:
            changes.append(ColumnChange("renamed", now.name, was.name, now.name))
        if was.field_type != now.field_type:
            changes.append(ColumnChange("type", now.name, spelled(was.field_type), spelled(now.field_type)))
        if was.required != now.required:
            words = ("required" if each.required else "optional" for each in (was, now))
            changes.append(ColumnChange("nullability", now.name, *words))
    kept = {was.field_id for was, _ in pairs if was is not None}
    changes += [
        ColumnChange("removed", field.name, spelled(field.field_type), None)
        for field in old.schema().fields
        if field.field_id not in kept
    ]
    return tuple(changes)
