"""`lagoa check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.console import emit_json, hint, number, relative, say
from lagoa.cli.errors import EXIT_ERROR
from lagoa.cli.options import JsonOption, open_here
from lagoa.cli.progress import working
from lagoa.domain.engines import EngineName
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.audit.rehearsal import CheckFilePlace
    from lagoa.errors import FileError


EngineOption = Annotated[
    EngineName | None,
    typer.Option(
        "--engine",
        help="Also list what in the models would give other rows on this engine, and which check files stay on DuckDB.",
    ),
]


def check(ctx: typer.Context, engine: EngineOption = None, as_json: JsonOption = False) -> None:
    """Read all declarations of the lake and list what is wrong with them.

    These are contracts, models, their tests, check files, `ml/`, exposures and sources.
    """
    with open_here(ctx) as lake, working("reading the declarations"):
        found = lake.check_contracts(engine)
    if as_json:
        emit_json(
            {
                "contracts": [str(table) for table in found.contracts],
                "models": len(found.models),
                "tests": found.tests,
                "checks": found.checks,
                "trained_models": found.trained,
                "exposures": found.exposures,
                "sources": found.sources,
                "faults": [_tell(fault) for fault in found.faults],
                "check_files": [
                    {
                        "file": each.file,
                        "table": str(each.table),
                        "engine": each.shown,
                        "reasons": list(each.reasons),
                        "queries": each.queries,
                        "stay": each.stay,
                    }
                    for each in found.check_files
                ],
            }
        )
    else:
        for fault in found.faults:
            told = _tell(fault)
            place = f"{relative(Path(told['file']))}" + (f":{told['line']}" if told["line"] else "")
            say(f"{place}: {told['message']} {told['advice']}".rstrip())
        _show_check_files(found.check_files)
        usable = [
            counted(len(found.contracts), "contract"),
            counted(len(found.models), "model"),
            counted(found.tests, "test"),
            counted(len(found.checks), "check"),
        ]
        usable += [counted(len(found.trained), "trained model")] if found.trained else []
        usable += [counted(found.exposures, "exposure")] if found.exposures else []
        usable += [counted(found.sources, "source")] if found.sources else []
        if not found.faults:
            say(f"{', '.join(usable)}: nothing is wrong.")
        else:
            hint(f"{counted(len(found.faults), 'fault')}; {', '.join(usable)} can be used.")
    if found.faults:
        raise typer.Exit(EXIT_ERROR)


def _show_check_files(places: Sequence[CheckFilePlace]) -> None:
    """Say which check files stay on DuckDB, as a whole or in part, and why; their results are the same."""
    for each in places:
        if each.reasons:
            stay = "stays" if each.stay == 1 else "stay"
            part = f"{number(each.stay)} of {counted(each.queries, 'query', 'queries')} {stay} on DuckDB"
            say(f"{relative(Path(each.file))}: {part}: {'; '.join(each.reasons)}.")
    if places:
        whole = sum(not each.reasons for each in places)
        say(f"Check files of large tables: {number(whole)} of {number(len(places))} run on the engine as a whole.")


def _tell(fault: FileError) -> dict[str, Any]:
    place = f"{fault.file}:{fault.line}: " if fault.line else f"{fault.file}: "
    return {
        "file": fault.file,
        "line": fault.line,
        "message": fault.message.removeprefix(place),
        "advice": fault.advice,
    }
