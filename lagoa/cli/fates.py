"""`lagoa quarantine retry`, `fix` and `discard`: without a branch on one of their own, audited and published."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.console import count, hint, number, say
from lagoa.cli.options import JsonOption, open_here
from lagoa.cli.release import finish, place_of, publish_branch
from lagoa.domain.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Callable

    from lagoa.branch import Branch
    from lagoa.quarantine import FateResult

TableArgument = Annotated[str, typer.Argument(metavar="TABLE", help="The table that refused them: layer.table.")]
RuleOption = Annotated[str | None, typer.Option(metavar="RULE", help="Only those that break this rule.")]
BatchOption = Annotated[str | None, typer.Option(metavar="ID", help="Only those that came in this batch.")]
WhereOption = Annotated[
    str | None,
    typer.Option(metavar="SQL", help="Only those for which this condition over their columns as text is true."),
]
_Branch = Annotated[str | None, typer.Option(metavar="BRANCH", help="Do it there, and leave it at that.")]
_All = Annotated[bool, typer.Option("--all", help="All that wait, where nothing else says which.")]


def retry(  # noqa: PLR0913 - options of the command
    ctx: typer.Context,
    table: TableArgument,
    *,
    rule: RuleOption = None,
    batch: BatchOption = None,
    where: WhereOption = None,
    alone: Annotated[
        bool, typer.Option("--alone", help="Take each line that broken quoting spoilt for a record by itself.")
    ] = False,
    branch: _Branch = None,
    as_json: JsonOption = False,
) -> None:
    """Send the records that wait through the contract as it is now.

    Without --branch this is done on a branch of its own, which is audited and published.
    """

    def do(place: Branch) -> FateResult:
        return place.retry_quarantine(table, Selection(rule, batch, where, alone))

    _decide(ctx, branch, as_json, do)


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
    everything: _All = False,
    branch: _Branch = None,
    as_json: JsonOption = False,
) -> None:
    """Put values in the place of those received, and send the records through the contract.

    Without --branch this is done on a branch of its own, which is audited and published.
    """
    if (file is None) == (not values):
        raise typer.BadParameter("Say what changes: either --set COLUMN=VALUE or --file FILE.")
    if values:
        _refuse_unsaid(everything, rule, batch, where)
    edits = file or _assigned(values or [])

    def do(place: Branch) -> FateResult:
        return place.fix_quarantine(table, edits, Selection(rule, batch, where))

    _decide(ctx, branch, as_json, do)


def discard(  # noqa: PLR0913 - options of the command
    ctx: typer.Context,
    table: TableArgument,
    *,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stays with the records.")],
    rule: RuleOption = None,
    batch: BatchOption = None,
    where: WhereOption = None,
    everything: _All = False,
    branch: _Branch = None,
    as_json: JsonOption = False,
) -> None:
    """Let records wait no more. They stay in quarantine, with who discarded them, when and why.

    Without --branch this is done on a branch of its own, which is audited and published.
    """
    _refuse_unsaid(everything, rule, batch, where)

    def do(place: Branch) -> FateResult:
        return place.discard_quarantine(table, reason, Selection(rule, batch, where))

    _decide(ctx, branch, as_json, do)


def _decide(ctx: typer.Context, branch: str | None, as_json: bool, do: Callable[[Branch], FateResult]) -> None:
    publication = None
    with open_here(ctx) as lake, place_of(lake, "quarantine", branch) as place:
        result = do(place)
        if not as_json:
            _show_result(result)
        if branch is None and result.commit is not None:
            done = {"retry": "Retry", "fix": "Fix", "discard": "Discard"}[result.action]
            publication = publish_branch(place, f"{done} records that {result.table} refused")
    finish([_tell_result(result)], publication, place, branch=branch, as_json=as_json)


def _refuse_unsaid(everything: bool, *filters: str | None) -> None:
    if everything == any(part is not None for part in filters):
        raise typer.BadParameter("Say which records: --rule, --batch or --where; or --all of them.")


def _assigned(texts: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for text in texts:
        column, sign, value = text.partition("=")
        if not sign or column in values:
            wrong = f"names {column!r} for the second time" if sign else "is not COLUMN=VALUE"
            raise typer.BadParameter(f"{text!r} {wrong}.", param_hint="--set")
        values[column] = value
    return values


def _show_result(result: FateResult) -> None:
    parts = [
        f"{number(result.accepted)} accepted" if result.action != "discard" else "",
        f"{number(result.discarded)} discarded" if result.action == "discard" else "",
        f"{number(result.waiting)} still waiting" if result.waiting else "",
    ]
    if not result.records:
        say(f"{result.table}: no waiting record is {'changed by this' if result.action == 'fix' else 'meant'}.")
        return
    say(f"{result.table}: {count(result.records, 'record')}, {', '.join(filter(None, parts))}.")
    if result.changed:
        say("changed: " + ", ".join(f"{name} in {number(n)}" for name, n in result.changed.items()) + ".")
    for rule, n in result.rules.items():
        say(f"  {rule}  {number(n)}")
    if result.batch:
        hint(f"The rows came into {result.table} as batch {result.batch}.")


def _tell_result(result: FateResult) -> dict[str, Any]:
    return {
        "table": str(result.table),
        "action": result.action,
        "records": result.records,
        "accepted": result.accepted,
        "discarded": result.discarded,
        "waiting": result.waiting,
        "rules": dict(result.rules),
        "changed": dict(result.changed),
        "batch": result.batch,
        "commit": result.commit,
        "seconds": result.seconds,
    }
