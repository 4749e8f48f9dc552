"""`lagoa contract`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.console import count, emit_json, hint, near, say
from lagoa.cli.contract_changes import contract_apply, contract_diff
from lagoa.cli.errors import EXIT_ERROR
from lagoa.cli.options import JsonOption, lake_folder, open_here

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.domain.tables import TableName
    from lagoa.errors import FileError

contract = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Data contracts: infer one from a file, check them all, compare them.",
)
contract.command("diff")(contract_diff)
contract.command("apply")(contract_apply)


@contract.command("infer")
def contract_infer(
    ctx: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="CSV, JSON, JSON lines or Parquet; text may be packed by gzip."),
    ],
    table: Annotated[str | None, typer.Option(metavar="TABLE", help="The table it goes into: layer.table.")] = None,
    layer: Annotated[
        str | None, typer.Option(metavar="LAYER", help="Each file is of the table there that is called as it is.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over contracts that are there.")] = False,
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
            raise TerminalError(f"{target} is there already.", "Edit it, or write over it with --force.")
        if target in targets:
            raise TerminalError(f"{targets[target][0]} and {file} are both of {name}.", "Infer them one by one.")
        targets[target] = file, name
    texts = {target: infer_contract(*each) for target, each in targets.items()}
    for target, text in texts.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
        say(f"{near(target)} is written.")
    file, name = next(iter(targets.values()))
    hint(f"Read {'it' if len(files) == 1 else 'them'} and mend. Next: `lagoa ingest {file} --into {name}`.")


def _tables_of(files: list[Path], table: str | None, layer: str | None) -> Iterator[tuple[Path, TableName]]:
    """Yield each file with the table it is of: the one that is named, or one of a layer that is called as the file."""
    from lagoa.domain.tables import TableName
    from lagoa.formats.shared.names import plain_name

    for file in files:
        stem = file.name.lower().removesuffix(".gz").rpartition(".")[0] or file.name
        yield file, TableName.parse(table or f"{layer}.{plain_name(stem)}")


@contract.command("check")
def contract_check(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Read all contracts, models, tests of models and check files, and say all that is wrong with them."""
    with open_here(ctx) as lake:
        found = lake.check_contracts()
    if as_json:
        emit_json(
            {
                "contracts": [str(table) for table in found.contracts],
                "models": len(found.models),
                "tests": found.tests,
                "checks": found.checks,
                "faults": [_tell(fault) for fault in found.faults],
            }
        )
    else:
        for fault in found.faults:
            told = _tell(fault)
            place = f"{near(Path(told['file']))}" + (f":{told['line']}" if told["line"] else "")
            say(f"{place}: {told['message']} {told['advice']}".rstrip())
        counted = [
            count(len(found.contracts), "contract"),
            count(len(found.models), "model"),
            count(found.tests, "test"),
            count(len(found.checks), "check"),
        ]
        if not found.faults:
            say(f"{', '.join(counted)}: nothing is wrong.")
        else:
            hint(f"{count(len(found.faults), 'fault')}; {', '.join(counted)} can be used.")
    if found.faults:
        raise typer.Exit(EXIT_ERROR)


def _tell(fault: FileError) -> dict[str, Any]:
    place = f"{fault.file}:{fault.line}: " if fault.line else f"{fault.file}: "
    return {
        "file": fault.file,
        "line": fault.line,
        "message": fault.message.removeprefix(place),
        "advice": fault.advice,
    }
