"""`lagoa quarantine`: a file a verb; `selection.py` has how records are named, `deciding.py` what became of them."""

from __future__ import annotations

import typer

from lagoa.cli.commands.quarantine.batches import batches
from lagoa.cli.commands.quarantine.discard import discard
from lagoa.cli.commands.quarantine.export import export
from lagoa.cli.commands.quarantine.fix import fix
from lagoa.cli.commands.quarantine.list import list_waiting
from lagoa.cli.commands.quarantine.retry import retry
from lagoa.cli.commands.quarantine.show import show

quarantine = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Records that were refused: list, show, batches, export, retry, fix, discard.",
)
quarantine.command("list")(list_waiting)
quarantine.command("show")(show)
quarantine.command("batches")(batches)
quarantine.command("export")(export)
quarantine.command("retry")(retry)
quarantine.command("fix")(fix)
quarantine.command("discard")(discard)
