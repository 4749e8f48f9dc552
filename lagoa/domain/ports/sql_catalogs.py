"""The port of the catalogs by which an SQL server shows sandboxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

ACCESS_FILE = "sandboxes.json"
"""In the folder of the stack's Trino: what catalogs are made with."""

PASSWORD = "trino-sandboxes"  # noqa: S105 - a name
"""The name, in the stack's credentials, of the password of the user that makes catalogs and runs models."""

MODELS = "model_"
"""What the names of catalogs begin with that show a branch to one model that runs on Trino."""


PUBLISHED, PINNED = "lake", "lake_pinned"
"""The catalogs of what is published: each table as it is just then, and all tables at one commit."""


def catalog_of(sandbox: str) -> str:
    """Return the name of the catalog of a sandbox."""
    return f"sandbox_{sandbox}"


class SqlCatalogs(Protocol):
    """The catalogs of sandboxes on an SQL server, which has one for each.

    Every method raises `SqlServerUnavailable` when the server does not answer, and `StackError` when it refuses.
    """

    url: str
    """Where the server listens."""

    certificate: Path
    """The authority by which clients know it."""

    def names(self) -> Collection[str]:
        """Return the sandboxes that have a catalog."""

    def make(self, name: str, ref: str, *, read_only: bool) -> None:
        """Give a sandbox a catalog; it must have none.

        Args:
            name: of the sandbox.
            ref: that the catalog shows; it must exist, as the server does not check that.
            read_only: whether nobody can write to it.
        """

    def drop(self, name: str) -> None:
        """Remove the catalog of a sandbox, if it has one."""

    def is_pinned(self) -> bool:
        """Return whether there is a catalog that shows all published tables at one commit."""

    def pin(self, commit: str) -> None:
        """Let that catalog show a commit of main; for a moment there is none, and queries of it fail."""
