"""`lagoa contract diff` and `apply`: contracts and the tables that follow them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from lagoa.cli.console import emit_json, hint, say, shorten
from lagoa.cli.errors import EXIT_ERROR
from lagoa.cli.options import BranchOption, JsonOption, RefOption, TablesArgument, open_here
from lagoa.cli.progress import working
from lagoa.cli.publications import finish, place_of, publish_branch
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from lagoa.contracts.fields import Difference
    from lagoa.review.diff.contracts import ContractDiff

_SIGNS = {"added": "+", "dropped": "-"}
_LISTED = 5


def contract_diff(
    ctx: typer.Context,
    tables: TablesArgument = None,
    ref: RefOption = "main",
    as_json: JsonOption = False,
) -> None:
    """Show how tables differ from their contracts, and what the next write does about it.

    Exits with 1 if a write would be refused.
    """
    with open_here(ctx) as lake, working("comparing with the contracts"):
        found = lake.contract_diff(tables or None, ref)
    if as_json:
        emit_json([_tell(each) for each in found])
    else:
        _show(found, ref)
    if any(each.refused for each in found):
        raise typer.Exit(EXIT_ERROR)


def contract_apply(
    ctx: typer.Context,
    tables: TablesArgument = None,
    branch: BranchOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change tables to match their contracts now, without waiting for the next write.

    By default all that no model builds. Without --branch this is done on a branch of its own, which is audited and
    published.
    """
    publication = None
    with open_here(ctx) as lake, place_of(lake, "contract", branch) as place:
        with working("changing tables"):
            changed = place.evolve(tables or None)
        if not as_json:
            for table in changed:
                say(f"{table} now matches its contract.")
        if branch is None:
            publication = publish_branch(lake, place, "Change tables to match their contracts")
    finish([{"table": str(table)} for table in changed], publication, place, branch=branch, as_json=as_json)


def _show(found: list[ContractDiff], ref: str) -> None:
    for each in found:
        if each.state == "no contract":
            say(f"{each.table} has no contract: nothing writes to it or publishes it.")
        elif each.differences:
            say(f"{each.table}: {counted(len(each.differences), 'difference')}")
            for difference in each.differences:
                say(f"  {_in_words(difference)}")
    absent = [str(each.table) for each in found if each.state == "not there"]
    if absent:
        names = ", ".join(absent) if len(absent) <= _LISTED else counted(len(absent), "table")
        say(f"Not at {ref} yet, created by the first write: {names}.")
    same = sum(each.state == "same" for each in found)
    if same or not found:
        say(f"As in their contracts: {counted(same, 'table')}.")
    refused = [str(each.table) for each in found if each.refused]
    if refused:
        hint(f"Writes to {', '.join(refused)} are refused until this is resolved.")
    elif any(difference.effect == "evolves" for each in found for difference in each.differences):
        hint("The next write to a table makes these changes; `lagoa contract apply` makes them without rows.")


def _in_words(difference: Difference) -> str:
    sign = "!" if difference.effect == "refused" else _SIGNS.get(difference.kind, "~")
    return f"{sign} {_what(difference)}. {difference.effect.capitalize()}: {difference.note}."


def _what(each: Difference) -> str:
    before, after = (None if text is None else shorten(text) for text in (each.before, each.after))
    if each.kind == "added":
        return f"{each.column} {after}"
    if each.kind == "dropped":
        return f"{each.column} {before}"
    if each.kind in {"description", "order", "key", "partition", "sort"}:
        what = f"{each.kind} of {each.column}" if each.column else each.kind
        return f"{what}: {before or 'none'} -> {after or 'none'}"
    return f"{each.column}: {before} -> {after}"


def _tell(found: ContractDiff) -> dict[str, Any]:
    return {
        "table": str(found.table),
        "state": found.state,
        "differences": [asdict(each) for each in found.differences],
    }
