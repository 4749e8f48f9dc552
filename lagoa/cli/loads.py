"""What commands print that load files: the counts of each, and how many records went to quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lagoa.cli.console import emit_table, hint, number, seconds
from lagoa.domain.lists import counted, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.ingest import IngestResult

_COLUMNS = ("table", "received", "accepted", "quarantined", "time", "")
_NUMBERS = ("received", "accepted", "quarantined", "time")


def show_files(results: Sequence[IngestResult]) -> None:
    """Print what became of each file."""
    rows = ((row[0], each.source, *row[1:]) for each in results for row in (_row(each),))
    emit_table((_COLUMNS[0], "file", *_COLUMNS[1:]), rows, right=_NUMBERS, first_out=("time",))


def _row(result: IngestResult) -> tuple[str, ...]:
    figures = (result.received, result.accepted, result.quarantined)
    counts = ("", "", "") if result.skipped else tuple(map(number, figures))
    return (str(result.table), *counts, seconds(result.seconds), _note(result))


def show_loads(results: Sequence[IngestResult]) -> None:
    """Print what became of each file, without the names of the files."""
    emit_table(_COLUMNS, map(_row, results), right=_NUMBERS)


def hint_at_quarantine(results: Sequence[IngestResult], ref: str) -> None:
    """Say how many records were refused, and how to see them."""
    refused = sum(r.quarantined for r in results if not r.skipped)
    if refused:
        at = "" if ref == "main" else f" --ref {ref}"
        hint(f"{counted(refused, 'record')} went to quarantine: `lagoa quarantine list{at}`.")


def _note(result: IngestResult) -> str:
    if result.duplicate_of is not None:
        return f"the same content as {result.duplicate_of}, loaded once"
    if result.skipped:
        return "loaded before"
    notes = [f"not in the file: {', '.join(result.missing)}"] if result.missing else []
    notes += [f"not read in the zip file: {listed(result.unread)}"] if result.unread else []
    notes += [f"{counted(result.footer, 'record')} at the end left out as footer"] if result.footer else []
    return "; ".join([*notes, *result.notes])


def tell_loaded(result: IngestResult) -> dict[str, Any]:
    """Return the result of a load for JSON output."""
    return {
        "table": str(result.table),
        "file": result.source,
        "batch": result.batch,
        "received": result.received,
        "accepted": result.accepted,
        "quarantined": result.quarantined,
        "rules": dict(result.rules),
        "missing": list(result.missing),
        "unread": list(result.unread),
        "footer": result.footer,
        "notes": list(result.notes),
        "skipped": result.skipped,
        "duplicate_of": result.duplicate_of,
        "commit": result.commit,
        "seconds": result.seconds,
    }
