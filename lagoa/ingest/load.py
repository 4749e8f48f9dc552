"""Loads one file: rows as received into their table, refused records into its quarantine, in one commit."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from lagoa.domain.commits import Batch
from lagoa.errors import SourceError
from lagoa.formats.shared.files import SourceFile
from lagoa.ingest.results import IngestResult
from lagoa.ingest.rows import FileRows, Written, on_worker
from lagoa.sql_models.engine_choice import workers_of
from lagoa.write import WrittenRows, begin
from lagoa.write.fingerprints import FILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyiceberg.manifest import DataFile
    from pyiceberg.table.metadata import TableMetadata

    from lagoa.context import LakeContext
    from lagoa.domain.ports.engine import SqlSession, Workers
    from lagoa.domain.tables import TableName
    from lagoa.ingest.rows import ReadFile
    from lagoa.write import WriteTransaction

_ID_LENGTH = 16


def ingest_file(
    context: LakeContext,
    branch: str,
    table: TableName,
    path: Path,
    *,
    batch: str | None = None,
    member: str | None = None,
) -> IngestResult:
    """Load a file into a table according to the table's contract.

    Rows, refused records and the batch's state are in one commit. Loading the same batch with the same content again
    is a no-op, and the result says so.

    Args:
        context: the lake.
        branch: a work branch.
        table: the table; it is created if it does not exist.
        path: the file.
        batch: id of the batch; by default the first 16 hexadecimal digits of the SHA-256 of the file's content.
        member: name or pattern of the file to read in a zip file with several; `member` of the contract applies, too.

    Raises:
        SourceError: the file cannot be read, or does not have the form that the contract gives.
        ContractError: the table has no contract, or one that does not say what its files look like.
        BatchChanged: the batch was loaded before with different content.
        BatchHeld: the batch was rolled back and held.
        RefProtected: the branch accepts no writes.
    """
    workers = workers_of(context, file_size(path))
    return Load(context, table, path, batch=batch, member=member, workers=workers).commit(branch)


def batch_of(file: SourceFile, batch: str | None = None) -> Batch:
    """Return the batch that a file is, under an id or that of its content; raises `SourceError`."""
    fingerprint = file.fingerprint()
    return Batch(batch or fingerprint[:_ID_LENGTH], f"{FILE}:{fingerprint}")


def file_size(path: Path) -> int:
    """Return the bytes of a file; 0 if it cannot be read, which is reported when it is."""
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0


class Load:
    """The load of one file into one table; see `ingest_file` for the errors.

    Args:
        context: the lake.
        table: the table.
        path: the file.
        batch: id of the batch.
        member: the file to read in a zip file.
        workers: processes that read the file; by default this one does.

    Attributes:
        rows: the rows of the file.
    """

    def __init__(
        self,
        context: LakeContext,
        table: TableName,
        path: Path,
        *,
        batch: str | None = None,
        member: str | None = None,
        workers: Workers | None = None,
    ) -> None:
        self._started = time.perf_counter()
        contract = context.contracts[table]
        named = contract.source.member if contract.source else None
        file = SourceFile(path.absolute() if workers else path, [each for each in (named, member) if each])
        self._context = context
        self._workers = workers
        self._table = contract.table
        self._batch = batch_of(file, batch)
        self.rows = FileRows(contract, file, [self._batch.id, datetime.now(UTC), file.name])
        self._early: tuple[TableMetadata, Written] | None = None
        unread = file.member.others if file.member else ()
        self._result = IngestResult(contract.table, file.name, self._batch.id, unread=unread)

    def read_early(self, branch: str) -> None:
        """Have workers write the rows for the table as it is on a branch; `commit` takes the files if they fit.

        Nothing is read if the table is not there yet, or has the batch.
        """
        table = self._table_on(branch)
        if table is not None and self._workers is not None and not self._is_in(table):
            self._early = table, self._workers.run(on_worker(self.rows.file, self.rows.accepted, table))

    def commit(self, branch: str) -> IngestResult:
        """Write the rows and the refused records to a branch; return the counts."""
        table = self._table_on(branch)
        if table is None or not self._is_in(table):  # a known file is not opened: the contract may read others by now
            found = self.rows.reader.columns
            missing = tuple(column.name for column in self.rows.contract.columns if column.name not in found)
            self._result = replace(self._result, missing=missing)
        message = f"ingest {self.rows.file.name} into {self._table}"
        with begin(self._context, branch, message) as tx, self._context.engine.session({}) as session:
            result = self._write(tx, session)
        seconds = time.perf_counter() - self._started
        return replace(result, commit=tx.commit.id if tx.commit else None, seconds=seconds)

    def _table_on(self, branch: str) -> TableMetadata | None:
        pointer = self._context.pointers(branch).get(self._table)
        return None if pointer is None else self._context.metadata.parsed(pointer)

    def _is_in(self, table: TableMetadata) -> bool:
        """Return whether a state of the table has a batch of this id."""
        return self._context.batches.of(table.properties).get(self._batch.id) is not None

    def _write(self, tx: WriteTransaction, session: SqlSession) -> IngestResult:
        """Write the accepted rows in one pass over the file, and in a second one the records not among them."""
        accepted = _Pass(partial(self._read, self.rows.accepted, session), self._early)
        refused = _Pass(partial(self._read, self.rows.refused, session))
        source = WrittenRows(session, "", build=accepted, names=self.rows.columns)
        added = tx.append(self._table, source, batch=self._batch, received=lambda: accepted.written.received)
        if added.skipped:
            return replace(self._result, skipped=True)
        received, quarantined = accepted.written.received, 0
        if added.rows_added != received:
            records = WrittenRows(session, "", build=refused)
            quarantined = tx.append(self._table.quarantine, records, kind="quarantine").rows_added
        if received != added.rows_added + quarantined:
            raise SourceError(
                str(self.rows.file.path),
                f"of {received} records {added.rows_added} were accepted and {quarantined} refused; "
                "nothing was written.",
                "This is an error in Lagoa: report it with the contract and the file.",
            )
        return replace(
            self._result,
            received=received,
            accepted=added.rows_added,
            quarantined=quarantined,
            rules=refused.written.rules,
            footer=accepted.written.footer,
            notes=accepted.written.notes,
        )

    def _read(self, read: ReadFile, session: SqlSession, table: TableMetadata) -> Written:
        if self._workers is None:
            return read(table, session)
        return self._workers.run(on_worker(self.rows.file, read, table))


class _Pass:
    """One pass over the file, which becomes data files of a table.

    Args:
        read: reads the file.
        early: what was read before, and the table that its files are for.
    """

    def __init__(
        self, read: Callable[[TableMetadata], Written], early: tuple[TableMetadata, Written] | None = None
    ) -> None:
        self._read, self._early = read, early
        self.written = Written()

    def __call__(self, table: TableMetadata) -> list[DataFile]:
        early = self._early
        self.written = early[1] if early and _layout(early[0]) == _layout(table) else self._read(table)
        return self.written.files


def _layout(table: TableMetadata) -> tuple[object, ...]:
    """Return what data files of a table have to match."""
    return table.location, table.schema(), table.spec(), table.sort_order()
