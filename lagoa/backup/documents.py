"""Saved commits, refs, moves and records as lines of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lagoa.domain.commits import Commit
from lagoa.domain.refs import RefInfo
from lagoa.domain.saved import SavedCommit, SavedMove, SavedRecord
from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping


def of_commit(saved: SavedCommit) -> dict[str, Any]:
    """Return a commit as a document."""
    commit = saved.commit
    return {
        "id": commit.id,
        "parents": commit.parents,
        "message": commit.message,
        "author": commit.author,
        "committed_at": commit.committed_at.isoformat(),
        "properties": dict(commit.properties),
        "tables": [[*table.namespace, table.name, pointer] for table, pointer in saved.tables.items()],
        "namespaces": [[list(name), properties] for name, properties in saved.namespaces.items()],
    }


def read_commit(document: Mapping[str, Any]) -> SavedCommit:
    """Return the commit that a document holds."""
    commit = Commit(
        document["id"],
        tuple(document["parents"]),
        document["message"],
        document["author"],
        datetime.fromisoformat(document["committed_at"]),
        document["properties"],
    )
    tables = {TableName(tuple(parts), name): pointer for *parts, name, pointer in document["tables"]}
    return SavedCommit(commit, tables, {tuple(name): properties for name, properties in document["namespaces"]})


def of_ref(ref: RefInfo) -> dict[str, Any]:
    """Return a branch or tag as a document."""
    return {**asdict(ref), "created_at": ref.created_at.isoformat() if ref.created_at else None}


def read_ref(document: Mapping[str, Any]) -> RefInfo:
    """Return the branch or tag that a document holds."""
    created = document["created_at"]
    return RefInfo(**{**document, "created_at": datetime.fromisoformat(created) if created else None})


def of_move(move: SavedMove) -> dict[str, Any]:
    """Return a move as a document."""
    return {**asdict(move), "at": move.at.isoformat()}


def read_move(document: Mapping[str, Any]) -> SavedMove:
    """Return the move that a document holds."""
    return SavedMove(**{**document, "at": datetime.fromisoformat(document["at"])})


def read_record(document: Mapping[str, Any]) -> SavedRecord:
    """Return the receipt or approval that a document holds."""
    return SavedRecord(**document)


def in_order(documents: Callable[[], Iterable[Mapping[str, Any]]]) -> Iterator[SavedRecord]:
    """Yield saved records, each after those that it names: a store may keep some, and not come to the others.

    Args:
        documents: gives those of all records, receipts after parts; called twice.
    """
    for first in (True, False):
        yield from (each for each in map(read_record, documents()) if each.is_results == first)


def line(document: Any) -> bytes:
    """Return a document as one line."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
