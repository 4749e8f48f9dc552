"""`lagoa contract`."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import Annotated

import typer

from lagoa.cli.console import count, emit_json, hint, near, say
from lagoa.cli.options import JsonOption, lake_folder, open_here

contract = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Data contracts: infer one from a file, check them all."
)


@contract.command("infer")
def contract_infer(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV or Parquet file; CSV may be packed by gzip.")],
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
    """Read all contracts, models and check files, and say what is wrong with the first that cannot be used."""
    with open_here(ctx) as lake:
        contracts = [str(table) for table in lake.context.contracts.tables]
        _, models = lake.stale_models()
        checks = lake.checks()
    if as_json:
        emit_json({"contracts": contracts, "models": models, "checks": checks})
    else:
        found = f"{count(len(contracts), 'contract')}, {count(models, 'model')}, {count(len(checks), 'check')}"
        say(f"{found}: nothing is wrong.")
