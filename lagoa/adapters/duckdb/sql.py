"""DuckDB's errors as Lagoa's. Light: this is on the way of every query."""

from __future__ import annotations

import re
from http import HTTPStatus

import duckdb

from lagoa.errors import NotAllowed, QueryError, StorageUnavailable

_UNREACHABLE = re.compile(r"^(?:HTTP|IO) Error: ([^\n]*?) (?:error )?for HTTP \w+ to '(\w+://[^/']+)")
"""DuckDB's words for a server that does not answer: what is wrong, and where."""


_FULL = "XMinioStorageFull"

_COLD_AWAY = "XMinioBackendDown"

_STUMBLED = re.compile(rf"{_FULL}|{_COLD_AWAY}|HTTP code 5\d\d|NoSuchUpload|IncompleteBody")
"""Of an object store that failed, or read only a part of a body, or whose answer to a finished upload was lost."""


_REASONS = {_FULL: "its disk is full", _COLD_AWAY: "the other store, which keeps its cold files, does not answer"}
"""What is wrong with an object store, by a word of its answer."""

_GONE = re.compile(
    r"\.parquet\b.*(?:No such file or directory|HTTP code 404)|No files found that match the pattern .*\.parquet\b"
)
_CLOSED = re.compile(r"Permission denied")
_DAMAGED = re.compile(
    r"No magic bytes found|too small to be a Parquet file|Out of buffer|[Dd]ecompress\w* (?:failed|failure|error)"
    r"|TProtocolException"
)
"""Of a data file that is missing, that this user may not read, and whose bytes are not what was written."""

_RESTORE = (
    "A file of a table is {}: run `lagoa doctor`. Restore the file from a backup, or the table from a healthy state: "
    "`lagoa table restore TABLE --from REF`."
)


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
            return StorageUnavailable("", next((why for word, why in _REASONS.items() if word in str(error)), said))
    return QueryError(str(error).strip(), _advice(error))


def _advice(error: duckdb.Error) -> str:
    said = str(error)
    if isinstance(error, duckdb.OutOfMemoryException):
        return "Raise `memory_limit` in lagoa.toml, or free disk space in the state folder, where the engine spills."
    if _DAMAGED.search(said):
        return _RESTORE.format("damaged")
    if not isinstance(error, duckdb.IOException):
        return "Fix the query and run it again."
    if _GONE.search(said):
        return _RESTORE.format("missing")
    if _CLOSED.search(said):
        return "Let the user that runs Lagoa read the lake's files, and write them if it is to write."
    return "Check the free disk space and the permissions of the state folder, then try again."
