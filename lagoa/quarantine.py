"""What ingest refused: counted by rule and batch, and record by record with the bytes as they stood in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.errors import TableNotFound
from lagoa.model import MAIN, Ref, TableName
from lagoa.readers.values import identifier

if TYPE_CHECKING:
    from datetime import datetime

    from lagoa.context import LakeContext
    from lagoa.ports import Pointers

_LAYER = "quarantine"


@dataclass(frozen=True, slots=True)
class RefusedCount:
    """Records of one batch that broke one rule first.

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
        rule: the first rule that it breaks.
        column: the column that the rule is about; None when it is the whole record.
        reason: what is wrong, in words.
        record: its number in its file, from 1.
        byte_offset: where it begins in its file (unpacked), from 0; None where bytes have no place, as in Parquet.
        raw: its bytes, line ending included; of a Parquet row, the row as JSON.
        source: name of the file.
        batch: id of the batch.
        quarantined_at: when it was refused (UTC).
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


def list_quarantine(context: LakeContext, ref: str = MAIN) -> list[RefusedCount]:
    """Return what is in quarantine at a ref: a row a table, rule, batch and file, by table, then the most first.

    Raises:
        RefNotFound: no such ref.
    """
    tables = _quarantines(context, ref)
    if not tables:
        return []
    query = " UNION ALL ".join(
        f"SELECT {number}, rule, _batch_id, source, count(*), min(_quarantined_at) FROM {_sql(table)} GROUP BY ALL"  # noqa: S608 - quoted
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
    *,
    rule: str | None = None,
    batch: str | None = None,
    limit: int = 20,
) -> list[RefusedRecord]:
    """Return records that a table refused, in the order of their batches and files.

    Args:
        context: the lake.
        ref: where to look.
        table: the table that refused them.
        rule: only those that broke this rule first.
        batch: only those of this batch.
        limit: at most so many.

    Raises:
        RefNotFound: no such ref.
        TableNotFound: there is neither such a table at the ref nor anything that it refused.
    """
    tables = _quarantines(context, ref)
    if table.quarantine not in tables:
        if table not in context.catalog.tables(context.catalog.resolve(Ref.parse(ref)).id):
            raise TableNotFound(table, ref)
        return []
    wanted = {column: value for column, value in (("rule", rule), ("_batch_id", batch)) if value is not None}
    where = f"WHERE {' AND '.join(f'{column} = ?' for column in wanted)}" if wanted else ""
    query = (
        "SELECT rule, column_name, reason, record, byte_offset, raw, source, _batch_id, _quarantined_at "  # noqa: S608 - quoted
        f"FROM {_sql(table.quarantine)} {where} ORDER BY _quarantined_at, _batch_id, source, record LIMIT ?"
    )
    with context.engine.session({table.quarantine: tables[table.quarantine]}) as session:
        return [RefusedRecord(*row) for row in session.query(query, [*wanted.values(), limit]).fetchall()]


def _quarantines(context: LakeContext, ref: str) -> Pointers:
    """Return the pointers of the quarantine tables at a ref, by name."""
    pointers = context.catalog.tables(context.catalog.resolve(Ref.parse(ref)).id)
    return {table: pointers[table] for table in sorted(pointers) if table.layer == _LAYER}


def _origin(table: TableName) -> TableName:
    """Return the table whose quarantine this is."""
    layer, _, name = table.name.partition("__")
    return TableName((layer,), name)


def _sql(table: TableName) -> str:
    return f"{identifier(table.layer)}.{identifier(table.name)}"
