"""The SQL engine on DuckDB: sessions over exact table pointers, a user's SQL confined, spilling to the state folder."""

# ruff: noqa: S608 - names and texts are quoted, values are bound

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import threading
import uuid
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import duckdb

from lagoa.adapters.duckdb.confine import tables_read
from lagoa.adapters.duckdb.instance import DuckDBInstance
from lagoa.adapters.duckdb.metadata import TableScans
from lagoa.adapters.duckdb.no_values import without_values
from lagoa.adapters.duckdb.session import DuckDBSession, Means
from lagoa.catalog.readable import refuse_unreadable, summary_of, table_at
from lagoa.catalog.table_facts import table_document
from lagoa.domain.cache import Cache
from lagoa.domain.owners import is_running
from lagoa.domain.sql_names import text_in_sql
from lagoa.errors import SettingsError
from lagoa.storage.port import S3

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from lagoa.adapters.duckdb.reading import FileColumn
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.tables import TableName
    from lagoa.storage.port import Storage

_KEPT_TABLES, _KEPT_FILES = 4096, 65_536
"""Of how many tables and data files an engine keeps what it knows; more than a few states of a large lake have."""

_PROBE = 1 << 16
"""Bytes that must be free for the spill folder to be used."""

_DEFAULT_SHARE = 0.8  # of the memory that the process may use is DuckDB's own limit


