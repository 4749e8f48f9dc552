"""Commits: what one state is, what a commit writes, and what each write of it meant."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lagoa.domain.tables import TableName


@dataclass(frozen=True, slots=True)
class Commit:
    """One state of all tables.

    Attributes:
        id: 64 hexadecimal digits, the hash of the content below and of the changes.
        parents: none for the root, one for a write, two for a publication: (head of main, head of the work branch).
        message: what was done.
        author: who did it.
        committed_at: when (UTC). A publication happens later: the moment is in the journal, not here.
        properties: intents, receipt and whatever else the writer says.
    """

    id: str
    parents: tuple[str, ...]
    message: str
    author: str
    committed_at: datetime
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit writes, all of it or nothing.

    Attributes:
        tables: new pointer of each table; None removes the table.
        message: what is done.
        namespaces: properties of each namespace that is made or changed; None removes it, unless a table is left in
            it. The namespace of a table in `tables` is made when it is not there.
        properties: kept in the commit.
        author: who does it.
        merged: the second parent, where there is one.
    """

    tables: Mapping[TableName, str | None] = field(default_factory=dict)
    message: str = ""
    namespaces: Mapping[tuple[str, ...], Mapping[str, str] | None] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    author: str = ""
    merged: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A delivery of rows to one table.

    Attributes:
        id: what the sender calls it; one id comes into a table once.
        fingerprint: hash of its content, with its function in front (`sha256:…`); the same id with another one is
            `BatchChanged`.
    """

    id: str
    fingerprint: str


INTENTS = "lagoa.intents"
"""Commit property: JSON list of what each write of the commit meant."""

IntentKind = Literal["append", "replace", "merge", "scd2", "delete", "model", "quarantine", "restore", "evolve"]


@dataclass(frozen=True, slots=True)
class Intent:
    """What a write meant, kept in its commit, so that the write can be done again on another state.

    Attributes:
        kind: how the rows went in.
        table: the table written, as text.
        snapshot: id of the Iceberg snapshot that the write made; None when it changed no rows.
        schema: id of the table's schema the files were written with.
        spec: id of the partition spec likewise.
        files: paths of the data files added.
        batch: the batch's id and fingerprint, where the rows came as one.
        key: the columns that rows were matched by (merge).
        predicate: the SQL condition of the rows removed (delete).
        fingerprint: of the model and its inputs (model).
        incoming: paths of the files that hold the rows as they came in, in the table's columns by field id: all that
            were merged, one a key (merge); all observations (scd2). They are kept for `incoming_days`.
    """

    kind: IntentKind
    table: str
    snapshot: int | None = None
    schema: int = 0
    spec: int = 0
    files: tuple[str, ...] = ()
    batch: Batch | None = None
    key: tuple[str, ...] = ()
    predicate: str | None = None
    fingerprint: str | None = None
    incoming: tuple[str, ...] = ()
