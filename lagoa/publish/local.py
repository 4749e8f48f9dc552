"""The publisher for processes that may move `main` themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.audit import audit
from lagoa.audit.beside import AuditBeside
from lagoa.publish.rollback import rollback
from lagoa.publish.work import publish

if TYPE_CHECKING:
    from lagoa.context import LakeContext
    from lagoa.domain.checks import AuditReport
    from lagoa.domain.receipts import Publication
    from lagoa.domain.tables import TableName


class LocalPublisher:
    """Publishes in this process.

    Args:
        context: the lake.
    """

    def __init__(self, context: LakeContext) -> None:
        self._context = context

    def publish(self, branch: str, message: str) -> Publication:
        """See the port `Publisher`."""
        return publish(self._context, branch, message)

    def rollback(self, to: str, *, hold: bool) -> Publication:
        """See the port `Publisher`."""
        return rollback(self._context, to, hold=hold)

    def accompany(self, branch: str) -> LocalPublisherRun:
        """See the port `Publisher`."""
        return LocalPublisherRun(self._context, branch)

    def close(self) -> None:
        """See the port `Publisher`; there is nothing to close."""


class LocalPublisherRun:
    """Checks the tables of one branch on a separate thread, which starts with the first finished table.

    Args:
        context: the lake.
        branch: the work branch.
    """

    def __init__(self, context: LakeContext, branch: str) -> None:
        self._context = context
        self._branch = branch
        self._beside = AuditBeside(context, branch)

    def finished(self, table: TableName, commit: str | None) -> None:
        """See the port `PublisherRun`."""
        self._beside.finished(table, commit)

    def audit(self) -> AuditReport:
        """See the port `PublisherRun`."""
        self._beside.stop()
        return audit(self._context, self._branch)

    def publish(self, message: str) -> Publication:
        """See the port `PublisherRun`."""
        self._beside.stop()
        return publish(self._context, self._branch, message)

    def close(self) -> None:
        """See the port `PublisherRun`."""
        self._beside.stop()
