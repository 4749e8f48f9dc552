"""Restores tables to their state at another ref: only their pointers change, no data is copied."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.catalog.table_facts import INPUTS
from lagoa.domain.lists import counted
from lagoa.domain.suggestions import did_you_mean_name
from lagoa.domain.tables import TableName
from lagoa.errors import TableNotFound
from lagoa.write.evolution import same_columns

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

    def __repr__(self) -> str:
        parts = [
            "restored" if self.changed else "as it was",
            f"without {len(self.unseen):,} of its batches" if self.unseen else "",
            f"{counted(len(self.stale_inputs), 'input')} changed since" if self.stale_inputs else "",
        ]
        return f"<RestoreResult {self.table}: {', '.join(filter(None, parts))}>"


def restore_tables(
    context: LakeContext, staged: StagedCatalog, tables: Sequence[TableName], source: str
) -> tuple[list[RestoreResult], list[TableName]]:
    """Stage the pointers that tables and their quarantines have at `source`.

    A table's quarantine is restored too, so that the counts of received records still add up.

    Returns:
        One result per table, and the tables whose pointer changed.

    Raises:
        TableNotFound: `source` has no such table.
        RefNotFound: no such ref, or its state has expired.
    """
    catalog = context.catalog
    state = context.resolve(source, ())
    then = catalog.tables(state.id)
    for table in tables:
        if table not in then:
            raise TableNotFound(table, source, did_you_mean_name(table, then))
    now = staged.tables
    wanted = {each: then.get(each) for table in tables for each in (table, table.quarantine)}
    changed = {table: pointer for table, pointer in wanted.items() if pointer != now.get(table)}
    read = {table for table, pointer in changed.items() if pointer}
    context.refuse_expired(source, state, {table.layer for table in read})
    inputs = {each.layer for table in read for each in _inputs(context, then[table])}
    context.refuse_expired(source, state, inputs)  # what they were built from is kept, and compared, with them
    staged.point(changed)
    for table in now.keys() & {table for table, pointer in changed.items() if pointer}:
        _keep_dropped(context, staged, table, now[table])
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


def _keep_dropped(context: LakeContext, staged: StagedCatalog, table: TableName, now: str) -> None:
    """Give a restored table the columns that it had before it was restored, if one of them replaced a dropped one.

    That is one that has a dropped column's name, or whose predecessor the contract lists as dropped for good: rows of
    the restored state would show the values of the dropped column under it.
    """
    from lagoa.write.transactions import KeptTransaction

    restored = staged.load_table((*table.namespace, table.name))
    before, then = context.metadata.parsed(now), restored.metadata
    if before.table_uuid != then.table_uuid:
        return
    contract = context.contracts.get(table)
    ids = {before.schema().find_column_name(number): number for number in before.schema().field_ids}
    dropped = {
        name
        for number in then.schema().field_ids
        if (name := then.schema().find_column_name(number)) and number not in ids.values()
    }
    if dropped.isdisjoint({*ids, *(contract.dropped if contract else ())}):
        return
    transaction = KeptTransaction(restored)
    same_columns(transaction, before)
    transaction.commit_transaction()


def _removed_batches(context: LakeContext, now: str | None, then: str) -> tuple[str, ...]:
    files, facts = context.batches, context.metadata.facts
    present = files.of(facts(now).properties if now else {})
    return tuple(sorted(present.missing_from(files.of(facts(then).properties))))


def _stale_inputs(context: LakeContext, pointer: str, tables: Mapping[TableName, str]) -> tuple[TableName, ...]:
    inputs = _inputs(context, pointer)
    return tuple(sorted(each for each in inputs if not context.metadata.same_rows(tables.get(each), inputs[each])))


def _inputs(context: LakeContext, pointer: str) -> dict[TableName, str]:
    """Return the state of each input that a table was built from."""
    built_from = json.loads(context.metadata.facts(pointer).properties.get(INPUTS, "{}"))
    return {TableName.parse(text): state for text, state in built_from.items()}
