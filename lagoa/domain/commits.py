"""Commits: one state of all tables, the change that a commit makes, and the intent of each of its writes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, Self

from lagoa.domain.notebooks import moment

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
        committed_at: when (UTC). A publication happens later; its time is in the journal.
        properties: intents, receipt and anything else the writer sets.
    """

    id: str
    parents: tuple[str, ...]
    message: str
    author: str
    committed_at: datetime
    properties: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Commit {self.id[:12]}, {moment(self.committed_at)}, {self.author}: {self.message!r}>"


@dataclass(frozen=True, slots=True)
class Change:
    """The change of one commit, applied completely or not at all.

    Attributes:
        tables: new pointer of each table; None removes the table.
        message: what is done.
        namespaces: properties of each namespace that is created or changed; None removes it, unless it still contains
            a table. The namespace of a table in `tables` is created if it does not exist.
        properties: stored in the commit.
        author: who does it.
        merged: the second parent, if there is one.
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
        id: the sender's id; a table takes each id once.
        fingerprint: hash of its content, prefixed by the hash function (`sha256:…`); the same id with a different one
            raises `BatchChanged`.
    """

    id: str
    fingerprint: str


INTENTS = "lagoa.intents"
"""Commit property: JSON list with the intent of each write of the commit."""

IntentKind = Literal[
    "append", "replace", "merge", "scd2", "delete", "model", "quarantine", "restore", "drop", "evolve", "compact"
]
"""How rows were written; `compact`: the same rows in other files."""

LoadMode = Literal["append", "merge", "replace"]
"""How what is loaded gets into its table: rows are added; they update those of the same key; or they replace all."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What a write meant, stored in its commit, so that the write can be replayed on another state.

    Attributes:
        kind: how the rows were written.
        table: the table written, as text.
        snapshot: id of the Iceberg snapshot that the write created; None if it changed no rows.
        schema: id of the table schema that the files were written with.
        spec: id of the partition spec that they were written with.
        files: paths of the data files added.
        batch: the batch's id and fingerprint, if the rows came as a batch.
        key: the columns that rows were matched by (merge).
        order_by: the column by which the latest of several rows with one key was chosen (merge), if there was one.
        predicate: the SQL condition of the rows removed (delete).
        fingerprint: hash of the model and its inputs (model).
        incoming: paths of the files with the rows as received, in the table's columns by field id: the merged rows,
            one per key (merge), or all observations (scd2). They are kept for `incoming_days`.
        position: how far the table has what its source has since this write, as JSON, and the source's name before it.
    """

    kind: IntentKind
    table: str
    snapshot: int | None = None
    schema: int = 0
    spec: int = 0
    files: tuple[str, ...] = ()
    batch: Batch | None = None
    key: tuple[str, ...] = ()
    order_by: str | None = None
    predicate: str | None = None
    fingerprint: str | None = None
    incoming: tuple[str, ...] = ()
    position: tuple[str, str] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether it is a delete, merge or history that changed nothing, and might on another state of the table."""
        return self.snapshot is None and self.batch is None and bool(self.predicate or self.incoming)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Return the intent that a commit keeps as a document; what a later version of Lagoa added is left out."""
        known: dict[str, Any] = {each.name: document[each.name] for each in fields(cls) if each.name in document}
        texts: dict[str, Any] = {name: tuple(known[name]) for name in ("files", "key", "incoming") if name in known}
        batch = known.get("batch")
        if known.get("position"):
            texts["position"] = tuple(known["position"])
        return cls(**{**known, **texts, "batch": Batch(**batch) if batch else None})


def intents_of(commit: Commit) -> list[Intent]:
    """Return the intent of each write of a commit; none if another program made it."""
    return [Intent.of(each) for each in json.loads(commit.properties.get(INTENTS, "[]"))]
