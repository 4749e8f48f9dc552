"""The base of a ref's PyIceberg catalog: the state of the ref, how a change is committed, and the namespaces."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, NamedTuple

from pyiceberg.catalog import Catalog, MetastoreCatalog, PropertiesUpdateSummary
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NamespaceNotEmptyError,
    NoSuchNamespaceError,
)
from pyiceberg.typedef import EMPTY_DICT

from lagoa.domain.commits import Change
from lagoa.domain.refs import CANDIDATE_PREFIX, MAIN, Ref
from lagoa.errors import CommitLost, RefProtected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyiceberg.typedef import Identifier, Properties
    from pyiceberg.view import View

    from lagoa.catalog.metadata_files import MetadataFiles
    from lagoa.domain.ports.catalog import Namespace, Pointers, VersionedCatalog
    from lagoa.domain.refs import RefInfo
    from lagoa.domain.tables import TableName

_TRIES = 100
_LONGEST_WAIT = 0.02

_EXISTS = {"exists": "true"}
"""Properties of a namespace that was created without any, as in PyIceberg's own catalogs."""


class RefState(NamedTuple):
    """The state of a ref at one time."""

    commit: str
    tables: Pointers
    namespaces: Mapping[Namespace, Mapping[str, str]]

    def has(self, namespace: Namespace) -> bool:
        """Return whether a namespace exists, itself or through one below it."""
        depth = len(namespace)
        return bool(namespace) and any(each[:depth] == namespace for each in self.namespaces)


