"""A table that is being written: its metadata after the write, its files, and the commit of new ones."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from lagoa.catalog.readable import refuse_unreadable_table
from lagoa.catalog.table_facts import BUILT_SNAPSHOT, FINGERPRINT, INPUTS, REWRITTEN
from lagoa.domain.bloom import bloom_properties
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

BatchRecorder: TypeAlias = "Callable[[], tuple[Mapping[str, str], Collection[str]]]"
"""Records a batch: returns the table properties that refer to it, and the names of those that they replace."""

_WRITTEN_FORMAT = 2  # the latest that PyIceberg writes manifests for
_REMEMBERED_FILES = 64  # a table with more files is read through its metadata, to prune them


@dataclass(frozen=True, slots=True)
class FileChanges:
    """The changes of a write to a table's files.

    Attributes:
        added: the files written.
        removed: the files that they replace.
        rows_added: number of added rows.
        rows_removed: number of deleted or replaced rows.
        predicate: the condition of the removed rows, for a delete.
        key: the columns that rows were matched by, for a merge.
        order_by: the column by which the latest of several rows was chosen, for a merge.
        incoming: paths of the files with the incoming rows, for a merge or a history.
    """

    added: Sequence[DataFile] = ()
    removed: Sequence[DataFile] = ()
    rows_added: int = 0
    rows_removed: int = 0
    predicate: str | None = None
    key: tuple[str, ...] = ()
    order_by: str | None = None
    incoming: tuple[str, ...] = ()


class Target:
    """One table of a transaction, created from its contract if it does not exist.

    Attributes:
        name: the table.
        contract: its contract, if it has one.
        table: the table before the write; None if it is new.
        pointer: its pointer before the write; None if it is new.
        metadata: the metadata that new files must match.
        evolves: whether the write changes the table's schema, layout or description.

    Args:
        catalog: where the write is staged.
        contracts: contracts of the lake.
        name: the table.
        replaced: whether the write replaces all rows.

    Raises:
        ContractError: the table does not exist and has no contract.
        WriteError: the table cannot be changed to match its contract, or its format version can only be read.
        TableUnreadable: another engine wrote data into it that would be read incorrectly.
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
                properties={CONTRACT: contract.hash, **described, **bloom_properties(contract.bloom)},
            )
            self._transaction = KeptCreateTransaction(staged)
        # PyIceberg changes a table object when its transaction is committed: the values before the write are kept here.
        self.metadata: TableMetadata = self._transaction.table_metadata
        self.pointer = self.table.metadata_location if self.table is not None else None
        self._schema_before = self.table.metadata.current_schema_id if self.table is not None else None

    @property
    def properties(self) -> Mapping[str, str]:
        """The table's properties before the write."""
        return self.metadata.properties

    @property
    def has_lineage(self) -> bool:
        """Whether its rows have lineage columns."""
        return self.contract is not None and self.contract.source is not None

    @property
    def columns(self) -> list[str]:
        """Names of the table's columns."""
        return [each.name for each in self.metadata.schema().fields]

    @cached_property
    def evolved(self) -> str:
        """Location of metadata for reading the existing rows with the columns that the table has after the write.

        If the schema changes, this is a separate file that only this write refers to.
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
        """Return the files that may contain rows that meet a condition, by their bounds.

        Not by their partitions: PyIceberg fails for conditions next to the limits of dates, and for some truncated
        numbers leaves out files that have such rows.
        """
        from pyiceberg.expressions import AlwaysTrue
        from pyiceberg.table import DataScan

        if self.table is None or self.metadata.current_snapshot_id is None:
            return []
        # With the metadata after the write: it may rename a column.
        metadata = _without_partitions(self.metadata) if condition else self.metadata
        scan = DataScan(table_metadata=metadata, io=self.table.io, row_filter=condition or AlwaysTrue())
        return list(scan.plan_files())

    def commit(
        self,
        changes: FileChanges,
        properties: Mapping[str, str],
        engine: SqlEngine,
        record: BatchRecorder | None = None,
    ) -> Table:
        """Stage the write: one snapshot, one metadata file.

        Args:
            changes: the changes to the table's files.
            properties: set on the table.
            engine: the engine, which remembers the table's files.
            record: records a batch, and returns the properties that refer to it.

        Raises:
            WriteError: the files cannot be written.
        """
        try:
            recorded, replaced = record() if record else ({}, frozenset())
            table = self._stage(changes, {**properties, **recorded}, replaced)
        except OSError as error:
            raise WriteError(
                self.name,
                f"its metadata cannot be written: {error.strerror or error}.",
                "Nothing was written. Check the free disk space and the permissions of the state folder.",
            ) from error
        self._remember(table, changes, engine)
        return table

    def _stage(self, changes: FileChanges, properties: Mapping[str, str], replaced: Collection[str] = ()) -> Table:
        from lagoa.write.transactions import Append, Overwrite

        left = self.metadata.current_snapshot_id
        if changes.removed:
            with Overwrite(self._transaction) as overwrite:
                for file in changes.removed:
                    overwrite.delete_data_file(file)
                for file in changes.added:
                    overwrite.append_data_file(file)
                left = overwrite.snapshot_id
        elif changes.added:
            with Append(self._transaction) as append:
                for file in changes.added:
                    append.append_data_file(file)
                left = append.snapshot_id
        # What is recorded of the rows before no longer describes the table's content.
        stale = ({FINGERPRINT, INPUTS, REWRITTEN, *replaced} & self.properties.keys()) - properties.keys()
        if stale:
            self._transaction.remove_properties(*stale)
        if properties:
            built = {BUILT_SNAPSHOT: str(left or "")} if FINGERPRINT in properties else {}
            self._transaction.set_properties({**properties, **built})
        return self._transaction.commit_transaction()

    def _remember(self, table: Table, changes: FileChanges, engine: SqlEngine) -> None:
        """Have the engine remember the table's files, for faster reads, if they are few and of the current schema."""
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


def _without_partitions(metadata: TableMetadata) -> TableMetadata:
    """Return metadata by whose partition fields no file is left out."""
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.transforms import VoidTransform

    specs = [
        PartitionSpec(
            *(field.model_copy(update={"transform": VoidTransform()}) for field in spec.fields), spec_id=spec.spec_id
        )
        for spec in metadata.partition_specs
    ]
    return metadata.model_copy(update={"partition_specs": specs})


def _refuse(name: TableName, table: Table) -> None:
    """Refuse a table that cannot be written; see `Target` for the errors."""
    refuse_unreadable_table(table)
    version = table.metadata.format_version
    if version > _WRITTEN_FORMAT:
        raise WriteError(
            name,
            f"it has Iceberg format version {version}; Lagoa writes versions up to {_WRITTEN_FORMAT}.",
            "Write it with the engine that created it, or create a table of format 2 from it.",
        )
