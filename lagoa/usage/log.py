"""A log of the queries of a lake that were run on this machine: their SQL without values, in one file a day."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias

from lagoa.domain.tables import TableName
from lagoa.errors import InvalidName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lagoa.context import LakeContext
    from lagoa.settings import Settings

FOLDER = "queries"
"""In the state folder."""

LoggedEngine: TypeAlias = Literal["duckdb", "spark", "trino"]
"""What ran a query."""

TableState: TypeAlias = "str | int | None"
"""The state of a table that was read: its pointer; from Trino, which knows none, the id of its snapshot, None if it had
none."""

_ENGINES: dict[str, LoggedEngine] = {"duckdb": "duckdb", "spark": "spark", "trino": "trino"}

_MAX_FILE = 64 * 2**20
"""Bytes of a file to which no more is added: 200,000 queries of a day and more."""

_MAX_QUERY = 20_000
"""Characters of SQL from which on it is left out."""


@dataclass(frozen=True, slots=True)
class LoggedQuery:
    """A query that was run.

    Attributes:
        at: when (UTC).
        ref: the ref that was read, as it was named; empty for a query of a model or check.
        tables: the state of each table that was read.
        sql: what was run, in DuckDB's SQL, with `?`, 0 or NULL in the place of each value; empty if it was too long,
            or cannot be said in DuckDB's SQL.
        engine: what ran it.
        bytes: that it read from files; None if the engine does not say.
    """

    at: datetime
    ref: str
    tables: Mapping[TableName, TableState]
    sql: str
    engine: LoggedEngine = "duckdb"
    bytes: int | None = None


def log_query(context: LakeContext, query: str, ref: str, tables: Mapping[TableName, str]) -> None:
    """Add a user's query, in DuckDB's SQL, to the log of today."""
    if context.settings.query_log_days:
        sql = context.engine.without_values(query)
        keep(context.settings, LoggedQuery(context.clock(), ref, tables, sql))


def keep(settings: Settings, query: LoggedQuery) -> None:
    """Add a query, in which no value is any more, to the log of its day; days that are kept no longer go.

    A log that cannot be written is no reason for a query to fail.
    """
    days = settings.query_log_days
    if days == 0:
        return
    day = query.at.astimezone(UTC).date()
    file = _file(settings.state_folder / FOLDER, day)
    line = json.dumps(
        {
            "at": query.at.isoformat(),
            "ref": query.ref,
            "tables": {str(table): state for table, state in sorted(query.tables.items())},
            "sql": query.sql if len(query.sql) <= _MAX_QUERY else "",
            **({"engine": query.engine} if query.engine != "duckdb" else {}),
            **({"bytes": query.bytes} if query.bytes is not None else {}),
        },
        separators=(",", ":"),
    )
    with contextlib.suppress(OSError):
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            _forget(file.parent, day - timedelta(days=days))
        # One write to the end of the file, which no other process's write gets into.
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_size < _MAX_FILE:
                os.write(descriptor, f"{line}\n".encode())
        finally:
            os.close(descriptor)


def logged_queries(settings: Settings, since: datetime) -> Iterator[LoggedQuery]:
    """Yield the queries of the log from a time on, oldest first; lines that a crash left unfinished are left out."""
    for file in sorted((settings.state_folder / FOLDER).glob("*.jsonl")):
        if file.stem < since.astimezone(UTC).date().isoformat():
            continue
        with file.open(encoding="utf-8", errors="replace") as lines:
            yield from (query for line in lines if (query := _parsed(line)) is not None and query.at >= since)


def logged_since(settings: Settings) -> datetime | None:
    """Return the beginning of the first day of the log (UTC); None if there is none."""
    days = sorted(file.stem for file in (settings.state_folder / FOLDER).glob("*.jsonl"))
    return datetime.fromisoformat(days[0]).replace(tzinfo=UTC) if days else None


def _parsed(line: str) -> LoggedQuery | None:
    try:
        said = json.loads(line)
        tables = {TableName.parse(table): _state(state) for table, state in said["tables"].items()}
        size = said.get("bytes")
        return LoggedQuery(
            datetime.fromisoformat(said["at"]),
            str(said["ref"]),
            tables,
            str(said["sql"]),
            _ENGINES[said.get("engine", "duckdb")],
            None if size is None else int(size),
        )
    except (ValueError, KeyError, TypeError, AttributeError, InvalidName):
        return None


def _state(said: object) -> TableState:
    return said if isinstance(said, int) or said is None else str(said)


def _file(folder: Path, day: date) -> Path:
    return folder / f"{day.isoformat()}.jsonl"


def _forget(folder: Path, before: date) -> None:
    for file in folder.glob("*.jsonl"):
        if file.name < _file(folder, before).name:
            file.unlink(missing_ok=True)
