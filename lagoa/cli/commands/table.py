"""`lagoa table`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.completion import complete_ref, complete_table
from lagoa.cli.console import hint, relative, say, short
from lagoa.cli.options import BranchOption, JsonOption, TableArgument, YesOption, confirm, open_here
from lagoa.cli.progress import working
from lagoa.cli.publications import finish, place_of, publish_branch
from lagoa.domain.lists import counted, listed
from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from lagoa.lake import Lake
    from lagoa.write import RestoreResult

table = typer.Typer(add_completion=False, no_args_is_help=True)


@table.callback()
def single_tables() -> None:
    """Single tables: restore, drop."""


@table.command("restore")
def table_restore(
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
            publication = publish_branch(lake, place, f"Restore {', '.join(tables)} from {source}")
    finish([_tell(result) for result in results], publication, place, branch=branch, as_json=as_json)


@table.command("drop")
def table_drop(
    ctx: typer.Context,
    table: TableArgument,
    *,
    branch: BranchOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove a table with its quarantine; earlier states keep it, and `table restore` brings it back.

    Without --branch this is done on a branch of its own, which is audited and published.
    """
    publication = None
    with open_here(ctx) as lake:
        lake.describe_table(table, branch or "main")  # it is there, before anything is asked
        readers = _readers(lake, table)
        if readers and not as_json:
            hint(f"{table} is read by {counted(len(readers), 'model')}: {', '.join(readers)}.")
        if branch is None:
            confirm(f"Remove {table} from main?", yes=yes)
        with place_of(lake, "drop", branch) as place:
            with working(f"removing {table}"):
                place.drop(table)
            if not as_json:
                say(f"{table} is dropped on {place.name}.")
            if branch is None:
                publication = publish_branch(lake, place, f"Drop {table}")
        contract = lake.context.contracts.get(TableName.parse(table))
    if publication is not None and not as_json:
        hint(f"`lagoa table restore {table} --from main@{short(publication.previous)}` brings it back.")
        if contract is not None:
            hint(f"Its contract stays, {relative(contract.file)}: remove it unless the table is to be loaded again.")
    told = {"table": table, "read_by": readers}
    finish([told], publication, place, branch=branch, as_json=as_json)


def _readers(lake: Lake, table: str) -> list[str]:
    """Return the models that read a table; none if the models cannot be read, which is no reason to keep it."""
    from lagoa.errors import ContractError, ModelError

    try:
        return [str(each) for each in lake.readers(table)]
    except (ContractError, ModelError):
        return []


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
