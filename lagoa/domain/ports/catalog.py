"""The catalog port: branches, tags and commits over table pointers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from lagoa.domain.commits import Change, Commit
    from lagoa.domain.refs import Ref, RefInfo
    from lagoa.domain.tables import TableName


Namespace = tuple[str, ...]

Pointers = Mapping["TableName", str]
"""Location of the current metadata.json of each table."""


class VersionedCatalog(Protocol):
    """Branches, tags and commits over tables' metadata pointers.

    Commit ids are content hashes. `~n` and `log` follow first parents, `merge_base` and `is_ancestor` both.
    Every method raises `CatalogBusy` if the catalog does not answer in time, and `RefNotFound` for a ref or
    commit that does not exist.
    """

    def resolve(self, ref: Ref | str) -> Commit:
        """Return the commit that a ref names now."""

    def ref(self, name: str) -> RefInfo:
        """Return a branch or tag."""

    def refs(self, prefix: str = "") -> Sequence[RefInfo]:
        """Return the branches and tags whose names begin with a prefix, by name; by default all."""

    def create_branch(self, name: str, at: str) -> RefInfo:
        """Create a branch at a commit id; raises `RefExists`, `InvalidName`."""

    def create_tag(self, name: str, at: str) -> RefInfo:
        """Create a tag at a commit id; raises `RefExists`, `InvalidName`."""

    def delete_ref(self, name: str, expected: str) -> None:
        """Remove a branch or tag that is at `expected`.

        Raises:
            CommitLost: it has moved.
            RefProtected: for main.
        """

    def commit(self, branch: str, expected: str, change: Change) -> Commit:
        """Commit `change` to `branch` atomically, if its head is `expected`.

        Raises:
            CommitLost: the branch is not at `expected`; the error lists the tables of `change` that others changed.
            RefProtected: for main and for tags.
        """

    def swap(self, branch: str, expected: str, to: str) -> datetime:
        """Move `branch` from `expected` to its descendant `to`, by compare-and-swap; the only way to move main.

        The first parent of `to` must be `expected`. The time of the move is returned, and recorded in the same
        transaction in the journal from which `branch*<time>` is resolved; the times of one branch strictly increase.

        Raises:
            CommitLost: the branch is not at `expected`.
            NotASuccessor: the first parent of `to` differs.
            RefProtected: for a tag.
        """

    def moves(self, branch: str, newest: int | None = None) -> Sequence[tuple[datetime, str]]:
        """Return the moves of a branch from the journal as (time, commit id), oldest first; all, or the newest ones."""

    def moved_at(self, branch: str, commit: str) -> datetime | None:
        """Return when a branch was moved to a commit, from the journal; None if it never was."""

    def get(self, commit: str) -> Commit:
        """Return a commit by its full id."""

    def log(self, commit: str, table: TableName | None = None) -> Iterator[Commit]:
        """Yield the commit and its first parents, newest first, to the root.

        Args:
            commit: id of the first one.
            table: commits with one parent that leave this table as it is may be left out, not the first and the root.
        """

    def changed(self, commit: str) -> Collection[TableName]:
        """Return the tables that a commit changed against its first parent."""

    def is_ancestor(self, ancestor: str, of: str) -> bool:
        """Return whether `ancestor` is `of` or one of its ancestors, by any parent."""

    def merge_base(self, a: str, b: str) -> str:
        """Return the nearest common ancestor, by any parent."""

    def tables(self, commit: str) -> Pointers:
        """Return the pointer of each table at a commit."""

    def namespaces(self, commit: str) -> Mapping[Namespace, Mapping[str, str]]:
        """Return the namespaces at a commit with their properties."""

    def diff(self, a: str, b: str) -> Mapping[TableName, tuple[str | None, str | None]]:
        """Return each table whose pointer differs, as (at a, at b)."""

    def verify(self) -> list[str]:
        """Return each defect of the catalog's data as a sentence; an empty list if it is healthy."""

    def close(self) -> None:
        """Close the catalog's connections."""
