"""`lagoa contract`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.console import count, emit_json, hint, near, say, shorten
from lagoa.cli.errors import EXIT_ERROR
from lagoa.cli.options import BranchOption, JsonOption, RefOption, TablesArgument, lake_folder, open_here
from lagoa.cli.publications import finish, place_of, publish_branch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.contracts.fields import Difference
    from lagoa.domain.tables import TableName
    from lagoa.review.diff.contracts import ContractDiff

contract = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Data contracts: infer one from a file, compare them with their tables, apply them.",
)

_SIGNS = {"added": "+", "dropped": "-"}
_LISTED = 5


@contract.command("infer")
def contract_infer(
    ctx: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="CSV, JSON, JSON lines or Parquet; text may be compressed (.gz, .zip)."),
    ],
    table: Annotated[str | None, typer.Option(metavar="TABLE", help="The table it goes into: layer.table.")] = None,
    layer: Annotated[
        str | None, typer.Option(metavar="LAYER", help="The layer of the tables; each is named after its file.")
    ] = None,
    member: Annotated[
        str | None, typer.Option(metavar="NAME", help="The file to read in a zip file with several; also a pattern.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing contracts.")] = False,
) -> None:
    """Write a first contract for a table from a file: types are guessed, keys only where values are unique."""
    from lagoa.errors import TerminalError
    from lagoa.formats.infer import infer_contract
    from lagoa.settings import load_settings

    if (table is None) == (layer is None) or (table and len(files) > 1):
        raise typer.BadParameter("Say --table LAYER.TABLE for one file, or --layer LAYER.")
    folder = load_settings(lake_folder(ctx)).contracts_folder
    targets: dict[Path, tuple[Path, TableName]] = {}
    for file, name in _tables_of(files, table, layer):
        target = folder / name.layer / f"{name.name}.odcs.yaml"
        if target.exists() and not force:
            raise TerminalError(f"{target} exists already.", "Edit it, or overwrite it with --force.")
        if target in targets:
            raise TerminalError(f"{targets[target][0]} and {file} are both of {name}.", "Infer them one by one.")
        targets[target] = file, name
    texts = {target: infer_contract(*each, member) for target, each in targets.items()}
    for target, text in texts.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
        say(f"{near(target)} is written.")
    file, name = next(iter(targets.values()))
    drafts = "it" if len(files) == 1 else "them"
    hint(f"Read {drafts}, and correct the guesses. Next: `lagoa ingest {file} --into {name}`.")


def _tables_of(files: list[Path], table: str | None, layer: str | None) -> Iterator[tuple[Path, TableName]]:
    """Yield each file with the table it is of: the one that is named, or one of a layer that is called as the file."""
    from lagoa.domain.tables import TableName
    from lagoa.formats.shared.names import plain_name

    for file in files:
        plain = file.name.lower().removesuffix(".gz").removesuffix(".zip")
        stem = plain.rpartition(".")[0] or plain
        yield file, TableName.parse(table or f"{layer}.{plain_name(stem)}")


@contract.command("diff")
def contract_diff(
    ctx: typer.Context,
    tables: TablesArgument = None,
    ref: RefOption = "main",
    as_json: JsonOption = False,
) -> None:
    """Show how tables differ from their contracts, and what the next write does about it.

    Exits with 1 if a write would be refused.
    """
    with open_here(ctx) as lake:
        found = lake.contract_diff(tables or None, ref)
    if as_json:
        emit_json([_tell(each) for each in found])
    else:
        _show(found, ref)
    if any(each.refused for each in found):
        raise typer.Exit(EXIT_ERROR)


@contract.command("apply")
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
        changed = place.evolve(tables or None)
        if not as_json:
            for table in changed:
                say(f"{table} now matches its contract.")
        if branch is None:
            publication = publish_branch(place, "Change tables to match their contracts")
    finish([{"table": str(table)} for table in changed], publication, place, branch=branch, as_json=as_json)


def _show(found: list[ContractDiff], ref: str) -> None:
    for each in found:
        if each.state == "no contract":
            say(f"{each.table} has no contract: nothing writes to it or publishes it.")
        elif each.differences:
            say(f"{each.table}: {count(len(each.differences), 'difference')}")
            for difference in each.differences:
                say(f"  {_in_words(difference)}")
    absent = [str(each.table) for each in found if each.state == "not there"]
    if absent:
        names = ", ".join(absent) if len(absent) <= _LISTED else count(len(absent), "table")
        say(f"Not at {ref} yet, created by the first write: {names}.")
    same = sum(each.state == "same" for each in found)
    if same or not found:
        say(f"As in their contracts: {count(same, 'table')}.")
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
