"""Rows of a condition replaced: the files that hold such rows are written anew, the others stay."""

# ruff: noqa: S608 - names are quoted
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.domain.ports.engine import FILE_COLUMN
from lagoa.domain.sql_names import name_in_sql
from lagoa.write.parts import path_of, read_part, touched_files
from lagoa.write.target import FileChanges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import FileScanTask

    from lagoa.domain.ports.engine import SqlSession
    from lagoa.write.sources import SessionQuery
    from lagoa.write.target import Target

_NEW = "_lagoa_new"


@dataclass(frozen=True, slots=True)
class Where:
    """A condition on a table's rows, twice.

    Attributes:
        sql: for rows; where it is null or false they stay.
        expressions: for files: each such row fulfils one of them, others may too.
    """

    sql: str
    expressions: Sequence[BooleanExpression]


def overwrite_rows(rows: SessionQuery, target: Target, where: Where) -> FileChanges:
    """Put the rows that come in, all of which fulfil the condition, in the place of those that are there and do.

    Raises:
        WriteError, QueryError: a row does not fit the table; the query fails.
    """
    session = rows.session
    tasks = {path_of(task): task for each in where.expressions for task in target.candidates(each)}
    touched, removed, keep = _hit(session, target, list(tasks.values()), where) if tasks else ([], 0, "")
    if not keep:
        files = session.write(rows.sql, target.metadata, parameters=rows.parameters)
        added = sum(file.record_count for file in files)
    else:
        added = session.stage(_NEW, rows.sql, target.metadata, parameters=rows.parameters)
        try:
            columns = ", ".join(map(name_in_sql, target.columns))
            stay = f"SELECT {columns} FROM {keep} WHERE ({where.sql}) IS NOT TRUE"
            files = session.write(f"SELECT {columns} FROM {_NEW} UNION ALL {stay}", target.metadata)
        finally:
            session.query(f"DROP TABLE IF EXISTS {_NEW}")
    return FileChanges(files, [task.file for task in touched], added, removed, where.sql)


def _hit(
    session: SqlSession, target: Target, tasks: list[FileScanTask], where: Where
) -> tuple[list[FileScanTask], int, str]:
    """Return the files with rows that go, how many go, and where from those in them that stay are read; empty: none."""
    part = read_part(session, target, tasks)
    file = FILE_COLUMN if part.by_file else f"'' AS {FILE_COLUMN}"
    found = f"SELECT {file}, count(*) FROM {part.sql} WHERE ({where.sql}) GROUP BY ALL"
    by_path = dict(session.query(found).fetchall())
    if not by_path:
        return [], 0, ""
    touched = touched_files(part, by_path)
    rest = [task for task in touched if by_path.get(path_of(task)) != task.file.record_count]
    keep = (read_part(session, target, rest).sql if part.by_file else part.sql) if rest else ""
    return touched, sum(by_path.values()), keep
