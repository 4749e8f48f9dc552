"""`lagoa audit`: run the checks, and look at audits that were kept."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from lagoa.cli.audits import (
    audit_history,
    audit_report,
    audit_show,
    failing,
    say_results,
    say_rows,
    say_verdict,
    tell_report,
    tell_rows,
)
from lagoa.cli.console import emit_json, hint
from lagoa.cli.errors import EXIT_AUDIT_FAILED
from lagoa.cli.options import CheckRowsOption, FailedOption, JsonOption, open_here
from lagoa.cli.progress import working

_RUN = "run"


class _WithDefault(TyperGroup):
    """The group of these commands, in which `audit REF` is `audit run REF`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is named, or else the one that runs the checks."""
        if args[0] in self.commands:
            return super().resolve_command(ctx, args)
        return _RUN, self.commands[_RUN], args


audit = typer.Typer(
    cls=_WithDefault,
    add_completion=False,
    no_args_is_help=True,
    help="Run the checks at a ref (`lagoa audit REF`), and look at audits that were kept: show, history, report.",
    context_settings={"ignore_unknown_options": True},  # `lagoa audit --failed dev`: they are those of `run`
)


@audit.command(_RUN)
def audit_run(
    ctx: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="BRANCH", help="The branch or other ref to check.")],
    failed: FailedOption = False,
    rows: CheckRowsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run every check at a ref; publishing does the same and moves main only if all pass."""
    with open_here(ctx) as lake:
        with working(f"auditing {ref}"):
            report = lake.audit(ref)
        publishable = ref != "main" and any(each.name == ref and each.kind == "branch" for each in lake.refs())
        samples = failing(lake, report) if rows else {}
    if as_json:
        emit_json({**tell_report(report), "rows": tell_rows(samples)})
    else:
        say_results(each for each in report.results if not (failed or rows) or each.outcome != "passed")
        say_rows(samples)
        say_verdict(report)
        if report.passed and publishable:
            hint(f"Next: `lagoa publish {ref}`.")
        elif not report.passed:
            hint("This cannot be published." + ("" if rows else f" `lagoa audit show {ref} --rows` shows the rows."))
    if not report.passed:
        raise typer.Exit(EXIT_AUDIT_FAILED)


audit.command("show")(audit_show)
audit.command("history")(audit_history)
audit.command("report")(audit_report)
