"""Receipts and results of checks in one SQLite file beside the catalog."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import zlib
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from lagoa.adapters.shared.receipt_documents import (
    MAX_RESULTS,
    first_digits,
    read_approval,
    read_receipt,
    read_result,
    write_approval,
    write_each,
    write_receipt,
)
from lagoa.adapters.shared.receipt_parts import Parts, hash_of, new_parts
from lagoa.adapters.sqlite.readonly import NOT_WRITABLE, ReadOnly, connect_readonly, not_writable
from lagoa.adapters.sqlite.wal import error_code, is_busy, switch_to_wal
from lagoa.domain.saved import SavedRecord
from lagoa.errors import CatalogBusy, CatalogDamaged, LakeTooNew

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from lagoa.domain.approvals import Approval
    from lagoa.domain.checks import CheckResult
    from lagoa.domain.receipts import Receipt

FORMAT, _PLAIN = 4, 2
"""Of files whose receipts consist of parts, and of those without receipts, which earlier versions read, too."""

_LARGE = 2 * 1024
"""Documents of so many characters are compressed."""

BUSY_SECONDS = 30.0

_RESTORE = (
    "Stop what uses the lake, then put the file back from a backup, or bring back what can still be read: "
    "`lagoa doctor --repair`."
)
_COUNTED = "00"
"""Counting results reads a whole index, so it is done for one in 256: those whose keys, which are hashes, begin so."""

_VARIABLES = 500  # values bound to one statement; SQLite's own limit is higher everywhere

_SCHEMA = """
create table if not exists receipts (
    id text primary key,
    commit_id text not null,
    prepared_at text not null,
    settled integer not null,
    document text not null,
    branch text not null
) without rowid;
create index if not exists receipts_commit on receipts (commit_id);
create index if not exists receipts_branch on receipts (branch, prepared_at);
create index if not exists receipts_prepared on receipts (prepared_at);
create index if not exists receipts_unsettled on receipts (prepared_at) where settled = 0;
create table if not exists results (
    key text primary key,
    kept_at integer not null,
    document text not null
) without rowid;
create index if not exists results_kept on results (kept_at);
"""

_APPROVALS = "create table if not exists approvals (commit_id text not null, document text not null)"
"""Made with the first one: a file without any is as it was before there were approvals."""

_PARTS = "create table if not exists parts (digest text primary key, document not null)"
"""Parts of receipts, which are only ever added; made with the first receipt."""

_inherited: list[sqlite3.Connection] = []  # of a parent process: SQLite forbids even closing them after a fork


class SqliteReceipts:
    """The receipt store of an embedded lake; several threads and processes may use one file.

    Args:
        path: the file; made when it is not there.
        owner: whose results of checks are kept and found; nobody else's pass for them.

    Attributes:
        parts: reads the results that receipts name.

    Raises:
        LakeTooNew: the file was written by a newer Lagoa.
        CatalogDamaged: the file is no SQLite file, or is damaged.
        CatalogBusy: it is locked for longer than half a minute.
    """

    def __init__(self, path: Path, owner: str = "") -> None:
        self._path = path
        self._owner = owner
        self._readonly = self._closed = False
        self.parts = Parts(self._part_documents)
        with _translated(path):
            try:
                self._connect()
                self._prepare_file()
            except sqlite3.OperationalError as error:  # receipts that cannot be written are still read
                if error_code(error) not in NOT_WRITABLE or not path.is_file():
                    raise
                self._readonly = True
                self._connect()

    def _connect(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        if self._readonly:
            self._db: sqlite3.Connection = connect_readonly(self._path, BUSY_SECONDS)
        else:
            self._db = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            # A receipt must outlive a power cut: main moves right after it.
            self._db.execute("pragma synchronous = full")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        if self._pid != os.getpid():
            _inherited.append(self._db)
            self._connect()
        with self._lock, _translated(self._path):
            yield self._db
            if isinstance(self._db, ReadOnly) and not self._db.lasting:
                self._db.close()
                self._db = connect_readonly(self._path, BUSY_SECONDS)

    def _prepare_file(self) -> None:
        found = _format(self._db)
        if found > FORMAT:
            self._db.close()
            raise LakeTooNew(self._path, found, FORMAT)
        switch_to_wal(self._db, BUSY_SECONDS)
        if found < _PLAIN:
            with self._transaction() as db:
                if _format(db) == 1:  # again: another process may have been first
                    _add_branches(db)
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
                db.execute(f"pragma user_version = {_PLAIN}")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._connection() as db:
            db.execute("begin immediate")
            try:
                yield db
            except BaseException:
                db.execute("rollback")
                raise
            db.execute("commit")

    def _rows(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self._connection() as db:
            return db.execute(sql, parameters).fetchall()

    def prepare(self, receipt: Receipt, on: str | None = None) -> None:
        """Keep a receipt before `main` moves from the commit `on`, whose receipt is settled by that."""
        moment = receipt.prepared_at.astimezone(UTC).isoformat()
        results = receipt.report.by_table
        new = new_parts(results, self._known_parts)
        row = (receipt.id, receipt.commit, moment, packed(write_receipt(receipt)), receipt.branch)
        with self._transaction() as db:
            _insert_parts(db, new)
            _insert(db, row)
            db.execute("update receipts set settled = 1 where commit_id = ? and settled = 0", (on,))
        self.parts.keep(results)

    def get(self, receipt: str) -> Receipt | None:
        """Return a receipt by its id, or by the first digits of it where they are those of one alone."""
        return self._of_prefix("id", receipt)

    def of_commit(self, commit: str) -> Receipt | None:
        """Return the newest receipt of an audited commit; its first digits do as in `get`."""
        return self._of_prefix("commit_id", commit)

    def audited(self, commit: str) -> Receipt | None:
        """Return the newest receipt of a commit; none where each role has results of its own."""
        return None if self._owner else self.of_commit(commit)

    def of_branch(self, branch: str) -> Receipt | None:
        """Return the newest receipt of a branch, by its name."""
        sql = "select document from receipts where branch = ? order by prepared_at desc limit 1"
        rows = self._rows(sql, (branch,))
        return self._read(rows[0][0]) if rows else None

    def newest(self) -> Iterator[Receipt]:
        """Yield all receipts, newest first."""
        for (receipt,) in self._rows("select id from receipts order by prepared_at desc, id", ()):
            found = self.get(receipt)
            if found is not None:  # pruned meanwhile
                yield found

    def _of_prefix(self, column: Literal["id", "commit_id"], prefix: str) -> Receipt | None:
        sql = f"from receipts where {column} >= ? and {column} < ?"
        bounds = first_digits(prefix)
        if len(self._rows(f"select distinct {column} {sql} limit 2", bounds)) != 1:
            return None
        return self._read(self._rows(f"select document {sql} order by prepared_at desc limit 1", bounds)[0][0])

    def _read(self, document: str | bytes) -> Receipt:
        try:
            return read_receipt(unpacked(document), self.parts)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise CatalogDamaged(f"{self._path}: a receipt in it is damaged: {error}.", _RESTORE) from error

    def _known_parts(self, digests: Collection[str]) -> set[str]:
        with self._connection() as db:
            return {digest for digest, _ in _part_rows(db, digests, "null")}

    def _part_documents(self, digests: Collection[str]) -> Mapping[str, str]:
        """Return the documents of parts by their digests; raises `CatalogDamaged` if one is missing or another."""
        if self._closed:  # a receipt can be looked at after the lake that it was read from was closed
            with _translated(self._path), closing(connect_readonly(self._path, BUSY_SECONDS)) as db:
                rows = list(_part_rows(db, digests))
        else:
            with self._connection() as db:
                rows = list(_part_rows(db, digests))
        try:
            return read_parts(rows, digests)
        except ValueError as error:
            raise CatalogDamaged(f"{self._path}: a receipt in it is damaged: {error}.", _RESTORE) from error

    def results(self, keys: Sequence[str]) -> Mapping[str, CheckResult]:
        """Return the earlier results of these keys."""
        found: dict[str, CheckResult] = {}
        for start in range(0, len(keys), _VARIABLES):
            part = [f"{self._owner}{key}" for key in keys[start : start + _VARIABLES]]
            marks = ", ".join("?" * len(part))
            sql = f"select key, document from results where key in ({marks})"  # noqa: S608 - question marks only
            for key, document in self._rows(sql, part):
                with suppress(ValueError, TypeError):  # damaged: the check runs again
                    found[key.removeprefix(self._owner)] = read_result(document)
        return found

    def remember(self, results: Sequence[CheckResult]) -> None:
        """Keep results for use by later audits; about the newest `MAX_RESULTS` stay."""
        now = int(datetime.now(UTC).timestamp())
        rows = [(f"{self._owner}{key}", now, document) for key, document in write_each(results).items()]
        if not rows:
            return
        with self._transaction() as db:
            db.executemany("insert or replace into results values (?, ?, ?)", rows)
            if any(result.key.startswith(_COUNTED) for result in results):
                excess = db.execute("select count(*) from results").fetchone()[0] - MAX_RESULTS
                db.execute(
                    "delete from results where key in (select key from results order by kept_at limit ?)",
                    (max(excess, 0),),
                )

    def approve(self, approval: Approval) -> None:
        """Keep an approval."""
        with self._transaction() as db:
            db.execute(_APPROVALS)
            db.execute("insert into approvals values (?, ?)", (approval.commit, write_approval(approval)))

    def approvals(self, commit: str) -> Sequence[Approval]:
        """Return the approvals of a commit. None is enforced: whoever can write the file can write any name."""
        with self._connection() as db:
            if not has_table(db, "approvals"):
                return ()
        rows = self._rows("select document from approvals where commit_id = ? order by rowid", (commit,))
        try:
            return [replace(read_approval(document), enforced=False) for (document,) in rows]
        except (ValueError, TypeError, KeyError) as error:
            raise CatalogDamaged(f"{self._path}: an approval in it is damaged: {error}.", _RESTORE) from error

    def prune(self, before: datetime, published: Callable[[str], bool]) -> int:
        """Drop receipts prepared before a moment whose commit was not published; return how many."""
        sql = "select id, commit_id from receipts where settled = 0 and prepared_at < ?"
        old = self._rows(sql, (before.astimezone(UTC).isoformat(),))
        kept = [(receipt,) for receipt, commit in old if published(commit)]
        gone = [(receipt,) for receipt, _ in old if (receipt,) not in kept]
        if old:
            with self._transaction() as db:
                db.executemany("update receipts set settled = 1 where id = ?", kept)
                db.executemany("delete from receipts where id = ?", gone)
        return len(gone)

    def saved(self) -> Iterator[SavedRecord]:
        """Yield every receipt and approval of one time, and the parts of receipts before them."""
        # A connection of its own, in one transaction: nobody waits for whoever reads the records.
        with _translated(self._path), closing(connect_readonly(self._path, BUSY_SECONDS)) as db:
            db.execute("begin")
            if has_table(db, "parts"):
                for (document,) in db.execute("select document from parts order by rowid"):
                    yield SavedRecord("part", unpacked(document))
            for (document,) in db.execute("select document from receipts order by prepared_at, id"):
                yield SavedRecord("receipt", unpacked(document))
            if has_table(db, "approvals"):
                for (document,) in db.execute("select document from approvals order by rowid"):
                    yield SavedRecord("approval", document)

    def bring_back(self, records: Iterable[SavedRecord]) -> int:
        """Add records; a receipt that is there names its commit as the one that is brought back."""
        with self._transaction() as db:
            for each in records:
                if each.kind == "part":
                    _insert_parts(db, {hash_of(each.document): each.document})
                elif each.kind == "receipt":
                    receipt = read_receipt(each.document, self.parts)
                    moment = receipt.prepared_at.astimezone(UTC).isoformat()
                    _insert(db, (receipt.id, receipt.commit, moment, packed(each.document), receipt.branch))
                else:
                    db.execute(_APPROVALS)
                    approval = (read_approval(each.document).commit, each.document)
                    if not db.execute(
                        "select 1 from approvals where (commit_id, document) = (?, ?)", approval
                    ).fetchone():
                        db.execute("insert into approvals values (?, ?)", approval)
        return 0

    def close(self) -> None:
        """Close the file."""
        if self._pid == os.getpid():
            with self._lock:
                self._db.close()
                self._closed = True


def packed(document: str) -> str | bytes:
    """Return the document of a receipt, or of a part of one, as it is stored."""
    return document if len(document) < _LARGE else zlib.compress(document.encode(), 1)


def unpacked(stored: str | bytes) -> str:
    """Return the document that is stored so; raises `ValueError`."""
    if isinstance(stored, str):
        return stored
    try:
        return zlib.decompress(stored).decode()
    except zlib.error as error:
        raise ValueError(str(error)) from error


def read_parts(rows: Iterable[tuple[str, str | bytes]], digests: Collection[str]) -> dict[str, str]:
    """Return the documents of parts by their digests; raises `ValueError` if one is missing or another."""
    found = {digest: unpacked(document) for digest, document in rows}
    for digest in digests:
        if digest not in found:
            raise ValueError(f"its part {digest[:12]} is missing")
        if hash_of(found[digest]) != digest:
            raise ValueError(f"its part {digest[:12]} was changed")
    return found


def _part_rows(
    db: sqlite3.Connection, digests: Collection[str], column: Literal["document", "null"] = "document"
) -> Iterator[tuple[str, Any]]:
    """Yield the parts with these digests, none for one that is missing."""
    wanted = list(digests)
    for start in range(0, len(wanted) if wanted and has_table(db, "parts") else 0, _VARIABLES):
        part = wanted[start : start + _VARIABLES]
        marks = ", ".join("?" * len(part))
        yield from db.execute(f"select digest, {column} from parts where digest in ({marks})", part)  # noqa: S608


def _insert_parts(db: sqlite3.Connection, documents: Mapping[str, str]) -> None:
    if documents:
        db.execute(_PARTS)
        rows = ((digest, packed(document)) for digest, document in documents.items())
        db.executemany("insert or ignore into parts values (?, ?)", rows)


def _insert(db: sqlite3.Connection, row: tuple[str, str, str, str | bytes, str]) -> None:
    db.execute("insert or replace into receipts values (?, ?, ?, 0, ?, ?)", row)
    if _format(db) != FORMAT:
        db.execute(f"pragma user_version = {FORMAT}")


def has_table(db: sqlite3.Connection, table: str) -> bool:
    """Return whether a file has a table."""
    return db.execute("select 1 from sqlite_master where name = ?", (table,)).fetchone() is not None


def _format(db: sqlite3.Connection) -> int:
    return int(db.execute("pragma user_version").fetchone()[0])


def _add_branches(db: sqlite3.Connection) -> None:
    """Bring a file of format 1 to format 2."""
    db.execute("alter table receipts add column branch text not null default ''")
    for receipt, document in db.execute("select id, document from receipts").fetchall():
        db.execute("update receipts set branch = ? where id = ?", (json.loads(document)["branch"], receipt))


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if is_busy(error):
            message = f"{path} is locked by others for longer than {BUSY_SECONDS:.0f} s."
            raise CatalogBusy(message, "Try again.") from error
        raise not_writable(path, error) from error
    except sqlite3.DatabaseError as error:
        raise CatalogDamaged(f"{path}: {error}.", _RESTORE) from error
