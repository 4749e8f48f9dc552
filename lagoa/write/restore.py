"""Restores tables to their state at another ref: only their pointers change, no data is copied."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.catalog.table_facts import INPUTS
from lagoa.domain.refs import Ref
from lagoa.domain.tables import TableName
from lagoa.errors import TableNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lagoa.catalog.ref_catalog import StagedCatalog
    from lagoa.context import LakeContext


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """The result for one table.

    Attributes:
        table: its name.
        changed: whether it, or its quarantine, differed from the ref.
        unseen: ids of the batches that it no longer contains; they can be loaded again.
        stale_inputs: inputs that the table was built from and that differ on the branch: `transform` will build it
            again from the current ones.
    """

    table: TableName
    changed: bool
    unseen: tuple[str, ...] = ()
    stale_inputs: tuple[TableName, ...] = ()


def restore_tables(
    context: LakeContext, staged: StagedCatalog, tables: Sequence[TableName], source: str
) -> tuple[list[RestoreResult], list[TableName]]:
    """Stage the pointers that tables and their quarantines have at `source`.

    A table's quarantine is restored too, so that the counts of received records still add up.

    Returns:
        One result per table, and the tables whose pointer changed.

    Raises:
        TableNotFound: `source` has no such table.
        RefNotFound: no such ref.
    """
    catalog = context.catalog
    then = catalog.tables(catalog.resolve(Ref.parse(source)).id)
    for table in tables:
        if table not in then:
            raise TableNotFound(table, source)
    now = staged.tables
    wanted = {each: then.get(each) for table in tables for each in (table, table.quarantine)}
    changed = {table: pointer for table, pointer in wanted.items() if pointer != now.get(table)}
    staged.point(changed)
    after = staged.tables
    results = [
        RestoreResult(
            table=table,
            changed=table in changed or table.quarantine in changed,
            unseen=_removed_batches(context, now.get(table), then[table]),
            stale_inputs=_stale_inputs(context, then[table], after),
        )
        for table in tables
    ]
    return results, sorted(changed)


def _removed_batches(context: LakeContext, now: str | None, then: str) -> tuple[str, ...]:
    files, facts = context.batches, context.metadata.facts
    held = files.of(facts(now).properties if now else {})
    return tuple(sorted(held.missing_from(files.of(facts(then).properties))))


def _stale_inputs(context: LakeContext, pointer: str, tables: Mapping[TableName, str]) -> tuple[TableName, ...]:
    built_from = json.loads(context.metadata.facts(pointer).properties.get(INPUTS, "{}"))
    return tuple(sorted(name for text, was in built_from.items() if tables.get(name := TableName.parse(text)) != was))
