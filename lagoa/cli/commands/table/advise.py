"""`lagoa table advise`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.console import emit_json, emit_table, hint, say, size
from lagoa.cli.options import JsonOption, RefOption, TableArgument, open_here
from lagoa.cli.progress import working
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from lagoa.usage.advice import Advice


def advise(
    ctx: typer.Context,
    table: TableArgument,
    *,
    ref: RefOption = "main",
    days: Annotated[int, typer.Option("--days", metavar="N", min=1, help="Days of the log of queries.")] = 90,
    as_json: JsonOption = False,
) -> None:
    """Propose a partition, an order or bloom filters by which queries would read less of a table.

    It follows from the log of the queries that were run on this machine by `lagoa sql`, `Lake.sql`, Trino and Spark.
    """
    with open_here(ctx) as lake, working(f"reading the bounds of the files of {table}"):
        found = lake.advise(table, ref, days=days)
        setting = lake.settings.query_log_days
    if as_json:
        emit_json(_tell(found))
        return
    _show(found, setting)


def _show(found: Advice, setting: int) -> None:
    use = found.use
    say(f"{found.table}, {size(found.size)}: {_queries(use.queries)} in {counted(found.days, 'day')}.")
    if use.engines.keys() - {"duckdb"}:
        say(f"By engine: {', '.join(f'{engine} {number}' for engine, number in sorted(use.engines.items()))}.")
    if use.bytes:
        say(f"Those of Trino read {size(use.bytes)} of files.")
    if use.not_followed:
        say(f"{_queries(use.not_followed)} of them could not be followed.")
    if use.columns:
        emit_table(
            ("column", "equal", "range", "joined", "grouped", "read now"),
            (
                (name, each.equal, each.ranges, each.joined, each.grouped, _percent(found.shares.get(name)))
                for name, each in sorted(use.columns.items(), key=lambda item: (-item[1].filtered, item[0]))
            ),
        )
    for each in found.proposals:
        say("")
        say(f"lagoa.{each.what}: [{', '.join(each.value)}]")
        say(
            f"  {_queries(each.queries)} that filter by {each.column} would read about {_percent(each.then)} "
            f"of the table, not {_percent(each.now)}."
        )
    if found.proposals:
        hint("Set it in the table's contract; files that are written from then on follow it.")
    elif use.queries:
        hint("No partition, order or bloom filter would make them read much less.")
    elif setting == 0:
        hint("No queries are logged: query_log_days is 0.")
    else:
        hint("Queries are logged on this machine: by `lagoa sql`, `Lake.sql`, Spark for models, and the stack's Trino.")


def _queries(number: int) -> str:
    return counted(number, "query", "queries")


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}" if share < 0.1 else f"{share:.0%}"  # noqa: PLR2004


def _tell(found: Advice) -> dict[str, Any]:
    return {
        "table": str(found.table),
        "days": found.days,
        "size": found.size,
        "queries": found.use.queries,
        "not_followed": found.use.not_followed,
        "engines": dict(found.use.engines),
        "bytes_read": found.use.bytes,
        "columns": {
            name: {
                "equal": each.equal,
                "ranges": each.ranges,
                "joined": each.joined,
                "grouped": each.grouped,
                "read_now": found.shares.get(name),
            }
            for name, each in found.use.columns.items()
        },
        "proposals": [
            {
                "property": f"lagoa.{each.what}",
                "value": list(each.value),
                "column": each.column,
                "queries": each.queries,
                "read_now": each.now,
                "read_then": each.then,
            }
            for each in found.proposals
        ],
    }
