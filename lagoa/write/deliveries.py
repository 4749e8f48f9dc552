"""Batches that are delivered as rows: whether a table has a batch already, and the fingerprint of a new one.

A batch is usually new: then its fingerprint is made of the files that were written, which takes a third of the time
that writing them did. Only where there is a stored one to compare with are the rows kept and hashed before.
"""

# ruff: noqa: S608 - names are quoted
from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING

from lagoa.domain.commits import INTENTS
from lagoa.domain.sql_names import names_in_sql
from lagoa.errors import LakeTooNew, QueryError
from lagoa.write.fingerprints import GIVEN, STORED, function_of, given_rows, same, stored_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyiceberg.manifest import DataFile

    from lagoa.context import LakeContext
    from lagoa.write.sources import SessionQuery
    from lagoa.write.target import Target

_TYPED = "_lagoa_typed"
_NEWEST = 2  # the version of the newest hash function of rows


class KeptDelivery:
    """The rows of a batch, kept in a session to compare their fingerprint with stored ones.

    Args:
        context: the lake.
        commits: where to search for the commits that wrote batches.
        target: the table.
        rows: the rows, with lineage columns.
        table: the table of the session with the rows.
    """

    def __init__(
        self, context: LakeContext, commits: Iterable[str], target: Target, rows: SessionQuery, table: str
    ) -> None:
        self._context = context
        self._commits = commits
        self._target = target
        self._rows = rows
        self._table = table

    @cached_property
    def fingerprint(self) -> str:
        """Fingerprint of the rows as they were given."""
        left_out = names_in_sql(sorted(self._rows.filled))
        given = f"(SELECT * EXCLUDE ({left_out}) FROM {self._table})" if left_out else self._table
        return given_rows(self._rows.session, given)

    def is_of(self, batch: str, fingerprint: str) -> bool:
        """Return whether the rows are those of a batch with a stored fingerprint, by the function that made it.

        Raises:
            LakeTooNew: this version does not have the function.
        """
        function = function_of(fingerprint)
        if function == GIVEN:
            return same(fingerprint, self.fingerprint)
        if function == STORED:
            return self._as_stored == fingerprint or self._as_stored == self._of_files(batch)
        if function.startswith("rows-"):
            raise LakeTooNew("A batch's fingerprint", int(function.removeprefix("rows-")), _NEWEST)
        return False

    @cached_property
    def _as_stored(self) -> str:
        session = self._rows.session
        session.stage(_TYPED, self._rows.sql, self._target.metadata, parameters=self._rows.parameters)
        return stored_rows(session, _TYPED, given_columns(self._target, self._rows))

    def _of_files(self, batch: str) -> str | None:
        """Return the fingerprint, by today's engine and columns, of the files that a batch was written to, if found."""
        for commit in self._commits:
            for each in self._context.catalog.log(commit):
                for intent in json.loads(each.properties.get(INTENTS, "[]")):
                    named = intent["table"] == str(self._target.name) and (intent.get("batch") or {}).get("id") == batch
                    if named and intent["files"]:
                        return self._hashed(each.id, intent["files"])
        return None

    def _hashed(self, commit: str, paths: Iterable[str]) -> str | None:
        from pyiceberg.table import DataScan

        context = self._context
        metadata = context.metadata.parsed(context.catalog.tables(commit)[self._target.name])
        if metadata.table_uuid != self._target.metadata.table_uuid:
            return None
        tasks = DataScan(table_metadata=metadata, io=context.storage.file_io({})).plan_files()
        files = [task.file for task in tasks if task.file.file_path in set(paths)]
        try:
            return stored_fingerprint(self._target, self._rows, files)
        except QueryError:  # a file was deleted since
            return None


def stored_fingerprint(target: Target, rows: SessionQuery, files: Sequence[DataFile]) -> str:
    """Return the fingerprint of rows that were written to files; raises `QueryError`."""
    source = rows.session.data_files(target.metadata, files) if files else None
    return stored_rows(rows.session, source, given_columns(target, rows))


def given_columns(target: Target, rows: SessionQuery) -> list[str]:
    """Return the table's columns that the rows were given with."""
    return [name for name in target.columns if name not in rows.filled]
