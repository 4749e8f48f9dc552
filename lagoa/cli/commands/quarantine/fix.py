"""`lagoa quarantine fix`: without a branch on one of its own, audited and published."""

from __future__ import annotations

from pathlib import Path
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


def fix(  # noqa: PLR0913 - options of the command
    ctx: typer.Context,
    table: TableArgument,
    *,
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="COLUMN=VALUE", help="A column's new value; may be repeated.")
    ] = None,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="An edited export.")] = None,
    rule: RuleOption = None,
    batch: BatchOption = None,
    where: WhereOption = None,
    everything: AllOption = False,
    branch: BranchOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replace values of waiting records, and check the records against the contract again.

    Without --branch this is done on a branch of its own, which is audited and published.
    """
    if (file is None) == (not values):
        raise typer.BadParameter("Say what changes: either --set COLUMN=VALUE or --file FILE.")
    if values:
        refuse_unsaid(everything, rule, batch, where)
    edits = file or _assigned(values or [])

    def do(place: Branch) -> FateResult:
        return place.fix_quarantine(table, edits, Selection(rule, batch, where))

    decide(ctx, branch, as_json, do)


def _assigned(texts: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for text in texts:
        column, sign, value = text.partition("=")
        if not sign or column in values:
            wrong = f"names {column!r} for the second time" if sign else "is not COLUMN=VALUE"
            raise typer.BadParameter(f"{text!r} {wrong}.", param_hint="--set")
        values[column] = value
    return values
