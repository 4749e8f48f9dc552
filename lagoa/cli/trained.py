"""What commands print of trained models."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lagoa.cli.console import emit_pairs, emit_table, hint, moment, number, say, short

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lagoa.domain.training import Promotion, TrainingRun, Window
    from lagoa.training.proposal import Proposal
    from lagoa.training.watch import Watched

_SHOWN = 8
"""Segments, importances and shifts that a person sees; JSON has all."""


def run_document(run: TrainingRun, promotions: Sequence[Promotion] = ()) -> dict[str, Any]:
    """Return a run as JSON has it; of its files the names."""
    document = asdict(run)
    del document["rows"]["views"], document["spreads"]
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
            ("receipt", run.receipt or "none: main was never at this commit"),
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
    if run.backtest:
        names = tuple(run.metrics)
        emit_table(
            ("backtest from", "rows", *names),
            ((moment(each.cut), each.rows, *(_beside_baseline(each, name) for name in names)) for each in run.backtest),
            right=("rows", *names),
        )
        hint("In brackets: the baseline.")
    for name, value in run.elasticities.items():
        say(f"1 % more {name}: predictions change by {value:+.2f} %.")
    say("What matters: " + _listed(run.importances))
    say("What has shifted: " + _listed(run.drift))
    for each in promotions:
        what = "promoted" if each.kind == "promote" else "made champion again"
        say(f"{what} {moment(each.at)} by {each.by}: {each.why}")
    for note in run.notes:
        hint(f"Note: {note}.")


def _beside_baseline(window: Window, name: str) -> str:
    without = f" ({window.baseline[name]:.4g})" if name in window.baseline else ""
    return f"{window.metrics[name]:.4g}{without}"


def watched_document(found: Watched, proposal: Proposal | None) -> dict[str, Any]:
    """Return what was found of a run's later rows as JSON has it."""
    document = asdict(found) | {
        "model": found.run.model,
        "version": found.run.version,
        "run": found.run.id,
        "proposal": None,
    }
    if proposal:
        document["proposal"] = {
            "version": proposal.run.version, "run": proposal.run.id, "branch": proposal.branch, "new": proposal.new,
            "compared": proposal.comparison.text if proposal.comparison else proposal.why,
        }  # fmt: skip
    return document


def show_watched(found: Watched) -> None:
    """Print what was found of a run's later rows for a person."""
    run = found.run
    say(
        f"{run.model} {run.version}: {number(found.rows)} rows of {short(found.commit)} later than "
        f"{moment(found.since)}; of {number(found.outcomes)} it is known what came true."
    )
    if found.metrics:
        emit_table(
            ("metric", "now", "interval of 95 %", "in its test"),
            (
                (name, f"{each.value:.4f}", f"{each.low:.4f} to {each.high:.4f}", f"{run.metrics[name].value:.4f}")
                for name, each in found.metrics.items()
            ),
            right=("now", "in its test"),
        )
    if found.drift:
        say(f"What has shifted: predictions {found.scores:.3g}, {_listed(found.drift)}")
    for each in found.findings:
        say(f"found: {each}")
    if not found.findings:
        say("Nothing speaks for training again.")


def show_proposal(proposal: Proposal) -> None:
    """Print a proposal to train again for a person."""
    model, version = proposal.run.model, proposal.run.version
    if not proposal.new:
        say(f"{model} {version} is proposed already: its branch is {proposal.branch}.")
    else:
        said = proposal.comparison.text if proposal.comparison else f"not compared: {proposal.why}"
        say(f"Proposed: {model} {version}, on the branch {proposal.branch}: {said}.")
        if proposal.audit and not proposal.audit.passed:
            say(f"Its scores do not pass the audit: `lagoa audit {proposal.branch}`.")
    hint(
        f'Next: `lagoa review {proposal.branch}`, then `lagoa ml promote {model}@{version} --why "…"` and '
        f"`lagoa publish {proposal.branch}`; or `lagoa branch delete {proposal.branch}`."
    )


def _listed(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in list(values.items())[:_SHOWN]) + "."
