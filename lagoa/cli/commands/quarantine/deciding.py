"""What `lagoa quarantine retry`, `fix` and `discard` share: a piece of work on a branch, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from lagoa.cli.console import hint, number, say
from lagoa.cli.options import open_here
from lagoa.cli.progress import working
from lagoa.cli.publications import finish, place_of, publish_branch, repeated
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from lagoa.branch import Branch
    from lagoa.domain.receipts import Publication
    from lagoa.quarantine import FateResult


def decide(ctx: typer.Context, branch: str | None, as_json: bool, do: Callable[[Branch], FateResult]) -> None:
    """Do a piece of work on a branch, publish it where none is named, and say what became of the records."""

    def decided(place: Branch) -> tuple[Branch, FateResult, Publication | None]:
        publication = None
        with working("sending records again"):
            result = do(place)
        if not as_json:
            _show(result)
            _hint_unsplit(result, branch)
        if branch is None and result.commit is not None:
            done = {"retry": "Retry", "fix": "Fix", "discard": "Discard"}[result.action]
            publication = publish_branch(lake, place, f"{done} records that {result.table} refused")
        return place, result, publication

    with open_here(ctx) as lake:
        place, result, publication = repeated(lake, lambda: place_of(lake, "quarantine", branch), decided)
    if branch is not None and result.commit is None and not as_json:
        hint(f"Nothing new: {branch} is unchanged.")
        return
    finish([_tell(result)], publication, place, branch=branch, as_json=as_json)


def _show(result: FateResult) -> None:
    parts = [
        f"{number(result.accepted)} accepted" if result.action != "discard" else "",
        f"{number(result.discarded)} discarded" if result.action == "discard" else "",
        f"{number(result.waiting)} still waiting" if result.waiting else "",
    ]
    if not result.records:
        same = ", or all of them have these values" if result.action == "fix" else ""
        say(f"{result.table}: no waiting record is selected{same}.")
        return
    say(f"{result.table}: {counted(result.records, 'record')}, {', '.join(filter(None, parts))}.")
    if result.changed:
        say("changed: " + ", ".join(f"{name} in {number(n)}" for name, n in result.changed.items()) + ".")
    for rule, n in result.rules.items():
        say(f"  {rule}  {number(n)}")
    if result.batch:
        hint(f"The rows came into {result.table} as batch {result.batch}.")


def _hint_unsplit(result: FateResult, branch: str | None) -> None:
    """Say which records are left out since they have no columns, and how they are selected or fixed."""
    if not result.unsplit:
        return
    records = counted(result.unsplit, "waiting record")
    left = f"{records} that cannot be split into columns {'is' if result.unsplit == 1 else 'are'} left out"
    if result.action != "fix":
        hint(f"{left}: --rule, --batch and conditions on _rule, _row and _reason select such records.")
        return
    at = f" --ref {branch}" if branch else ""
    hint(f"{left}: --set and conditions on columns need columns. To fix them, give all of their columns:")
    hint(f"`lagoa quarantine export {result.table} bad.csv{at}`, fill in their empty cells, then")
    hint(f"`lagoa quarantine fix {result.table} --file bad.csv{f' --branch {branch}' if branch else ''}`.")


def _tell(result: FateResult) -> dict[str, Any]:
    return {
        "table": str(result.table),
        "action": result.action,
        "records": result.records,
        "accepted": result.accepted,
        "discarded": result.discarded,
        "waiting": result.waiting,
        "rules": dict(result.rules),
        "changed": dict(result.changed),
        "unsplit": result.unsplit,
        "batch": result.batch,
        "commit": result.commit,
        "seconds": result.seconds,
    }
