"""Loads files: rows as received into their table, refused records into its quarantine, in one commit."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lagoa.contracts.quarantine import with_fates
from lagoa.domain.commits import Batch
from lagoa.domain.tables import LINEAGE_COLUMNS
from lagoa.errors import LagoaError, SourceError
from lagoa.formats import open_reader
from lagoa.formats.shared.files import SourceFile
from lagoa.formats.shared.row_sql import STREAM, RowSql
from lagoa.write import SessionQuery, begin
from lagoa.write.fingerprints import FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from lagoa.context import LakeContext
    from lagoa.contracts.contract import Contract
    from lagoa.domain.ports.engine import SqlSession
    from lagoa.domain.tables import TableName
    from lagoa.formats.shared.reading import Reader
    from lagoa.write import WriteTransaction

_ID_LENGTH = 16


@dataclass(frozen=True, slots=True)
class IngestResult:
    """The result of loading one file.

    Attributes:
        table: the table that its rows were added to.
        source: the file's name.
        batch: id of the batch.
        received: records in the file; always `accepted + quarantined`.
        accepted: rows added to the table.
        quarantined: records refused; they are in the table's quarantine.
        rules: records refused, by the first rule that each breaks.
        missing: columns of the contract that the file does not have; they are null.
        skipped: the same batch with the same content was loaded before, so nothing was done.
        commit: id of the commit that contains it; None if skipped.
        seconds: wall time.
    """

    table: TableName
    source: str
    batch: str
    received: int = 0
    accepted: int = 0
    quarantined: int = 0
    rules: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    skipped: bool = False
    commit: str | None = None
    seconds: float = 0.0


def ingest_file(
    context: LakeContext, branch: str, table: TableName, path: Path, *, batch: str | None = None
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

    Raises:
        SourceError: the file cannot be read, or does not have the form that the contract gives.
        ContractError: the table has no contract, or one that does not say what its files look like.
        BatchChanged: the batch was loaded before with different content.
        BatchHeld: the batch was rolled back and held.
        RefProtected: the branch accepts no writes.
    """
    started = time.perf_counter()
    contract = context.contracts[table]
    file = SourceFile(path)
    reader = open_reader(contract, file)
    fingerprint = file.fingerprint()
    delivery = Batch(batch or fingerprint[:_ID_LENGTH], f"{FILE}:{fingerprint}")
    load = _Load(contract, file, reader, delivery)
    with begin(context, branch, f"ingest {file.name} into {table}") as tx, context.engine.session({}) as session:
        result = load.run(tx, session)
    return replace(result, commit=tx.commit.id if tx.commit else None, seconds=time.perf_counter() - started)


class _Load:
    """The load of one file into one table."""

    def __init__(self, contract: Contract, file: SourceFile, reader: Reader, batch: Batch) -> None:
        self._table = contract.table
        self._file = file
        self._reader = reader
        self._batch = batch
        self._sql = RowSql(contract, reader, str(file.path))
        self._lineage = [batch.id, datetime.now(UTC), file.name]
        missing = tuple(column.name for column in contract.columns if column.name not in reader.columns)
        self._result = IngestResult(contract.table, file.name, batch.id, missing=missing)

    def run(self, tx: WriteTransaction, session: SqlSession) -> IngestResult:
        """Write the rows and the refused records; return the counts.

        The file is read once. Only if it has more records than rows were written is it read a second time, for those
        that were refused.
        """
        stream = self._reader.stream()
        session.register(STREAM, stream.arrow_stream())
        try:
            written = tx.append(
                self._table,
                SessionQuery(session, self._sql.accepted, self._lineage, frozenset(LINEAGE_COLUMNS[:3])),
                batch=self._batch,
                received=lambda: stream.received,
            )
        except LagoaError:
            stream.check()
            raise
        if written.skipped:
            return replace(self._result, skipped=True)
        stream.check()
        received, accepted = stream.received, written.rows_added
        refused, rules = self._refuse(tx, session) if accepted != received else (0, {})
        self._file.check_unchanged()
        if received != accepted + refused:
            raise SourceError(
                str(self._file.path),
                f"of {received} records {accepted} were accepted and {refused} refused; nothing was written.",
                "This is an error in Lagoa: report it with the contract and the file.",
            )
        return replace(self._result, received=received, accepted=accepted, quarantined=refused, rules=rules)

    def _refuse(self, tx: WriteTransaction, session: SqlSession) -> tuple[int, dict[str, int]]:
        """Write the refused records to the quarantine; return how many were written, and how many break each rule."""
        stream = self._reader.stream()
        session.register(STREAM, stream.arrow_stream())
        try:
            session.query(f"CREATE TEMP TABLE refused AS {self._sql.refused}", self._lineage).fetchall()
        except LagoaError:
            stream.check()
            raise
        stream.check()
        tally = "SELECT rule, count(*) FROM refused GROUP BY rule ORDER BY count(*) DESC, rule"
        rules = dict(session.query(tally).fetchall())
        if not rules:
            return 0, {}
        query = SessionQuery(session, with_fates("refused"))
        return tx.append(self._table.quarantine, query, kind="quarantine").rows_added, rules


def source_files(context: LakeContext, folder: Path) -> dict[TableName, Path]:
    """Return the files of a folder that contracts name as their sources, by table.

    Raises:
        SourceError: there is no such folder, it may not be read, or no contract names a file in it.
    """
    named = {each.table: each.source.file for each in context.contracts if each.source and each.source.file}
    try:
        if not folder.is_dir():
            raise SourceError(str(folder), "there is no such folder.", "Check the path.")
        found = {table: folder / name for table, name in named.items() if (folder / name).is_file()}
    except OSError as error:
        raise SourceError(
            str(folder), f"it cannot be read: {error.strerror}.", "Give this user the right to read it."
        ) from error
    if not found:
        raise SourceError(
            str(folder),
            f"no contract names a file in it; they name {', '.join(sorted(set(named.values()))) or 'none'}.",
            "Add `file: NAME` to `lagoa.source` of a contract, or load one file with `lagoa ingest FILE --into TABLE`.",
        )
    return found


def ingest_folder(
    context: LakeContext,
    branch: str,
    folder: Path,
    *,
    workers: int | None = None,
    on_done: Callable[[IngestResult], None] | None = None,
) -> list[IngestResult]:
    """Load every file of a folder that a contract names as its source, in parallel, the largest first.

    Each file is a separate commit on the branch. If one fails, no other is started, those in progress are finished,
    and its error is raised; what was loaded stays on the branch, and loading the folder again skips it.

    Args:
        context: the lake.
        branch: a work branch.
        folder: where the files are.
        workers: files loaded at a time; by default the setting `workers`.
        on_done: called in this thread with each result as soon as it is there.

    Returns:
        One result per file, by table.

    Raises:
        LagoaError: as `ingest_file` does.
    """
    files = source_files(context, folder)
    longest_first = sorted(files, key=lambda table: files[table].stat().st_size, reverse=True)
    at_once = workers or context.settings.workers
    results = []
    with context.engine.shared(at_once), ThreadPoolExecutor(at_once, "ingest") as pool:
        tasks = [pool.submit(ingest_file, context, branch, table, files[table]) for table in longest_first]
        try:
            for task in as_completed(tasks):
                results.append(task.result())
                if on_done:
                    on_done(results[-1])
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return sorted(results, key=lambda result: result.table)
