"""`lagoa approve`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lagoa.cli.completion import complete_branch
from lagoa.cli.console import emit_json, hint, one_line, say, short
from lagoa.cli.options import JsonOption, open_here
from lagoa.cli.progress import working
from lagoa.cli.publications import say_consent, tell_approval
from lagoa.domain.approvals import Consent
from lagoa.errors import LagoaError, PublishConflict

if TYPE_CHECKING:
    from lagoa.branch import Branch


def approve(
    ctx: typer.Context,
    branch: Annotated[
        str, typer.Argument(metavar="BRANCH", help="The branch to approve.", autocompletion=complete_branch)
    ],
    *,
    commit: Annotated[
        str | None, typer.Option("--commit", metavar="HASH", help="Only if this is still the branch's head.")
    ] = None,
    message: Annotated[str, typer.Option("--message", "-m", help="What to say of it.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Approve that a branch is published as it is now.

    Where people sign in, you do so in a browser. Another commit on the branch needs another approval.
    """
    with open_here(ctx) as lake, working(f"reading {branch}"):
        found = lake.branch(branch).approve(
            message, commit=commit, on_sign_in=lambda place: hint(f"To sign in, open {place}")
        )
        asked, behind = _asked(lake.branch(branch))
    if as_json:
        emit_json(tell_approval(found))
        return
    say(f"{branch} at {short(found.commit)} is approved by {one_line(found.shown)}.")
    if asked.missing:
        say_consent(asked)
        hint("Publishing it needs another approval.")
    elif behind:
        hint(
            f"main has changed the same tables, or inputs of models. Next: `lagoa rebase {branch}`, which publishing "
            "would do first; what comes out needs an approval of its own."
        )
    else:
        hint(f"Next: `lagoa publish {branch}`.")


def _asked(branch: Branch) -> tuple[Consent, bool]:
    """Return what publishing asks for now, and whether it would rebase the branch first, after which that is known.

    Nothing is asked for where it would be refused for another reason: it says that itself.
    """
    try:
        return branch.plan_publication().consent, False
    except PublishConflict as conflict:
        return Consent(), conflict.behind
    except LagoaError:
        return Consent(), False
