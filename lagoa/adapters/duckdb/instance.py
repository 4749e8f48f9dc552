"""One instance of DuckDB: its extensions, the keys of the object store, and the lock of one for a user's SQL."""

from __future__ import annotations

import threading
from http import HTTPStatus
from importlib import import_module
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from lagoa.adapters.duckdb.sql import query_error
from lagoa.domain.optional import extra
from lagoa.domain.sql_names import text_in_sql
from lagoa.errors import SettingsError
from lagoa.storage.s3 import S3Storage

if TYPE_CHECKING:
    from lagoa.storage.port import Storage
    from lagoa.storage.s3 import Keys

_EXTENSIONS = ("avro", "iceberg")  # the second needs the first


class DuckDBInstance:
    """What is set for all sessions of one instance.

    Args:
        root: its first connection.
        storage: where the tables' files lie.
        confined: whether it is for a user's SQL.
    """

    def __init__(self, root: duckdb.DuckDBPyConnection, storage: Storage, *, confined: bool) -> None:
        self.root = root
        self._storage = storage
        self._keys: Keys | None = None
        self.confined = confined
        self._lock = threading.Lock()
        self._loaded = False

    def load_extension(self) -> None:
        """Load the iceberg extension, once, from its wheel: nothing is downloaded."""
        with self._lock:
            if self._loaded:
                return
            try:
                for name in _EXTENSIONS:
                    self._load(name)
                self.root.execute("SET allow_unsigned_extensions = false")  # nothing else is to be loaded
            except duckdb.Error as error:
                raise query_error(error) from error
            self._loaded = True

    def set_threads(self, threads: int) -> None:
        """Run queries on so many threads from now on."""
        self.root.execute(f"SET threads = {int(threads)}")

    def open_store(self) -> None:
        """Let the instance reach the warehouse in an object store, by keys that are good now; else do nothing."""
        if not isinstance(self._storage, S3Storage):
            return
        server = self._storage.server
        keys = server.keys()
        with self._lock:
            if keys is self._keys:
                return
            scheme, _, endpoint = server.endpoint.partition("://")
            entries = {
                "KEY_ID": keys.access,
                "SECRET": keys.secret.get_secret_value(),
                "SESSION_TOKEN": keys.token.get_secret_value(),
                "ENDPOINT": endpoint,
                "REGION": server.region,
                "URL_STYLE": "path",
                "SCOPE": f"{self._storage.location}/",
            }
            said = ", ".join(f"{name} {text_in_sql(value)}" for name, value in entries.items())
            secret = f"CREATE OR REPLACE TEMPORARY SECRET lagoa (TYPE s3, USE_SSL {scheme == 'https'}, {said})"
            try:
                if self._keys is None:
                    with extra("stack", "An object store"):
                        import_module("duckdb_extension_httpfs")
                    self._load("httpfs")
                    # Files of tables never change: what the store said about one is not requested again at every read.
                    self.root.execute("SET enable_http_metadata_cache = true")
                    self.root.execute(_limits(server.timeout_s))
                self.root.execute(secret)
            except duckdb.Error:
                # Its text may hold the keys.
                raise SettingsError(
                    "The SQL engine cannot be set up for the object store.", "Look at s3_endpoint."
                ) from None
            self._keys = keys

    def _load(self, extension: str) -> None:
        self.root.execute(f"LOAD {text_in_sql(str(_extension_file(extension)))}")

    def read_bytes(self, location: str) -> bytes:
        """Return the content of a file; raises `OSError`, and `QueryError` if it cannot be read."""
        try:
            with self.root.cursor() as cursor:
                row = cursor.execute("SELECT content FROM read_blob(?)", [self._storage.path(location)]).fetchone()
        except duckdb.Error as error:
            if isinstance(error, duckdb.HTTPException) and error.status_code == HTTPStatus.NOT_FOUND:
                raise FileNotFoundError(f"the object store has no file {location}") from error
            raise query_error(error) from error
        if row is None:  # it is missing or closed, and this says so
            return self._storage.read(location)
        return bytes(row[0])

    def lock(self, metadata: Path) -> None:
        """Open no file outside the warehouse from now on, and take no other settings.

        Args:
            metadata: a folder with metadata of its tables, which is opened too.
        """
        folders = [*self._storage.folders, str(metadata)]
        self.root.execute(f"SET allowed_directories = [{', '.join(map(text_in_sql, folders))}]")
        self.root.execute("SET enable_external_access = false; SET lock_configuration = true")


def _limits(silent_s: float) -> str:
    """Return settings by which a store that is away is given up in bounded time, however much is written.

    A request is made three times, one that is refused over four seconds. For each MiB that it carries DuckDB waits
    0.7 s longer; so files go in parts of 10 MB (a ten-thousandth of the largest file), which is no slower.
    """
    limits = {
        "http_timeout": ceil(silent_s),
        "http_retries": 2,
        "http_retry_wait_ms": 1000,
        "http_retry_backoff": 3,
        "s3_uploader_max_filesize": "'100GB'",
    }
    return ";".join(f"SET GLOBAL {name} = {value}" for name, value in limits.items())


def _extension_file(name: str) -> Path:
    """Where the extension's wheel put it."""
    package = find_spec(f"duckdb_extension_{name}")
    folders = list(package.submodule_search_locations or ()) if package else []
    for folder in folders:
        file = Path(folder) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
        if file.is_file():
            return file
    raise SettingsError(
        f"DuckDB's extension {name} for {duckdb.__version__} is not installed.",
        f"Install it: `pip install duckdb-extension-{name}=={duckdb.__version__}`.",
    )
