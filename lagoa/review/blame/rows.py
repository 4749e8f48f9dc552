"""The rows with one key in the states of a table. What states share is read once, and files without the key are not."""

# ruff: noqa: S608 - names are quoted, values are bound
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lagoa.catalog.heads import table_head
from lagoa.catalog.readable import refuse_unreadable, table_at
from lagoa.catalog.sql_types import type_in_sql
from lagoa.catalog.table_facts import damaged
from lagoa.domain.ports.engine import FILE_COLUMN
from lagoa.domain.sql_names import name_in_sql, names_in_sql
from lagoa.domain.suggestions import did_you_mean
from lagoa.errors import KeyRefused
from lagoa.review.blame.keys import NotAValue, read_value
from lagoa.review.diff import same_columns
from lagoa.storage.port import local_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyiceberg.manifest import DataFile, ManifestFile
    from pyiceberg.table import StaticTable
    from pyiceberg.table.snapshots import Snapshot

    from lagoa.catalog.heads import TableHead
    from lagoa.context import LakeContext
    from lagoa.contracts.contract import Contract
    from lagoa.domain.ports.engine import SqlSession

Row = dict[str, Any]

_BOUNDED = {"int", "long", "string", "date", "timestamp", "timestamptz"}
"""Types by whose bounds files are left out, as `lagoa.write.merge` does."""

_APPEND = "append"

_MOST = 10_000
"""How many rows may have the key: versions, or repetitions of a key that is not unique."""


@dataclass(frozen=True, slots=True)
class Found:
    """The rows with the key at one state.

    Attributes:
        rows: the rows, by the names of the columns at that state.
        table: the table there; None if there was none.
        schemas: its columns: the same text is the same columns.
    """

    rows: tuple[Row, ...] = ()
    table: StaticTable | None = None
    schemas: str = ""


@dataclass(frozen=True, slots=True)
class _Layout:
    """What states of one table with the same columns share.

    Attributes:
        head: of the state at which they were met first.
        table: the table there.
        snapshots: the snapshots that it lists, by id.
        names: the columns of the contract's key there, by their names in the contract.
        key: the key's values, by the columns there; None if none of its rows can have the key.
    """

    head: TableHead
    table: StaticTable
    snapshots: dict[int, Snapshot]
    names: dict[str, str]
    key: dict[str, Any] | None


