"""Runs models: only stale ones, in the order of their dependencies, independent ones in parallel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.domain.lists import listed
from lagoa.errors import InvalidName, ModelError
from lagoa.sql_models import load_models
from lagoa.sql_models.materialize import Again, check_requested
from lagoa.sql_models.materialize.run import ModelResult, Run, chains_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from lagoa.context import LakeContext
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.tables import TableName
    from lagoa.sql_models import Models

__all__ = ["Again", "ModelResult", "backfill", "lake_models", "transform"]


def lake_models(context: LakeContext) -> Models:
    """Return the lake's models, read and checked; raises `ModelError`, `ContractError`."""
    settings = context.settings
    return load_models(settings.models_folder, context.contracts, settings.cache("models"))


def transform(
    context: LakeContext,
    branch: str,
    *,
    select: Collection[str] | None = None,
    workers: int | None = None,
    on_done: Callable[[ModelResult], None] | None = None,
) -> list[ModelResult]:
    """Bring the models' tables on a branch up to date, with one commit per table.

    A model runs if the fingerprint of its table on the branch is not that of its SQL, its contract and the exact
    states of its inputs. All models see the inputs as they were on the branch at the start, and each other's results.

    Args:
        context: the lake.
        branch: the work branch.
        select: names of tables or layers; the models they need run too. All models by default.
        workers: how many models run in parallel; `settings.workers` by default.
        on_done: called with each result, in the calling thread.

    Returns:
        One result per model, in the order of the dependencies.

    Raises:
        ModelError: a model cannot be used (before anything runs), or fails. Other tables that were finished are on the
            branch; those that need the failed one are unchanged. Running again continues from there.
        RefNotFound, RefProtected: there is no such branch, or it accepts no writes.
        CommitLost: another writer changed a table of a model meanwhile.
    """
    models = lake_models(context)
    chosen = models.select(select) if select is not None else list(models)
    return _run(context, branch, models, chosen, workers=workers, on_done=on_done)


def backfill(
    context: LakeContext,
    branch: str,
    model: str,
    again: Again,
    *,
    on_done: Callable[[ModelResult], None] | None = None,
) -> list[ModelResult]:
    """Build a model's table again, or some of it, though nothing changed; the models that it needs run if stale.

    What changed since the table was built is built as well, so that it is up to date afterwards. The operation is
    idempotent.

    Args:
        context: the lake.
        branch: the work branch.
        model: name of its table.
        again: the intervals or batches; the whole table if it names none.
        on_done: called with each result, in the calling thread.

    Returns:
        One result per model, in the order of the dependencies; that of `model` is the last.

    Raises:
        InvalidName: there is no such model, or a given start or end is not that of an interval.
        ModelError: the model has no such intervals or batches; otherwise as `transform`.
        RefNotFound, RefProtected, CommitLost: as `transform`.
    """
    models = lake_models(context)
    chosen = models.select([model])
    table = chosen[-1]
    if str(table) != model:
        known = f"one of its models: {listed([str(each) for each in models if each.layer == model])}"
        raise InvalidName("model", model, known, fault="is a layer, and one model is built at a time")
    check_requested(models[table], context.contracts[table], again)
    return _run(context, branch, models, chosen, again={table: again}, on_done=on_done)


def _run(  # noqa: PLR0913 - each is the caller's choice
    context: LakeContext,
    branch: str,
    models: Models,
    chosen: Sequence[TableName],
    *,
    again: Mapping[TableName, Again] | None = None,
    workers: int | None = None,
    on_done: Callable[[ModelResult], None] | None = None,
) -> list[ModelResult]:
    pointers = context.catalog.tables(context.catalog.ref(branch).commit)
    _check_inputs(models, chosen, pointers, branch)
    run = Run(context, branch, models, dict(pointers), list(chosen), chains_of(models, chosen), again or {})
    run.run(workers or context.settings.workers, on_done or (lambda _: None))
    if run.failed:
        raise _failure(run.failed)
    return [run.results[table] for table in chosen]


def _check_inputs(models: Models, chosen: Sequence[TableName], pointers: Pointers, branch: str) -> None:
    for table in chosen:
        for name, line in models[table].inputs.items():
            if name not in models and name not in pointers:
                message = f"{table} reads {name}, which is not on {branch!r}."
                raise ModelError(models[table].file, line, message, f"Load {name} on that branch first.")


def _failure(failed: Sequence[tuple[TableName, Exception]]) -> Exception:
    """Return the first failure; its notes name the others."""
    for table, error in failed[1:]:
        failed[0][1].add_note(f"{table} failed too: {error}")
    return failed[0][1]
