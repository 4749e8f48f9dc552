"""`lagoa quarantine list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from lagoa.cli.console import emit_json, emit_table, hint, moment, number, say
from lagoa.cli.options import JsonOption, RefOption, open_here
from lagoa.cli.progress import working

if TYPE_CHECKING:
    from lagoa.quarantine import RefusedCount


def list_waiting(ctx: typer.Context, ref: RefOption = "main", as_json: JsonOption = False) -> None:
    """List the waiting records in quarantine by table, rule and batch."""
    with open_here(ctx) as lake, working("reading the quarantine"):
        refused = lake.quarantine(ref)
    if as_json:
        emit_json([_tell(each) for each in refused])
        return
    if not refused:
        say(f"No record waits in quarantine at {ref}.")
        return
    emit_table(
        ("table", "rule", "records", "source", "batch", "first refused"),
        ((str(r.table), r.rule, number(r.records), r.source, r.batch, moment(r.first_seen)) for r in refused),
        right=("records",),
        whole=("rule", "first refused"),
        first_out=("first refused", "source"),
    )
    at = "" if ref == "main" else f" --ref {ref}"
    hint(f"Next: `lagoa quarantine show {refused[0].table}{at}`.")


def _tell(refused: RefusedCount) -> dict[str, Any]:
    return {
        "table": str(refused.table),
        "rule": refused.rule,
        "batch": refused.batch,
        "source": refused.source,
        "records": refused.records,
        "first_refused_at": refused.first_seen,
    }
