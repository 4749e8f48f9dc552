"""A table that is being written: its metadata as the write will leave it, its files, and the commit of new ones."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from lagoa.catalog.readable import refuse_unreadable_table
from lagoa.catalog.table_facts import BUILT_SNAPSHOT, FINGERPRINT, INPUTS
from lagoa.errors import WriteError
from lagoa.write.evolution import CONTRACT, evolve

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import FileScanTask, Table
    from pyiceberg.table.metadata import TableMetadata

    from lagoa.catalog.ref_catalog import StagedCatalog
    from lagoa.contracts import Contracts
    from lagoa.domain.ports.engine import SqlEngine
    from lagoa.domain.tables import TableName
    from lagoa.write.transactions import KeptTransaction

Hold: TypeAlias = "Callable[[], tuple[Mapping[str, str], Collection[str]]]"
"""Notes a batch: gives the table's properties that say so, and the names of those that they replace."""

_WRITTEN_FORMAT = 2  # the last one that PyIceberg writes manifests of
_REMEMBERED_FILES = 64  # a table of more files is read through its metadata, which prunes them


@dataclass(frozen=True, slots=True)
class FileChanges:
    """What a write does to a table's files.

    Attributes:
        added: the files written.
        removed: the files that these take the place of.
        rows_added: rows that came in.
        rows_removed: rows that are gone or were replaced.
        predicate: the condition of the rows removed, for a delete.
        key: what rows were matched by, for a merge.
        incoming: paths of the files with the rows as they came in, for a merge or a history.
    """

    added: Sequence[DataFile] = ()
    removed: Sequence[DataFile] = ()
    rows_added: int = 0
    rows_removed: int = 0
    predicate: str | None = None
    key: tuple[str, ...] = ()
    incoming: tuple[str, ...] = ()


