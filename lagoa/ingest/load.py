"""Loads one file: rows as received into their table, refused records into its quarantine, in one commit."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lagoa.domain.commits import Batch
from lagoa.errors import SourceError
from lagoa.formats.shared.files import SourceFile
from lagoa.ingest.results import IngestResult
from lagoa.ingest.rows import FileRows, Written
from lagoa.write import WrittenRows, begin
from lagoa.write.fingerprints import FILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyiceberg.manifest import DataFile
    from pyiceberg.table.metadata import TableMetadata

    from lagoa.context import LakeContext
    from lagoa.domain.ports.engine import SqlSession
    from lagoa.domain.tables import TableName
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
    started = time.perf_counter()
    load = Load(context, table, path, batch=batch, member=member)
    return replace(load.commit(branch), seconds=time.perf_counter() - started)


def batch_of(file: SourceFile, batch: str | None = None) -> Batch:
    """Return the batch that a file is, under an id or that of its content; raises `SourceError`."""
    fingerprint = file.fingerprint()
    return Batch(batch or fingerprint[:_ID_LENGTH], f"{FILE}:{fingerprint}")


class Load:
    """The load of one file into one table; see `ingest_file` for the errors.

    Attributes:
        rows: the rows of the file.
    """

    def __init__(
        self, context: LakeContext, table: TableName, path: Path, *, batch: str | None = None, member: str | None = None
    ) -> None:
        contract = context.contracts[table]
        named = contract.source.member if contract.source else None
        file = SourceFile(path, [each for each in (named, member) if each])
        self._context = context
        self._table = contract.table
        self._batch = batch_of(file, batch)
        self.rows = FileRows(contract, file, [self._batch.id, datetime.now(UTC), file.name])
        missing = tuple(column.name for column in contract.columns if column.name not in self.rows.reader.columns)
        unread = file.member.others if file.member else ()
        self._result = IngestResult(contract.table, file.name, self._batch.id, missing=missing, unread=unread)

    def commit(self, branch: str) -> IngestResult:
        """Write the rows and the refused records to a branch; return the counts, without the time it took."""
        message = f"ingest {self.rows.file.name} into {self._table}"
        with begin(self._context, branch, message) as tx, self._context.engine.session({}) as session:
            result = self._write(tx, session)
        return replace(result, commit=tx.commit.id if tx.commit else None)

    def _write(self, tx: WriteTransaction, session: SqlSession) -> IngestResult:
        """Write the accepted rows in one pass over the file, and in a second one the records not among them."""
        accepted = _Pass(session, self.rows.accepted)
        source = WrittenRows(session, "", build=accepted, names=self.rows.columns)
        added = tx.append(self._table, source, batch=self._batch, received=lambda: accepted.written.received)
        if added.skipped:
            return replace(self._result, skipped=True)
        refused = _Pass(session, self.rows.refused)
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


class _Pass:
    """One pass over the file in a session, which becomes data files of a table."""

    def __init__(self, session: SqlSession, read: Callable[[TableMetadata, SqlSession], Written]) -> None:
        self._session, self._read = session, read
        self.written = Written()

    def __call__(self, table: TableMetadata) -> list[DataFile]:
        self.written = self._read(table, self._session)
        return self.written.files
