"""`lagoa plan`: what a run would do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.console import emit_json, emit_table, hint, number, say, short, size
from lagoa.cli.options import EngineOption, IgnoreOption, IntoOption, JsonOption, RefOption, SelectOption, open_here
from lagoa.cli.progress import working
from lagoa.cli.table_states import number_of
from lagoa.domain.lists import counted, listed

if TYPE_CHECKING:
    from lagoa.review.plan import Plan


def plan(  # noqa: PLR0913 - options of the command
    ctx: typer.Context,
    source: Annotated[
        Path | None, typer.Argument(metavar="FILE|FOLDER", help="What would be loaded before the models run.")
    ] = None,
    *,
    into: IntoOption = None,
    ref: RefOption = "main",
    select: SelectOption = None,
    ignore: IgnoreOption = None,
    engine: EngineOption = None,  # noqa: ARG001 - kept by its callback
    as_json: JsonOption = False,
) -> None:
    """Show what `ingest`, `transform` and `publish` would do: new files, stale models and why, and checks.

    Nothing is loaded, built or moved.
    """
    if source is None and into:
        raise typer.BadParameter("--into goes with a file.")
    if source is not None and not source.exists():
        raise typer.BadParameter(f"There is no file or folder {source}.")
    if source is not None and source.is_dir() == bool(into):
        advice = (
            "--into goes with one file, not with a folder." if into else "Name the file's table: --into LAYER.TABLE."
        )
        raise typer.BadParameter(advice)
    with open_here(ctx) as lake, working("comparing"):
        found = lake.plan(source, ref, into=into, ignore=ignore or [], select=select)
        engines = lake.settings.engine != "duckdb"
    if as_json:
        emit_json(_tell(found))
        return
    if source is not None:
        _show_files(found)
    _show_models(found, engines=engines)
    _show_checks(found)
    _show_check_files(found)
    if not found.checks:
        say(f"Nothing would change at {ref} ({short(found.commit)}).")
    elif source is not None:
        more = f" --into {into}" if into else ""
        hint(f"Next: `lagoa ingest {source}{more}`, then `lagoa transform`; or both in one run of a flow.")
    else:
        hint("Next: `lagoa transform`.")


def _show_files(found: Plan) -> None:
    emit_table(
        ("file", "table", "size", ""),
        ((each.file, str(each.table), size(each.bytes), each.state) for each in found.files),
        right=("size",),
    )
    new = sum(each.state == "new" for each in found.files)
    ignored = f", {len(found.ignored)} ignored ({listed(found.ignored)})" if found.ignored else ""
    say(f"Files: {len(found.files) + len(found.ignored)} found, {new} new{ignored}.")
    if found.unmatched:
        say(f"No file for {listed([f'{table} ({file})' for table, file in found.unmatched.items()])}.")
    say("")


def _show_models(found: Plan, *, engines: bool) -> None:
    if found.models:
        emit_table(
            ("model", "rows now", "built", *(("on", "inputs") if engines else ()), "why"),
            (
                (
                    str(each.table),
                    number_of(each.rows),
                    each.how,
                    *((each.engine, size(each.input_bytes)) if engines else ()),
                    listed(each.reasons),
                )
                for each in found.models
            ),
            right=("rows now", "inputs"),
        )
    total = len(found.models) + found.up_to_date
    if total:
        say(f"Models: {number(len(found.models))} of {number(total)} would run.")
        say("")


def _show_checks(found: Plan) -> None:
    if found.checks:
        tables = counted(len(found.checks), "table")
        say(f"Checks: {number(sum(found.checks.values()))}, for {tables} that would change.")


def _show_check_files(found: Plan) -> None:
    if found.check_files:
        emit_table(
            ("check file of", "on", "inputs", "why duckdb"),
            (
                (str(each.table), each.engine, size(each.input_bytes), "; ".join(each.reasons))
                for each in found.check_files
            ),
            right=("inputs",),
        )


def _tell(found: Plan) -> dict[str, Any]:
    return {
        "ref": found.ref,
        "commit": found.commit,
        "files": [
            {
                "file": each.file,
                "table": str(each.table),
                "batch": each.batch,
                "bytes": each.bytes,
                "state": each.state,
            }
            for each in found.files
        ],
        "ignored": list(found.ignored),
        "unmatched": {str(table): file for table, file in found.unmatched.items()},
        "models": [
            {
                "table": str(each.table),
                "reasons": list(each.reasons),
                "how": each.how,
                "rows": each.rows,
                "engine": each.engine,
                "input_bytes": each.input_bytes,
            }
            for each in found.models
        ],
        "up_to_date": found.up_to_date,
        "checks": {str(table): number for table, number in found.checks.items()},
        "check_files": [
            {
                "table": str(each.table),
                "engine": each.engine,
                "reasons": list(each.reasons),
                "input_bytes": each.input_bytes,
            }
            for each in found.check_files
        ],
    }
