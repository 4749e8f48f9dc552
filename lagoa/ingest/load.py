"""Loads one file: rows as received into their table, refused records into its quarantine, in one commit."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from lagoa.domain.commits import Batch
from lagoa.errors import SourceError
from lagoa.formats.shared.files import SourceFile
from lagoa.ingest.results import IngestResult
from lagoa.ingest.rows import FileRows, SeveralRows, Written, on_worker
from lagoa.sql_models.engine_choice import workers_of
from lagoa.write import SessionQuery, WrittenRows, begin
from lagoa.write.fingerprints import FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pyiceberg.manifest import DataFile
    from pyiceberg.table.metadata import TableMetadata

    from lagoa.context import LakeContext
    from lagoa.domain.commits import LoadMode
    from lagoa.domain.ports.engine import SqlSession, Workers
    from lagoa.domain.tables import TableName
    from lagoa.ingest.rows import LoadedRows, ReadFile
    from lagoa.write import WriteResult, WriteTransaction

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
    return file_load(context, table, path, batch=batch, member=member, workers=workers).commit(branch)


def file_load(  # noqa: PLR0913 - each is the caller's choice
    context: LakeContext,
    table: TableName,
    path: Path,
    *,
    batch: str | None = None,
    member: str | None = None,
    workers: Workers | None = None,
    how: LoadMode = "append",
    moment: datetime | None = None,
) -> Load:
    """Return the load of a file; the arguments and errors are those of `ingest_file` and `Load`.

    `moment` is the time that its rows have as `_ingested_at`; by default now.
    """
    contract = context.contracts[table]
    named = contract.source.member if contract.source else None
    file = SourceFile(path.absolute() if workers else path, [each for each in (named, member) if each])
    found = batch_of(file, batch)
    rows = FileRows(contract, file, [found.id, moment or datetime.now(UTC), file.name])
    unread = file.member.others if file.member else ()
    return Load(context, rows, found, workers=workers, how=how, unread=unread)


def files_load(context: LakeContext, table: TableName, paths: Sequence[Path], how: LoadMode, moment: datetime) -> Load:
    """Return the load of several files as one batch; raises as `file_load` does."""
    contract = context.contracts[table]
    files = [SourceFile(path) for path in paths]
    content = hashlib.sha256("".join(file.fingerprint() for file in files).encode()).hexdigest()
    batch = Batch(content[:_ID_LENGTH], f"{FILE}:{content}")
    rows = SeveralRows([FileRows(contract, file, [batch.id, moment, file.name]) for file in files])
    return Load(context, rows, batch, how=how)


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
    """The load of one batch into one table; see `ingest_file` for the errors.

    Args:
        context: the lake.
        rows: the rows of its file or files.
        batch: the batch.
        workers: processes that read the file; by default this one does.
        how: whether its rows are added, update those of the same key, or replace all.
        unread: other files of the zip file.

    Attributes:
        rows: the rows.
    """

    def __init__(
        self,
        context: LakeContext,
        rows: LoadedRows,
        batch: Batch,
        *,
        workers: Workers | None = None,
        how: LoadMode = "append",
        unread: tuple[str, ...] = (),
    ) -> None:
        self._started = time.perf_counter()
        self._context = context
        self._workers = workers
        self._how = how
        self._table = rows.contract.table
        self._batch = batch
        self.rows = rows
        self._early: tuple[TableMetadata, Written] | None = None
        self._result = IngestResult(self._table, rows.name, batch.id, unread=unread)

    @property
    def batch(self) -> str:
        """Id of the batch."""
        return self._batch.id

    def known(self, branch: str) -> IngestResult | None:
        """Return the result if the table has the batch on a branch; what replaces all rows is new each time."""
        table = self._table_at(self._context.pointers(branch).get(self._table))
        if self._how == "replace" or table is None or not self._is_in(table):
            return None
        return replace(self._result, skipped=True, seconds=time.perf_counter() - self._started)

    def read_early(self, branch: str) -> None:
        """Have workers write the rows for the table as it is on a branch; `commit` takes the files if they fit.

        Nothing is read if the table is not there yet, or has the batch.
        """
        table = self._table_at(self._context.pointers(branch).get(self._table))
        if table is not None and self._workers is not None and not self._is_in(table):
            self._early = table, self._workers.run(on_worker(self.rows, self.rows.accepted, table))

    def commit(self, branch: str) -> IngestResult:
        """Write the rows and the refused records to a branch; return the counts."""
        self._open(self._context.pointers(branch).get(self._table))
        with begin(self._context, branch, f"ingest {self.rows.name} into {self._table}") as tx:
            result = self._write(tx)
        return self.committed(result, tx)

    def write(self, tx: WriteTransaction) -> IngestResult:
        """Write the rows and the refused records in a transaction; return the counts, which `committed` completes."""
        self._open(tx.pointer(self._table))
        return self._write(tx)

    def committed(self, result: IngestResult, tx: WriteTransaction) -> IngestResult:
        """Return a result of `write` with the commit of its transaction, and the time since the load began."""
        commit = tx.commit.id if tx.commit and not result.skipped else None
        return replace(result, commit=commit, seconds=time.perf_counter() - self._started)

    def _open(self, pointer: str | None) -> None:
        """Read the header, unless the table has the batch: by now the contract may read other files."""
        table = self._table_at(pointer)
        if table is None or not self._is_in(table):
            found = self.rows.found
            missing = tuple(column.name for column in self.rows.contract.columns if column.name not in found)
            self._result = replace(self._result, missing=missing)

    def _table_at(self, pointer: str | None) -> TableMetadata | None:
        return None if pointer is None else self._context.metadata.parsed(pointer)

    def _is_in(self, table: TableMetadata) -> bool:
        """Return whether a state of the table has a batch of this id."""
        return self._context.batches.of(table.properties).get(self._batch.id) is not None

    def _write(self, tx: WriteTransaction) -> IngestResult:
        """Write the accepted rows in one pass over the file, and in a second one the records not among them."""
        with self._context.engine.session({}) as session:
            received, accepted, added = self._write_accepted(tx, session)
            if added.skipped:
                return replace(self._result, skipped=True)
            quarantined, refused = 0, Written()
            if accepted != received.received:
                refusing = _Pass(partial(self._read, self.rows.refused, session))
                records = WrittenRows(session, "", build=refusing)
                quarantined = tx.append(self._table.quarantine, records, kind="quarantine").rows_added
                refused = refusing.written
        if received.received != accepted + quarantined:
            raise SourceError(
                str(self.rows.path),
                f"of {received.received} records {accepted} were accepted and {quarantined} refused; "
                "nothing was written.",
                "This is an error in Lagoa: report it with the contract and the file.",
            )
        return replace(
            self._result,
            received=received.received,
            accepted=accepted,
            quarantined=quarantined,
            rules=refused.rules,
            footer=received.footer,
            notes=received.notes,
        )

    def _write_accepted(self, tx: WriteTransaction, session: SqlSession) -> tuple[Written, int, WriteResult]:
        """Write the accepted rows; return what was found in the file, their number, and the result of the write."""
        if self._how == "merge":
            stored = self.rows.stored(session)
            rows = SessionQuery(session, f"SELECT * FROM {stored.name}")  # noqa: S608 - a name of ours
            return stored.written, stored.rows, tx.merge(self._table, rows, batch=self._batch)
        accepted = _Pass(partial(self._read, self.rows.accepted, session), self._early)
        source = WrittenRows(session, "", build=accepted, names=self.rows.columns)
        if self._how == "replace":
            added = tx.replace(self._table, source)  # a batch that was there before may be the content of now again
        else:
            added = tx.append(self._table, source, batch=self._batch, received=lambda: accepted.written.received)
        return accepted.written, added.rows_added, added

    def _read(self, read: ReadFile, session: SqlSession, table: TableMetadata) -> Written:
        if self._workers is None:
            return read(table, session)
        return self._workers.run(on_worker(self.rows, read, table))


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
