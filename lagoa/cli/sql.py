"""`lagoa sql`."""

from __future__ import annotations

import csv
import json
import math
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.console import count, emit_json, emit_table, hint, one_line, plain, shorten
from lagoa.cli.options import JsonOption, RefOption, open_here

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lagoa.ports import QueryResult

SHOWN = 50
_AT_ONCE = 10_000

sql = typer.Typer(add_completion=False)


@sql.command()
def sql_(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="One SELECT; `-` reads it from standard input.")],
    ref: RefOption = "main",
    limit: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help=f"So many rows at most; by default {SHOWN} in a table, else all."),
    ] = None,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Run a SELECT over the tables of a ref."""
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv do not go together.")
    with open_here(ctx) as lake:
        result = lake.sql(sys.stdin.read() if query == "-" else query, ref)
        if as_csv:
            _print_csv(result, limit)
        elif as_json:
            _print_json(result, limit)
        else:
            _print_table(result, limit or SHOWN)


def _print_table(result: QueryResult, limit: int) -> None:
    rows = result.fetchmany(limit + 1)
    columns = list(result.columns)
    right = [name for place, name in enumerate(columns) if _are_numbers([row[place] for row in rows])]
    emit_table(
        columns,
        (["NULL" if value is None else shorten(one_line(_text(value))) for value in row] for row in rows[:limit]),
        right=right,
    )
    if len(rows) > limit:
        hint(f"These are the first {count(limit, 'row')}; there are more: --limit N shows N, --csv and --json all.")
    elif not rows:
        hint("No rows.")


def _print_json(result: QueryResult, limit: int | None) -> None:
    rows = list(_rows(result, None if limit is None else limit + 1))
    shown = rows[:limit]
    truncated = len(rows) > len(shown)
    emit_json(
        {
            "columns": list(result.columns),
            "rows": [[_json_value(value) for value in row] for row in shown],
            "truncated": truncated,
        },
        indent=None,
    )


def _print_csv(result: QueryResult, limit: int | None) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(result.columns)
    writer.writerows([_text(value) for value in row] for row in _rows(result, limit))


def _rows(result: QueryResult, limit: int | None) -> Iterator[Sequence[Any]]:
    left = math.inf if limit is None else limit
    while left > 0 and (rows := result.fetchmany(int(min(left, _AT_ONCE)))):
        yield from rows
        left -= len(rows)


def _are_numbers(values: Sequence[Any]) -> bool:
    given = [value for value in values if value is not None]
    return bool(given) and all(isinstance(v, int | float | Decimal) and not isinstance(v, bool) for v in given)


def _text(value: Any) -> str:
    """Return a value as text: nothing for null, true and false, JSON for what is nested."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict | tuple):
        return json.dumps(_json_value(value), ensure_ascii=False, default=plain)
    return value.hex() if isinstance(value, bytes | bytearray) else str(value)


def _json_value(value: Any) -> Any:
    """Return a value that JSON can hold; it has no infinity and no not-a-number, so these become text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list | tuple):
        return [_json_value(each) for each in value]
    return {str(key): _json_value(each) for key, each in value.items()} if isinstance(value, dict) else value
