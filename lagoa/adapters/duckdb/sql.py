"""DuckDB's errors as Lagoa's. Light: this is on the way of every query."""

from __future__ import annotations

import re
from http import HTTPStatus

import duckdb

from lagoa.errors import NotAllowed, QueryError, StorageUnavailable

_UNREACHABLE = re.compile(r"^(?:HTTP|IO) Error: ([^\n]*?) (?:error )?for HTTP \w+ to '(\w+://[^/']+)")
"""DuckDB's words for a server that does not answer: what is wrong, and where."""


_FULL = "XMinioStorageFull"

_STUMBLED = re.compile(rf"{_FULL}|HTTP code 5\d\d|NoSuchUpload|IncompleteBody")
"""Of an object store that failed, or read only a part of a body, or whose answer to a finished upload was lost."""


_STOPPED = re.compile(r"Python exception: Traceback .*\nKeyboardInterrupt\b", re.DOTALL)
"""Ctrl-C in Python code that gives DuckDB rows, as DuckDB passes it on."""


class NotWritable(Exception):
    """DuckDB has no Parquet form of a type, or no SQL for a transform, that Iceberg would take."""


def query_error(error: duckdb.Error) -> QueryError | StorageUnavailable | NotAllowed:
    """Return the error of a query that failed, with what to do next.

    Raises:
        KeyboardInterrupt: it was stopped by Ctrl-C.
    """
    if isinstance(error, duckdb.InterruptException) or _STOPPED.search(str(error)):
        raise KeyboardInterrupt from error
    unreachable = _UNREACHABLE.search(str(error))
    if unreachable:
        reason, place = unreachable.groups()
        return StorageUnavailable(place, f"{reason[:1].lower()}{reason[1:]}")
    if isinstance(error, duckdb.HTTPException):
        said = str(error).splitlines()[0].removeprefix("HTTP Error: ").rstrip(".")
        if error.status_code == HTTPStatus.FORBIDDEN:
            return NotAllowed("The object store", said)
        if _STUMBLED.search(str(error)):
            return StorageUnavailable("", "its disk is full" if _FULL in str(error) else said)
    advice = "Fix the query and run it again."
    if isinstance(error, duckdb.OutOfMemoryException):
        advice = "Raise `memory_limit` in lagoa.toml, or free disk space in the state folder, where the engine spills."
    elif isinstance(error, duckdb.IOException):
        advice = "Check the free disk space and the permissions of the state folder, then try again."
    return QueryError(str(error).strip(), advice)
