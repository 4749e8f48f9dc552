"""`lagoa review`: what publishing a branch would change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lagoa.cli.completion import complete_branch
from lagoa.cli.console import emit_json, hint, relative, say
from lagoa.cli.options import JsonOption, open_here
from lagoa.cli.progress import working

if TYPE_CHECKING:
    from lagoa.review.request import Review


def review(
    ctx: typer.Context,
    branch: Annotated[
        str, typer.Argument(metavar="BRANCH", help="The branch to review.", autocompletion=complete_branch)
    ],
    *,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write it to this file as one HTML page.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown, for a code review.")] = False,
    no_audit: Annotated[
        bool, typer.Option("--no-audit", help="Run no check: show the results that are known from before.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what publishing a branch would change: rows, schemas, figures, checks, and who reads that.

    Nothing is published.
    """
    from lagoa.cli.reviews import say_review, tell_review
    from lagoa.errors import NothingToPublish

    if markdown and as_json:
        raise typer.BadParameter("Give --markdown or --json.")
    with open_here(ctx) as lake:
        try:
            with working(f"comparing {branch} with main"):
                found = lake.branch(branch).review(audit=not no_audit)
        except NothingToPublish:
            found = None
    if found is None:
        emit_json(None) if as_json else say(f"Nothing to review: main has all of {branch}.")
        return
    if html is not None:
        html.write_text(found.html(), "utf-8")
        hint(f"{relative(html.resolve())} is written.")
    if as_json:
        emit_json(tell_review(found))
    elif markdown:
        say(found.markdown().rstrip("\n"))
    else:
        say_review(found)
        hint(f"Nothing was done. Next: `lagoa {_next(found)} {branch}`.")


def _next(review: Review) -> str:
    """Return the command that comes next; an approval of what is rebased later would be void."""
    if review.rebase:
        return "rebase"
    if review.checks.blocking:
        return "audit"
    return "approve" if review.consent.missing else "publish"
