"""`lagoa ml`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from lagoa.cli.completion import complete_trained
from lagoa.cli.console import emit_json, emit_table, hint, moment, number, say, seconds, short
from lagoa.cli.options import JsonOption, RefOption, open_here
from lagoa.cli.progress import working
from lagoa.cli.trained import metric_rows, run_document, show_proposal, show_run, show_watched, watched_document

if TYPE_CHECKING:
    from lagoa.domain.training import TrainingRun
    from lagoa.training.runs import Standing

ml = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Trained models: train, list, show, compare, promote, rollback, reproduce, check, watch.",
)

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="Its name.", autocompletion=complete_trained)]
RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="MODEL@champion, MODEL@candidate, MODEL@VERSION, MODEL for its newest run, or the id of a run.",
        autocompletion=complete_trained,
    ),
]
WhyOption = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason; it is kept.")]


@ml.command()
def train(
    ctx: typer.Context,
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL]…", help="Names of ml/; all by default.", autocompletion=complete_trained),
    ] = None,
    ref: RefOption = "main",
    search: Annotated[
        int, typer.Option("--search", metavar="N", min=0, max=500, help="Try N combinations of parameters.")
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Train models on the rows of one commit, pin it by a tag, and register them in MLflow."""
    with open_here(ctx) as lake, working("training"):
        runs = lake.train(models or (), ref, trials=search)
    if as_json:
        emit_json([run_document(run) for run in runs])
        return
    for run in runs:
        say(
            f"{run.model} {run.version} learned from {number(run.rows.trained)} rows of {run.ref} "
            f"({short(run.commit)}), and was tested with {number(run.rows.tested)} later ones ({seconds(run.seconds)})."
        )
        emit_table(("metric", "value", "interval of 95 %", "baseline"), metric_rows(run), right=("value", "baseline"))
        if run.trials:
            said = ", ".join(f"{name}={value}" for name, value in run.parameters.items())
            say(f"Of {number(len(run.trials))} combinations of parameters the best was {said}.")
        for note in run.notes:
            hint(f"Note: {note}.")
    if not runs:
        hint("There is no model in ml/: docs/ml.md shows how to write one.")
    elif all(run.branch == "" for run in runs):
        hint(f'Next: `lagoa ml promote {runs[-1].model} --why "…"`.')


