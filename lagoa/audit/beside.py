"""Runs checks during the writing: those of a table as soon as it is finished; the audit reuses their results."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from lagoa.domain.refs import MAIN
from lagoa.errors import LagoaError

if TYPE_CHECKING:
    from lagoa.context import LakeContext
    from lagoa.domain.tables import TableName


class AuditBeside:
    """Checks tables of a branch that will be published, one after the other, on a separate thread.

    Each result is kept with all that it depends on, so the audit does not use one that is out of date by then. Only
    the duration of the audit depends on this.
    """

    def __init__(self, context: LakeContext, branch: str) -> None:
        self._context = context
        self._branch = branch
        self._main: str | None = None
        self._newest: str | None = None
        self._pool = self._new_pool()

    def finished(self, table: TableName, commit: str | None) -> None:
        """Check a table that a commit has written on the branch; None if nothing was committed for it."""
        self._newest = commit or self._newest
        self._pool.submit(self._check, table)

    def stop(self) -> None:
        """Wait for the table that is being checked; leave the others to the audit."""
        self._pool.shutdown(cancel_futures=True)
        self._pool = self._new_pool()  # the branch may be written to after it was published

    @staticmethod
    def _new_pool() -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, "lagoa-beside")

    def _check(self, table: TableName) -> None:
        from lagoa.audit import audit_tables

        catalog = self._context.catalog
        with suppress(LagoaError):  # the audit gets the same error, and reports it
            if self._main is None:
                self._main = catalog.ref(MAIN).commit
            pointers = catalog.tables(self._newest or catalog.ref(self._branch).commit)
            audit_tables(self._context, pointers, {table}, catalog.tables(self._main))
