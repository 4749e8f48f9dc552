"""`lagoa log`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.console import emit_json, emit_table, hint, short
from lagoa.cli.console import moment as local
from lagoa.cli.options import JsonOption, RefArgument, SameRefOption, either, open_here
from lagoa.cli.progress import working
from lagoa.cli.publications import tell_approval
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from datetime import datetime

    from lagoa.domain.commits import Commit
    from lagoa.lake import Lake


def log(
    ctx: typer.Context,
    ref: RefArgument = None,
    same_ref: SameRefOption = None,
    *,
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", min=1, help="Show at most this many commits.")
    ] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show the commits of a ref, newest first; on main each is a publication."""
    ref = either(ref, same_ref, "main")
    with open_here(ctx) as lake, working(f"reading {ref}"):
        commits = lake.log(ref, limit + 1)
        published = lake.published_at(commits[:limit])
        told = [_tell(lake, commit, published.get(commit.id)) for commit in commits[:limit]]
    if as_json:
        emit_json(told)
        return
    emit_table(
        ("commit", "time", "author", "message", "changed", "checks"),
        (
            (
                short(entry["commit"]),
                local(entry["published_at"] or entry["committed_at"]),
                entry["author"],
                entry["message"],
                _changed(entry["tables"]),
                _checks(entry["audit"], entry["loosened"]),
            )
            for entry in told
        ),
        whole=("time", "changed", "checks"),
        first_out=("author", "changed"),
    )
    if len(commits) > limit:
        hint(f"There are older commits: `lagoa log {ref} --limit {limit * 5}`.")


def _tell(lake: Lake, commit: Commit, published_at: datetime | None) -> dict[str, Any]:
    receipt = lake.context.receipts.of_commit(commit.id)
    return {
        "commit": commit.id,
        "parents": list(commit.parents),
        "committed_at": commit.committed_at,
        "published_at": published_at,
        "author": commit.author,
        "message": commit.message,
        "tables": sorted(str(table) for table in lake.changed_tables(commit)),
        "receipt": receipt.id if receipt else None,
        "audit": receipt.report.outcomes if receipt else None,
        "loosened": list(receipt.loosened) if receipt else [],
        "git": (receipt.git or None) if receipt else None,
        "uncommitted": list(receipt.uncommitted) if receipt else [],
        "approvals": [tell_approval(each) for each in receipt.approvals] if receipt else [],
    }


def _changed(tables: list[str]) -> str:
    return ", ".join(tables) if len(tables) <= 2 else counted(len(tables), "table")  # noqa: PLR2004 - fits a line


def _checks(outcomes: dict[str, int] | None, loosened: list[str]) -> str:
    if outcomes is None:
        return ""
    shown = {**outcomes, "loosened": len(loosened)}
    return ", ".join(f"{n} {outcome}" for outcome, n in shown.items() if n) or "none"
