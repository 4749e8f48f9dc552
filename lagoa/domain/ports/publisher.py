"""The publisher port: what moves `main`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lagoa.domain.checks import AuditReport
    from lagoa.domain.receipts import Publication
    from lagoa.domain.tables import TableName


class Publisher(Protocol):
    """Moves `main`: in this process, or in a step of its own where the lake's role may not."""

    def publish(self, branch: str, message: str) -> Publication:
        """Do as `lagoa.publish.work.publish`, with its errors; `PublisherFailed` when a step of its own fails."""

    def rollback(self, to: str, *, hold: bool) -> Publication:
        """Do as `lagoa.publish.rollback.rollback`, likewise."""

    def accompany(self, branch: str) -> PublisherRun:
        """Begin with a branch that is being worked on."""

    def close(self) -> None:
        """Release what is kept for the next publication."""


class PublisherRun(Protocol):
    """Checks a branch beside the work on it, and then publishes it; the results are the publisher's own."""

    def finished(self, table: TableName, commit: str | None) -> None:
        """Check a table whose rows are on the branch since a commit; None where nothing was committed for it."""

    def audit(self) -> AuditReport:
        """Do as `lagoa.audit.audit`, with its errors; `PublisherFailed` when a step of its own fails."""

    def publish(self, message: str) -> Publication:
        """Do as `Publisher.publish`."""

    def close(self) -> None:
        """Check nothing any more, until another table is finished."""
