"""Some files of a table, read together: what a write that keeps the other files looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyiceberg.table import FileScanTask

    from lagoa.domain.ports.engine import SqlSession
    from lagoa.write.target import Target


@dataclass(frozen=True, slots=True)
class Part:
    """Files of a table that are read together.

    Attributes:
        tasks: the files.
        sql: what to select from.
        by_file: whether `sql` tells the file of each row; it does not when deleted rows must be left out, and then
            all of the table's files are in `tasks`.
    """

    tasks: Sequence[FileScanTask]
    sql: str
    by_file: bool


def read_part(session: SqlSession, target: Target, tasks: Sequence[FileScanTask]) -> Part:
    """Read these files by themselves if that is certain to give the table's rows, else the whole table."""
    if not any(task.delete_files for task in tasks):
        sql = session.data_files(target.metadata, [task.file for task in tasks])
        if sql is not None:
            return Part(tasks, sql, by_file=True)
    return Part(target.tasks, session.table_at(target.evolved), by_file=False)


def touched_files(part: Part, by_path: Mapping[str, int]) -> list[FileScanTask]:
    """Return the files of a part that hold rows which were found, by their number in each file."""
    if not part.by_file:
        return list(part.tasks)
    return [task for task in part.tasks if path_of(task) in by_path]


def path_of(task: FileScanTask) -> str:
    """Return a file's path as the engine tells it."""
    return task.file.file_path.removeprefix("file://")
