"""`lagoa ingest`: without a branch on one of its own, audited and published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.completion import complete_table
from lagoa.cli.console import count, emit_table, hint, number, seconds
from lagoa.cli.options import BranchOption, JsonOption, open_here
from lagoa.cli.progress import working
from lagoa.cli.publications import finish, place_of, publish_branch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.branch import Branch
    from lagoa.ingest import IngestResult


def ingest(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="FILE|FOLDER", help="A file; or a folder of contracts' sources.")],
    into: Annotated[
        str | None,
        typer.Option(metavar="TABLE", help="The table that a file goes into.", autocompletion=complete_table),
    ] = None,
    branch: BranchOption = None,
    batch: Annotated[
        str | None, typer.Option(metavar="ID", help="The delivery's id; by default from the content.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Load a file, or a folder's files, as the contracts say.

    Without --branch this is done on a branch of its own, which is audited and published. Models are not run.
    """
    if source.is_dir() and (into or batch):
        raise typer.BadParameter("--into and --batch go with one file, not with a folder.")
    if not source.is_dir() and not into:
        raise typer.BadParameter("Say which table the file goes into: --into LAYER.TABLE.")
    publication = None
    with open_here(ctx) as lake, place_of(lake, "ingest", branch) as place:
        results = _load(place, source, into, batch)
        if not as_json:
            _show_loaded(results)
        try:
            if branch is None:
                publication = publish_branch(place, f"Load {source.name}" + (f" into {into}" if into else ""))
        finally:
            _hint_at_quarantine(results, "main" if publication else place.name)
    finish([_tell_loaded(result) for result in results], publication, place, branch=branch, as_json=as_json)


def _load(place: Branch, source: Path, into: str | None, batch: str | None) -> Sequence[IngestResult]:
    with working(f"loading {source.name}") as tell:
        if into:
            return [place.ingest(source, into, batch=batch)]
        return place.ingest_folder(source, on_done=lambda r: tell(f"loading {source.name}: {r.table} is done"))


def _show_loaded(results: Sequence[IngestResult]) -> None:
    emit_table(
        ("table", "received", "accepted", "quarantined", "time", ""),
        (
            (
                str(r.table),
                number(r.received),
                number(r.accepted),
                number(r.quarantined),
                seconds(r.seconds),
                _note(r),
            )
            for r in results
        ),
        right=("received", "accepted", "quarantined", "time"),
    )


def _hint_at_quarantine(results: Sequence[IngestResult], ref: str) -> None:
    refused = sum(r.quarantined for r in results if not r.skipped)
    if refused:
        at = "" if ref == "main" else f" --ref {ref}"
        hint(f"{count(refused, 'record')} went to quarantine: `lagoa quarantine list{at}`.")


def _note(result: IngestResult) -> str:
    if result.skipped:
        return f"batch {result.batch} was loaded before"
    return f"not in the file: {', '.join(result.missing)}" if result.missing else ""


def _tell_loaded(result: IngestResult) -> dict[str, Any]:
    return {
        "table": str(result.table),
        "batch": result.batch,
        "received": result.received,
        "accepted": result.accepted,
        "quarantined": result.quarantined,
        "rules": dict(result.rules),
        "missing": list(result.missing),
        "skipped": result.skipped,
        "commit": result.commit,
        "seconds": result.seconds,
    }
