"""What commands print of trained models."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lagoa.cli.console import emit_pairs, emit_table, hint, moment, number, say, short

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lagoa.domain.training import Promotion, TrainingRun

_SHOWN = 8
"""Segments, importances and shifts that a person sees; JSON has all."""


def run_document(run: TrainingRun, promotions: Sequence[Promotion] = ()) -> dict[str, Any]:
    """Return a run as JSON has it; of its files the names."""
    document = asdict(run)
    del document["rows"]["views"]
    document |= {"files": sorted(run.files), "code": run.code, "promotions": [asdict(each) for each in promotions]}
    return document


def metric_rows(run: TrainingRun) -> Iterator[tuple[str, str, str, str]]:
    """Yield the metrics of a run as a person reads them."""
    for name, each in run.metrics.items():
        baseline = "" if each.baseline is None else f"{each.baseline:.4f}"
        yield name, f"{each.value:.4f}", f"{each.low:.4f} to {each.high:.4f}", baseline


def show_run(run: TrainingRun, promotions: Sequence[Promotion]) -> None:
    """Print a run for a person."""
    rows = run.rows
    emit_pairs(
        [
            ("model", f"{run.model} {run.version}"),
            ("run", f"{run.id} (MLflow: {run.tracking})"),
            ("trained", f"{moment(run.at)} by {run.author}"),
            ("commit", f"{short(run.commit)} of {run.ref}, kept by the tag {run.tag}"),
            ("rows", f"{number(rows.rows)}, hash {rows.digest[:12]}"),
            ("learned from", f"{number(rows.trained)}, known before {moment(rows.cut)}"),
            ("tested with", f"{number(rows.tested)}, until {moment(rows.until)}"),
            ("tables", ", ".join(rows.tables)),
            ("parameters", ", ".join(f"{key}={value}" for key, value in run.parameters.items())),
        ]
    )
    emit_table(("metric", "value", "interval of 95 %", "baseline"), metric_rows(run), right=("value", "baseline"))
    emit_table(
        ("limit", "demanded", "found", "kept"),
        ((each.name, each.limit, f"{each.value:.4f}", "yes" if each.kept else "NO") for each in run.limits),
        right=("found",),
    )
    emit_table(
        ("segment", "rows", "observed", "predicted"),
        (
            (f"{each.column} {each.value}", each.rows, f"{each.observed:.4f}", f"{each.predicted:.4f}")
            for each in run.segments[:_SHOWN]
        ),
        right=("rows", "observed", "predicted"),
    )
    say("What matters: " + _listed(run.importances))
    say("What has shifted: " + _listed(run.drift))
    for each in promotions:
        what = "promoted" if each.kind == "promote" else "made champion again"
        say(f"{what} {moment(each.at)} by {each.by}: {each.why}")
    for note in run.notes:
        hint(f"Note: {note}.")


def _listed(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in list(values.items())[:_SHOWN]) + "."
