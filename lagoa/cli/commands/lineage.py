"""`lagoa lineage`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.console import emit_json, emit_table, hint, number, say, short
from lagoa.cli.options import JsonOption, open_here
from lagoa.cli.progress import working
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from lagoa.training.lineage import LineageTable, ModelLineage

_RUN, _BATCH = "ml:", "batch:"
_SHOWN = 3
"""Batches of a table that a person sees; JSON has all."""


def lineage(
    ctx: typer.Context,
    what: Annotated[
        str, typer.Argument(metavar="ml:RUN | batch:ID", help="A trained model or a run of it; or a batch of files.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Show what a trained model learned from, down to the batches of files; or which models learned from a batch."""
    if not what.startswith((_RUN, _BATCH)) or what in {_RUN, _BATCH}:
        raise typer.BadParameter("Write ml:late_delivery, ml:late_delivery@champion, ml:RUN or batch:ID.")
    with open_here(ctx) as lake, working("following the tables"):
        if what.startswith(_RUN):
            found = [lake.model_lineage(what.removeprefix(_RUN))]
        else:
            found = lake.learned_from(what.removeprefix(_BATCH))
    if as_json:
        told = [_tell(each) for each in found]
        emit_json(told[0] if what.startswith(_RUN) else told)
    elif what.startswith(_RUN):
        _show(found[0])
    else:
        _list(found)


def _show(found: ModelLineage) -> None:
    run = found.run
    say(f"{run.model} {run.version} (run {run.id})")
    say(f"  learned from {number(run.rows.rows)} rows of {run.ref}, hash {run.rows.digest[:12]}")
    say(f"  at commit {short(run.commit)}")
    emit_table(
        ("table", "read by", "built from", "batches"),
        (
            (each.table, "the model" if each.read else "", ", ".join(each.built_from), _batches(each))
            for each in found.tables
        ),
        whole=("table",),
    )
    if found.withdrawn:
        hint(f"main no longer has {counted(len(found.withdrawn), 'batch', 'batches')}: {', '.join(found.withdrawn)}.")


def _list(found: list[ModelLineage]) -> None:
    emit_table(
        ("model", "version", "run", "ref", "commit"),
        ((each.run.model, each.run.version, each.run.id, each.run.ref, short(each.run.commit)) for each in found),
        whole=("model", "run"),
        right=("version",),
    )
    if not found:
        hint("No run learned from such a batch. `lagoa quarantine batches TABLE` lists those of a table.")


def _batches(table: LineageTable) -> str:
    shown = [
        f"{each.id}{f' ({number(each.records)} records)' if each.records is not None else ''}"
        f"{' WITHDRAWN' if each.withdrawn else ''}"
        for each in table.batches[-_SHOWN:]
    ]
    more = len(table.batches) - len(shown)
    return ", ".join(shown) + (f" and {number(more)} earlier" if more else "")


def _tell(found: ModelLineage) -> dict[str, Any]:
    run = found.run
    return {
        "model": run.model,
        "version": run.version,
        "run": run.id,
        "commit": run.commit,
        "rows": run.rows.digest,
        "tables": [asdict(each) for each in found.tables],
        "withdrawn": found.withdrawn,
    }
