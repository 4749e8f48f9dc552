"""Copy-on-write: data files with rows that change are rewritten, other files stay.

Every write that changes rows (merge, delete, overwrite, versions) uses this for the files of its table.
"""

# ruff: noqa: S608 - names are quoted by the callers

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.domain.ports.engine import FILE_COLUMN
from lagoa.storage.port import local_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import FileScanTask

    from lagoa.domain.ports.engine import SqlSession
    from lagoa.write.target import Target


@dataclass(frozen=True, slots=True)
class Part:
    """Files of a table that are read together.

    Attributes:
        tasks: the files.
        sql: SQL for a FROM clause.
        by_file: whether `sql` has the file of each row; it does not if deleted rows must be left out, and then all of
            the table's files are in `tasks`.
    """

    tasks: Sequence[FileScanTask]
    sql: str
    by_file: bool


def read_part(session: SqlSession, target: Target, tasks: Sequence[FileScanTask]) -> Part:
    """Read only these files if that is sure to return the table's rows, else the whole table."""
    if not any(task.delete_files for task in tasks):
        sql = session.data_files(target.metadata, [task.file for task in tasks])
        if sql is not None:
            return Part(tasks, sql, by_file=True)
    return Part(target.tasks, session.table_at(target.evolved), by_file=False)


def rows_by_file(session: SqlSession, part: Part, clause: str) -> dict[str, int]:
    """Return the number of rows per file that a clause selects: `WHERE (x > 1)`, `AS o JOIN n ON o.k = n.k`."""
    file = FILE_COLUMN if part.by_file else f"'' AS {FILE_COLUMN}"
    return dict(session.query(f"SELECT {file}, count(*) FROM {part.sql} {clause} GROUP BY ALL").fetchall())


@dataclass(frozen=True, slots=True)
class Replaced:
    """Files that are replaced because some of their rows are removed.

    Attributes:
        files: the files.
        rows: number of removed rows.
        source: SQL for a FROM clause with all rows of the files in which some rows stay; empty if none stays.
    """

    files: Sequence[DataFile] = ()
    rows: int = 0
    source: str = ""


def replaced_files(session: SqlSession, target: Target, part: Part, gone: Mapping[str, int]) -> Replaced:
    """Return the files of a part with removed rows, given the number of these by file; other files stay."""
    rows = sum(gone.values())
    if not rows:
        return Replaced()
    if not part.by_file:
        return Replaced([task.file for task in part.tasks], rows, part.sql)
    hit = [task for task in part.tasks if path_of(task) in gone]
    rest = [task for task in hit if gone[path_of(task)] != task.file.record_count]
    return Replaced([task.file for task in hit], rows, read_part(session, target, rest).sql if rest else "")


def path_of(task: FileScanTask) -> str:
    """Return a file's path as the engine returns it."""
    return local_path(task.file.file_path)
