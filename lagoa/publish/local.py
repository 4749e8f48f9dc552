"""The publisher for processes that may move `main` themselves."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from lagoa.audit import audit
from lagoa.audit.beside import AuditBeside
from lagoa.errors import PartMissing, SqlServerUnavailable, StackError
from lagoa.publish.approve import approve
from lagoa.publish.rollback import rollback
from lagoa.publish.work import publish

if TYPE_CHECKING:
    from pydantic import SecretStr

    from lagoa.context import LakeContext
    from lagoa.domain.approvals import Approval
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

    def publish(self, branch: str, message: str, *, in_turn: bool = False) -> Publication:
        """See the port `Publisher`."""
        return _shown(self._context, publish(self._context, branch, message, in_turn=in_turn))

    def rollback(self, to: str, *, hold: bool) -> Publication:
        """See the port `Publisher`."""
        return _shown(self._context, rollback(self._context, to, hold=hold))

    def approve(self, branch: str, commit: str, message: str, token: SecretStr | None) -> Approval:
        """See the port `Publisher`."""
        return approve(self._context, branch, commit, message, token)

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

    def publish(self, message: str, *, in_turn: bool = False) -> Publication:
        """See the port `PublisherRun`."""
        self._beside.stop()
        return _shown(self._context, publish(self._context, self._branch, message, in_turn=in_turn))

    def close(self) -> None:
        """See the port `PublisherRun`."""
        self._beside.stop()


def _shown(context: LakeContext, publication: Publication) -> Publication:
    """Let the catalog of Trino that shows one commit, if there is such a one, show this publication.

    Main has moved: if Trino fails, that catalog stays at the commit before until the next publication.
    """
    catalogs = context.sql_catalogs
    if catalogs is not None:
        with suppress(SqlServerUnavailable, StackError, PartMissing):
            if catalogs.is_pinned():
                catalogs.pin(publication.commit)
    return publication
