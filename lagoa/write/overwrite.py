"""Overwrite: replaces the rows that meet a condition, copy-on-write."""

# ruff: noqa: S608 - names are quoted
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.domain.sql_names import names_in_sql
from lagoa.write.copy_on_write import Replaced, path_of, read_part, replaced_files, rows_by_file
from lagoa.write.target import FileChanges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyiceberg.expressions import BooleanExpression

    from lagoa.write.sources import SessionQuery
    from lagoa.write.target import Target

_NEW = "_lagoa_new"


@dataclass(frozen=True, slots=True)
class Where:
    """A condition on a table's rows, in two forms.

    Attributes:
        sql: for rows; those for which it is null or false stay.
        expressions: for pruning files: each row that meets the condition meets one of them; others may too.
    """

    sql: str
    expressions: Sequence[BooleanExpression]


def overwrite_rows(rows: SessionQuery, target: Target, where: Where) -> FileChanges:
    """Replace the existing rows that meet the condition with the incoming ones, which must all meet it.

    Raises:
        WriteError, QueryError: a row does not fit the table; the query fails.
    """
    session = rows.session
    tasks = {path_of(task): task for each in where.expressions for task in target.candidates(each)}
    old = Replaced()
    if tasks:
        part = read_part(session, target, list(tasks.values()))
        old = replaced_files(session, target, part, rows_by_file(session, part, f"WHERE ({where.sql})"))
    if not old.source:
        files = session.write(rows.sql, target.metadata, parameters=rows.parameters)
        added = sum(file.record_count for file in files)
    else:
        added = session.stage(_NEW, rows.sql, target.metadata, parameters=rows.parameters)
        try:
            columns = names_in_sql(target.columns)
            stay = f"SELECT {columns} FROM {old.source} WHERE ({where.sql}) IS NOT TRUE"
            files = session.write(f"SELECT {columns} FROM {_NEW} UNION ALL {stay}", target.metadata)
        finally:
            session.query(f"DROP TABLE IF EXISTS {_NEW}")
    return FileChanges(files, old.files, added, old.rows, where.sql)
