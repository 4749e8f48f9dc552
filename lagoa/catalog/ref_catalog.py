"""The PyIceberg catalog of one ref: the tables of a branch, tag or commit."""

from __future__ import annotations

import re
import uuid
from threading import RLock
from typing import TYPE_CHECKING

from pyiceberg.catalog import WAREHOUSE_LOCATION
from pyiceberg.exceptions import (
    CommitFailedException,
    NoSuchNamespaceError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionSpec
from pyiceberg.table import CommitTableResponse, StagedTable, Table, TableProperties
from pyiceberg.table.locations import load_location_provider
from pyiceberg.table.metadata import new_table_metadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, SortOrder
from pyiceberg.typedef import EMPTY_DICT

from lagoa.catalog.metadata_files import with_recent_history, write_metadata
from lagoa.catalog.ref_namespaces import RefNamespaces, RefState
from lagoa.catalog.table_facts import damaged
from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa
    from pyiceberg.io import FileIO
    from pyiceberg.schema import Schema
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.update import TableRequirement, TableUpdate
    from pyiceberg.typedef import Identifier, Properties

    from lagoa.catalog.metadata_files import MetadataFiles
    from lagoa.domain.commits import Change
    from lagoa.domain.ports.catalog import Namespace, VersionedCatalog
    from lagoa.domain.refs import Ref, RefInfo

_UNUSUAL = re.compile(r"[^A-Za-z0-9_-]")


class RefCatalog(RefNamespaces):
    """A plain PyIceberg catalog of one ref; any ref can be read, a work branch also written.

    Each write is one commit on the branch. If another writer came first and changed other tables, the write is retried
    on the new head; if it changed the same table, PyIceberg's `CommitFailedException` is raised. Nothing that another
    ref may read is deleted: dropping or purging a table removes its name, its files stay.

    Raises:
        RefProtected: on a write to `main`, a tag, a commit or a publisher's candidate.
    """

    def create_table(
        self,
        identifier: str | Identifier,
        schema: Schema | pa.Schema,
        location: str | None = None,
        partition_spec: PartitionSpec = UNPARTITIONED_PARTITION_SPEC,
        sort_order: SortOrder = UNSORTED_SORT_ORDER,
        properties: Properties = EMPTY_DICT,
    ) -> Table:
        """Create an empty table in a new folder."""
        self.check_writable()
        name = self._name(identifier)
        self._create_plan(name, "")(self._state())
        staged = self._create_staged_table(identifier, schema, location, partition_spec, sort_order, properties)
        self._write(staged)
        self._apply(self._create_plan(name, staged.metadata_location))
        return self._table(name, staged.metadata_location)

    def register_table(self, identifier: str | Identifier, metadata_location: str, overwrite: bool = False) -> Table:
        """Add a table whose metadata file already exists."""
        if overwrite:
            raise NotImplementedError("`overwrite` isn't supported")
        name, pointer = self._name(identifier), self._files.storage.location_of(metadata_location)
        self._files.parsed(pointer)
        self._apply(self._create_plan(name, pointer))
        return self._table(name, pointer)

    def load_table(self, identifier: str | Identifier) -> Table:
        """Return the current state of a table at the ref."""
        name = self._name(identifier)
        pointer = self._pointer(self._state(), name)
        if self._check is not None:
            self._check(name)
        return self._table(name, pointer)

    def table_exists(self, identifier: str | Identifier) -> bool:
        """Return whether the table exists at the ref, without reading a file."""
        return self._name(identifier) in self._state().tables

    def drop_table(self, identifier: str | Identifier) -> None:
        """Remove a table from the branch; its files stay, as other refs may read them."""
        name = self._name(identifier)

        def plan(state: RefState) -> Change:
            self._pointer(state, name)
            return self._change(f"Drop table {name}", {name: None})

        self._apply(plan)

    def purge_table(self, identifier: str | Identifier) -> None:
        """Drop a table like `drop_table`: no file is deleted."""
        self.drop_table(identifier)

    def rename_table(self, from_identifier: str | Identifier, to_identifier: str | Identifier) -> Table:
        """Give a table another name; its files stay where they are."""
        old, new = self._name(from_identifier), self._name(to_identifier)

        def plan(state: RefState) -> Change:
            pointer = self._pointer(state, old)
            created = self._create_plan(new, pointer)(state)
            return self._change(f"Rename table {old} to {new}", {**created.tables, old: None})

        self._apply(plan)
        return self.load_table(to_identifier)

    def commit_table(
        self, table: Table, requirements: tuple[TableRequirement, ...], updates: tuple[TableUpdate, ...]
    ) -> CommitTableResponse:
        """Write the next metadata file of a table, with its recent snapshots, and point the branch to it."""
        self.check_writable()
        name = self._name(table.name())
        before = self._state().tables.get(name)
        current = None if before is None else self._table(name, before)
        staged = self._update_and_stage_table(current, table.name(), requirements, updates)
        if current is not None and staged.metadata == current.metadata:
            return _response(current)
        staged.metadata = with_recent_history(staged.metadata, self._files.snapshots)
        self._write(staged)

        def plan(state: RefState) -> Change:
            if state.tables.get(name) != before:
                raise CommitFailedException(f"Table has been updated by another process: {name}")
            verb = "Create" if before is None else "Update"
            return self._change(f"{verb} table {name}", {name: staged.metadata_location})

        self._apply(plan)
        return _response(staged)

    def _create_staged_table(
        self,
        identifier: str | Identifier,
        schema: Schema | pa.Schema,
        location: str | None = None,
        partition_spec: PartitionSpec = UNPARTITIONED_PARTITION_SPEC,
        sort_order: SortOrder = UNSORTED_SORT_ORDER,
        properties: Properties = EMPTY_DICT,
    ) -> StagedTable:
        name = self._name(identifier)
        version = int(properties.get(TableProperties.FORMAT_VERSION, TableProperties.DEFAULT_FORMAT_VERSION))
        metadata = new_table_metadata(
            schema=self._convert_schema_if_needed(schema, version),  # type: ignore[arg-type]
            partition_spec=partition_spec,
            sort_order=sort_order,
            location=self._files.storage.location_of(location.rstrip("/") if location else self._new_location(name)),
            properties=dict(properties),
        )
        place = load_location_provider(metadata.location, metadata.properties).new_table_metadata_file_location()
        io = self._load_file_io(metadata.properties, place)
        return StagedTable((*name.namespace, name.name), metadata, place, io, self)

    def _new_location(self, name: TableName) -> str:
        """Return `<warehouse>/<layer>/<table>-<uuid>`: no two tables share a folder, on whatever branch."""
        properties = self.load_namespace_properties(name.namespace)
        layer, table = (_UNUSUAL.sub("_", text) for text in (name.layer, name.name))
        folder = properties.get("location") or f"{self.properties[WAREHOUSE_LOCATION].rstrip('/')}/{layer}"
        return f"{folder.rstrip('/')}/{table}-{uuid.uuid4()}"

    def _load_file_io(self, properties: Properties = EMPTY_DICT, location: str | None = None) -> FileIO:
        """Return a table's file IO with current keys, not with those from when the catalog was opened."""
        del location  # one storage opens them all
        return self._files.storage.file_io({**self.properties, **properties})

    @staticmethod
    def _delete_old_metadata(io: FileIO, base: TableMetadata, metadata: TableMetadata) -> None:
        """Delete nothing, whatever the table's properties say: other refs may point to the old files."""

    @staticmethod
    def _name(identifier: str | Identifier) -> TableName:
        *namespace, name = RefCatalog.identifier_to_tuple(identifier)
        return TableName(tuple(namespace), name)

    def _create_plan(self, name: TableName, pointer: str) -> Callable[[RefState], Change]:
        def plan(state: RefState) -> Change:
            if not state.has(name.namespace):
                raise NoSuchNamespaceError(f"Namespace does not exist: {name.layer}")
            if name in state.tables:
                raise TableAlreadyExistsError(f"Table {name} already exists")
            return self._change(f"Create table {name}", {name: pointer})

        return plan

    def _pointer(self, state: RefState, name: TableName) -> str:
        pointer = state.tables.get(name)
        if pointer is None:
            raise NoSuchTableError(f"Table does not exist: {name}")
        return pointer

    def _table(self, name: TableName, location: str) -> Table:
        try:
            metadata = self._files.parsed(location)
        except (FileNotFoundError, PermissionError) as error:
            what = "is missing" if isinstance(error, FileNotFoundError) else "cannot be read by this user"
            file = self._files.storage.path(location)
            raise damaged(f"{name} at {self.name!r}: its metadata file {file} {what}.", error) from error
        io = self._load_file_io(metadata.properties, location)
        return Table((*name.namespace, name.name), metadata, location, io, self)

    def _write(self, staged: StagedTable) -> None:
        write_metadata(staged.metadata, staged.io.new_output(staged.metadata_location))
        self._files.keep(staged.metadata_location, staged.metadata)


class StagedCatalog(RefCatalog):
    """A catalog of one base commit that stages every write, to be committed later as one commit.

    Metadata files are written at once; only this object knows which are current, and staged changes are read through
    it. Threads may stage different tables at the same time.

    Attributes:
        base: id of the base commit: the head of the ref when this was created.
    """

    def __init__(self, catalog: VersionedCatalog, ref: Ref | str, files: MetadataFiles, author: str = "") -> None:
        super().__init__(catalog, ref, files, author)
        self._lock = RLock()
        self._known_info: RefInfo | None = None
        self._base = super()._state()
        self._tables = dict(self._base.tables)
        self._namespaces = dict(self._base.namespaces)

    @property
    def base(self) -> str:
        """Id of the base commit."""
        return self._base.commit

    @property
    def tables(self) -> dict[TableName, str]:
        """The pointer of each table, staged or of the base."""
        with self._lock:
            return dict(self._tables)

    def point(self, tables: Mapping[TableName, str | None]) -> None:
        """Stage pointers of existing metadata; None drops the table."""
        self._apply(lambda _: self._change("", tables))

    @property
    def pointers(self) -> Mapping[TableName, str | None]:
        """The new pointer of each staged table; None for one that was dropped."""
        with self._lock:
            changed = {name for name, _ in self._tables.items() ^ self._base.tables.items()}
            return {name: self._tables.get(name) for name in sorted(changed)}

    @property
    def namespace_changes(self) -> Mapping[Namespace, Mapping[str, str] | None]:
        """Properties of each namespace that was created or changed; None for one that was dropped."""
        with self._lock:
            before, after = self._base.namespaces, self._namespaces
            return {
                name: after.get(name)
                for name in sorted(before.keys() | after.keys())
                if before.get(name) != after.get(name)
            }

    def _info(self) -> RefInfo:
        """Return the ref as of the creation of this object: the catalog is read only once before the commit."""
        if self._known_info is None:
            self._known_info = super()._info()
        return self._known_info

    def _state(self) -> RefState:
        with self._lock:
            return RefState(self._base.commit, dict(self._tables), dict(self._namespaces))

    def _apply(self, plan: Callable[[RefState], Change]) -> None:
        self.check_writable()
        with self._lock:
            change = plan(self._state())
            for table, pointer in change.tables.items():
                if pointer is None:
                    self._tables.pop(table, None)
                else:
                    self._tables[table] = pointer
                    self._namespaces.setdefault(table.namespace, {})
            for namespace, properties in change.namespaces.items():
                if properties is None:
                    self._namespaces.pop(namespace, None)
                else:
                    self._namespaces[namespace] = properties


def _response(table: Table) -> CommitTableResponse:
    return CommitTableResponse(metadata=table.metadata, **{"metadata-location": table.metadata_location})