class KeyRows:
    """Finds the rows with one key in states of a table, which are asked for from the latest to the earliest.

    A state is not looked into if what was appended between it and a later one has no row with the key. Else only the
    manifests and data files are read that no other state has, and of these only files whose bounds admit the key.

    Args:
        context: the lake.
        session: reads the files.
        contract: of the table.
        key: the key's values as text, by column.
    """

    def __init__(self, context: LakeContext, session: SqlSession, contract: Contract, key: Mapping[str, str]) -> None:
        self.values: dict[str, Any] = {}
        self._context = context
        self._session = session
        self._contract = contract
        self._key = key
        self._latest: _Layout | None = None
        self._layouts: dict[tuple[str, str], _Layout] = {}
        self._pointers: dict[str, Found] = {}
        self._found: dict[tuple[str, str, int | None], Found] = {}
        self._manifests: dict[tuple[str, str], list[tuple[DataFile, int | None]]] = {}
        self._rows: dict[tuple[str, str], list[Row]] = {}

    def at(self, pointer: str | None) -> Found:
        """Return the rows at a pointer: the same object as before if they are surely the same; none without a table.

        Raises:
            KeyRefused: the key does not fit the table, as it was at the first state that was asked for.
            TableUnreadable: others wrote something to the table that would not be read correctly.
            CatalogDamaged, QueryError: a file of this state cannot be read.
        """
        if pointer is None:
            return Found()
        if pointer in self._pointers:
            return self._pointers[pointer]
        head = table_head(self._context.storage, pointer)
        known = (head.uuid, head.schemas, head.snapshot)
        if known not in self._found:
            try:
                self._look(pointer, head)
            except OSError as error:
                message = f"{self._contract.table} as {pointer} describes it cannot be read: {error}."
                raise damaged(message, error) from error
        self._pointers[pointer] = self._found[known]
        return self._found[known]

    def _look(self, pointer: str, head: TableHead) -> None:
        layout = self._layout(pointer, head)
        found = Found((), layout.table, head.schemas)
        same: list[int | None] = [head.snapshot]
        if head.snapshot is not None:
            snapshot = layout.snapshots[head.snapshot]
            summary = snapshot.summary.additional_properties if snapshot.summary else {}
            refuse_unreadable(pointer, summary, lambda: table_at(self._context.storage, pointer))
            if layout.key is not None:
                rows, added = self._rows_of(layout, snapshot, pointer)
                found = Found(tuple(rows), layout.table, head.schemas)
                same = _unchanged_since(layout.snapshots, snapshot, added)
        for each in same:
            self._found.setdefault((head.uuid, head.schemas, each), found)

    def _layout(self, pointer: str, head: TableHead) -> _Layout:
        """Return what the state at a pointer shares with others; its metadata is read if it has something new."""
        place = (head.uuid, head.schemas)
        known = self._layouts.get(place)
        if known is not None and (head.snapshot is None or head.snapshot in known.snapshots):
            return known
        table = table_at(self._context.storage, pointer)
        snapshots = {each.snapshot_id: each for each in table.metadata.snapshots}
        if known is not None:  # written on top of an earlier state: another history of the same table
            known.snapshots.update(snapshots)
            return known
        names = self._names(table)
        layout = _Layout(head, table, snapshots, names, self._values(table, names))
        self._layouts[place] = self._latest = layout
        return layout

    def _names(self, table: StaticTable) -> dict[str, str]:
        """Return the key's columns in a state: by field id from the later one, at first by the contract."""
        if self._latest is not None:
            pairs = {now.name: was for was, now in same_columns(table, self._latest.table)}
            return {
                name: was.name for name, later in self._latest.names.items() if (was := pairs.get(later)) is not None
            }
        columns = [field.name for field in table.schema().fields]
        names = {}
        for name in self._contract.key:
            spellings = (name, *self._contract.former_names.get(name, ()))
            known = next((each for each in spellings if each in columns), None)
            if known is None and name in self._key:
                reason = f"it has no column {name!r}, which its contract has in the key.{did_you_mean(name, columns)}"
                advice = f"Apply the contract: `lagoa contract apply {self._contract.table}`."
                raise KeyRefused(self._contract.table, reason, advice)
            if known is not None:
                names[name] = known
        return names

    def _values(self, table: StaticTable, names: Mapping[str, str]) -> dict[str, Any] | None:
        """Return the key's values by column; None if a column is not there, or of a type that has no such value."""
        schema = table.schema()
        found = {}
        for name, text in self._key.items():
            if name not in names:
                return None
            kind = schema.find_field(names[name]).field_type
            try:
                found[names[name]] = read_value(text, kind)
            except NotAValue as error:
                if self._latest is not None:
                    return None
                reason = f"the key column {name!r} is of type {kind}, and the value {error}."
                raise KeyRefused(self._contract.table, reason, f"Give a value of type {kind}.") from error
        if self._latest is None:
            self.values = {name: found[names[name]] for name in self._key}
        return found

    def _rows_of(self, layout: _Layout, snapshot: Snapshot, pointer: str) -> tuple[list[Row], set[int | None] | None]:
        """Return the rows at a snapshot, and the snapshots that added their files; None for these if nobody can say."""
        listed = snapshot.manifests(layout.table.io)
        manifests = [each for each in listed if each.has_added_files() or each.has_existing_files()]
        if any(map(_is_of_deletes, manifests)):
            return self._read_whole(layout, pointer), None
        files = self._files_with_key(layout, manifests)
        if not self._read([file for file, _ in files], layout):
            return self._read_whole(layout, pointer), None
        rows, added = [], set[int | None]()
        for file, number in files:
            here = self._rows[file.file_path, layout.head.schemas]
            rows += here
            added |= {number} if here else set()
        return rows, added

    def _files_with_key(self, layout: _Layout, manifests: Sequence[ManifestFile]) -> list[tuple[DataFile, int | None]]:
        """Return the files of manifests that may have a row with the key, each with the snapshot that added it."""
        from pyiceberg.expressions.visitors import _InclusiveMetricsEvaluator
        from pyiceberg.utils.concurrent import ExecutorFactory

        evaluator = _InclusiveMetricsEvaluator(layout.table.schema(), self._condition(layout))

        def read(manifest: ManifestFile) -> list[tuple[DataFile, int | None]]:
            entries = manifest.fetch_manifest_entry(layout.table.io)
            return [(entry.data_file, entry.snapshot_id) for entry in entries if evaluator.eval(entry.data_file)]

        schemas = layout.head.schemas
        new = [each for each in manifests if (each.manifest_path, schemas) not in self._manifests]
        for manifest, files in zip(new, ExecutorFactory.get_or_create().map(read, new), strict=True):
            self._manifests[manifest.manifest_path, schemas] = files
        return [file for each in manifests for file in self._manifests[each.manifest_path, schemas]]

    def _condition(self, layout: _Layout) -> Any:
        from pyiceberg.expressions import AlwaysTrue, And, EqualTo, Reference

        schema = layout.table.schema()
        terms: list[Any] = [AlwaysTrue(), AlwaysTrue()]
        for name, value in (layout.key or {}).items():
            if str(schema.find_field(name).field_type) in _BOUNDED:
                plain = value.isoformat() if hasattr(value, "isoformat") else value
                terms.append(EqualTo(term=Reference(name), value=plain))
        return And(*terms)

    def _read(self, files: Sequence[DataFile], layout: _Layout) -> bool:
        """Read the rows of files that were not read yet; return whether that was possible without the metadata."""
        schemas = layout.head.schemas
        new = {local_path(file.file_path): file for file in files if (file.file_path, schemas) not in self._rows}
        if not new:
            return True
        source = self._session.data_files(layout.table.metadata, list(new.values()))
        if source is None:
            return False
        rows: dict[str, list[Row]] = {path: [] for path in new}
        for row in self._select(layout, source, f", {FILE_COLUMN}"):
            rows[row.pop(FILE_COLUMN)].append(row)
        for path, file in new.items():
            self._rows[file.file_path, schemas] = rows[path]
        return True

    def _read_whole(self, layout: _Layout, pointer: str) -> list[Row]:
        """Return the rows with the key of a table that the engine reads by its metadata, such as one with deletes."""
        return self._select(layout, self._session.table_at(pointer), "")

    def _select(self, layout: _Layout, source: str, more: str) -> list[Row]:
        schema, key = layout.table.schema(), layout.key or {}
        names = [field.name for field in schema.fields]
        terms = " AND ".join(
            f"{name_in_sql(name)} = CAST(? AS {type_in_sql(schema.find_field(name).field_type)})" for name in key
        )
        query = f"SELECT {names_in_sql(names)}{more} FROM {source} WHERE {terms} LIMIT {_MOST + 1}"
        found = self._session.query(query, list(key.values())).fetchall()
        if len(found) > _MOST:
            reason = f"more than {_MOST:,} rows have this key at one of its states."
            raise KeyRefused(self._contract.table, reason, "Make the key unique; `lagoa sql` shows these rows.")
        return [dict(zip([*names, FILE_COLUMN], row, strict=False)) for row in found]


def _is_of_deletes(manifest: ManifestFile) -> bool:
    from pyiceberg.manifest import ManifestContent

    return bool(manifest.content == ManifestContent.DELETES)


def _unchanged_since(
    snapshots: Mapping[int, Snapshot], snapshot: Snapshot, added: set[int | None] | None
) -> list[int | None]:
    """Return the snapshot, and those before it with exactly the same rows with the key.

    Appending removes nothing. So before a snapshot that only appended, and added none of the files that have a row with
    the key, the rows were the same.

    Args:
        snapshots: all that are known.
        snapshot: the latest.
        added: the snapshots that added the files with these rows; None if nobody can say.
    """
    same: list[int | None] = [snapshot.snapshot_id]
    if added is None:
        return same
    current: Snapshot | None = snapshot
    while current is not None and current.snapshot_id not in added:
        if current.summary is None or current.summary.operation.value != _APPEND:
            return same
        same.append(current.parent_snapshot_id)
        current = None if current.parent_snapshot_id is None else snapshots.get(current.parent_snapshot_id)
    # A file that no snapshot of the line added says nothing of when it came.
    return same if current is not None or not added else same[:1]
