"""The rows of a file: a session, in whatever process, reads it and writes those accepted, or those refused."""

from __future__ import annotations

import socket
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeAlias

from lagoa.catalog.metadata_files import without_history
from lagoa.catalog.sql_types import type_in_sql
from lagoa.contracts.quarantine import with_fates
from lagoa.domain.sql_names import name_in_sql
from lagoa.domain.tables import LINEAGE_COLUMNS
from lagoa.errors import LagoaError, QueryError, SourceError
from lagoa.formats import open_reader
from lagoa.formats.shared.row_sql import STREAM, RowSql

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    from pyiceberg.manifest import DataFile
    from pyiceberg.table.metadata import TableMetadata

    from lagoa.contracts.contract import Contract
    from lagoa.domain.ports.engine import SqlSession
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.reading import Reader
    from lagoa.formats.shared.stream import EngineScan, Stream

ReadFile: TypeAlias = "Callable[[TableMetadata, SqlSession], Written]"
"""Reads a file in a session, and writes what it finds as data files of a table."""

_STORED, _REFUSED = "_lagoa_stored", "refused"
"""The tables of a session with rows and refused records of files."""

_OF_FILE = LINEAGE_COLUMNS[:3]
"""The lineage columns that have one value for all rows of a file."""


@dataclass(frozen=True, slots=True)
class Written:
    """What one pass over a file found and wrote.

    Attributes:
        files: the data files.
        received: records in the file.
        footer: records at its end that are no data.
        notes: what else was left out.
        rules: records refused, by the first rule that each breaks.
    """

    files: list[DataFile] = field(default_factory=list)
    received: int = 0
    footer: int = 0
    notes: tuple[str, ...] = ()
    rules: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stored:
    """Rows of a file in a session.

    Attributes:
        name: under which they are there.
        rows: how many.
        written: what was found in the file.
    """

    name: str
    rows: int
    written: Written


class FileRows:
    """The rows of one file for one table. It can be pickled: another process then opens the file itself.

    Args:
        contract: of the table.
        file: the file.
        lineage: the batch's id, the moment, and the file's name.
    """

    def __init__(self, contract: Contract, file: SourceFile, lineage: Sequence[Any]) -> None:
        self.contract = contract
        self.file = file
        self.lineage = lineage

    def __reduce__(self) -> tuple[Any, ...]:
        return FileRows, (self.contract, self.file, self.lineage)

    @cached_property
    def reader(self) -> Reader:
        """The reader; raises `SourceError`, `ContractError`."""
        return open_reader(self.contract, self.file)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the accepted rows."""
        return (*(column.name for column in self.contract.columns), *LINEAGE_COLUMNS)

    @property
    def name(self) -> str:
        """The file's name."""
        return self.file.name

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self.file.path

    @property
    def found(self) -> Collection[str]:
        """The contract's columns that the file has; raises as `reader` does."""
        return self.reader.columns

    @cached_property
    def _typed(self) -> str:
        """The columns of the accepted rows, with their types."""
        fields = self.contract.schema().fields
        return ", ".join(f"{name_in_sql(field.name)} {type_in_sql(field.field_type)}" for field in fields)

    @cached_property
    def _sql(self) -> RowSql:
        return RowSql(self.contract, self.reader, str(self.file.path))

    def accepted(self, table: TableMetadata, session: SqlSession) -> Written:
        """Write the rows that break no rule: by the engine's own reader if it has one for such a file.

        Raises:
            SourceError: the file cannot be read, or changed meanwhile.
            WriteError: the files cannot be written.
        """
        if self.reader.scan is not None:
            with suppress(QueryError):  # the stream has the place and the reason of what the engine cannot read
                return self._accepted(table, session, self.reader.scan)
        return self._accepted(table, session, None)

    def stored(self, session: SqlSession) -> Stored:
        """Keep the rows that break no rule in the session, behind those that are there; raises as `accepted` does."""
        stream = self.reader.stream()
        _register(session, stream)
        with _read_to_end(stream):
            session.query(f"CREATE TEMP TABLE IF NOT EXISTS {_STORED} ({self._typed})").fetchall()
            count = session.query(f"INSERT INTO {_STORED} BY NAME {self._sql.accepted}", self.lineage).fetchall()[0][0]
        self.file.check_unchanged()
        return Stored(_STORED, count, Written([], stream.received, stream.footer, stream.notes))

    def refused(self, table: TableMetadata, session: SqlSession) -> Written:
        """Write the other records as rows of the quarantine; raises as `accepted` does."""
        received = self.store_refused(session)
        return _written_refused(session, table, received)

    def store_refused(self, session: SqlSession, *, first: bool = True) -> int:
        """Keep the other records in the session; return how many the file has in all.

        Args:
            session: the session.
            first: whether it has none yet; else they come behind those.
        """
        stream = self.reader.stream()
        _register(session, stream)
        with _read_to_end(stream):
            keep = f"CREATE TEMP TABLE {_REFUSED} AS" if first else f"INSERT INTO {_REFUSED}"
            session.query(f"{keep} {self._sql.refused}", self.lineage).fetchall()
        self.file.check_unchanged()
        return stream.received

    def _accepted(self, table: TableMetadata, session: SqlSession, scan: EngineScan | None) -> Written:
        stream = self.reader.stream()
        if scan is not None and _scans(session, scan, stream.schema):
            stream.received = scan.rows
        else:
            _register(session, stream)
        with _read_to_end(stream):
            files = session.write(self._sql.accepted, table, parameters=self.lineage, constant=_OF_FILE)
        self.file.check_unchanged()
        return Written(files, stream.received, stream.footer, stream.notes)


