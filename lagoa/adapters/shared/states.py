"""All tables and namespaces at a commit, what a commit changes of them, and the states last used."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from lagoa.domain.tables import TableName, tables_differing
from lagoa.errors import CommitLost, InvalidName, RefNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lagoa.domain.commits import Change
    from lagoa.domain.ports.catalog import Namespace, Pointers
    from lagoa.domain.refs import Ref

_K = TypeVar("_K")
_V = TypeVar("_V")

KEPT_STATES = 64
"""How many states a catalog keeps in memory: those of the commits last used."""

_SEPARATOR = "\x1f"
"""Between the parts of a name in a file: reading it back is ten times as quick as JSON."""


@dataclass(frozen=True, slots=True)
class State:
    """All tables and namespaces at one commit. Shared between callers: never changed once built."""

    tables: Mapping[TableName, str] = field(default_factory=dict)
    namespaces: Mapping[Namespace, Mapping[str, str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tables) + len(self.namespaces)

    def changed(self, delta: Delta) -> State:
        """Return the state after a delta."""
        return State(_apply(self.tables, delta.tables), _apply(self.namespaces, delta.namespaces))

    def pack(self) -> bytes:
        """Return the state as compressed JSON: a fifth of its rows' size, and read as fast."""
        document = [
            [[*table.namespace, table.name, pointer] for table, pointer in sorted(self.tables.items())],
            [[list(namespace), properties] for namespace, properties in sorted(self.namespaces.items())],
        ]
        return zlib.compress(json.dumps(document, separators=(",", ":")).encode(), level=1)

    @classmethod
    def unpack(cls, packed: bytes) -> State:
        """Return the state that `pack` wrote."""
        tables, namespaces = json.loads(zlib.decompress(packed))
        return cls(
            {TableName(tuple(parts), name): pointer for *parts, name, pointer in tables},
            {tuple(namespace): properties for namespace, properties in namespaces},
        )


@dataclass(frozen=True, slots=True)
class Delta:
    """What a commit changes against its first parent; None removes."""

    tables: Mapping[TableName, str | None] = field(default_factory=dict)
    namespaces: Mapping[Namespace, Mapping[str, str] | None] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tables) + len(self.namespaces)

    def rows(self) -> list[tuple[str, str, str | None]]:
        """Return (kind, name, value) of each change, in order of kind and name."""
        rows = [("t", key_of(table), pointer) for table, pointer in self.tables.items()]
        rows += [
            ("n", _key(namespace), None if properties is None else canonical(properties))
            for namespace, properties in self.namespaces.items()
        ]
        return sorted(rows, key=lambda row: row[:2])

    @classmethod
    def of_rows(cls, rows: Iterable[tuple[str, str, str | None]]) -> Delta:
        """Return the sum of changes; a later row of the same name goes before an earlier one."""
        tables: dict[TableName, str | None] = {}
        namespaces: dict[Namespace, Mapping[str, str] | None] = {}
        for kind, name, value in rows:
            parts = name.split(_SEPARATOR)
            if kind == "t":
                tables[TableName(tuple(parts[:-1]), parts[-1])] = value
            else:
                namespaces[tuple(parts)] = None if value is None else json.loads(value)
        return cls(tables, namespaces)


def delta_of(before: State, change: Change) -> Delta:
    """Return what really changes; a namespace comes with its first table and stays while it holds one."""
    tables = {name: pointer for name, pointer in change.tables.items() if before.tables.get(name) != pointer}
    after = before.changed(Delta(tables)).tables
    held = {table.namespace for table in after}
    namespaces: dict[Namespace, Mapping[str, str] | None] = {}
    for namespace, properties in change.namespaces.items():
        if properties is None and namespace in held:
            continue
        if before.namespaces.get(namespace) != properties:
            namespaces[namespace] = None if properties is None else dict(properties)
    for namespace in held - before.namespaces.keys() - namespaces.keys():
        namespaces[namespace] = {}
    return Delta(tables, namespaces)


def commit_lost(
    branch: str, expected: str, actual: str, change: Change | None, tables_at: Callable[[str], Pointers]
) -> CommitLost:
    """Return the error of a race that was lost; it names those tables of the change that others changed meanwhile."""
    ours = change.tables.keys() if change is not None else frozenset()
    theirs = tables_differing(tables_at(expected), tables_at(actual)) if ours else {}
    return CommitLost(branch, expected, actual, [table for table in theirs if table in ours])


def key_of(table: TableName) -> str:
    """Return a table's name in the rows of a delta."""
    return _key((*table.namespace, table.name))


def _key(parts: tuple[str, ...]) -> str:
    if not all(parts) or any(_SEPARATOR in part for part in parts):
        raise InvalidName(
            "table or namespace", ".".join(parts), "parts that are not empty and without control characters"
        )
    return _SEPARATOR.join(parts)


def _apply(before: Mapping[_K, _V], changes: Mapping[_K, _V | None]) -> dict[_K, _V]:
    after = dict(before)
    for key, value in changes.items():
        if value is None:
            after.pop(key, None)
        else:
            after[key] = value
    return after


def canonical(value: object) -> str:
    """Return JSON of which there is one text for each value."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def clock_was_ahead(ref: Ref) -> RefNotFound:
    """Return the error for a time since which the journal has only moves of times to come."""
    return RefNotFound(
        str(ref), "the moves of the branch since then have times to come, as the clock was ahead; name a commit instead"
    )
