"""Loads one file: rows as received into their table, refused records into its quarantine, in one commit."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lagoa.contracts.quarantine import with_fates
from lagoa.domain.commits import Batch
from lagoa.domain.sql_names import name_in_sql
from lagoa.domain.tables import LINEAGE_COLUMNS
from lagoa.errors import LagoaError, QueryError, SourceError
from lagoa.formats import open_reader
from lagoa.formats.shared.files import SourceFile
from lagoa.formats.shared.row_sql import STREAM, RowSql
from lagoa.ingest.results import IngestResult
from lagoa.write import SessionQuery, begin
from lagoa.write.fingerprints import FILE

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from lagoa.context import LakeContext
    from lagoa.contracts.contract import Contract
    from lagoa.domain.ports.engine import SqlSession
    from lagoa.domain.tables import TableName
    from lagoa.formats.shared.reading import Reader
    from lagoa.formats.shared.stream import EngineScan
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
    contract = context.contracts[table]
    named = contract.source.member if contract.source else None
    file = SourceFile(path, [each for each in (named, member) if each])
    reader = open_reader(contract, file)
    load = _Load(contract, file, reader, batch_of(file, batch))

    def loaded(scan: EngineScan | None) -> IngestResult:
        with begin(context, branch, f"ingest {file.name} into {table}") as tx, context.engine.session({}) as session:
            result = load.run(tx, session, scan)
        return replace(result, commit=tx.commit.id if tx.commit else None, seconds=time.perf_counter() - started)

    if reader.scan is not None:
        with suppress(QueryError):  # the stream has the place and the reason of what the engine cannot read
            return loaded(reader.scan)
    return loaded(None)


def batch_of(file: SourceFile, batch: str | None = None) -> Batch:
    """Return the batch that a file is, under an id or that of its content; raises `SourceError`."""
    fingerprint = file.fingerprint()
    return Batch(batch or fingerprint[:_ID_LENGTH], f"{FILE}:{fingerprint}")


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
        unread = file.member.others if file.member else ()
        self._result = IngestResult(contract.table, file.name, batch.id, missing=missing, unread=unread)

    def run(self, tx: WriteTransaction, session: SqlSession, scan: EngineScan | None = None) -> IngestResult:
        """Write the rows and the refused records; return the counts.

        The file is read once, by the engine itself where there is a `scan`. Only if it has more records than rows were
        written is it read a second time, for those that were refused.

        Raises:
            QueryError: with a `scan`, the engine cannot read the file.
        """
        stream = self._reader.stream()
        if scan is not None and self._scans(session, scan, stream.schema):
            stream.received = scan.rows
        else:
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
        left_out = replace(self._result, footer=stream.footer, notes=stream.notes)
        return replace(left_out, received=received, accepted=accepted, quarantined=refused, rules=rules)

    def _scans(self, session: SqlSession, scan: EngineScan, wanted: pa.Schema) -> bool:
        """Let the engine read the file in place of the stream, if it finds the same types there."""
        view = name_in_sql(STREAM)
        session.query(f"CREATE TEMP VIEW {view} AS {scan.sql}").fetchall()
        found = session.query(f"SELECT * FROM {view} LIMIT 0").arrow().schema  # noqa: S608
        return scan.has_types_of(found, wanted)

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