class SeveralRows:
    """The rows of several files that are one batch; see `FileRows`."""

    def __init__(self, files: Sequence[FileRows]) -> None:
        self._files = files
        self._clean: set[int] = set()  # files of which no record is refused
        self.contract = files[0].contract
        self.columns = files[0].columns
        self.path = files[0].path.parent
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        self.name = f"{files[0].name}{more}"

    @property
    def found(self) -> Collection[str]:
        """The contract's columns that any of the files has."""
        return {name for file in self._files for name in file.found}

    def accepted(self, table: TableMetadata, session: SqlSession) -> Written:
        """Write the rows of all files that break no rule; raises as `FileRows.accepted` does."""
        stored = self.stored(session)
        files = session.write(f"SELECT * FROM {stored.name}", table)  # noqa: S608 - a name of ours
        return replace(stored.written, files=files)

    def stored(self, session: SqlSession) -> Stored:
        """Keep the rows of all files that break no rule in the session."""
        rows, received, footer, notes = 0, 0, 0, dict[str, None]()
        for number, file in enumerate(self._files):
            stored = file.stored(session)
            rows += stored.rows
            received += stored.written.received
            footer += stored.written.footer
            notes |= dict.fromkeys(stored.written.notes)
            if stored.rows == stored.written.received:
                self._clean.add(number)
        return Stored(_STORED, rows, Written([], received, footer, tuple(notes)))

    def refused(self, table: TableMetadata, session: SqlSession) -> Written:
        """Write the other records of all files as rows of the quarantine, after `stored` or `accepted`."""
        others = [file for number, file in enumerate(self._files) if number not in self._clean]
        received = [file.store_refused(session, first=not number) for number, file in enumerate(others)]
        return _written_refused(session, table, sum(received))


LoadedRows: TypeAlias = FileRows | SeveralRows


def _written_refused(session: SqlSession, table: TableMetadata, received: int) -> Written:
    """Write the refused records that the session keeps as rows of the quarantine."""
    tally = f"SELECT rule, count(*) FROM {_REFUSED} GROUP BY rule ORDER BY count(*) DESC, rule"  # noqa: S608
    rules = dict(session.query(tally).fetchall())
    return Written(session.write(with_fates(_REFUSED), table), received, rules=rules)


def on_worker(rows: LoadedRows, read: ReadFile, table: TableMetadata) -> Callable[[SqlSession], Written]:
    """Return a task for a worker: it reads a file for a table, of whose metadata it gets what its files must match."""
    return partial(_on_worker, rows.path, read, without_history(table))


def _on_worker(path: Path, read: ReadFile, table: TableMetadata, session: SqlSession) -> Written:
    if not path.exists():
        raise SourceError(
            str(path),
            f"the worker on {socket.gethostname()} does not have it.",
            "Put the files where all workers have them under the same path, or load them with `engine = duckdb`.",
        )
    return read(table, session)


def _register(session: SqlSession, stream: Stream) -> None:
    """Make the stream readable under its name, in place of the view of an engine's own reader."""
    session.query(f"DROP VIEW IF EXISTS {name_in_sql(STREAM)}").fetchall()
    session.register(STREAM, stream.arrow_stream())


@contextmanager
def _read_to_end(stream: Stream) -> Iterator[None]:
    """Raise what broke the reading, rather than the engine's error about that."""
    try:
        yield
    except LagoaError:
        stream.check()
        raise
    stream.check()


def _scans(session: SqlSession, scan: EngineScan, wanted: pa.Schema) -> bool:
    """Let the engine read the file in place of the stream, if it finds the same types there."""
    view = name_in_sql(STREAM)
    session.query(f"CREATE TEMP VIEW {view} AS {scan.sql}").fetchall()
    found = session.query(f"SELECT * FROM {view} LIMIT 0").arrow().schema  # noqa: S608 - quoted
    return scan.has_types_of(found, wanted)
