"""What the mechanism needs from outside. An adapter implements one of these; `lake.py` alone picks which."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa
    from pydantic import SecretStr
    from pyiceberg.manifest import DataFile
    from pyiceberg.table.metadata import TableMetadata

    from lagoa.errors import CheckError
    from lagoa.model import (
        AuditReport,
        Change,
        CheckFile,
        CheckResult,
        Commit,
        Publication,
        Receipt,
        Ref,
        RefInfo,
        TableName,
    )

Namespace = tuple[str, ...]
Pointers = Mapping["TableName", str]
"""Location of the current metadata.json of each table."""

FILE_COLUMN = "_lagoa_file"
"""The column of `SqlSession.data_files` that holds the path of the file a row stands in."""


class VersionedCatalog(Protocol):
    """Branches, tags and commits over tables' metadata pointers.

    Commit ids are content hashes. `~n` and `log` follow first parents, `merge_base` and `is_ancestor` both.
    Every method raises `CatalogBusy` when the catalog does not answer in time, and `RefNotFound` for a ref or
    commit that is not there.
    """

    def resolve(self, ref: Ref | str) -> Commit:
        """Return the commit that a ref names now."""

    def ref(self, name: str) -> RefInfo:
        """Return a branch or tag."""

    def refs(self) -> Sequence[RefInfo]:
        """Return all branches and tags, by name."""

    def create_branch(self, name: str, at: str) -> RefInfo:
        """Make a branch at a commit id; raises `RefExists`, `InvalidName`."""

    def create_tag(self, name: str, at: str) -> RefInfo:
        """Make a tag at a commit id; raises `RefExists`, `InvalidName`."""

    def delete_ref(self, name: str, expected: str) -> None:
        """Remove a branch or tag that is at `expected`.

        Raises:
            CommitLost: when it has moved.
            RefProtected: for main.
        """

    def commit(self, branch: str, expected: str, change: Change) -> Commit:
        """Land `change` as one commit on `branch`, if its head is `expected`: all or nothing.

        Raises:
            CommitLost: when the branch is not at `expected`; it names the tables of `change` that others changed.
            RefProtected: for main and for tags.
        """

    def swap(self, branch: str, expected: str, to: str) -> datetime:
        """Move `branch` from `expected` to its descendant `to`, by compare-and-swap; the one way to move main.

        The first parent of `to` must be `expected`. The moment goes to the journal that answers `branch*<time>`,
        in the same transaction, and is returned; moments of one branch strictly increase.

        Raises:
            CommitLost: when the branch is not at `expected`.
            NotASuccessor: when the first parent of `to` is another.
            RefProtected: for a tag.
        """

    def moves(self, branch: str, newest: int | None = None) -> Sequence[tuple[datetime, str]]:
        """Return the swaps of a branch from the journal: (moment, commit id), oldest first; all, or the newest ones."""

    def get(self, commit: str) -> Commit:
        """Return a commit by its full id."""

    def log(self, commit: str) -> Iterator[Commit]:
        """Yield the commit and its first parents, newest first, to the root."""

    def is_ancestor(self, ancestor: str, of: str) -> bool:
        """Return whether `ancestor` is `of` or lies behind it, by any parent."""

    def merge_base(self, a: str, b: str) -> str:
        """Return the nearest common ancestor, by any parent."""

    def tables(self, commit: str) -> Pointers:
        """Return the pointer of each table at a commit."""

    def namespaces(self, commit: str) -> Mapping[Namespace, Mapping[str, str]]:
        """Return the namespaces at a commit with their properties."""

    def diff(self, a: str, b: str) -> Mapping[TableName, tuple[str | None, str | None]]:
        """Return each table whose pointer differs, as (at a, at b)."""

    def verify(self) -> list[str]:
        """Return what is wrong with what the catalog keeps, a sentence each; an empty list when it is whole."""

    def close(self) -> None:
        """Release what the catalog holds open."""


class QueryResult(Protocol):
    """Rows of one query, read once."""

    @property
    def columns(self) -> Sequence[str]:
        """Names of the columns."""

    def arrow(self) -> pa.Table:
        """Return all rows as an Arrow table."""

    def reader(self, batch_size: int = 1_000_000) -> pa.RecordBatchReader:
        """Return the rows as a stream of Arrow batches."""

    def df(self) -> pd.DataFrame:
        """Return all rows as a pandas DataFrame."""

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        """Return the next rows as tuples: `size` of them, fewer at the end."""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows as tuples."""


