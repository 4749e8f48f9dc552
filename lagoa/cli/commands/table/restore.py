"""`lagoa table restore`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.completion import complete_ref, complete_table
from lagoa.cli.console import hint, say
from lagoa.cli.options import BranchOption, JsonOption, open_here
from lagoa.cli.progress import working
from lagoa.cli.publications import finish, place_of, publish_branch
from lagoa.domain.lists import counted, listed

if TYPE_CHECKING:
    from lagoa.write import RestoreResult


def restore(
    ctx: typer.Context,
    tables: Annotated[
        list[str], typer.Argument(metavar="TABLE", help="The tables to restore.", autocompletion=complete_table)
    ],
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="REF",
            help="The state to restore them to, such as main~1 or main*TIME.",
            autocompletion=complete_ref,
        ),
    ],
    branch: BranchOption = None,
    as_json: JsonOption = False,
) -> None:
    """Restore tables and their quarantines to their state at another ref.

    Without --branch this is done on a branch of its own, which is audited and published. Models are not run.
    """
    publication = None
    with open_here(ctx) as lake, place_of(lake, "restore", branch) as place:
        with working(f"restoring {listed(tables)}"):
            results = place.restore(tables, source)
        if not as_json:
            for result in results:
                _show(result, source)
        if branch is None:
            publication = publish_branch(
                lake, place, f"Restore {', '.join(str(each.table) for each in results)} from {source}"
            )
    finish([_tell(result) for result in results], publication, place, branch=branch, as_json=as_json)


def _show(result: RestoreResult, source: str) -> None:
    if not result.changed:
        say(f"{result.table} is already in the state of {source}.")
        return
    say(f"{result.table} is restored to {source}.")
    if result.unseen:
        batches = counted(len(result.unseen), "batch is", "batches are")
        hint(f"{batches} no longer in the table, and can be loaded again: {', '.join(result.unseen)}.")
    if result.stale_inputs:
        others = ", ".join(map(str, result.stale_inputs))
        hint(f"Its model read {others} in another state: `lagoa transform` builds it again.")


def _tell(result: RestoreResult) -> dict[str, Any]:
    return {
        "table": str(result.table),
        "changed": result.changed,
        "unseen": list(result.unseen),
        "stale_inputs": [str(table) for table in result.stale_inputs],
    }
