"""`lagoa report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lagoa.cli.audits import KeptArgument
from lagoa.cli.console import hint, moment, relative, say, short
from lagoa.cli.options import PersonalOption, SameRefOption, either, open_here
from lagoa.cli.progress import working


def report(
    ctx: typer.Context,
    ref: KeptArgument = None,
    same_ref: SameRefOption = None,
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The file to write; audit-<commit>.html by default."),
    ] = None,
    personal: PersonalOption = False,
) -> None:
    """Write a stored audit as one HTML file, with failing rows and the history of each check."""
    with open_here(ctx) as lake, working("reading the audit"):
        kept = lake.audit_of(either(ref, same_ref, "main"))
        target = output or Path(f"audit-{short(kept.receipt.commit)}.html")
        page = lake.audit_page(kept, personal=personal)
    target.write_text(page, "utf-8")
    what = f"the publication of {moment(kept.published_at)}" if kept.published_at else kept.receipt.branch
    say(f"{relative(target.resolve())} is written: the audit of {what} ({short(kept.receipt.commit)}).")
    if not personal:
        hint("Personal data is masked in it; --personal shows it.")
