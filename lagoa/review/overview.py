"""An overview of a lake: branches compared with main, tables with their figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from lagoa.catalog.table_facts import plain_type, table_document
from lagoa.domain.lists import counted
from lagoa.domain.notebooks import moment
from lagoa.domain.refs import CANDIDATE_PREFIX, MAIN
from lagoa.domain.suggestions import did_you_mean_name
from lagoa.domain.tables import TableName
from lagoa.errors import TableNotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lagoa.context import LakeContext
    from lagoa.domain.refs import RefInfo


@dataclass(frozen=True, slots=True)
class BranchState:
    """A branch compared with main.

    Attributes:
        name: its name.
        commit: id of its head.
        ahead: commits that main does not have; 0 if all of it is published.
        behind: publications on main since the branch and main diverged.
        created_at: when the branch was created (UTC); None if the catalog does not keep it.
        committed_at: time of its head (UTC).
        message: message of its head.
    """

    name: str
    commit: str
    ahead: int
    behind: int
    created_at: datetime | None
    committed_at: datetime
    message: str

    def __repr__(self) -> str:
        return f"<BranchState {self.name!r} at {self.commit[:12]}: {self.distance}>"

    @property
    def distance(self) -> str:
        """What main does not have of it, and the other way round: `2 commits not on main, 1 publication behind`."""
        behind = f", {counted(self.behind, 'publication')} behind" if self.behind else ""
        return f"{counted(self.ahead, 'commit')} not on main{behind}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One write to a table.

    Attributes:
        id: the snapshot's id.
        at: when it was written (UTC).
        operation: Iceberg's word for it: append, overwrite, delete, replace.
        rows: rows of the table after it; None if the table's metadata does not say.
        added: rows added.
        removed: rows removed.
    """

    id: int
    at: datetime
    operation: str
    rows: int | None
    added: int
    removed: int


@dataclass(frozen=True, slots=True)
class ColumnState:
    """A column of a table.

    Attributes:
        name: its name.
        type: its type, in Iceberg's spelling.
        required: whether the table refuses null.
        description: what it means, from the contract at the time when the table was created.
    """

    name: str
    type: str
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class TableState:
    """A table at one commit.

    Attributes:
        table: its name.
        location: the pointer: its metadata file.
        columns: its columns in order.
        partition: the fields that it is partitioned by, such as `month(sold_at)`.
        sort: the fields that its files are sorted by.
        rows, files, bytes: of the current snapshot; None if the table's metadata does not say.
        updated_at: time of the last write (UTC).
        snapshots: the table's writes, newest first.
    """

    table: TableName
    location: str
    columns: tuple[ColumnState, ...]
    partition: tuple[str, ...]
    sort: tuple[str, ...]
    rows: int | None
    files: int | None
    bytes: int | None
    updated_at: datetime
    snapshots: tuple[Snapshot, ...]

    def __repr__(self) -> str:
        rows = "" if self.rows is None else f", {counted(self.rows, 'row')}"
        return f"<TableState {self.table}: {counted(len(self.columns), 'column')}{rows}, {moment(self.updated_at)}>"


def branch_states(context: LakeContext) -> list[BranchState]:
    """Return every branch except the publisher's own, main first, then the most recently changed first."""
    refs = [ref for ref in context.catalog.refs() if ref.kind == "branch" and _shown(ref)]
    head = next(ref.commit for ref in refs if ref.name == MAIN)
    main = _Main(context, head)
    states = [_branch_state(context, ref, main) for ref in refs]
    return sorted(states, key=lambda state: (state.name != MAIN, -state.committed_at.timestamp(), state.name))


def branch_state(context: LakeContext, name: str) -> BranchState:
    """Return a branch compared with main; raises `RefNotFound`."""
    catalog = context.catalog
    return _branch_state(context, catalog.ref(name), _Main(context, catalog.ref(MAIN).commit))


def _shown(ref: RefInfo) -> bool:
    return not ref.name.startswith(CANDIDATE_PREFIX)


class _Main:
    """Main's commits, which are read once for all branches that are compared with it, as far back as one of them needs.

    Args:
        context: the lake.
        head: main's head.
    """

    def __init__(self, context: LakeContext, head: str) -> None:
        self.head = head
        self._log = context.catalog.log(head)
        self._before: dict[str, int] = {}
        self._read = 0

    def since(self, ancestor: str) -> int:
        """Return the number of commits before an ancestor, or before the one that merged it."""
        while ancestor not in self._before and (commit := next(self._log, None)) is not None:
            for each in (commit.id, *commit.parents[1:]):
                self._before.setdefault(each, self._read)
            self._read += 1
        return self._before.get(ancestor, self._read)


