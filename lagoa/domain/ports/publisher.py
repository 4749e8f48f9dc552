"""The publisher port: it moves `main`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pydantic import SecretStr

    from lagoa.domain.approvals import Approval
    from lagoa.domain.checks import AuditReport
    from lagoa.domain.receipts import Publication
    from lagoa.domain.tables import TableName


class Publisher(Protocol):
    """Moves `main`: in this process, or in the publisher process if the lake's role may not."""

    def publish(self, branch: str, message: str, *, in_turn: bool = False) -> Publication:
        """Publish a branch, with the errors of `lagoa.publish.work.publish`; `PublisherFailed` if its process fails.

        Args:
            branch: its name.
            message: of the commit on `main`.
            in_turn: whether the caller has the turn to move `main` (the port `Turns`) until this returns: the publisher
                then waits for none, as it would wait for its caller.
        """

    def rollback(self, to: str, *, hold: bool) -> Publication:
        """Roll `main` back, with the errors of `lagoa.publish.rollback.rollback`, and `PublisherFailed`."""

    def approve(self, branch: str, commit: str, message: str, token: SecretStr | None) -> Approval:
        """Keep that somebody approves a branch's head, with the errors of `lagoa.publish.approve.approve`.

        Args:
            branch: its name.
            commit: id of its head, as it was looked at.
            message: what they say of it.
            token: what proves who they are; see the port `People`. None where nobody signs in.
        """

    def accompany(self, branch: str) -> PublisherRun:
        """Start checking a branch while it is being worked on."""

    def close(self) -> None:
        """Close what is kept open for the next publication."""


class PublisherRun(Protocol):
    """Checks a branch in the background while it is worked on, then publishes it with the same results."""

    def finished(self, table: TableName, commit: str | None) -> None:
        """Check a table whose rows are complete as of a commit; None if nothing was committed for it."""

    def audit(self) -> AuditReport:
        """Audit the branch, with the errors of `lagoa.audit.audit`; `PublisherFailed` if the process fails."""

    def publish(self, message: str, *, in_turn: bool = False) -> Publication:
        """Publish the branch; see `Publisher.publish`."""

    def close(self) -> None:
        """Stop checking, until another table is finished."""
