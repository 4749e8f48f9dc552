"""`lagoa ingest`: without a branch on one of its own, audited and published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.completion import complete_source
from lagoa.cli.console import hint, say
from lagoa.cli.loads import hint_at_quarantine, show_files, show_loads, tell_loaded
from lagoa.cli.options import BranchOption, IgnoreOption, IntoOption, JsonOption, open_here
from lagoa.cli.progress import working
from lagoa.cli.publications import finish, place_of, publish_branch, repeated
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.branch import Branch
    from lagoa.domain.receipts import Publication
    from lagoa.ingest import FolderResult, IngestResult
    from lagoa.lake import Lake


def ingest(  # noqa: PLR0913, PLR0917 - options of the command
    ctx: typer.Context,
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE|FOLDER", help="A file, or a folder whose files contracts name.", show_default=False
        ),
    ] = None,
    into: IntoOption = None,
    branch: BranchOption = None,
    batch: Annotated[
        str | None, typer.Option(metavar="ID", help="The delivery's id; by default from the content.")
    ] = None,
    member: Annotated[
        str | None, typer.Option(metavar="NAME", help="The file to read in a zip file with several; also a pattern.")
    ] = None,
    ignore: IgnoreOption = None,
    from_raw: Annotated[
        str | None,
        typer.Option(
            "--from-raw",
            metavar="SOURCE",
            help="Make the tables of a declared source again from the raw layer instead.",
            autocompletion=complete_source,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Load a file, or a folder's files, as the contracts say.

    Each file of a folder must be named by one contract, or ignored. Without --branch this is done on a branch of its
    own, which is audited and published. Models are not run.
    """
    from lagoa.errors import AuditFailed

    if from_raw is not None:
        _check_alone(source, {"--into": into, "--batch": batch, "--member": member, "--ignore": ignore})
    else:
        source = _given(source)
        _check_usage(source, {"--into": into, "--batch": batch, "--member": member}, ignore)

    def load(place: Branch) -> tuple[Branch, Sequence[IngestResult], FolderResult | None, Publication | None]:
        publication, folder = None, None
        if from_raw is not None:
            results: Sequence[IngestResult] = _rebuild(place, from_raw)
        elif into:
            results = [_load_file(place, _given(source), into, batch, member)]
        else:
            results = folder = _load_folder(place, _given(source), ignore or [], as_json=as_json)
        if not as_json:
            _show_loaded(results, folder)
        try:
            if branch is None:
                publication = publish_branch(lake, place, _said(source, into, from_raw))
        except AuditFailed:
            hint_at_quarantine(results, place.name)
            raise
        hint_at_quarantine(results, "main" if publication else place.name)
        return place, results, folder, publication

    with open_here(ctx) as lake:
        place, results, folder, publication = repeated(lake, lambda: place_of(lake, "ingest", branch), load)
    more = {"delivery": _tell_delivery(folder)} if folder is not None else {}
    finish([tell_loaded(each) for each in results], publication, place, branch=branch, as_json=as_json, more=more)
    if publication and not as_json:
        _hint_at_models(lake)


def _said(source: Path | None, into: str | None, from_raw: str | None) -> str:
    """Return the message of the publication."""
    if source is None:
        return f"Make the tables of {from_raw} again from raw"
    return f"Load {source.name}" + (f" into {into}" if into else "")


def _given(source: Path | None) -> Path:
    if source is None:
        raise typer.BadParameter("Missing argument 'FILE|FOLDER'.")
    return source


def _check_alone(source: Path | None, others: dict[str, object]) -> None:
    given = [name for name, value in {"FILE|FOLDER": source, **others}.items() if value]
    if given:
        raise typer.BadParameter(f"{given[0]} does not go with --from-raw.")


def _rebuild(place: Branch, source: str) -> Sequence[IngestResult]:
    with working(f"making the tables of {source} again") as tell:

        def on_done(result: IngestResult) -> None:
            tell(f"making the tables of {source} again: {result.source} the latest")

        return place.rebuild_from_raw(source, on_done=on_done)


def _check_usage(source: Path, of_file: dict[str, str | None], ignore: list[str] | None) -> None:
    given = [name for name, value in of_file.items() if value]
    if source.is_dir() and given:
        raise typer.BadParameter(f"{given[0]} goes with one file, not with a folder.")
    if not of_file["--into"] and not source.exists():
        raise typer.BadParameter(f"There is no file or folder {source}.")
    if not source.is_dir() and ignore:
        raise typer.BadParameter("--ignore goes with a folder, not with one file.")
    if not source.is_dir() and not of_file["--into"]:
        raise typer.BadParameter("Say which table the file goes into: --into LAYER.TABLE.")


def _load_file(place: Branch, source: Path, into: str, batch: str | None, member: str | None) -> IngestResult:
    with working(f"loading {source.name}"):
        return place.ingest(source, into, batch=batch, member=member)


def _load_folder(place: Branch, source: Path, ignore: Sequence[str], *, as_json: bool) -> FolderResult:
    """Load a folder; if a file fails, show what was loaded and where it is before the error is reported."""
    from lagoa.errors import LagoaError

    done: list[IngestResult] = []
    with working(f"loading {source.name}") as tell:

        def on_done(result: IngestResult) -> None:
            done.append(result)
            tell(f"loading {source.name}: {counted(len(done), 'file')} done, {result.source} the latest")

        try:
            return place.ingest_folder(source, ignore=ignore, on_done=on_done)
        except LagoaError:
            if done and not as_json:
                show_files(sorted(done, key=lambda each: (each.table, each.source)))
            if not all(each.skipped for each in done):
                hint(f"These files are on {place.name}: `lagoa ingest {source} --branch {place.name}` skips them.")
            raise


def _show_loaded(results: Sequence[IngestResult], folder: FolderResult | None) -> None:
    if folder is None:
        show_loads(results)
        return
    show_files(results)
    say(folder.summary)


def _hint_at_models(lake: Lake) -> None:
    from lagoa.sql_models import model_files

    if model_files(lake.context.settings.models_folder):  # which of them are stale takes longer than this command may
        hint("Next: `lagoa transform` runs the models whose inputs have changed.")


def _tell_delivery(folder: FolderResult) -> dict[str, Any]:
    delivery = folder.delivery
    return {
        "found": delivery.found,
        "loaded": len(folder.loaded),
        "known": len(folder.known),
        "duplicates": len(folder.duplicates),
        "ignored": list(delivery.ignored),
        "folders": list(delivery.folders),
        "unmatched": {str(table): file for table, file in delivery.unmatched.items()},
    }
