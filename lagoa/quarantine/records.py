"""What is in quarantine: counted by rule and batch, and record by record with its bytes and its fate."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lagoa.contracts.quarantine import with_fates
from lagoa.domain.commits import INTENTS
from lagoa.domain.refs import MAIN
from lagoa.domain.selection import Selection
from lagoa.domain.sql_names import table_in_sql
from lagoa.domain.suggestions import did_you_mean_name
from lagoa.domain.tables import QUARANTINE_LAYER, TableName
from lagoa.errors import TableNotFound
from lagoa.quarantine.waiting import Waiting, check_condition, selection_sql

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from lagoa.context import LakeContext
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.selection import Fate


@dataclass(frozen=True, slots=True)
class RefusedCount:
    """Waiting records of one batch whose first broken rule is the same.

    Attributes:
        table: the table that refused them.
        rule: such as `required/order_id`, `type/price`, `quoting`.
        batch: id of the batch.
        source: name of the file.
        records: how many.
        first_seen: when the first of them was refused (UTC).
    """

    table: TableName
    rule: str
    batch: str
    source: str
    records: int
    first_seen: datetime


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    """One record that a table refused.

    Attributes:
        rule: the first rule that it breaks, or broke when it was last judged.
        column: the column that the rule is about; None if it is the whole record.
        reason: what is wrong, in words.
        record: its number in its file, from 1.
        byte_offset: where it begins in its file (uncompressed), from 0; None if that is undefined, as in Parquet.
        raw: its bytes, line ending included; for a row of a file of types, such as Parquet, the row as JSON.
        source: name of the file.
        batch: id of the batch.
        quarantined_at: when it was refused (UTC).
        fate: what became of it.
        fate_by, fate_at, fate_reason: who accepted or discarded it, when (UTC) and why; None while it is waiting.
        fate_batch: batch in which it was accepted.
        fate_commit: commit in which it was accepted, as the log of the ref shows it: on main, the publication.
        fixed: values that replace those received, by column.
    """

    rule: str
    column: str | None
    reason: str
    record: int
    byte_offset: int | None
    raw: bytes
    source: str
    batch: str
    quarantined_at: datetime
    fate: Fate = "waiting"
    fate_by: str | None = None
    fate_at: datetime | None = None
    fate_reason: str | None = None
    fate_batch: str | None = None
    fixed: Mapping[str, str | None] = field(default_factory=dict)
    fate_commit: str | None = None

    def __repr__(self) -> str:
        return f"<RefusedRecord {self.record:,} of {self.source!r}, {self.fate}: {self.rule}>"


def list_quarantine(context: LakeContext, ref: str = MAIN) -> list[RefusedCount]:
    """Return what is waiting in quarantine at a ref: a row per table, rule, batch and file; by table, the most first.

    Raises:
        RefNotFound: there is no such ref.
        NotAllowed: the role may not read the quarantine.
    """
    context.require_quarantine_access()
    pointers = context.pointers(ref, {QUARANTINE_LAYER})
    tables = {table: pointers[table] for table in sorted(pointers) if table.is_quarantine}
    if not tables:
        return []
    query = " UNION ALL ".join(
        f"SELECT {number}, rule, _batch_id, source, count(*), min(_quarantined_at) "  # noqa: S608 - quoted
        f"FROM ({refused_sql(table)}) WHERE fate IS NULL GROUP BY ALL"
        for number, table in enumerate(tables)
    )
    with context.engine.session(tables) as session:
        rows = session.query(f"SELECT * FROM ({query}) ORDER BY 1, 5 DESC, 2, 3, 4").fetchall()  # noqa: S608 - likewise
    origins = [_origin(table) for table in tables]
    return [RefusedCount(origins[number], *row) for number, *row in rows]


def show_quarantine(
    context: LakeContext,
    ref: str,
    table: TableName,
    selection: Selection = Selection(),
    *,
    fate: Fate | None = "waiting",
    limit: int = 20,
) -> list[RefusedRecord]:
    """Return records that a table refused, in the order of their batches and files.

    Args:
        context: the lake.
        ref: the ref.
        table: the table that refused them.
        selection: which of them; all by default.
        fate: only those with this fate; all of them if None.
        limit: the maximum number of records.

    Raises:
        RefNotFound: there is no such ref.
        TableNotFound: the ref has neither the table nor records that it refused.
        QueryError: a condition that cannot be used.
        ContractError: a condition is given and the contract does not say what the table's files look like.
        NotAllowed: the role may not read the quarantine.
    """
    context.require_quarantine_access()
    pointers = quarantine_at(context, ref, table)
    if not pointers:
        return []
    check_condition(context.engine, selection.where)
    condition, values = selection_sql(selection, fate)
    with context.engine.session(pointers, confined=selection.where is not None) as session:
        records = refused_sql(table.quarantine)
        if selection.where is not None:
            records = Waiting(session, context.contracts[table], selection, fate).sql
        query = (
            "SELECT rule, column_name, reason, record, byte_offset, raw, source, _batch_id, _quarantined_at, "  # noqa: S608
            "coalesce(fate, 'waiting'), fate_by, fate_at, fate_reason, fate_batch, fixed "
            f"FROM ({records}) WHERE {condition} ORDER BY _quarantined_at, _batch_id, source, record LIMIT ?"
        )
        rows = session.query(query, [*values, limit]).fetchall()
    found = [RefusedRecord(*[*row[:-1], json.loads(row[-1] or "{}")]) for row in rows]
    commits = _commits_of(context, ref, table, {each.fate_batch for each in found if each.fate_batch})
    return [replace(each, fate_commit=commits.get(each.fate_batch or "")) for each in found]


def quarantine_at(context: LakeContext, ref: str, table: TableName) -> Pointers:
    """Return the pointer of a table's quarantine at a ref; nothing if the table refused no record.

    Raises:
        RefNotFound: there is no such ref.
        TableNotFound: the ref has neither the table nor records that it refused.
    """
    pointers = context.pointers(ref, {QUARANTINE_LAYER})
    if table.quarantine in pointers:
        return {table.quarantine: pointers[table.quarantine]}
    if table not in pointers:
        raise TableNotFound(table, ref, did_you_mean_name(table, pointers))
    return {}


def refused_sql(quarantine: TableName) -> str:
    """Return SQL that reads a quarantine table with all columns."""
    return with_fates(table_in_sql(quarantine))


def _commits_of(context: LakeContext, ref: str, table: TableName, batches: Collection[str]) -> dict[str, str]:
    """Return the oldest commit of a ref's log whose writes name each of the table's batches."""
    found: dict[str, str] = {}
    if not batches:
        return found
    for commit in context.catalog.log(context.resolve(ref, ()).id):
        for intent in json.loads(commit.properties.get(INTENTS, "[]")):
            batch = intent.get("batch")
            if batch and batch["id"] in batches and intent["table"] == str(table):
                found[batch["id"]] = commit.id
    return found


def _origin(table: TableName) -> TableName:
    """Return the table that a quarantine belongs to."""
    layer, _, name = table.name.partition("__")
    return TableName((layer,), name)
