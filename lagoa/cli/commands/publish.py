"""`lagoa publish`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.completion import complete_branch
from lagoa.cli.console import emit_json, emit_table, hint, number, say
from lagoa.cli.options import DryRunOption, JsonOption, open_here
from lagoa.cli.progress import working
from lagoa.cli.publications import publish_branch, say_consent, say_published, tell_consent, tell_publication
from lagoa.cli.rebases import say_rebase, tell_rebase
from lagoa.cli.table_states import number_of

if TYPE_CHECKING:
    from lagoa.branch import Branch
    from lagoa.review.plan import PublicationPlan


def publish(
    ctx: typer.Context,
    branch: Annotated[
        str, typer.Argument(metavar="BRANCH", help="The branch to publish.", autocompletion=complete_branch)
    ],
    message: Annotated[str, typer.Option("--message", "-m", help="The message in the log.")] = "",
    no_rebase: Annotated[
        bool,
        typer.Option("--no-rebase", help="Refuse if main changed the same tables meanwhile; else see `lagoa rebase`."),
    ] = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Move main to a branch's changes, if every check passes there."""
    with open_here(ctx) as lake:
        if dry_run:
            _show_plan(lake.branch(branch), rebase=not no_rebase, as_json=as_json)
            return
        publication = publish_branch(lake, lake.branch(branch), message, rebase=not no_rebase)
    if as_json:
        emit_json(None if publication is None else tell_publication(publication))
    elif publication is None:
        say(f"Nothing to publish: main has all of {branch}.")
    else:
        say_published(publication)
        hint(f"{branch} stays; `lagoa branch delete {branch}` removes it.")


def _show_plan(branch: Branch, *, rebase: bool, as_json: bool) -> None:
    from lagoa.errors import NothingToPublish, PublishConflict

    plan = None
    try:
        with working(f"comparing {branch.name} with main"):
            plan = branch.plan_publication()
    except PublishConflict as conflict:
        if not (rebase and conflict.behind):
            raise
        _show_rebase(branch, as_json=as_json)
        return
    except NothingToPublish:
        pass
    if as_json:
        emit_json(plan and _tell_plan(plan))
    elif plan is None:
        say(f"Nothing to publish: main has all of {branch.name}.")
    else:
        emit_table(
            ("table", "rows on main", "rows after"),
            ((str(table), *map(number_of, rows)) for table, rows in plan.tables.items()),
            right=("rows on main", "rows after"),
        )
        known = f"{number(plan.answered)} known from before" if plan.answered else "none known from before"
        say(f"Checks: {number(len(plan.checks))} would run, {known}.")
        say_consent(plan.consent)
        hint(f"Nothing was done. Next: `lagoa {'review' if plan.consent.missing else 'publish'} {branch.name}`.")


def _show_rebase(branch: Branch, *, as_json: bool) -> None:
    with working(f"comparing {branch.name} with main"):
        result = branch.rebase(dry_run=True)
    if as_json:
        emit_json({"branch": branch.name, "rebase": tell_rebase(result)})
        return
    say(f"main has changed the same tables, or inputs of models: {branch.name} would be rebased first.")
    say_rebase(result)
    hint(
        f"Nothing was done. Next: `lagoa publish {branch.name}`; or `lagoa rebase {branch.name}`, to look at it before."
    )


def _tell_plan(plan: PublicationPlan) -> dict[str, Any]:
    return {
        "branch": plan.branch,
        "tables": {str(table): {"before": before, "after": after} for table, (before, after) in plan.tables.items()},
        "checks": {"known": plan.answered, "due": list(plan.checks)},
        "approval": tell_consent(plan.consent),
    }
