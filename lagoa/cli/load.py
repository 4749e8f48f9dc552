"""`lagoa ingest`, `transform` and `backfill`: without a branch on one of their own, audited and published."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.console import count, emit_table, hint, number, seconds
from lagoa.cli.options import JsonOption, open_here
from lagoa.cli.progress import working
from lagoa.cli.release import finish, place_of, publish_branch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.branch import Branch
    from lagoa.ingest import IngestResult
    from lagoa.sql_models.run import ModelResult

ingest = typer.Typer(add_completion=False)
transform = typer.Typer(add_completion=False)
backfill = typer.Typer(add_completion=False)


@ingest.command()
def ingest_(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="FILE|FOLDER", help="A file; or a folder of contracts' sources.")],
    into: Annotated[str | None, typer.Option(metavar="TABLE", help="The table that a file goes into.")] = None,
    branch: Annotated[str | None, typer.Option(metavar="BRANCH", help="Load there, and leave it at that.")] = None,
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


@transform.command()
def transform_(
    ctx: typer.Context,
    branch: Annotated[str | None, typer.Argument(metavar="BRANCH", help="Run there, and leave it at that.")] = None,
    select: Annotated[
        list[str] | None, typer.Option(metavar="TABLE", help="Only this model and those before it; may be repeated.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run the models whose inputs, SQL or contract have changed.

    Without a branch this is done on a branch of its own, which is audited and published.
    """
    publication = None
    with open_here(ctx) as lake, place_of(lake, "transform", branch) as place:
        with working("running models") as tell:
            results = place.transform(select, on_done=lambda r: tell(f"running models: {r.table} is done"))
        if not as_json:
            _show_built(results)
        if branch is None:
            publication = publish_branch(place, "Run the models")
    finish([_tell_built(result) for result in results], publication, place, branch=branch, as_json=as_json)


@backfill.command()
def backfill_(  # noqa: PLR0913, PLR0917 - options of the command
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(metavar="TABLE", help="The table of a model.")],
    start: Annotated[
        str | None, typer.Option("--from", metavar="START", help="Where the first interval begins, such as 2026-03-01.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="END", help="Where the first interval begins that is left out.")
    ] = None,
    batch: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this batch of the input; may be repeated.")
    ] = None,
    branch: Annotated[str | None, typer.Option(metavar="BRANCH", help="Build there, and leave it at that.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Build a model's table again though nothing changed: some intervals or batches of it, or the whole.

    Without --branch this is done on a branch of its own, which is audited and published.
    """
    if batch and (start or end):
        raise typer.BadParameter("--batch does not go with --from and --to.")
    publication = None
    with open_here(ctx) as lake, place_of(lake, "backfill", branch) as place:
        with working(f"building {model}") as tell:
            results = place.backfill(
                model, start=start, end=end, batches=batch or (), on_done=lambda r: tell(f"{r.table} is done")
            )
        if not as_json:
            _show_built(results)
        if branch is None:
            publication = publish_branch(place, f"Build {model} again")
    finish([_tell_built(result) for result in results], publication, place, branch=branch, as_json=as_json)


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


def _show_built(results: Sequence[ModelResult]) -> None:
    built = [r for r in results if not r.skipped]
    if built:
        emit_table(
            ("table", "rows", "time", "built"),
            ((str(r.table), number(r.rows), seconds(r.seconds), _how(r)) for r in built),
            right=("rows", "time"),
        )
    kept = len(results) - len(built)
    if kept:
        hint(f"{count(kept, 'model')} {'was' if kept == 1 else 'were'} up to date.")
    if not results:
        hint("There are no models: transformations/<layer>/<table>.sql holds one SELECT each.")


def _how(result: ModelResult) -> str:
    if result.reason:
        return f"{result.how}: {result.reason}"
    if result.how != "incremental":
        return result.how
    names = result.increments
    if len(names) < 2:  # noqa: PLR2004 - one, or none
        return f"incremental: {''.join(names) or 'no row that counts has changed'}"
    return f"incremental: {number(len(names))}, {names[0]} … {names[-1]}"


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


def _tell_built(result: ModelResult) -> dict[str, Any]:
    return {
        "table": str(result.table),
        "rows": result.rows,
        "skipped": result.skipped,
        "how": result.how,
        "increments": list(result.increments),
        "reason": result.reason,
        "seconds": result.seconds,
    }
