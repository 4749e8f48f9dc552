"""From a model down to the batches of the files that it learned from, and from a batch up to the models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.domain.refs import MAIN
from lagoa.domain.tables import TableName
from lagoa.errors import TrainingSetGone
from lagoa.sql_models.run import lake_models
from lagoa.training.origin import tables_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lagoa.catalog.batches import TableBatches
    from lagoa.context import LakeContext
    from lagoa.domain.training import TrainingRun
    from lagoa.sql_models import Models


@dataclass(frozen=True, slots=True)
class SourceBatch:
    """A batch that a table had at the commit of a run.

    Attributes:
        id: its id.
        records: records of the file; None if it was no file.
        loaded_at: when it was loaded (UTC, ISO 8601); empty if that was not recorded.
        withdrawn: whether main has it no longer, such as after a rollback.
    """

    id: str
    records: int | None
    loaded_at: str
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class LineageTable:
    """A table that a run learned from, at its commit.

    Attributes:
        table: its name.
        pointer: its exact state.
        read: whether the training set itself reads it.
        built_from: the tables that its model reads, as the models are now.
        batches: what was loaded into it.
    """

    table: str
    pointer: str
    read: bool
    built_from: tuple[str, ...]
    batches: tuple[SourceBatch, ...]


@dataclass(frozen=True, slots=True)
class ModelLineage:
    """A run with all that it learned from.

    Attributes:
        run: the run.
        tables: those that the training set reads first, then what they are built from.
    """

    run: TrainingRun
    tables: tuple[LineageTable, ...]

    @property
    def withdrawn(self) -> tuple[str, ...]:
        """The batches that main has no longer, each as `table: batch`."""
        return tuple(f"{each.table}: {one.id}" for each in self.tables for one in each.batches if one.withdrawn)


def lineage(context: LakeContext, run: TrainingRun) -> ModelLineage:
    """Return the tables and batches that a run learned from.

    Raises:
        TrainingSetGone: its commit was deleted.
        ModelError, ContractError: the lake's models cannot be read.
    """
    tables = tables_of(context, run)
    pointers = context.catalog.tables(tables.commit)
    now = context.pointers(MAIN)
    models = lake_models(context)
    found = []
    for table in _all(models, pointers, run):
        inputs = tuple(sorted(str(each) for each in models[table].inputs)) if table in models else ()
        batches = _batches(context, pointers[table], now.get(table))
        found.append(LineageTable(str(table), pointers[table], str(table) in run.rows.tables, inputs, batches))
    return ModelLineage(run, tuple(found))


def learned_from(context: LakeContext, batch: str) -> list[ModelLineage]:
    """Return the lineages of the runs that learned from a batch, newest first; runs whose commit is gone are left out.

    Args:
        context: the lake's.
        batch: its id, or the beginning of it.
    """
    found = []
    for run in context.training.runs():
        try:
            each = lineage(context, run)
        except TrainingSetGone:
            continue
        if any(one.id.startswith(batch) for table in each.tables for one in table.batches):
            found.append(each)
    return found


def _all(models: Models, pointers: Mapping[TableName, str], run: TrainingRun) -> list[TableName]:
    """Return the tables that a run read, and all that they are built from, breadth first."""
    found = [TableName.parse(name) for name in run.rows.tables]
    for table in found:
        inputs = sorted(models[table].inputs) if table in models else []
        found += [each for each in inputs if each not in found and each in pointers]
    return found


def _batches(context: LakeContext, pointer: str, now: str | None) -> tuple[SourceBatch, ...]:
    here = _of(context, pointer)
    gone = here.missing_from(_of(context, now)) if now != pointer and now is not None else {}
    return tuple(
        SourceBatch(name, each.received, each.loaded_at, now is None or name in gone)
        for name, each in sorted(here.all().items(), key=lambda one: (one[1].loaded_at, one[0]))
    )


def _of(context: LakeContext, pointer: str) -> TableBatches:
    return context.batches.of(context.metadata.facts(pointer).properties)
