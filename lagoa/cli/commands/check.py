"""`lagoa check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.console import count, emit_json, hint, near, say
from lagoa.cli.errors import EXIT_ERROR
from lagoa.cli.options import JsonOption, open_here
from lagoa.domain.engines import EngineName

if TYPE_CHECKING:
    from lagoa.errors import FileError


EngineOption = Annotated[
    EngineName | None,
    typer.Option("--engine", help="Also list what in the models would give other rows on this engine than on DuckDB."),
]


def check(ctx: typer.Context, engine: EngineOption = None, as_json: JsonOption = False) -> None:
    """Read all declarations of the lake (contracts, models, their tests, check files) and list what is wrong."""
    with open_here(ctx) as lake:
        found = lake.check_contracts(engine)
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
