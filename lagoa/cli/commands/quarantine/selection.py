"""How commands name refused records: the table that refused them, a rule, a batch, a condition."""

from __future__ import annotations

from typing import Annotated

import typer

from lagoa.cli.completion import complete_table

TableArgument = Annotated[
    str,
    typer.Argument(metavar="TABLE", help="The table that refused them: layer.table.", autocompletion=complete_table),
]
RuleOption = Annotated[str | None, typer.Option(metavar="RULE", help="Only those that break this rule.")]
BatchOption = Annotated[str | None, typer.Option(metavar="ID", help="Only those that came in this batch.")]
WhereOption = Annotated[
    str | None,
    typer.Option(metavar="SQL", help="Only those for which this condition over their columns as text is true."),
]
AllOption = Annotated[bool, typer.Option("--all", help="All waiting records; needed if no other option selects some.")]


def refuse_unsaid(everything: bool, *filters: str | None) -> None:
    """Raise a usage error unless either a filter or `--all` selects records."""
    if everything == any(part is not None for part in filters):
        raise typer.BadParameter("Say which records: --rule, --batch or --where; or --all of them.")
