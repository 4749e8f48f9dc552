"""`lagoa table drop`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from lagoa.cli.console import hint, relative, say, short
from lagoa.cli.options import BranchOption, JsonOption, TableArgument, YesOption, confirm, open_here
from lagoa.cli.progress import working
from lagoa.cli.publications import finish, place_of, publish_branch
from lagoa.domain.lists import counted
from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from lagoa.lake import Lake


def drop(
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
