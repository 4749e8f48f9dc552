"""`lagoa quarantine retry`: without a branch on one of its own, audited and published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lagoa.cli.commands.quarantine.deciding import decide
from lagoa.cli.commands.quarantine.selection import BatchOption, RuleOption, TableArgument, WhereOption
from lagoa.cli.options import BranchOption, JsonOption
from lagoa.domain.selection import Selection

if TYPE_CHECKING:
    from lagoa.branch import Branch
    from lagoa.quarantine import FateResult


def retry(  # noqa: PLR0913 - options of the command
    ctx: typer.Context,
    table: TableArgument,
    *,
    rule: RuleOption = None,
    batch: BatchOption = None,
    where: WhereOption = None,
    alone: Annotated[
        bool, typer.Option("--alone", help="Treat each line damaged by broken quoting as a record.")
    ] = False,
    encoding: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Read the records in this encoding; by default that of the contract."),
    ] = None,
    branch: BranchOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check waiting records against the contract as it is now.

    Without --branch this is done on a branch of its own, which is audited and published.
    """

    def do(place: Branch) -> FateResult:
        return place.retry_quarantine(table, Selection(rule, batch, where, alone, encoding))

    decide(ctx, branch, as_json, do)
