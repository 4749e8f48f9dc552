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
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A CSV, JSON, JSON lines or Parquet file; text may be packed by gzip."),
    ],
    table: Annotated[str, typer.Option("--table", metavar="TABLE", help="The table it goes into: layer.table.")],
    force: Annotated[bool, typer.Option("--force", help="Write over a contract that is there.")] = False,
) -> None:
    """Write a first contract for a table from a file: types are guessed, keys only where values are unique."""
    from lagoa.errors import TerminalError
    from lagoa.infer import infer_contract
    from lagoa.model import TableName
    from lagoa.settings import load_settings

    name = TableName.parse(table)
    settings = load_settings(lake_folder(ctx))
    target = settings.contracts_folder / name.layer / f"{name.name}.odcs.yaml"
    if target.exists() and not force:
        raise TerminalError(f"{target} is there already.", "Edit it, or write over it with --force.")
    text = infer_contract(file, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")
    say(f"{near(target)} is written.")
    hint(f"Read it and mend it. Next: `lagoa ingest {file} --into {name}`.")


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
