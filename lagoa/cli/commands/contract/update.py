"""`lagoa contract update`."""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lagoa.cli.console import hint, relative, say
from lagoa.cli.options import DryRunOption, TableArgument, open_here
from lagoa.cli.progress import working

if TYPE_CHECKING:
    from lagoa.sql_models.drafting.update import ContractUpdate


def contract_update(
    ctx: typer.Context,
    table: TableArgument,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A file of the table; without one, its model is looked at.")
    ] = None,
    dry_run: DryRunOption = False,
) -> None:
    """Add to a contract the columns and nested fields that a file or the table's model has, and widen types.

    Everything else in the contract stays as it is written; nothing is removed.
    """
    with open_here(ctx) as lake, working(f"reading {file.name if file else table}"):
        update = lake.update_contract(table, file)
    name = relative(update.file)
    if dry_run:
        for line in unified_diff(
            update.before.splitlines(), update.after.splitlines(), str(name), str(name), lineterm=""
        ):
            say(line)
    elif update.after != update.before:
        update.file.write_bytes(update.after.encode())
    _show(update, str(name), dry_run=dry_run)


def _show(update: ContractUpdate, name: str, *, dry_run: bool) -> None:
    for column in update.added if not dry_run else ():
        say(f"+ {column}")
    for column, kind in update.types.items() if not dry_run else ():
        if not any(each.startswith(f"{column}.") for each in update.added):
            say(f"~ {column}: {kind}")
    for column, names in update.headers.items() if not dry_run else ():
        say(f"~ {column}: {names[-1]!r} is another spelling of its name in files")
    for each in update.left:
        say(f"Not changed: {each}.")
    if update.after == update.before:
        hint(f"{name} has all columns already." if not update.left else f"{name} is as it was.")
    elif dry_run:
        hint("Nothing is written.")
    else:
        hint(f"{name} is written. `lagoa contract diff {update.table}` shows what the next write does.")
