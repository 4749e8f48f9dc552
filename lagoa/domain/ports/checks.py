"""The ports of audits: the runner of check files, and the store of receipts and results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from lagoa.domain.approvals import Approval
    from lagoa.domain.checks import CheckFile, CheckResult
    from lagoa.domain.ports.engine import SqlSession
    from lagoa.domain.receipts import Receipt
    from lagoa.domain.results import StoredParts
    from lagoa.domain.tables import TableName
    from lagoa.errors import CheckError


Rows = Sequence[tuple[Any, ...]]
"""Rows of a query."""


class Auditor(Protocol):
    """Runs the checks of check files (soda/<layer>/<table>.yaml)."""

    @property
    def version(self) -> str:
        """The tool that runs the checks, and its version: results of a different one are not reused."""

    def read(self, table: TableName, path: Path, faults: list[CheckError] | None = None) -> CheckFile:
        """Read a check file; raises `CheckError` with file and line for anything that cannot be run.

        If `faults` is given, errors of single checks are appended to it, and the file is returned without these checks.
        """

    def run(
        self, files: Sequence[CheckFile], session: SqlSession, elsewhere: Callable[[str], Rows | None] | None = None
    ) -> Sequence[CheckResult]:
        """Run every check of some files; the outcome shows whether a check was not evaluated.

        The caller must detect checks without a result. Keys are left empty.

        Args:
            files: the files.
            session: of the SQL engine, with the tables that they read.
            elsewhere: returns the rows of a query from another engine; None if the session is to answer it.
        """

    def close(self) -> None:
        """Release what the auditor holds open."""


class ReceiptStore(Protocol):
    """Receipts of publications and results of checks, outside the branches."""

    @property
    def parts(self) -> StoredParts:
        """What reads the results that receipts name."""

    def prepare(self, receipt: Receipt, on: str | None = None) -> None:
        """Store a receipt before `main` moves.

        Args:
            receipt: the receipt.
            on: the commit that `main` is at, if that is known: `prune` need not ask whether it was published.
        """

    def get(self, receipt: str) -> Receipt | None:
        """Return a receipt by its id, or by the first digits of it if they are unique."""

    def of_commit(self, commit: str) -> Receipt | None:
        """Return the newest receipt of an audited commit, by its id or first digits as in `get`."""

    def audited(self, commit: str) -> Receipt | None:
        """Return the newest receipt of a commit whose results an audit may use again: by whom it trusts."""

    def of_branch(self, branch: str) -> Receipt | None:
        """Return the newest receipt of a branch, by its name."""

    def newest(self) -> Iterator[Receipt]:
        """Yield all receipts, newest first."""

    def results(self, keys: Sequence[str]) -> Mapping[str, CheckResult]:
        """Return the stored results of these keys."""

    def remember(self, results: Sequence[CheckResult]) -> None:
        """Store results for later audits."""

    def approve(self, approval: Approval) -> None:
        """Keep an approval; none is ever changed or removed."""

    def approvals(self, commit: str) -> Sequence[Approval]:
        """Return the approvals of a commit, by its whole id; enforced are those that the publisher kept."""

    def prune(self, before: datetime, published: Callable[[str], bool]) -> int:
        """Delete receipts that were prepared before a given time and whose commit was not published; return how many.

        Args:
            before: the time; newer receipts stay.
            published: returns whether a commit was published; called once for each receipt.
        """

    def close(self) -> None:
        """Close the store's connections."""