class DuckDBEngine:
    """Runs SQL over Iceberg tables and writes their data files; commits nothing.

    Sessions of a user's SQL run in a DuckDB instance of their own, which opens no file outside the warehouse and
    whose settings are locked: a second defence behind `tables_read`, not a replacement. Instances start when they are
    first needed.

    Args:
        storage: where the tables' files lie.
        spill: folder for what does not fit in memory.
        memory_limit: what an instance may hold in memory: `4GB`, or `60%` of what the process may use.
        threads: threads of an instance.
        target_file_bytes: size of a data file.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        spill: Path,
        memory_limit: str,
        threads: int,
        target_file_bytes: int,
    ) -> None:
        self._storage = storage
        self._memory_limit = memory_limit.replace(" ", "")
        self._threads = threads
        self._target_file_bytes = target_file_bytes
        self._spill = spill.absolute() / f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._instances: dict[bool, DuckDBInstance] = {}  # by whether it is confined
        self._files: Cache[str, tuple[str, ...]] = Cache(_KEPT_TABLES)
        self._scans: Cache[str, str] = Cache(_KEPT_TABLES)
        self._file_columns: Cache[str, frozenset[FileColumn]] = Cache(_KEPT_FILES)
        self._sharing: list[int] = []
        self._tables = TableScans(storage, self._spill / "metadata")
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    @property
    def version(self) -> str:
        """DuckDB and its version."""
        return f"duckdb {duckdb.__version__}"

    def session(self, tables: Pointers, *, confined: bool = False) -> DuckDBSession:
        """Open a session in which each of `tables` can be read by its name.

        Args:
            tables: the exact pointer for each name.
            confined: whether a user's SQL will run in it: it can then open nothing outside the warehouse.
        """
        instance = self._instance(confined=confined)
        views = {table: self._view(pointer, instance) for table, pointer in tables.items()}
        return self._session(instance, views, named=bool(tables))

    def session_of(self, tables: Mapping[TableName, pa.Table]) -> DuckDBSession:
        """Open a session over rows in memory; see `SqlEngine.session_of`."""
        instance = self._instance(confined=False)
        session = self._session(instance, {}, named=True)
        session.hold(tables)
        return session

    @contextmanager
    def shared(self, workers: int) -> Iterator[None]:
        """Within it so many sessions work at a time, each with its share of the threads.

        DuckDB hands its threads to all queries alike: two queries on two threads each get in each other's way, and
        take half as much time again as on a thread each.
        """
        instance = self._instance(confined=False)
        with self._lock:
            self._sharing.append(workers)
            instance.set_threads(max(1, self._threads // max(self._sharing)))
        try:
            yield
        finally:
            with self._lock:
                self._sharing.remove(workers)
                instance.set_threads(max(1, self._threads // max(self._sharing, default=1)))

    def flush(self) -> None:
        """Return when all files are on the disk; one call for all of them is quicker than one for each."""
        os.sync()

    def tables_read(self, sql: str, *, repeatable: bool = False) -> frozenset[TableName]:
        """Parse a user's SQL with DuckDB's own parser; return the tables it names; see `SqlEngine.tables_read`."""
        with self._instance(confined=True).root.cursor() as cursor:
            return tables_read(cursor, sql, repeatable=repeatable)

    def without_values(self, sql: str) -> str:
        """Return a user's query with the values in it replaced; see `SqlEngine.without_values`."""
        with self._instance(confined=True).root.cursor() as cursor:
            return without_values(cursor, sql)

    def remember(self, pointer: str, files: Sequence[str]) -> None:
        """Say that the table at `pointer` consists of exactly these files, written under its current schema.

        Sessions of this engine then read them straight, which is quicker than going through the table's metadata.
        """
        self._files.keep(pointer, tuple(files))

    def files(self, pointer: str) -> tuple[str, ...] | None:
        """Return what was remembered of a pointer."""
        return self._files.get(pointer)

    def close(self) -> None:
        """Release all instances and what they spilled."""
        with self._lock:
            for instance in self._instances.values():
                instance.root.close()
            self._instances.clear()
        shutil.rmtree(self._spill, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _session(self, instance: DuckDBInstance, views: Mapping[TableName, str], *, named: bool) -> DuckDBSession:
        # No layer has this name: a reference to either of two would be ambiguous.
        name = f'"lagoa {next(self._numbers)}"' if named else None
        scan = partial(self._scan, instance)
        means = Means(self._storage, instance.load_extension, scan, self._target_file_bytes, self._file_columns)
        return DuckDBSession(instance.root, name, views, means)

    def _view(self, pointer: str, instance: DuckDBInstance) -> str:
        files = self._files.get(pointer)
        if files:
            listed = ", ".join(text_in_sql(self._storage.path(file)) for file in files)
            return f"SELECT * FROM read_parquet([{listed}], hive_partitioning = false)"
        return f"SELECT * FROM {self._scan(instance, pointer)}"

    def _scan(self, instance: DuckDBInstance, pointer: str) -> str:
        """Return SQL that reads the table at a pointer through its metadata; raises `TableUnreadable`."""
        scan = self._scans.get(pointer)
        if scan is None:
            document = table_document(pointer, instance.read_bytes)
            refuse_unreadable(pointer, summary_of(document), partial(table_at, self._storage, pointer))
            scan = self._tables.scan(pointer, document)
            self._scans.keep(pointer, scan)
        instance.load_extension()
        return scan

    def _instance(self, *, confined: bool) -> DuckDBInstance:
        with self._lock:
            if confined not in self._instances:
                if not self._instances:
                    _sweep(self._spill.parent)
                    self._make_spill()
                self._instances[confined] = self._start(confined=confined)
            instance = self._instances[confined]
        instance.open_store()
        return instance

    def _make_spill(self) -> None:
        """Create the folder for what is spilled; elsewhere if the lake is on a disk that is full or cannot be written.

        DuckDB makes folders in it when it spills: without it, what fits in memory still runs.
        """
        try:
            self._spill.mkdir(parents=True, exist_ok=True)
            probe = self._spill / "probe"
            probe.write_bytes(bytes(_PROBE))  # a full disk may still take a folder
            probe.unlink()
        except OSError:
            with suppress(OSError):  # raised if no folder for temporary files can be written, either
                self._spill = Path(tempfile.gettempdir()) / f"lagoa-{self._spill.name}"
                self._tables.folder = self._spill / "metadata"
                self._spill.mkdir(mode=0o700, exist_ok=True)

    def _start(self, *, confined: bool) -> DuckDBInstance:
        percent = self._memory_limit.endswith("%")
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": self._threads,
            "temp_directory": str(self._spill / f"{confined:d}"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            # Checking a signature reads the whole file, 0.4 s for both; wheels are checked when they are installed.
            "allow_unsigned_extensions": True,
            "python_enable_replacements": False,
            "allow_persistent_secrets": False,
            # It would keep what it has read of each file for as long as memory is left. The system keeps local files.
            "enable_external_file_cache": self._storage.location.startswith(S3),
        }
        if not percent:
            config["memory_limit"] = self._memory_limit
        try:
            root = duckdb.connect(":memory:", config=config)
            root.execute("SET GLOBAL TimeZone = 'UTC'")
            if percent:
                root.execute(f"SET memory_limit = {text_in_sql(_share(root, float(self._memory_limit[:-1]) / 100))}")
        except duckdb.Error as error:
            raise SettingsError(f"The SQL engine does not start: {error}.", "Fix memory_limit or threads.") from error
        instance = DuckDBInstance(root, self._storage, confined=confined)
        instance.open_store()
        if confined:
            instance.load_extension()
            instance.lock(self._tables.folder)
        return instance


def _share(root: duckdb.DuckDBPyConnection, share: float) -> str:
    """Return a share of the memory that this process may use, in which DuckDB heeds limits of containers."""
    row = root.execute("SELECT value FROM duckdb_settings() WHERE name = 'memory_limit'").fetchone()
    amount, unit = str(row[0] if row else "1 GiB").split()
    return f"{float(amount) / _DEFAULT_SHARE * share:.3f}{unit}"


def _sweep(folder: Path) -> None:
    """Remove what processes that are gone have spilled."""
    with suppress(OSError):
        for left in folder.iterdir():
            pid = left.name.partition("-")[0]
            if pid.isdecimal() and not is_running(int(pid)):
                shutil.rmtree(left, ignore_errors=True)
