"""The ports of audits: what runs check files, and what keeps receipts and results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from lagoa.domain.checks import CheckFile, CheckResult
    from lagoa.domain.ports.engine import SqlSession
    from lagoa.domain.receipts import Receipt
    from lagoa.domain.tables import TableName
    from lagoa.errors import CheckError


class Auditor(Protocol):
    """Runs the checks of check files (soda/<layer>/<table>.yaml)."""

    @property
    def version(self) -> str:
        """What runs the checks, and which version: results of another one are not taken for its own."""

    def read(self, table: TableName, path: Path, faults: list[CheckError] | None = None) -> CheckFile:
        """Read a check file; raises `CheckError` with file and line for anything that cannot be run.

        Where `faults` is given, those of single checks go there, and the file comes without these checks.
        """

    def run(self, files: Sequence[CheckFile], session: SqlSession) -> Sequence[CheckResult]:
        """Run every check of some files; a check that was not evaluated says so in its outcome.

        A check that does not come back is for the caller to notice. Keys are left empty.
        """

    def close(self) -> None:
        """Release what the auditor holds open."""


class ReceiptStore(Protocol):
    """Receipts of publications and results of checks, outside the branches."""

    def prepare(self, receipt: Receipt) -> None:
        """Keep a receipt before `main` moves."""

    def get(self, receipt: str) -> Receipt | None:
        """Return a receipt by its id, or by the first digits of it where they are those of one alone."""

    def of_commit(self, commit: str) -> Receipt | None:
        """Return the newest receipt of an audited commit; its first digits do as in `get`."""

    def of_branch(self, branch: str) -> Receipt | None:
        """Return the newest receipt of a branch, by its name."""

    def newest(self) -> Iterator[Receipt]:
        """Yield all receipts, newest first."""

    def results(self, keys: Sequence[str]) -> Mapping[str, CheckResult]:
        """Return the earlier results of these keys."""

    def remember(self, results: Sequence[CheckResult]) -> None:
        """Keep results for use by later audits."""

    def prune(self, before: datetime, published: Callable[[str], bool]) -> int:
        """Drop receipts prepared before a moment whose commit was not published; return how many.

        Args:
            before: younger receipts stay.
            published: whether a commit was; asked once for each receipt.
        """

    def close(self) -> None:
        """Release what the store holds open."""
