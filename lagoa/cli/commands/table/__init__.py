"""`lagoa table`: a file a verb."""

from __future__ import annotations

import typer

from lagoa.cli.commands.table.advise import advise
from lagoa.cli.commands.table.blame import blame
from lagoa.cli.commands.table.drop import drop
from lagoa.cli.commands.table.restore import restore

table = typer.Typer(add_completion=False, no_args_is_help=True, help="Single tables: restore, drop, blame, advise.")
table.command("restore")(restore)
table.command("drop")(drop)
table.command("blame")(blame)
table.command("advise")(advise)