class Target:
    """One table of a transaction, made from its contract when it is not there yet.

    Attributes:
        name: the table.
        contract: its contract, where it has one.
        table: the table before the write; None for one that is new.
        pointer: where its metadata is before the write; None likewise.
        metadata: the metadata that new files are to fit.
        evolves: whether the write brings the table to another schema, layout or description.

    Args:
        catalog: where the write is staged.
        contracts: of the lake.
        name: the table.
        replaced: whether the write puts its rows in the place of all rows.

    Raises:
        ContractError: the table is not there and has no contract.
        WriteError: the table cannot become what its contract says, or is of a form that is only read.
        TableUnreadable: others wrote into it what would not be read rightly.
    """

    def __init__(
        self, catalog: StagedCatalog, contracts: Contracts, name: TableName, *, replaced: bool = False
    ) -> None:
        from lagoa.write.transactions import KeptCreateTransaction, KeptTransaction

        self.name = name
        self.contract = contracts.get(name)
        self._identifier = (*name.namespace, name.name)
        self.table: Table | None = None
        self.evolves = False
        if catalog.table_exists(self._identifier):
            self.table = catalog.load_table(self._identifier)
            _refuse(name, self.table)
            self._transaction: KeptTransaction = KeptTransaction(self.table)
            if self.contract is not None:
                self.evolves = evolve(self._transaction, self.contract, replaced=replaced)
        else:
            contract = contracts[name]
            schema = contract.schema()
            described = {"comment": contract.description} if contract.description else {}
            catalog.create_namespace_if_not_exists(name.namespace)
            staged = catalog._create_staged_table(
                self._identifier,
                schema,
                partition_spec=contract.partition_spec(schema),
                sort_order=contract.sort_order(schema),
                properties={CONTRACT: contract.hash, **described},
            )
            self._transaction = KeptCreateTransaction(staged)
        # PyIceberg changes a table object when its transaction is committed: what stood before is kept here.
        self.metadata: TableMetadata = self._transaction.table_metadata
        self.pointer = self.table.metadata_location if self.table is not None else None
        self._schema_before = self.table.metadata.current_schema_id if self.table is not None else None

    @property
    def properties(self) -> Mapping[str, str]:
        """The table's properties before the write."""
        return self.metadata.properties

    @property
    def columns(self) -> list[str]:
        """Names of the table's columns."""
        return [each.name for each in self.metadata.schema().fields]

    @cached_property
    def evolved(self) -> str:
        """Where metadata stands by which the rows before the write are read in the columns that the write leaves.

        Where the table evolves this is a file of its own, which nothing but this write points to.
        """
        from pyiceberg.serializers import ToOutputFile

        if self.table is None or self.metadata.current_schema_id == self._schema_before:
            return self.pointer or ""
        place = f"{self.table.location()}/metadata/evolved-{uuid.uuid4()}.metadata.json"
        ToOutputFile.table_metadata(self.metadata, self.table.io.new_output(place))
        return place

    @cached_property
    def tasks(self) -> list[FileScanTask]:
        """The table's files before the write."""
        return self.candidates(None)

    def candidates(self, condition: BooleanExpression | None) -> list[FileScanTask]:
        """Return the files that may hold rows of a condition, by their partitions and bounds."""
        from pyiceberg.expressions import AlwaysTrue
        from pyiceberg.table import DataScan

        if self.table is None or self.metadata.current_snapshot_id is None:
            return []
        # Over the metadata as it will be: a column may have been renamed just now.
        scan = DataScan(table_metadata=self.metadata, io=self.table.io, row_filter=condition or AlwaysTrue())
        return list(scan.plan_files())

    def commit(
        self, changes: FileChanges, properties: Mapping[str, str], engine: SqlEngine, hold: Hold | None = None
    ) -> Table:
        """Stage the write: one snapshot, one metadata file.

        Args:
            changes: to the table's files.
            properties: set on the table.
            engine: is told the table's files.
            hold: notes a batch, and gives the properties that say so.

        Raises:
            WriteError: the files cannot be written.
        """
        try:
            noted, replaced = hold() if hold else ({}, frozenset())
            table = self._stage(changes, {**properties, **noted}, replaced)
        except OSError as error:
            raise WriteError(
                self.name,
                f"its metadata cannot be written: {error.strerror or error}.",
                "Nothing was written. Look at the free space of the disk and at the rights to the state folder.",
            ) from error
        self._remember(table, changes, engine)
        return table

    def _stage(self, changes: FileChanges, properties: Mapping[str, str], replaced: Collection[str] = ()) -> Table:
        snapshot = self._transaction.update_snapshot
        left = self.metadata.current_snapshot_id
        if changes.removed:
            with snapshot().overwrite() as overwrite:
                for file in changes.removed:
                    overwrite.delete_data_file(file)
                for file in changes.added:
                    overwrite.append_data_file(file)
                left = overwrite.snapshot_id
        elif changes.added:
            with snapshot().fast_append() as append:
                for file in changes.added:
                    append.append_data_file(file)
                left = append.snapshot_id
        # What the state of a model says is no longer what the table holds.
        stale = ({FINGERPRINT, INPUTS, *replaced} & self.properties.keys()) - properties.keys()
        if stale:
            self._transaction.remove_properties(*stale)
        if properties:
            built = {BUILT_SNAPSHOT: str(left or "")} if FINGERPRINT in properties else {}
            self._transaction.set_properties({**properties, **built})
        return self._transaction.commit_transaction()

    def _remember(self, table: Table, changes: FileChanges, engine: SqlEngine) -> None:
        """Tell the engine the table's files where all are of this schema and few: it reads them more quickly."""
        old: Sequence[str] | None = ()
        if self.pointer is not None:
            same = self._schema_before == table.metadata.current_schema_id
            old = engine.files(self.pointer) if same else None
            if changes.removed and len(changes.removed) == len(self.tasks):
                old = () if not any(task.delete_files for task in self.tasks) else None
        if old is not None:
            gone = {file.file_path for file in changes.removed}
            files = [*(path for path in old if path not in gone), *(file.file_path for file in changes.added)]
            if 0 < len(files) <= _REMEMBERED_FILES:
                engine.remember(table.metadata_location, files)


def _refuse(name: TableName, table: Table) -> None:
    """Let a table pass that can be written; see `Target` for what is raised."""
    refuse_unreadable_table(table)
    version = table.metadata.format_version
    if version > _WRITTEN_FORMAT:
        raise WriteError(
            name,
            f"it has format {version} of Iceberg; Lagoa writes formats up to {_WRITTEN_FORMAT}.",
            "Write it by the engine that made it, or make a table of format 2 from it.",
        )
