"""DuckDB for tests of SQL: one instance for all of a process, as to start one takes as long as a hundred queries."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from collections.abc import Iterator

_numbers = itertools.count()


@contextmanager
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a connection to an empty database of its own, in memory; settings without GLOBAL are its own, too."""
    name = f"d{next(_numbers)}"
    with _instance().cursor() as connection:
        connection.execute(f"ATTACH ':memory:' AS {name}; USE {name}")
        try:
            yield connection
        finally:
            connection.execute(f"USE memory; DETACH {name}")


@cache
def _instance() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()
