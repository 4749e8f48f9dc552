"""`lagoa source`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.completion import complete_source
from lagoa.cli.console import emit_json, emit_table, hint, moment, say
from lagoa.cli.errors import EXIT_ERROR
from lagoa.cli.loads import hint_at_quarantine, show_files, tell_loaded
from lagoa.cli.options import BranchOption, JsonOption, RefOption, open_here
from lagoa.cli.progress import working
from lagoa.cli.publications import finish, place_of, publish_branch, repeated

if TYPE_CHECKING:
    from lagoa.branch import Branch
    from lagoa.domain.receipts import Publication
    from lagoa.ingest import IngestResult
    from lagoa.sources.failures import LoadedSources

source = typer.Typer(add_completion=False, no_args_is_help=True, help="Declared sources: list, check, run, status.")

_Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="Sources; by default all.", autocompletion=complete_source),
]


@source.command("list")
def source_list(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List the sources that `sources/` declares."""
    with open_here(ctx) as lake, working("reading sources/"):
        found = lake.sources()
    if as_json:
        emit_json(
            [
                {
                    "source": each.name,
                    "kind": each.declared.kind,
                    "owner": each.declared.owner,
                    "description": each.declared.description,
                    "tables": {str(table): each.declared.tables[str(table)].mode for table in each.tables},
                }
                for each in found
            ]
        )
        return
    if not found:
        say("No source is declared.")
        hint("Next: sources/<name>.yaml declares one; docs/sources.md explains the kinds.")
        return
    emit_table(
        ("source", "kind", "owner", "tables"),
        ((each.name, each.declared.kind, each.declared.owner, ", ".join(map(str, each.tables))) for each in found),
        first_out=("owner",),
    )


@source.command("check")
def source_check(ctx: typer.Context, names: _Names = None, as_json: JsonOption = False) -> None:
    """Connect to sources and look whether what is declared is there; nothing is loaded."""
    from lagoa.errors import LagoaError

    faults: dict[str, str | None] = {}
    with open_here(ctx) as lake:
        for name in names or [each.name for each in lake.sources()]:
            faults[name] = None
            with working(f"connecting to {name}"):
                try:
                    lake.check_source(name)
                except LagoaError as error:
                    faults[name] = str(error)
    if as_json:
        emit_json([{"source": name, "fault": fault} for name, fault in faults.items()])
    else:
        for name, fault in faults.items():
            say(f"{name}: {fault or 'can be read.'}")
    if any(faults.values()):
        raise typer.Exit(EXIT_ERROR)


@source.command("run")
def source_run(
    ctx: typer.Context, names: _Names = None, branch: BranchOption = None, as_json: JsonOption = False
) -> None:
    """Load what is new in sources.

    A source that fails does not hold the others back. Without --branch this is done on a branch of its own, which is
    audited and published. Models are not run.
    """
    given = names or []

    def load(place: Branch) -> tuple[Branch, LoadedSources, Publication | None]:
        publication = None
        loaded = _load(place, given)
        if not as_json:
            show_files(loaded.results)
        if branch is None:
            publication = publish_branch(lake, place, f"Load {', '.join(given) or 'all sources'}")
        hint_at_quarantine(loaded.results, "main" if publication else place.name)
        return place, loaded, publication

    with open_here(ctx) as lake:
        place, loaded, publication = repeated(lake, lambda: place_of(lake, "source", branch), load)
    results = [tell_loaded(each) for each in loaded.results]
    more = {"failures": {name: str(error) for name, error in loaded.failures.items()}}
    finish(results, publication, place, branch=branch, as_json=as_json, more=more)
    loaded.raise_failures()


def _load(place: Branch, names: list[str]) -> LoadedSources:
    with working("loading sources") as tell:

        def on_done(result: IngestResult) -> None:
            tell(f"loading sources: {result.source} into {result.table} the latest")

        return place.load_sources(names or None, on_done=on_done)


@source.command("status")
def source_status(ctx: typer.Context, ref: RefOption = "main", as_json: JsonOption = False) -> None:
    """Show how far each table has what its source has, and when it was written last."""
    with open_here(ctx) as lake, working(f"reading {ref}"):
        states = lake.source_states(ref)
    if as_json:
        emit_json([_tell(each) for each in states])
        return
    emit_table(
        ("source", "kind", "table", "mode", "written", "position"),
        (
            (
                each.source,
                each.kind,
                str(each.table),
                each.mode,
                moment(each.changed_at) if each.changed_at else "never",
                json.dumps(each.position, ensure_ascii=False) if each.position else "",
            )
            for each in states
        ),
        first_out=("kind", "position"),
    )


def _tell(state: Any) -> dict[str, Any]:
    return {
        "source": state.source,
        "kind": state.kind,
        "owner": state.owner,
        "table": str(state.table),
        "mode": state.mode,
        "position": state.position,
        "changed_at": state.changed_at,
    }
