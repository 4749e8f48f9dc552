"""`lagoa table`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.completion import complete_ref, complete_table
from lagoa.cli.console import count, hint, say
from lagoa.cli.options import BranchOption, JsonOption, open_here
from lagoa.cli.publications import finish, place_of, publish_branch

if TYPE_CHECKING:
    from lagoa.write import RestoreResult

table = typer.Typer(add_completion=False, no_args_is_help=True)


@table.callback()
def single_tables() -> None:
    """Single tables: restore."""


@table.command("restore")
def table_restore(
    ctx: typer.Context,
    tables: Annotated[
        list[str], typer.Argument(metavar="TABLE", help="The tables that go back.", autocompletion=complete_table)
    ],
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="REF",
            help="The state that has them right, such as main~1 or main*TIME.",
            autocompletion=complete_ref,
        ),
    ],
    branch: BranchOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put tables back to what they are at another ref, with what they refused.

    Without --branch this is done on a branch of its own, which is audited and published. Models are not run.
    """
    publication = None
    with open_here(ctx) as lake, place_of(lake, "restore", branch) as place:
        results = place.restore(tables, source)
        if not as_json:
            for result in results:
                _show(result, source)
        if branch is None:
            publication = publish_branch(place, f"Restore {', '.join(tables)} from {source}")
    finish([_tell(result) for result in results], publication, place, branch=branch, as_json=as_json)


def _show(result: RestoreResult, source: str) -> None:
    if not result.changed:
        say(f"{result.table} is as it is at {source} already.")
        return
    say(f"{result.table} is back to {source}.")
    if result.unseen:
        batches = count(len(result.unseen), "batch", "batches")
        hint(f"{batches} left the table, to load again when sent again: {', '.join(result.unseen)}.")
    if result.stale_inputs:
        others = ", ".join(map(str, result.stale_inputs))
        hint(f"Its model read {others} in another state: `lagoa transform` will build it again.")


def _tell(result: RestoreResult) -> dict[str, Any]:
    return {
        "table": str(result.table),
        "changed": result.changed,
        "unseen": list(result.unseen),
        "stale_inputs": [str(table) for table in result.stale_inputs],
    }
