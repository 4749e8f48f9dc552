"""The built-in contract of quarantine tables: the refused record, the reason, and its fate."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from lagoa.contracts.contract import PERSONAL, Column, Contract
from lagoa.domain.sql_names import TYPES

if TYPE_CHECKING:
    from lagoa.domain.tables import TableName

RECORD_KEY = ("_batch_id", "source", "record")
"""The columns that identify a refused record of a table."""

# Descriptions are stored in the tables' schemas: a different wording changes every quarantine on its next write.
_REFUSAL = (
    Column("rule", "string", required=True, description="Rule that the record breaks, such as required/order_id."),
    Column("column_name", "string", description="Column that the rule is about; null when it is the whole record."),
    Column("reason", "string", required=True, description="What is wrong, in words."),
    Column("record", "long", required=True, description="Number of the record in its file, from 1."),
    Column(
        "byte_offset",
        "long",
        description="Where the record begins in its file, from 0; null where bytes have none.",
    ),
    Column("raw", "binary", description="The record's bytes as they stand in the file, or the row as JSON."),
    Column("source", "string", required=True, description="File that the record came from."),
    Column("_batch_id", "string", required=True, description="Batch that the record came in."),
    Column("_quarantined_at", "timestamptz", required=True, description="Moment at which it was refused."),
)
_FATE = (
    Column(
        "header",
        "string",
        description="Names of the fields of the record in their order, as JSON; null where it names them itself.",
    ),
    Column("fate", "string", description="accepted or discarded; null while the record waits."),
    Column("fate_batch", "string", description="Batch in which it was accepted."),
    Column("fate_by", "string", description="Who accepted or discarded it."),
    Column("fate_at", "timestamptz", description="Moment at which that was done."),
    Column("fate_reason", "string", description="Why, in words."),
    Column("fixed", "string", description="Values put in the place of those received, by column, as JSON."),
)
QUARANTINE_COLUMNS = _REFUSAL + _FATE
"""The columns of a quarantine table; tables last written by an older version lack those from `header` on."""

_VALUES = frozenset({"raw", "fixed"})
"""The columns that contain values of the record."""


def quarantine_contract(origin: Contract) -> Contract:
    """Return the contract of the quarantine of `origin`'s table.

    The values of records are classified as personal if any column of the table is.
    """
    columns: tuple[Column, ...] = QUARANTINE_COLUMNS
    if has_personal_values(origin):
        columns = tuple(replace(each, classification=PERSONAL) if each.name in _VALUES else each for each in columns)
    return Contract(
        table=origin.table.quarantine,
        version="1.1.0",
        file=origin.file,
        hash=hashlib.sha256(repr(columns).encode()).hexdigest(),
        columns=columns,
        description=f"Records that {origin.table} refused: one row a record, with the first rule that it breaks.",
        owner=origin.owner,
        key=RECORD_KEY,
    )


def has_personal_values(origin: Contract) -> bool:
    """Return whether records that a table refuses may have personal values."""
    return any(column.classification == PERSONAL for column in origin.columns)


def later_columns(table: TableName) -> frozenset[str]:
    """Return the columns that a table may lack because it was last written by an older version."""
    return frozenset(column.name for column in _FATE) if table.is_quarantine else frozenset()


def with_fates(source: str) -> str:
    """Return SQL that reads refused records with all columns; those missing in `source` are null."""
    nulls = ", ".join(f"CAST(NULL AS {TYPES[column.type]}) AS {column.name}" for column in _FATE)
    return f"SELECT * FROM (SELECT {nulls} WHERE false) UNION ALL BY NAME SELECT * FROM {source}"  # noqa: S608