@ml.command("list")
def ml_list(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List the models with their champion, candidate and newest run."""
    with open_here(ctx) as lake, working("reading runs"):
        found = lake.trained_models()
    if as_json:
        emit_json([_standing(each) for each in found])
        return
    emit_table(
        ("model", "runs", "champion", "candidate", "newest", "trained", "ref", "commit"),
        (
            (
                each.model,
                len(each.runs),
                _version(each.champion),
                _version(each.candidate),
                _version(each.runs[0]) if each.runs else "",
                moment(each.runs[0].at) if each.runs else "",
                each.runs[0].ref if each.runs else "",
                short(each.runs[0].commit) if each.runs else "",
            )
            for each in found
        ),
        whole=("model",),
        right=("runs", "champion", "candidate", "newest"),
        first_out=("commit", "ref"),
    )
    if not any(each.runs for each in found):
        hint("Next: `lagoa ml train`.")


@ml.command()
def show(ctx: typer.Context, run: RunArgument, as_json: JsonOption = False) -> None:
    """Show a run: what it learned from, how good it is, and who promoted it."""
    with open_here(ctx) as lake, working("reading the run"):
        found = lake.trained_run(run)
        promotions = [each for each in lake.context.training.promotions(found.model) if each.run == found.id]
    if as_json:
        emit_json(run_document(found, promotions))
        return
    show_run(found, promotions)


@ml.command()
def compare(
    ctx: typer.Context,
    run: RunArgument,
    other: Annotated[
        str | None, typer.Argument(metavar="[OTHER]", help="Another run of the model; the champion by default.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a version with the champion on the same rows, later than what either learned from."""
    with open_here(ctx) as lake, working("comparing"):
        found = lake.compare_models(run, other)
    if as_json:
        emit_json(
            {
                "model": found.run.model, "run": found.run.id, "version": found.run.version,
                "other": found.champion.id, "other_version": found.champion.version, "commit": found.commit,
                "rows": found.rows, "metric": found.metric, "value": found.ours, "other_value": found.theirs,
                "better_by": found.better, "low": found.low, "high": found.high,
            }
        )  # fmt: skip
        return
    say(f"{found.run.model} {found.run.version}: {found.text}.")
    if found.low <= 0 <= found.high:
        hint("The interval has zero in it: neither is surely better.")


@ml.command()
def promote(
    ctx: typer.Context,
    run: RunArgument,
    why: WhyOption,
    uncompared: Annotated[
        bool, typer.Option("--uncompared", help="Also where the champion cannot be compared any more.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a version the champion: not one that is worse than the champion, fails a limit, or is not of main."""
    with open_here(ctx) as lake, working("comparing with the champion"):
        done = lake.promote_model(run, why, uncompared=uncompared)
    if as_json:
        emit_json(asdict(done))
        return
    for line in done.gate:
        say(f"passed: {line}")
    say(f"{done.model}@champion is version {done.version} now.")


@ml.command()
def rollback(
    ctx: typer.Context,
    model: ModelArgument,
    why: WhyOption,
    to: Annotated[
        int | None, typer.Option("--to", metavar="VERSION", help="An earlier champion; the one before by default.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make an earlier champion the champion again."""
    with open_here(ctx) as lake, working("going back"):
        done = lake.rollback_model(model, why, to)
    if as_json:
        emit_json(asdict(done))
        return
    say(f"{done.model}@champion is version {done.version} again.")


@ml.command()
def reproduce(ctx: typer.Context, run: RunArgument, as_json: JsonOption = False) -> None:
    """Build the rows of a run again from its commit, train again, and compare; ends with 1 if it is not the same."""
    with open_here(ctx) as lake, working("training again"):
        found = lake.reproduce(run)
    same = found.same_rows and found.largest == 0
    if as_json:
        emit_json(
            {
                "run": found.run.id, "model": found.run.model, "version": found.run.version,
                "commit": found.run.commit, "same_rows": found.same_rows, "same_predictions": found.same_predictions,
                "largest_difference": found.largest, "rows": found.digest, "metrics": dict(found.metrics),
                "differences": [{"kind": kind, "what": what} for kind, what in found.differences],
                "seconds": found.seconds,
            }
        )  # fmt: skip
    else:
        about = f"{number(found.run.rows.rows)} rows of {short(found.run.commit)}"
        say(f"Rows: {f'the same {about}, byte for byte' if found.same_rows else f'others than the {about}'}.")
        largest = f"differ by {found.largest:.3g} at most"
        say(f"Metrics: {'the same' if found.largest == 0 else largest}.")
        say(f"Predictions: {'the same, bit for bit' if found.same_predictions else 'others'}.")
        for kind, what in found.differences:
            hint(f"Different: {kind}: {what}.")
    if not same:
        raise typer.Exit(1)


@ml.command()
def check(
    ctx: typer.Context,
    model: ModelArgument,
    against: Annotated[
        str, typer.Option("--against", metavar="REF", help="An earlier state with fewer rows, such as main~1.")
    ],
    ref: RefOption = "main",
    as_json: JsonOption = False,
) -> None:
    """Look for leaks: columns that say another thing of the same moment now than at an earlier state."""
    with open_here(ctx) as lake, working("building the rows twice"):
        found = lake.check_leaks(model, against, ref)
    if as_json:
        emit_json(asdict(found))
    else:
        say(
            f"{number(found.rows)} rows of {short(found.earlier)} and {short(found.commit)}, "
            f"known until {moment(found.until)}."
        )
        emit_table(
            ("column", "rows", "such as", "then", "now"),
            ((each.column, each.rows, each.example, each.before, each.now) for each in found.leaks),
            whole=("column",),
            right=("rows",),
        )
        if found.leaks:
            hint("These columns know what came later, or their rows were corrected since.")
        else:
            hint("No column knows what came later.")
    if found.leaks:
        raise typer.Exit(1)


@ml.command()
def watch(
    ctx: typer.Context,
    run: RunArgument,
    ref: RefOption = "main",
    days: Annotated[int, typer.Option("--days", metavar="N", min=1, max=3660, help="Look at the last N days.")] = 90,
    propose: Annotated[
        bool, typer.Option("--propose", help="Train a candidate, and score on a branch, if anything was found.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare new rows with those that a run learned from, and what came true; ends with 1 if anything was found."""
    with open_here(ctx) as lake, working("building the rows"):
        found = lake.watch_model(run, ref, days=days)
        proposal = lake.propose_model(found.run.model, days=days) if propose and found.findings else None
    if as_json:
        emit_json(watched_document(found, proposal))
    else:
        show_watched(found)
        if proposal:
            show_proposal(proposal)
        elif found.findings:
            hint(f"Next: `lagoa ml watch {run} --propose`, which trains a candidate.")
    if found.findings:
        raise typer.Exit(1)


def _standing(found: Standing) -> dict[str, object]:
    return {
        "model": found.model,
        "runs": [run_document(each) for each in found.runs],
        "champion": found.champion and found.champion.version,
        "candidate": found.candidate and found.candidate.version,
        "promotions": [asdict(each) for each in found.promotions],
    }


def _version(run: TrainingRun | None) -> int | str:
    return run.version if run else ""
