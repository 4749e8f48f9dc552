"""The batches of a table: what was received, and where each of its records is now."""

# ruff: noqa: S608 - names are quoted
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.domain.sql_names import name_in_sql, table_in_sql
from lagoa.domain.suggestions import did_you_mean_name
from lagoa.domain.tables import LINEAGE_COLUMNS
from lagoa.errors import TableNotFound
from lagoa.quarantine.records import refused_sql

if TYPE_CHECKING:
    from lagoa.context import LakeContext
    from lagoa.domain.tables import TableName

_BATCH = name_in_sql(LINEAGE_COLUMNS[0])


@dataclass(frozen=True, slots=True)
class BatchRecords:
    """The records of one batch at a ref.

    Attributes:
        batch: its id.
        received: records in the file; for a retry or a fix, those that it accepted from the quarantine.
        rows: its rows that the table has now.
        accepted: its records that were accepted from the quarantine since, as part of another batch.
        waiting: its records that are waiting in the quarantine.
        discarded: its records that were discarded.
    """

    batch: str
    received: int
    rows: int
    accepted: int
    waiting: int
    discarded: int

    @property
    def gone(self) -> int:
        """Records that no longer exist: rows that were deleted or replaced since the batch was loaded."""
        return self.received - self.rows - self.accepted - self.waiting - self.discarded


def list_batches(context: LakeContext, ref: str, table: TableName) -> list[BatchRecords]:
    """Return the batches of a table that were loaded from files or accepted from its quarantine, by id.

    Batches written through the API are not among them: their received records were not counted.

    Raises:
        RefNotFound, TableNotFound: there is no such ref or table.
        NotAllowed: the role may not read the quarantine.
    """
    context.require_quarantine_access()
    pointers = context.pointers(ref, {table.layer, table.quarantine.layer})
    if table not in pointers:
        raise TableNotFound(table, ref, did_you_mean_name(table, pointers))
    held = context.batches.of(context.metadata.facts(pointers[table]).properties).all()
    known = {batch: each.received for batch, each in held.items() if each.received is not None}
    read = {name: pointers[name] for name in (table, table.quarantine) if name in pointers}
    counts: dict[str, tuple[int, int, int]] = {}
    taken: dict[str, int] = {}
    with context.engine.session(read) as session:
        own = table_in_sql(table)
        rows = dict(session.query(f"SELECT {_BATCH}, count(*) FROM {own} GROUP BY ALL").fetchall()) if known else {}
        if table.quarantine in read:
            refused = refused_sql(table.quarantine)
            of = "count(*) FILTER (fate = '{}')".format
            fates = f"{of('accepted')}, count(*) FILTER (fate IS NULL), {of('discarded')}"
            for batch, *numbers in session.query(f"SELECT _batch_id, {fates} FROM ({refused}) GROUP BY ALL").fetchall():
                counts[batch] = (numbers[0], numbers[1], numbers[2])
            sql = f"SELECT fate_batch, count(*) FROM ({refused}) WHERE fate = 'accepted' GROUP BY ALL"
            taken = dict(session.query(sql).fetchall())
    received = {**taken, **known}
    return [
        BatchRecords(batch, received[batch], rows.get(batch, 0), *counts.get(batch, (0, 0, 0)))
        for batch in sorted(received)
    ]
