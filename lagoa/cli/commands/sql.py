"""`lagoa sql`."""

from __future__ import annotations

import csv
import math
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from lagoa.cli.console import emit_json, emit_rows, hint, text_of
from lagoa.cli.options import JsonOption, RefOption, open_here
from lagoa.cli.progress import working
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.review.query import Result

SHOWN = 50
_AT_ONCE = 10_000


def sql(
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
        text = sys.stdin.read() if query == "-" else query
        with working("running the query"):
            result = lake.sql(text, ref)
        if as_csv:
            _print_csv(result, limit)
        elif as_json:
            _print_json(result, limit)
        else:
            _print_table(result, limit or SHOWN)


def _print_table(result: Result, limit: int) -> None:
    with working("running the query"):
        rows = result.fetchmany(limit + 1)
    emit_rows(list(result.columns), rows[:limit])
    if len(rows) > limit:
        hint(f"These are the first {counted(limit, 'row')}; there are more: --limit N shows N, --csv and --json all.")
    elif not rows:
        hint("No rows.")


def _print_json(result: Result, limit: int | None) -> None:
    with working("reading rows"):
        rows = list(_rows(result, None if limit is None else limit + 1))
    shown = rows[:limit]
    emit_json(
        {"columns": list(result.columns), "rows": shown, "truncated": len(rows) > len(shown)},
        indent=None,
    )


def _print_csv(result: Result, limit: int | None) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(result.columns)
    with nullcontext() if sys.stdout.isatty() else working("writing rows"):
        writer.writerows([text_of(value) for value in row] for row in _rows(result, limit))


def _rows(result: Result, limit: int | None) -> Iterator[tuple[object, ...]]:
    left = math.inf if limit is None else limit
    while left > 0 and (rows := result.fetchmany(int(min(left, _AT_ONCE)))):
        yield from rows
        left -= len(rows)
