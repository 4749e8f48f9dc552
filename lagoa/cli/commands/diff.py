"""`lagoa diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.completion import complete_range
from lagoa.cli.console import emit_json, emit_rows, emit_table, hint, number, one_line, say, shorten, text_of
from lagoa.cli.options import JsonOption, PersonalOption, open_here
from lagoa.cli.progress import working
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.review.diff import ColumnChange, LakeDiff, RowChange, TableDiff

_SIDE = 24
"""Characters to which each end of a change of texts is cut in a terminal."""

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def diff(
    ctx: typer.Context,
    refs: Annotated[
        str,
        typer.Argument(
            metavar="A..B", help="From one ref to another; `B` alone is from main to B.", autocompletion=complete_range
        ),
    ],
    rows: Annotated[bool, typer.Option("--rows", help="Show some of the rows that differ.")] = False,
    personal: PersonalOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show what differs between two refs: tables, columns, rows by key."""
    before, after = _sides(refs)
    with open_here(ctx) as lake, working(f"comparing {before} with {after}"):
        found = lake.diff(before, after, personal=personal)
    if as_json:
        emit_json(_tell(found))
        return
    if not found.tables:
        say(f"{before} and {after} hold the same tables.")
        return
    _show_tables(found)
    for table in found.tables:
        if table.kind == "changed" and table.columns:
            _show_columns(table)
        if rows and table.samples:
            _show_rows(table)
    if not rows and any(table.samples for table in found.tables):
        hint("--rows shows some of the rows.")
    if rows and not personal and any(map(_hides, found.tables)):
        hint("Personal values are masked; --personal shows them.")


def _sides(refs: str) -> tuple[str, str]:
    """Return the two refs of a range."""
    before, separator, after = refs.partition("..")
    if not separator:
        before, after = "main", refs
    if not (before and after):
        raise typer.BadParameter(f"{refs!r} lacks a ref: write A..B, or B alone to compare it with main.")
    if after.startswith("."):
        two = f"{before}..{after.lstrip('.')}"
        raise typer.BadParameter(f"{refs!r} has more than two dots: write {two}, which compares the two states.")
    return before, after


def _show_tables(found: LakeDiff) -> None:
    emit_table(
        ("", "table", "rows added", "changed", "removed", "compared by"),
        (
            (
                _SIGNS[table.kind],
                str(table.table),
                number(table.rows_added),
                number(table.rows_changed),
                number(table.rows_removed),
                ", ".join(table.key) or "all values" if table.kind == "changed" else f"table {table.kind}",
            )
            for table in found.tables
        ),
        right=("rows added", "changed", "removed"),
    )


def _show_columns(table: TableDiff) -> None:
    say("")
    say(f"{table.table}: {counted(len(table.columns), 'column differs', 'columns differ')}")
    for change in table.columns:
        say(f"  {_in_words(change)}")


def _in_words(change: ColumnChange) -> str:
    if change.kind == "added":
        return f"+ {change.column} {change.after}"
    if change.kind == "removed":
        return f"- {change.column} {change.before}"
    return f"~ {change.column}: {change.before} -> {change.after}"


def _show_rows(table: TableDiff) -> None:
    found = list(dict.fromkeys(name for row in table.samples for name in (row.after or row.before or {})))
    changed = [name for name in found if any(name in row.changed for row in table.samples)]
    same = [name for name in found if name not in (*table.key, *changed)] if changed else []
    names = [*(name for name in found if name in table.key and name not in changed), *changed] if changed else found
    say("")
    say(f"{table.table}, some of its rows:")
    rows = [[_SIGNS[row.kind], *(_datum(row, name) for name in (*names, *same))] for row in table.samples]
    whole = [name for name in (*names, *same) if name in changed or _is_short(table.samples, name)]
    emit_rows(("", *names, *same), rows, whole=whole, first_out=same[::-1])


def _is_short(rows: Sequence[RowChange], name: str) -> bool:
    """Return whether no value of a column is text: both ends of a change of numbers are shown in full."""
    return not any(isinstance((side or {}).get(name), str | bytes) for row in rows for side in (row.before, row.after))


def _hides(table: TableDiff) -> bool:
    from lagoa.review.personal import HIDDEN

    return any(HIDDEN in (side or {}).values() for row in table.samples for side in (row.before, row.after))


def _datum(row: RowChange, name: str) -> Any:
    before, after = ((side or {}).get(name) for side in (row.before, row.after))
    if name in row.changed:
        return f"{_text(before)} -> {_text(after)}"
    return before if row.after is None else after


def _text(value: Any) -> str:
    text = "NULL" if value is None else one_line(text_of(value))
    return shorten(text, _SIDE) if isinstance(value, str) else text


def _tell(found: LakeDiff) -> dict[str, Any]:
    return {
        "a": found.a,
        "b": found.b,
        "tables": [
            {
                "table": str(table.table),
                "kind": table.kind,
                "columns": [
                    {"kind": c.kind, "column": c.column, "before": c.before, "after": c.after} for c in table.columns
                ],
                "key": list(table.key),
                "rows_added": table.rows_added,
                "rows_changed": table.rows_changed,
                "rows_removed": table.rows_removed,
                "samples": [
                    {
                        "kind": row.kind,
                        "before": None if row.before is None else dict(row.before),
                        "after": None if row.after is None else dict(row.after),
                        "changed": list(row.changed),
                    }
                    for row in table.samples
                ],
            }
            for table in found.tables
        ],
    }