def _branch_state(context: LakeContext, ref: RefInfo, main: _Main) -> BranchState:
    catalog = context.catalog
    commit = catalog.get(ref.commit)
    merge_base = catalog.merge_base(ref.commit, main.head)
    published = catalog.is_ancestor(ref.commit, main.head)
    return BranchState(
        name=ref.name,
        commit=ref.commit,
        ahead=0 if published else _distance(context, ref.commit, merge_base),
        behind=main.since(merge_base),
        created_at=ref.created_at,
        committed_at=commit.committed_at,
        message=commit.message,
    )


def _distance(context: LakeContext, start: str, ancestor: str) -> int:
    """Count the commits from `start` along first parents, before `ancestor` or the commit that merged it."""
    catalog = context.catalog
    return sum(1 for _ in takewhile(lambda c: c.id != ancestor and ancestor not in c.parents[1:], catalog.log(start)))


def table_states(context: LakeContext, ref: str) -> list[TableState]:
    """Return all tables at a ref, by name."""
    pointers = context.pointers(ref)
    return [state_at(context, table, pointers[table]) for table in sorted(pointers)]


def table_state(context: LakeContext, table: str, ref: str) -> TableState:
    """Return a table at a ref; raises `TableNotFound`, `RefNotFound`, `InvalidName`."""
    name = TableName.parse(table)
    pointers = context.pointers(ref, {name.layer})
    if name not in pointers:
        raise TableNotFound(name, ref, did_you_mean_name(name, pointers))
    return state_at(context, name, pointers[name])


def stale_models(context: LakeContext, ref: str) -> tuple[list[TableName], int]:
    """Return the models whose tables at a ref are stale, and the number of all models.

    Raises:
        ModelError, ContractError: a model or contract that cannot be used.
    """
    from lagoa.sql_models.run import lake_models
    from lagoa.sql_models.staleness import is_stale

    models = lake_models(context)
    pointers = context.pointers(ref)
    return [table for table, model in models.items() if is_stale(context, model, pointers)], len(models)


def state_at(context: LakeContext, table: TableName, location: str) -> TableState:
    """Return a table at a pointer."""
    document = table_document(location, context.storage.read)
    schema = _current(document["schemas"], "schema-id", document["current-schema-id"])
    names = {field["id"]: field["name"] for field in schema["fields"]}
    snapshots = sorted(map(_snapshot, document.get("snapshots") or []), key=lambda each: each.at, reverse=True)
    current = document.get("current-snapshot-id")
    latest = next((each for each in document.get("snapshots") or [] if each["snapshot-id"] == current), None)
    summary: Mapping[str, str] = (latest or {}).get("summary", {})
    empty = None if latest else 0
    spec = _current(document["partition-specs"], "spec-id", document["default-spec-id"])
    order = _current(document["sort-orders"], "order-id", document["default-sort-order-id"])
    return TableState(
        table=table,
        location=location,
        columns=tuple(_column(field) for field in schema["fields"]),
        partition=tuple(_field(field, names) for field in spec["fields"]),
        sort=tuple(f"{_field(field, names)} {field['direction']}" for field in order["fields"]),
        rows=_rows(summary, empty),
        files=_figure(summary, "total-data-files", empty),
        bytes=_figure(summary, "total-files-size", empty),
        updated_at=_time(document["last-updated-ms"]),
        snapshots=tuple(snapshots),
    )


def _current(entries: Iterable[Mapping[str, Any]], key: str, wanted: int) -> Mapping[str, Any]:
    return next(entry for entry in entries if entry[key] == wanted)


def _column(field: Mapping[str, Any]) -> ColumnState:
    kind = field["type"]
    shown = plain_type(kind) if isinstance(kind, str) else str(kind["type"])
    return ColumnState(field["name"], shown, bool(field["required"]), field.get("doc") or "")


def _field(field: Mapping[str, Any], names: Mapping[int, str]) -> str:
    """Return `day(sold_at)` for a transform, the column alone for the identity."""
    column = names.get(field["source-id"], f"field {field['source-id']}")
    transform = field["transform"]
    if transform == "identity":
        return column
    name, _, argument = transform.rstrip("]").partition("[")
    return f"{name}({argument}, {column})" if argument else f"{name}({column})"


def _snapshot(entry: Mapping[str, Any]) -> Snapshot:
    summary = entry.get("summary", {})
    return Snapshot(
        id=entry["snapshot-id"],
        at=_time(entry["timestamp-ms"]),
        operation=summary.get("operation", ""),
        rows=_rows(summary, None),
        added=_figure(summary, "added-records", 0) or 0,
        removed=_figure(summary, "deleted-records", 0) or 0,
    )


def _rows(summary: Mapping[str, str], default: int | None) -> int | None:
    """Return the number of rows in a summary; with delete files it does not say how many are left."""
    return None if int(summary.get("total-delete-files", 0)) else _figure(summary, "total-records", default)


def _figure(summary: Mapping[str, str], key: str, default: int | None) -> int | None:
    return int(summary[key]) if key in summary else default


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