class RefNamespaces(MetastoreCatalog):
    """The namespaces of one ref. Views are not implemented, as in PyIceberg's SqlCatalog.

    Args:
        catalog: the versioned catalog.
        ref: a branch, tag or commit, such as `dev` or `main@<hash>`.
        files: the lake's metadata files; new tables are created in its storage.
        author: the author of the commits.
        check: called with the name of each table that is loaded; raises what keeps it from being read.
    """

    def __init__(
        self,
        catalog: VersionedCatalog,
        ref: Ref | str,
        files: MetadataFiles,
        author: str = "",
        check: Callable[[TableName], None] | None = None,
    ) -> None:
        self.ref = Ref.parse(ref) if isinstance(ref, str) else ref
        super().__init__(str(self.ref), warehouse=files.storage.home)
        self._catalog = catalog
        self._files = files
        self._author = author
        self._check = check

    def create_namespace(self, namespace: str | Identifier, properties: Properties = EMPTY_DICT) -> None:
        """Create a namespace."""
        name = _checked(namespace)
        for key, value in properties.items():
            if not isinstance(key, str) or value is None:
                raise ValueError(f"Properties of namespace {'.'.join(name)} must be text, not {key!r}: {value!r}")

        def plan(state: RefState) -> Change:
            if state.has(name):
                raise NamespaceAlreadyExistsError(f"Namespace {'.'.join(name)} already exists")
            made = {key: str(value) for key, value in (properties or _EXISTS).items()}
            return self._change(f"Create namespace {'.'.join(name)}", namespaces={name: made})

        self._apply(plan)

    def drop_namespace(self, namespace: str | Identifier) -> None:
        """Remove a namespace that contains no table and no namespace."""
        name = self.identifier_to_tuple(namespace)

        def plan(state: RefState) -> Change:
            _expect(state, name)
            held = sum(table.namespace == name for table in state.tables)
            below = sum(each[: len(name)] == name for each in state.namespaces.keys() - {name})
            if held or below:
                raise NamespaceNotEmptyError(
                    f"Namespace {'.'.join(name)} is not empty. {held} tables and {below} namespaces exist."
                )
            return self._change(f"Drop namespace {'.'.join(name)}", namespaces={name: None})

        self._apply(plan)

    def namespace_exists(self, namespace: str | Identifier) -> bool:
        """Return whether the namespace, or one below it, exists."""
        return self._state().has(self.identifier_to_tuple(namespace))

    def list_namespaces(self, namespace: str | Identifier = ()) -> list[Identifier]:
        """Return the namespaces directly below one, or those of the top level."""
        above = self.identifier_to_tuple(namespace) if namespace else ()
        state = self._state()
        if above:
            _expect(state, above)
        depth = len(above)
        return sorted({each[: depth + 1] for each in state.namespaces if each[:depth] == above and len(each) > depth})

    def load_namespace_properties(self, namespace: str | Identifier) -> Properties:
        """Return the properties of a namespace."""
        name = self.identifier_to_tuple(namespace)
        state = self._state()
        _expect(state, name)
        return dict(state.namespaces.get(name, {}))

    def update_namespace_properties(
        self, namespace: str | Identifier, removals: set[str] | None = None, updates: Properties = EMPTY_DICT
    ) -> PropertiesUpdateSummary:
        """Set and remove properties of a namespace; return which keys were removed, set, and missing."""
        name = self.identifier_to_tuple(namespace)
        summary = PropertiesUpdateSummary([], [], [])

        def plan(state: RefState) -> Change:
            nonlocal summary
            _expect(state, name)
            before = dict(state.namespaces.get(name, {}))
            summary, after = self._get_updated_props_and_update_summary(before, removals, updates)
            return self._change(f"Set properties of namespace {'.'.join(name)}", namespaces={name: after})

        self._apply(plan)
        return summary

    def list_tables(self, namespace: str | Identifier) -> list[Identifier]:
        """Return the identifiers of a namespace's tables, by name."""
        name = self.identifier_to_tuple(namespace)
        state = self._state()
        _expect(state, name)
        return [(*table.namespace, table.name) for table in sorted(state.tables) if table.namespace == name]

    def list_views(self, namespace: str | Identifier) -> list[Identifier]:
        """Return an empty list: a lake has no views."""
        _expect(self._state(), self.identifier_to_tuple(namespace))
        return []

    def view_exists(self, identifier: str | Identifier) -> bool:
        """Return False: a lake has no views."""
        del identifier
        return False

    def load_view(self, identifier: str | Identifier) -> View:
        """Views are not implemented."""
        raise NotImplementedError

    def register_view(self, identifier: str | Identifier, metadata_location: str) -> View:
        """Views are not implemented."""
        raise NotImplementedError

    def drop_view(self, identifier: str | Identifier) -> None:
        """Views are not implemented."""
        raise NotImplementedError

    def _state(self) -> RefState:
        return self._state_at(self._info().commit if self._plain else self._catalog.resolve(self.ref).id)

    def _state_at(self, commit: str) -> RefState:
        return RefState(commit, self._catalog.tables(commit), self._catalog.namespaces(commit))

    @property
    def _plain(self) -> bool:
        """Whether the ref is just the name of a branch or tag."""
        return self.ref.commit is None and not self.ref.back and self.ref.at is None

    def _info(self) -> RefInfo:
        return self._catalog.ref(self.ref.name)

    def check_writable(self) -> None:
        """Raise `RefProtected` if the ref cannot be written to."""
        name = self.ref.name
        if not self._plain or name == MAIN or name.startswith(CANDIDATE_PREFIX) or self._info().kind == "tag":
            raise RefProtected(str(self.ref))

    def _apply(self, plan: Callable[[RefState], Change]) -> None:
        """Commit the change that `plan` returns for the head; if another writer came first, plan again on the new head.

        The plan raises if it no longer applies. So writers of different tables never conflict.
        """
        self.check_writable()
        for attempt in range(_TRIES):
            state = self._state()
            change = plan(state)
            try:
                self._catalog.commit(self.ref.name, state.commit, change)
            except CommitLost:
                time.sleep(random.uniform(0, min(_LONGEST_WAIT, 0.001 * 2**attempt)))  # noqa: S311 - no secret
            else:
                return
        raise CommitFailedException(f"{self.ref} moved during each of {_TRIES} tries to commit")

    def _change(
        self,
        message: str,
        tables: Mapping[TableName, str | None] = EMPTY_DICT,
        namespaces: Mapping[Namespace, Mapping[str, str] | None] = EMPTY_DICT,
    ) -> Change:
        return Change(tables=tables, namespaces=namespaces, message=message, author=self._author)


def _expect(state: RefState, namespace: Namespace) -> None:
    if not state.has(namespace):
        # The wording, including the mistake, is PyIceberg's.
        raise NoSuchNamespaceError(f"Namespace {'.'.join(namespace)} does not exists")


def _checked(namespace: str | Identifier) -> Namespace:
    Catalog.namespace_to_string(namespace, NoSuchNamespaceError)
    return Catalog.identifier_to_tuple(namespace)
