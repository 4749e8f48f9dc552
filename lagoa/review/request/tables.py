"""The tables that publishing a branch would change: schemas, rows and samples of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lagoa.domain.notebooks import shown_value
from lagoa.domain.sql_names import table_in_sql
from lagoa.errors import LagoaError, TransientError
from lagoa.review.diff import ColumnChange, table_diff
from lagoa.review.diff.breaking import breaking
from lagoa.review.overview import state_at
from lagoa.review.personal import HIDDEN, hidden_columns
from lagoa.review.request.profiles import profile
from lagoa.review.request.results import Sample, TableReview

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from lagoa.context import LakeContext
    from lagoa.domain.tables import TableName
    from lagoa.lineage.readers import Columns
    from lagoa.review.diff import Kind, RowChange, TableDiff

    Pair = tuple[str | None, str | None]

COMPARED = 50
"""Tables whose rows are compared; of further ones only their metadata is read."""

_COLUMNS = 30
"""Columns of a sample; further ones are left out, but for the key and those that changed."""

_LONG = (str, bytes, bytearray, list, dict, tuple, set)


def review_tables(context: LakeContext, changes: Mapping[TableName, Pair], samples: int) -> tuple[TableReview, ...]:
    """Return the tables that change, by name.

    If they are very many, those that break readers are compared first, then by name, quarantines last. A table that
    cannot be read correctly, or whose rows cannot be compared, says why, and hides no other.

    Args:
        context: the lake.
        changes: the pointer of each table before and after; None where there is no table.
        samples: how many rows of each kind to return per table.
    """
    found = {table: _from_metadata(context, table, pair) for table, pair in sorted(changes.items())}
    order = sorted(found, key=lambda table: (not found[table].breaking, table.is_quarantine, table))
    for table in order[:COMPARED]:
        try:
            found[table] = _compared(context, found[table], changes[table], samples)
        except TransientError:
            raise
        except LagoaError as error:
            found[table] = replace(found[table], problem=error.message.partition("\n")[0])
    return tuple(found.values())


def changed_columns(tables: Sequence[TableReview]) -> dict[TableName, Columns]:
    """Return in which columns the values of each table differ; None for all, as where rows came or went.

    Tables that were written and have the same rows and columns are left out.
    """
    found: dict[TableName, Columns] = {}
    for each in tables:
        if not each.compared or each.kind != "changed" or each.rows_added or each.rows_removed:
            found[each.table] = None
            continue
        columns = {*each.values_changed}
        for change in each.columns:
            columns |= {change.column, *([change.before] if change.kind == "renamed" and change.before else [])}
        if columns:
            found[each.table] = frozenset(columns)
    return found


def _from_metadata(context: LakeContext, table: TableName, pair: Pair) -> TableReview:
    """Return what the metadata of a table says: no data file and no manifest is read."""
    kind: Kind = "added" if pair[0] is None else "removed" if pair[1] is None else "changed"
    contract = context.contracts.get(table)
    rows = [None if each is None else state_at(context, table, each).rows for each in pair]
    were, are = (dict(context.metadata.facts(each).columns) if each else {} for each in pair)
    columns = [ColumnChange("added", name, None, each) for name, each in are.items() if name not in were]
    columns += [ColumnChange("removed", name, each, None) for name, each in were.items() if name not in are]
    columns += [
        ColumnChange("type", name, were[name], each)
        for name, each in are.items()
        if name in were and were[name] != each
    ]
    return TableReview(
        table=table,
        kind=kind,
        owner=contract.owner if contract else "",
        rows_before=rows[0],
        rows_after=rows[1],
        columns=tuple(columns) if kind == "changed" else (),
        breaking=tuple(breaking(kind, columns)),
    )


def _compared(context: LakeContext, known: TableReview, pair: Pair, samples: int) -> TableReview:
    """Return a table with its rows compared."""
    diff = table_diff(context, known.table, pair, samples)
    if known.kind != "changed":
        found = replace(
            known,
            rows_before=diff.rows_removed if known.kind == "removed" else None,
            rows_after=diff.rows_added if known.kind == "added" else None,
            columns=diff.columns,
            compared=True,
            rows_added=diff.rows_added,
            rows_removed=diff.rows_removed,
        )
        if pair[1] is not None:
            found = replace(found, **_new_rows(context, known.table, pair[1], samples))
    else:
        shown, left_out = _shown_columns(diff)
        hidden = hidden_columns(context.contracts.get(known.table), shown)
        found = replace(
            known,
            columns=diff.columns,
            breaking=tuple(breaking(known.kind, diff.columns)),
            compared=True,
            key=diff.key,
            rows_added=diff.rows_added,
            rows_removed=diff.rows_removed,
            rows_changed=diff.rows_changed,
            values_changed=diff.values_changed,
            samples=tuple(_sample(each, shown, hidden) for each in diff.samples),
            columns_left_out=left_out,
        )
    return replace(found, profile=profile(context, found, pair))


def _new_rows(context: LakeContext, table: TableName, pointer: str, samples: int) -> dict[str, Any]:
    """Return samples of a table that is added, and how many of its columns they do not show."""
    with context.engine.session({table: pointer}) as session:
        result = session.query(f"SELECT * FROM {table_in_sql(table)} LIMIT {int(samples)}")  # noqa: S608
        columns, rows = list(result.columns), result.fetchall()
    shown = columns[:_COLUMNS]
    hidden = hidden_columns(context.contracts.get(table), shown)
    found = [
        {name: _shown(value, hidden=name in hidden) for name, value in zip(shown, row, strict=False)} for row in rows
    ]
    return {
        "samples": tuple(Sample("added", None, each) for each in found),
        "columns_left_out": len(columns) - len(shown),
    }


def _shown_columns(diff: TableDiff) -> tuple[list[str], int]:
    """Return the columns that samples show: the key, those that changed, then others; and how many are left out."""
    every = list(dict.fromkeys(name for row in diff.samples for name in (row.after or row.before or {})))
    first = [name for name in every if name in diff.key]
    first += [name for name in every if name in diff.values_changed and name not in first]
    shown = [*first, *(name for name in every if name not in first)][:_COLUMNS]
    return shown, len(every) - len(shown)


def _sample(row: RowChange, shown: Sequence[str], hidden: Collection[str]) -> Sample:
    differing = row.kind == "changed" and row.before is not None and row.after is not None
    changed = [name for name in shown if differing and row.before[name] != row.after[name]]  # type: ignore[index]
    before, after = (
        None if side is None else {name: _shown(side[name], hidden=name in hidden) for name in shown}
        for side in (row.before, row.after)
    )
    return Sample(row.kind, before, after, tuple(changed))


def _shown(value: Any, *, hidden: bool) -> Any:
    """Return a value of a sample: hidden, or not longer than a person reads."""
    if value is None:
        return None
    if hidden:
        return HIDDEN
    return shown_value(value) if isinstance(value, _LONG) else value
