"""`lagoa quarantine discard`: without a branch on one of its own, audited and published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lagoa.cli.commands.quarantine.deciding import decide
from lagoa.cli.commands.quarantine.selection import (
    AllOption,
    BatchOption,
    RuleOption,
    TableArgument,
    WhereOption,
    refuse_unsaid,
)
from lagoa.cli.options import BranchOption, JsonOption
from lagoa.domain.selection import Selection

if TYPE_CHECKING:
    from lagoa.branch import Branch
    from lagoa.quarantine import FateResult


def discard(  # noqa: PLR0913 - options of the command
    ctx: typer.Context,
    table: TableArgument,
    *,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stays with the records.")],
    rule: RuleOption = None,
    batch: BatchOption = None,
    where: WhereOption = None,
    everything: AllOption = False,
    branch: BranchOption = None,
    as_json: JsonOption = False,
) -> None:
    """Discard waiting records. They stay in quarantine, with who discarded them, when and why.

    Without --branch this is done on a branch of its own, which is audited and published.
    """
    refuse_unsaid(everything, rule, batch, where)

    def do(place: Branch) -> FateResult:
        return place.discard_quarantine(table, reason, Selection(rule, batch, where))

    decide(ctx, branch, as_json, do)