class SqlSession(Protocol):
    """A connection of the engine in which a fixed set of tables can be named; one thread uses it at a time.

    Every name stands for the exact pointer that was given: what happens on the branch meanwhile is not seen.
    """

    @property
    def connection(self) -> Any:
        """The engine's own connection, in which the tables are named alike; for tools that bring their own SQL."""

    def query(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> QueryResult:
        """Run Lagoa's own SQL (a model, a check, a reader); raises `QueryError`."""

    def write(self, query: str, table: TableMetadata, *, parameters: Sequence[Any] = ()) -> list[DataFile]:
        """Run a query and write its rows as the table's data files: field ids, partition, sort order, file size.

        The query yields the table's columns under their names, in any order. Nothing is committed.

        Raises:
            WriteError: a column is missing or unknown, a value does not fit, a required one is null.
            QueryError: the query fails.
        """

    def stage(self, name: str, query: str, table: TableMetadata, *, parameters: Sequence[Any] = ()) -> int:
        """Keep a query's rows, as `write` would write them, under a name of this session; return their number.

        What does not fit in memory is spilled. Raises as `write` does, but nulls are let through.
        """

    def columns(self, query: str, parameters: Sequence[Any] = ()) -> list[str]:
        """Return the names of a query's columns; it is not run."""

    def data_files(self, table: TableMetadata, files: Sequence[DataFile]) -> str | None:
        """Return SQL to select from that reads some data files of a table, in its schema, and `FILE_COLUMN`.

        None where they can only be read through the table's metadata. What was deleted in them is not left out.
        """

    def table_at(self, pointer: str) -> str:
        """Return SQL to select from that reads the table at a pointer, with what was deleted left out."""

    def register(self, name: str, data: pa.Table | pa.RecordBatchReader | pd.DataFrame) -> None:
        """Make data of this process readable under a name."""

    def close(self) -> None:
        """Release the session."""

    def __enter__(self) -> Self:
        """Return the session."""

    def __exit__(self, *exc: object) -> None:
        """Close the session."""


class SqlEngine(Protocol):
    """Runs SQL over Iceberg tables and writes Parquet files; it commits nothing."""

    @property
    def version(self) -> str:
        """What runs the SQL, and which version: results of another one are not taken for its own."""

    def session(self, tables: Pointers, *, confined: bool = False, writes: bool = False) -> SqlSession:
        """Open a session in which each of `tables` can be read by its name.

        `confined` is for a user's SQL: the session can then open nothing outside the warehouse. Whether such a session
        `writes` is told before.
        """

    def session_of(self, tables: Mapping[TableName, pa.Table]) -> SqlSession:
        """Open a session in which each of `tables` can be read by its name: rows in memory, for trying SQL out."""

    def remember(self, pointer: str, files: Sequence[str]) -> None:
        """Say that the table at `pointer` is exactly these files, all written under its current schema.

        Sessions of this engine may then read them without the table's metadata.
        """

    def files(self, pointer: str) -> tuple[str, ...] | None:
        """Return what was remembered of a pointer."""

    def shared(self, workers: int) -> AbstractContextManager[None]:
        """Within it so many sessions work at a time, each with its share of the engine's threads."""

    def flush(self) -> None:
        """Return when every file written so far, by whichever process, would survive a loss of power."""

    def tables_read(self, sql: str) -> frozenset[TableName]:
        """Parse a user's SQL with the engine's own parser; return the tables it names.

        Raises:
            QueryError: anything but one SELECT over named tables: another statement, a table function, a path.
        """

    def close(self) -> None:
        """Release the engine."""


class Auditor(Protocol):
    """Runs the checks of check files (soda/<layer>/<table>.yaml)."""

    @property
    def version(self) -> str:
        """What runs the checks, and which version: results of another one are not taken for its own."""

    def read(self, table: TableName, path: Path, faults: list[CheckError] | None = None) -> CheckFile:
        """Read a check file; raises `CheckError` with file and line for anything that cannot be run.

        Where `faults` is given, those of single checks go there, and the file comes without these checks.
        """

    def run(self, files: Sequence[CheckFile], session: SqlSession) -> Sequence[CheckResult]:
        """Run every check of some files; a check that was not evaluated says so in its outcome.

        A check that does not come back is for the caller to notice. Keys are left empty.
        """


class ReceiptStore(Protocol):
    """Receipts of publications and results of checks, outside the branches."""

    def prepare(self, receipt: Receipt) -> None:
        """Keep a receipt before `main` moves."""

    def get(self, receipt: str) -> Receipt | None:
        """Return a receipt by its id, or by the first digits of it where they are those of one alone."""

    def of_commit(self, commit: str) -> Receipt | None:
        """Return the newest receipt of an audited commit; its first digits do as in `get`."""

    def of_branch(self, branch: str) -> Receipt | None:
        """Return the newest receipt of a branch, by its name."""

    def newest(self) -> Iterator[Receipt]:
        """Yield all receipts, newest first."""

    def results(self, keys: Sequence[str]) -> Mapping[str, CheckResult]:
        """Return the earlier results of these keys."""

    def remember(self, results: Sequence[CheckResult]) -> None:
        """Keep results for use by later audits."""

    def prune(self, before: datetime, published: Callable[[str], bool]) -> int:
        """Drop receipts prepared before a moment whose commit was not published; return how many.

        Args:
            before: younger receipts stay.
            published: whether a commit was; asked once for each receipt.
        """

    def close(self) -> None:
        """Release what the store holds open."""


class Secrets(Protocol):
    """Where the credentials of one role come from. Threads may share one."""

    def get(self, name: str) -> SecretStr:
        """Return the secret of a name, as it is now: one that was changed meanwhile is seen.

        Args:
            name: small letters, digits and `-`, such as `oidc-client-secret`.

        Raises:
            InvalidName: a name outside that grammar.
            SecretNotFound: there is none of that name, or it is empty.
            SettingsError: nothing says who asks.
            SecretsUnavailable: the server that keeps them does not answer, or is sealed.
            SignInFailed: it does not know who asks.
            NotAllowed: it knows who asks, and refuses.
        """


class Tokens(Protocol):
    """Bearer tokens by which servers know who asks. Threads may share one."""

    role: str
    """The role that they stand for."""

    def __call__(self) -> SecretStr:
        """Return a token that holds.

        Raises:
            SignInFailed: the server that gives them out does not know who asks.
            SignInUnavailable: it does not answer.
        """

    def forget(self, token: SecretStr) -> None:
        """Give this token no more: a server refused it, though it should hold."""


class Publisher(Protocol):
    """Moves `main` for somebody whose own role may not."""

    def publish(self, branch: str, message: str) -> Publication:
        """Do as `lagoa.publish.publish`, with its errors; `PublisherFailed` when the step itself fails."""

    def rollback(self, to: str, *, hold: bool) -> Publication:
        """Do as `lagoa.publish.rollback.rollback`, likewise."""

    def accompany(self, branch: str) -> PublisherRun:
        """Begin with a branch that is being worked on."""

    def close(self) -> None:
        """Release what is kept for the next publication."""


class PublisherRun(Protocol):
    """Checks a branch beside the work on it, and then publishes it; the results are the publisher's own."""

    def finished(self, table: TableName, commit: str | None) -> None:
        """Check a table whose rows are on the branch since a commit; None where nothing was committed for it."""

    def audit(self) -> AuditReport:
        """Do as `lagoa.audit.audit`, with its errors; `PublisherFailed` when the step itself fails."""

    def publish(self, message: str) -> Publication:
        """Do as `Publisher.publish`."""

    def close(self) -> None:
        """Check nothing any more."""
