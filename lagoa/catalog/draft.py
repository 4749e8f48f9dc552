"""A draft: a branch whose commits only this process knows, on top of a lake's catalog."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from threading import RLock
from typing import TYPE_CHECKING

from lagoa.domain.commits import Commit
from lagoa.domain.refs import Ref, RefInfo
from lagoa.domain.tables import tables_differing
from lagoa.errors import CommitLost

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from lagoa.domain.commits import Change
    from lagoa.domain.ports.catalog import Namespace, Pointers, VersionedCatalog
    from lagoa.domain.tables import TableName


@dataclass(frozen=True, slots=True)
class _State:
    commit: Commit
    tables: Pointers
    namespaces: Mapping[Namespace, Mapping[str, str]]


class DraftCatalog:
    """The catalog of a lake in which one branch is at another commit, and gets commits that nobody else sees.

    What is built there is committed to the lake as one commit, or forgotten. Threads may share it.

    Args:
        catalog: the lake's catalog; everything but the branch is there.
        branch: the branch's name.
        at: the commit of the lake that the branch is at.
    """

    def __init__(self, catalog: VersionedCatalog, branch: str, at: str) -> None:
        self._catalog = catalog
        self._branch = branch
        self._head = at
        self._states: dict[str, _State] = {}
        self._lock = RLock()

    @property
    def commits(self) -> list[Commit]:
        """The commits of the draft, oldest first."""
        return [each.commit for each in self._states.values()]

    def resolve(self, ref: Ref | str) -> Commit:
        """Return the commit that a ref names now."""
        ref = Ref.parse(ref) if isinstance(ref, str) else ref
        if ref == Ref(self._branch):
            return self.get(self._head)
        return self._catalog.resolve(ref)

    def ref(self, name: str) -> RefInfo:
        """Return a branch or tag."""
        if name == self._branch:
            return RefInfo(name, "branch", self._head, None)
        return self._catalog.ref(name)

    def refs(self, prefix: str = "") -> Sequence[RefInfo]:
        """Return the branches and tags whose names begin with a prefix, by name; by default all."""
        return [self.ref(each.name) if each.name == self._branch else each for each in self._catalog.refs(prefix)]

    def create_branch(self, name: str, at: str) -> RefInfo:
        """Create a branch of the lake."""
        return self._catalog.create_branch(name, at)

    def create_tag(self, name: str, at: str) -> RefInfo:
        """Create a tag of the lake."""
        return self._catalog.create_tag(name, at)

    def delete_ref(self, name: str, expected: str) -> None:
        """Remove a branch or tag of the lake."""
        self._catalog.delete_ref(name, expected)

    def commit(self, branch: str, expected: str, change: Change) -> Commit:
        """Commit to the draft; to a branch of the lake if it is another one."""
        if branch != self._branch:
            return self._catalog.commit(branch, expected, change)
        with self._lock:
            if expected != self._head:
                changed = self.diff(expected, self._head).keys() & change.tables.keys()
                raise CommitLost(branch, expected, self._head, sorted(changed))
            tables = {**self.tables(expected), **change.tables}
            namespaces = {**self.namespaces(expected), **change.namespaces}
            for table, pointer in change.tables.items():
                if pointer is not None:
                    namespaces.setdefault(table.namespace, {})
            parents = (expected, change.merged) if change.merged else (expected,)
            made = Commit(
                secrets.token_hex(32), parents, change.message, change.author, datetime.now(UTC), change.properties
            )
            self._states[made.id] = _State(
                made,
                {table: pointer for table, pointer in tables.items() if pointer is not None},
                {name: properties for name, properties in namespaces.items() if properties is not None},
            )
            self._head = made.id
            return made

    def swap(self, branch: str, expected: str, to: str) -> datetime:
        """Move a branch of the lake."""
        return self._catalog.swap(branch, expected, to)

    def moves(self, branch: str, newest: int | None = None) -> Sequence[tuple[datetime, str]]:
        """Return the moves of a branch of the lake."""
        return self._catalog.moves(branch, newest)

    def moved_at(self, branch: str, commit: str) -> datetime | None:
        """Return when a branch of the lake was moved to a commit; None if it never was."""
        return self._catalog.moved_at(branch, commit)

    def get(self, commit: str) -> Commit:
        """Return a commit by its full id."""
        state = self._states.get(commit)
        return self._catalog.get(commit) if state is None else state.commit

    def log(self, commit: str, table: TableName | None = None) -> Iterator[Commit]:
        """Yield the commit and its first parents, newest first, to the root; see the port."""
        drafted = []
        while (state := self._states.get(commit)) is not None:
            drafted.append(state.commit)
            commit = state.commit.parents[0]
        return chain(drafted, self._catalog.log(commit, table))

    def changed(self, commit: str) -> Collection[TableName]:
        """Return the tables that a commit changed against its first parent."""
        if commit not in self._states:
            return self._catalog.changed(commit)
        return self.diff(self._states[commit].commit.parents[0], commit).keys()

    def is_ancestor(self, ancestor: str, of: str) -> bool:
        """Return whether `ancestor` is `of` or one of its ancestors, by any parent."""
        while (state := self._states.get(of)) is not None:
            if of == ancestor:
                return True
            of = state.commit.parents[0]
        return self._catalog.is_ancestor(ancestor, of)

    def merge_base(self, a: str, b: str) -> str:
        """Return the nearest common ancestor, by any parent."""
        return self._catalog.merge_base(self._kept(a), self._kept(b))

    def tables(self, commit: str) -> Pointers:
        """Return the pointer of each table at a commit."""
        state = self._states.get(commit)
        return self._catalog.tables(commit) if state is None else dict(state.tables)

    def namespaces(self, commit: str) -> Mapping[Namespace, Mapping[str, str]]:
        """Return the namespaces at a commit with their properties."""
        state = self._states.get(commit)
        return self._catalog.namespaces(commit) if state is None else dict(state.namespaces)

    def diff(self, a: str, b: str) -> Mapping[TableName, tuple[str | None, str | None]]:
        """Return each table whose pointer differs, as (at a, at b)."""
        if a not in self._states and b not in self._states:
            return self._catalog.diff(a, b)
        return tables_differing(self.tables(a), self.tables(b))

    def verify(self) -> list[str]:
        """Return each defect of the lake's catalog."""
        return self._catalog.verify()

    def close(self) -> None:
        """Forget the draft; the lake's catalog stays open."""
        self._states.clear()

    def _kept(self, commit: str) -> str:
        """Return the nearest commit of the lake."""
        while (state := self._states.get(commit)) is not None:
            commit = state.commit.parents[0]
        return commit
