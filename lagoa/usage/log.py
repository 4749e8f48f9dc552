"""A log of the queries that users ran on this machine: their SQL without values, in one file a day."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from lagoa.domain.tables import TableName
from lagoa.errors import InvalidName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lagoa.context import LakeContext

FOLDER = "queries"
"""In the state folder."""

_MAX_FILE = 64 * 2**20
"""Bytes of a file to which no more is added: 200,000 queries of a day and more."""

_MAX_QUERY = 20_000
"""Characters of SQL from which on it is left out."""


@dataclass(frozen=True, slots=True)
class LoggedQuery:
    """A query that a user ran.

    Attributes:
        at: when (UTC).
        ref: the ref that was read, as it was named.
        tables: the pointer of each table that was read.
        sql: what was run, with `?`, 0 or NULL in the place of each value; empty if it was too long.
    """

    at: datetime
    ref: str
    tables: Mapping[TableName, str]
    sql: str


def log_query(context: LakeContext, query: str, ref: str, tables: Mapping[TableName, str]) -> None:
    """Add a query that was run to the log of today; days that are kept no longer go.

    A log that cannot be written is no reason for a query to fail.
    """
    days = context.settings.query_log_days
    if days == 0:
        return
    now = context.clock()
    file = _file(context.settings.state_folder / FOLDER, now.date())
    sql = context.engine.without_values(query)
    line = json.dumps(
        {
            "at": now.isoformat(),
            "ref": ref,
            "tables": {str(table): pointer for table, pointer in sorted(tables.items())},
            "sql": sql if len(sql) <= _MAX_QUERY else "",
        },
        separators=(",", ":"),
    )
    with contextlib.suppress(OSError):
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            _forget(file.parent, now.date() - timedelta(days=days))
        # One write to the end of the file, which no other process's write gets into.
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_size < _MAX_FILE:
                os.write(descriptor, f"{line}\n".encode())
        finally:
            os.close(descriptor)


def logged_queries(context: LakeContext, since: datetime) -> Iterator[LoggedQuery]:
    """Yield the queries of the log from a time on, oldest first; lines that a crash left unfinished are left out."""
    for file in sorted((context.settings.state_folder / FOLDER).glob("*.jsonl")):
        if file.stem < since.astimezone(UTC).date().isoformat():
            continue
        with file.open(encoding="utf-8", errors="replace") as lines:
            yield from (query for line in lines if (query := _parsed(line)) is not None and query.at >= since)


def logged_since(context: LakeContext) -> datetime | None:
    """Return the beginning of the first day of the log (UTC); None if there is none."""
    days = sorted(file.stem for file in (context.settings.state_folder / FOLDER).glob("*.jsonl"))
    return datetime.fromisoformat(days[0]).replace(tzinfo=UTC) if days else None


def _parsed(line: str) -> LoggedQuery | None:
    try:
        said = json.loads(line)
        tables = {TableName.parse(table): str(pointer) for table, pointer in said["tables"].items()}
        return LoggedQuery(datetime.fromisoformat(said["at"]), str(said["ref"]), tables, str(said["sql"]))
    except (ValueError, KeyError, TypeError, AttributeError, InvalidName):
        return None


def _file(folder: Path, day: date) -> Path:
    return folder / f"{day.isoformat()}.jsonl"


def _forget(folder: Path, before: date) -> None:
    for file in folder.glob("*.jsonl"):
        if file.name < _file(folder, before).name:
            file.unlink(missing_ok=True)
