"""The versioned catalog on a Nessie server (API v2): branches, tags and commits over pointers of tables."""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Literal

from lagoa.adapters.nessie.contents import (
    NO_IDS,
    Contents,
    delta_operations,
    keys_of,
    read_contents,
    read_contents_since,
)
from lagoa.adapters.nessie.history import MERGED, History
from lagoa.adapters.nessie.http import Conflict, NessieHttp, NotThere, at
from lagoa.adapters.nessie.journal import Journal, Move
from lagoa.adapters.nessie.lending import lend
from lagoa.adapters.nessie.saving import commits_behind, pointers_behind
from lagoa.adapters.nessie.scratch import Scratches
from lagoa.adapters.shared.states import KEPT_STATES, Delta, clock_was_ahead, commit_lost, delta_of
from lagoa.domain.cache import Cache
from lagoa.domain.commits import Change, Commit
from lagoa.domain.refs import MAIN, Ref, RefInfo, check_ref_name
from lagoa.domain.roles import JOURNAL, MAINTAINER, OWNED, SCRATCH, WHO_LANDS, is_owned, who_may
from lagoa.domain.saved import WAS, SavedCatalog, SavedMove, with_former_id, with_new_ids
from lagoa.domain.suggestions import did_you_mean_name
from lagoa.domain.tables import tables_differing
from lagoa.errors import (
    CatalogDamaged,
    CommitLost,
    LakeNotEmpty,
    NotAllowed,
    NotASuccessor,
    RefExists,
    RefNotFound,
    RefProtected,
    TerminalError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from lagoa.adapters.nessie.lending import Lent
    from lagoa.domain.ports.catalog import Namespace, Pointers
    from lagoa.domain.ports.secrets import Tokens
    from lagoa.domain.saved import SavedCommit
    from lagoa.domain.tables import TableName

_CONTENT = re.compile("on content '([^']*)'")
"""What Nessie's rules refused, in its words."""

_NOTHING = {"type": "UNCHANGED", "key": {"elements": ["lagoa"]}}
"""The operation of a commit that changes nothing: Nessie wants one."""


def _now() -> datetime:
    return datetime.now(UTC)


def _unread(pointer: str) -> Mapping[str, int]:
    raise TypeError(f"Nothing was given that reads {pointer}: a catalog that commits tables needs NessieOptions.ids.")


@dataclass(frozen=True)
class NessieOptions:
    """How a server is spoken to.

    Attributes:
        timeout_s: limit of one request.
        patience_s: how long a request that fails for a moment is tried again.
        clock: where the time of commits and moves comes from.
        ids: reads the Iceberg ids of a pointer, which Nessie keeps beside it; needed only where tables are committed.
    """

    timeout_s: float = 15.0
    patience_s: float = 30.0
    clock: Callable[[], datetime] = _now
    ids: Callable[[str], Mapping[str, int]] = _unread


class NessieCatalog:
    """A `VersionedCatalog` on a Nessie server; threads and processes may share one.

    Nessie takes a commit whose expected hash is an older one as long as no key of it was changed meanwhile. So a commit
    is made on a branch of this process's own, and the branch is then moved to it by compare-and-swap. The second parent
    of a commit is a property of it. The journal of swaps is a branch: an entry is written before its swap, and counts
    only if the swap happened.

    Args:
        endpoint: such as `http://127.0.0.1:19120/api/v2`.
        tokens: who sends the requests; None if the server has no sign-in.
        create: make the root commit when the server's main has none.
        options: limits, clock, reading of tables.

    Raises:
        CatalogBusy: the server does not answer in time.
        SignInFailed, NotAllowed: it does not let this user in, or do this.
        SignInUnavailable: the server that gives out tokens does not answer.
    """

    def __init__(
        self,
        endpoint: str,
        tokens: Tokens | None = None,
        *,
        create: bool = True,
        options: NessieOptions | None = None,
    ) -> None:
        self._options = options or NessieOptions()
        limits = {"timeout_s": self._options.timeout_s, "patience_s": self._options.patience_s}
        self._http = NessieHttp(endpoint, tokens, **limits)
        self._no_ancestor = _no_ancestor_of(self._http)
        self._history = History(self._http, self._no_ancestor)
        self._role = tokens.role if tokens else ""
        prefix = f"{SCRATCH}{self._role}/" if tokens else SCRATCH
        self._scratches = Scratches(self._http, prefix)
        self._own_scratches = Scratches(self._http, f"{prefix}{OWNED}")
        self._contents: Cache[str, Contents] = Cache(KEPT_STATES)
        self._near = ""  # the commit whose contents were used last
        self._heads: dict[str, str] = {}  # where this process moved branches last
        self._journal = Journal(self._http, self._history, self._no_ancestor, self._enter)
        if create:
            self._make_root()

    def resolve(self, ref: Ref | str) -> Commit:
        """Return the commit that a ref names now; see `SqliteCatalog.resolve` for the forms of refs."""
        ref = Ref.parse(ref) if isinstance(ref, str) else ref
        commit = self.ref(ref.name).commit
        if ref.at is not None:
            commit = self._at_time(ref, ref.at)
        if ref.commit is not None:
            commit = self._of_prefix(ref, commit)
        if ref.back:
            found = self._history.back(commit, ref.back)
            if found is None:
                raise RefNotFound(str(ref), "its history is not that long")
            commit = found
        return self._history.get(commit)

    def ref(self, name: str) -> RefInfo:
        """Return a branch or tag."""
        if name.startswith(SCRATCH) or name == JOURNAL:
            raise RefNotFound(name)
        try:
            return self._ref(name)
        except RefNotFound as error:
            raise RefNotFound(name, similar=did_you_mean_name(name, (each.name for each in self.refs()))) from error

    def refs(self, prefix: str = "") -> Sequence[RefInfo]:
        """Return the branches and tags whose names begin with a prefix, by name; by default all."""
        theirs = {"filter": f"ref.name.startsWith('{prefix}')"} if prefix else {}
        found = [_info(each) for page in self._http.pages("trees", "references", **theirs) for each in page]
        return sorted((each for each in found if not _is_hidden(each.name)), key=lambda each: each.name)

    def create_branch(self, name: str, at: str) -> RefInfo:
        """Make a branch at a commit id."""
        return self._create_ref(name, "branch", at)

    def create_tag(self, name: str, at: str) -> RefInfo:
        """Make a tag at a commit id."""
        return self._create_ref(name, "tag", at)

    def delete_ref(self, name: str, expected: str) -> None:
        """Remove a branch or tag that is at `expected`. Its commits stay."""
        if name == MAIN:
            raise RefProtected(name, deleting=True)
        try:
            with _asking("delete", name):
                self._http.call("DELETE", at(name, expected))
        except NotThere as error:
            if error.attempts == 1:  # else an earlier request may have done it
                raise RefNotFound(name) from error
        except Conflict as error:
            raise CommitLost(name, expected, self.ref(name).commit) from error

    def commit(self, branch: str, expected: str, change: Change) -> Commit:
        """Land `change` as one commit on `branch`, if its head is `expected`: all or nothing."""
        if branch == MAIN:
            raise RefProtected(branch)
        if _is_hidden(branch):
            raise RefNotFound(branch)
        if self._heads.get(branch, expected) != expected:  # else the move fails, and nothing was made in vain
            self._expect(branch, expected, change)
        if change.merged is not None:
            self._history.get(change.merged)
        before = self._contents_at(expected)
        delta = delta_of(before.state, change)
        operations = delta_operations(before, delta, self._options.ids) or [_NOTHING]
        commit, ids = self._commit(branch, expected, change, operations)
        self._contents.keep(commit.id, _after(before, delta, operations, ids))
        return commit

    def swap(self, branch: str, expected: str, to: str) -> datetime:
        """Move `branch` from `expected` to a commit whose first parent that is, and enter it in the journal."""
        self._expect(branch, expected)
        if self._history.get(to).parents[:1] != (expected,):
            raise NotASuccessor(branch, expected, to)
        moment = self._journal.announce(Move(branch, expected, to, self._options.clock()))
        self._assign(branch, expected, to)
        return moment

    def moves(self, branch: str, newest: int | None = None) -> Sequence[tuple[datetime, str]]:
        """Return the swaps of a branch from the journal: (moment, commit id), oldest first; all, or the newest ones."""
        return list(islice(self._journal.moves(branch, self.ref(branch).commit), newest))[::-1]

    def moved_at(self, branch: str, commit: str) -> datetime | None:
        """Return when a branch was moved to a commit, the newest moves first; None if it never was."""
        moves = self._journal.moves(branch, self.ref(branch).commit)
        return next((moment for moment, to in moves if to == commit), None)

    def get(self, commit: str) -> Commit:
        """Return a commit by its full id."""
        return self._history.get(commit)

    def log(self, commit: str, table: TableName | None = None) -> Iterator[Commit]:
        """Yield the commit and its first parents, newest first, to the root; but those that leave `table` alone."""
        return self._history.log(commit) if table is None else self._history.log_of(commit, table)

    def changed(self, commit: str) -> Collection[TableName]:
        """Return the tables that a commit changed against its first parent."""
        return self._history.changed(commit, lambda before: self.tables(before).keys())

    def is_ancestor(self, ancestor: str, of: str) -> bool:
        """Return whether `ancestor` is `of` or lies behind it, by any parent."""
        return self._history.is_ancestor(ancestor, of)

    def merge_base(self, a: str, b: str) -> str:
        """Return the nearest common ancestor, by any parent."""
        return self._history.merge_base(a, b)

    def tables(self, commit: str) -> Pointers:
        """Return the pointer of each Iceberg table at a commit that the role may read."""
        return dict(self._contents_at(commit).state.tables)

    def namespaces(self, commit: str) -> Mapping[Namespace, Mapping[str, str]]:
        """Return the namespaces at a commit with their properties."""
        return dict(self._contents_at(commit).state.namespaces)

    def diff(self, a: str, b: str) -> Mapping[TableName, tuple[str | None, str | None]]:
        """Return each table whose pointer differs, as (at a, at b), by name."""
        return tables_differing(self.tables(a), self.tables(b))

    def lend(self, tables: Pointers) -> AbstractContextManager[Lent]:
        """Yield a branch of this process's own that has exactly these tables, for another engine; see `lending`."""
        return lend(self._http, self._own_scratches, self._options.ids, self._no_ancestor, tables)

    def pointers(self, since: datetime | None = None) -> Iterator[str]:
        """Yield every pointer that a commit behind any branch or tag has set since a time, of each the latest first.

        Branches on which commits are made count, too. Those that were deleted do not, unless they were published: the
        server does not list their commits.
        """
        refs = [each for page in self._http.pages("trees", "references") for each in page if each["name"] != JOURNAL]
        heads = [each["hash"] for each in sorted(refs, key=lambda each: each["name"] == MAIN)]  # main's come first
        yield from pointers_behind(self._http, heads, self._no_ancestor, self._history.commit_of, since)

    def make_journal(self) -> None:
        """Make the branch that says when main moved where, if it is not there."""
        self._journal.make()

    @contextmanager
    def saved(self) -> Iterator[SavedCatalog]:
        """Return the catalog as it is at one time; a ref that others move meanwhile is as it was when it was listed."""
        refs = self.refs()
        published = self._journal.branches()
        moves = [
            SavedMove(ref.name, moment, commit)
            for ref in refs
            if ref.kind == "branch" and ref.name in published
            for moment, commit in self._journal.moves(ref.name, ref.commit)
        ]
        commits = commits_behind(self._http, [ref.commit for ref in refs], self._history.commit_of)
        yield SavedCatalog(refs, sorted(moves, key=lambda move: move.at), commits)

    def is_new(self) -> bool:
        """Return whether main has no more than its first commit, and other refs are of a restore that broke off."""
        line = list(islice(self.log(self._ref(MAIN).commit), 2)) if self._has_root() else []
        others = [ref for ref in self.refs() if ref.name != MAIN]
        return len(line) <= 1 and all(WAS in self._history.get(ref.commit).properties for ref in others)

    def bring_back(self, saved: SavedCatalog, then: Callable[[Mapping[str, str]], None]) -> None:
        """Replay the commits of a saved catalog; see `lagoa.domain.ports.saving`. Nessie gives each another id."""
        if not self.is_new():
            raise LakeNotEmpty(f"Nessie at {self._http.endpoint}")
        for left in self.refs():
            if left.name != MAIN:
                self.delete_ref(left.name, left.commit)
        ids: dict[str, str] = {}
        for each in saved.commits:
            self._replay(each, ids)
        for ref in saved.refs:
            if ref.name != MAIN:
                self._create_ref(ref.name, ref.kind, ids[ref.commit])
        head = self._journal.make()
        for move in saved.moves:
            to = ids[move.to]
            entry = Move(move.branch, self._history.get(to).parents[0], to, move.at)
            head = self._enter_again(head, entry)
        then({old: new for old, new in ids.items() if old != new})
        (main,) = (ref.commit for ref in saved.refs if ref.name == MAIN)
        self._assign(MAIN, self._ref(MAIN).commit, ids[main])

    def verify(self) -> list[str]:
        """Return an empty list: what the server keeps, its store answers for."""
        return []

    def close(self) -> None:
        """Remove what this process made for itself on the server, and close the connections.

        The maintainer also removes what processes of other roles have left.
        """
        self._scratches.close()
        self._own_scratches.close()
        if self._role == MAINTAINER:
            Scratches(self._http, SCRATCH).sweep()
        self._http.close()

    def _make_root(self) -> None:
        if not self._has_root():
            with suppress(CommitLost):  # another process was first
                self._commit(MAIN, self._no_ancestor, Change(message="The empty lake"), [_NOTHING])

    def _has_root(self) -> bool:
        return self._ref(MAIN).commit != self._no_ancestor

    def _replay(self, saved: SavedCommit, ids: dict[str, str]) -> None:
        """Make a saved commit again, on top of its parents' new ids; its own new id is added to `ids`."""
        commit, delta = saved.commit, Delta(saved.tables, saved.namespaces)
        first, merged = (*(ids[parent] for parent in commit.parents), None, None)[:2]
        properties = {name: with_new_ids(value, ids) for name, value in commit.properties.items()}
        change = Change(
            message=with_new_ids(commit.message, ids),
            properties=with_former_id(properties, commit.id),
            author=commit.author,
            merged=merged,
        )
        expected = first or self._no_ancestor
        before = self._contents_at(expected) if first else Contents()
        operations = delta_operations(before, delta, self._ids_again) or [_NOTHING]
        answer = self._scratches.commit(
            expected, {"commitMeta": _meta(change, commit.committed_at), "operations": operations}
        )
        ids[commit.id] = made = str(answer["targetBranch"]["hash"])
        self._contents.keep(made, _after(before, delta, operations, keys_of(answer)))

    def _ids_again(self, pointer: str) -> Mapping[str, int]:
        """Return the ids of a table; those of an empty one if its state has expired and its metadata was collected."""
        try:
            return self._options.ids(pointer)
        except CatalogDamaged as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return NO_IDS
            raise

    def _enter_again(self, head: str, entry: Move) -> str:
        """Put a saved swap into the journal; return its head."""
        change = Change(message=f"Move {entry.branch}", properties=entry.properties())
        return self._commit(JOURNAL, head, change, [_NOTHING])[0].id

    def _ref(self, name: str) -> RefInfo:
        try:
            return _info(self._http.call("GET", at(name))["reference"])
        except NotThere as error:
            raise RefNotFound(name) from error

    def _create_ref(self, name: str, kind: Literal["branch", "tag"], commit: str) -> RefInfo:
        check_ref_name(name)
        body = {"type": "DETACHED", "hash": commit}
        try:
            with _asking("make", name):
                made = self._http.call("POST", "trees", body=body, params={"name": name, "type": kind.upper()})
        except NotThere as error:
            raise RefNotFound(commit, "there is no such commit") from error
        except Conflict as error:
            there = self._ref(name)
            if error.attempts == 1 or (there.kind, there.commit) != (kind, commit):
                raise RefExists(name) from error
            return there
        return _info(made["reference"])

    def _expect(self, branch: str, expected: str, change: Change | None = None) -> None:
        info = self.ref(branch)
        if info.kind == "tag":
            raise RefProtected(branch)
        if info.commit != expected:
            raise commit_lost(branch, expected, info.commit, change, self.tables)

    def _commit(
        self, branch: str, expected: str, change: Change, operations: list[dict[str, Any]]
    ) -> tuple[Commit, dict[tuple[str, ...], str]]:
        """Make a commit on a branch of this process's own, and move `branch` to it."""
        now = self._options.clock()
        meta = _meta(change, now)
        scratches = self._own_scratches if is_owned(branch) else self._scratches
        with _asking("commit to", branch):
            answer = scratches.commit(expected, {"commitMeta": meta, "operations": operations})
        made = str(answer["targetBranch"]["hash"])
        self._assign(branch, expected, made, change)
        parents = tuple(each for each in (expected, change.merged) if each not in {None, self._no_ancestor})
        commit = Commit(made, parents, meta["message"], meta["authors"][0], now, dict(change.properties))
        self._history.keep(commit, now)
        return commit, keys_of(answer)

    def _assign(self, branch: str, expected: str, to: str, change: Change | None = None) -> None:
        body, params = {"type": "DETACHED", "hash": to}, {"type": "BRANCH"}
        try:
            with _asking("move", branch):
                self._http.call("PUT", at(branch, expected), body=body, params=params)
            self._heads[branch] = to
        except NotThere as error:
            raise RefNotFound(branch) from error
        except NotAllowed:
            raise
        except TerminalError as error:
            if self._ref(branch).kind == "tag":
                raise RefProtected(branch) from error
            raise
        except Conflict as error:
            actual = self._ref(branch).commit
            # The answer to an earlier request may have been lost, and others may have gone on from there since.
            if error.attempts == 1 or not self._history.is_ancestor(to, actual):
                raise commit_lost(branch, expected, actual, change, self.tables) from error

    def _contents_at(self, commit: str) -> Contents:
        found = self._contents.get(commit)
        if found is None:
            found = self._read_contents(commit)
            self._contents.keep(commit, found)
        self._near = commit
        return found

    def _read_contents(self, commit: str) -> Contents:
        """Read the contents of a commit, or what differs from one that is known: most states are much alike."""
        near = self._contents.get(self._near) if self._near else None
        if near is not None:
            with suppress(NotThere):
                return read_contents_since(self._http, commit, near, self._near)
        try:
            return read_contents(self._http, commit)
        except NotThere as error:
            raise RefNotFound(commit, "there is no such commit") from error

    def _enter(self, head: str, entry: Change) -> None:
        """Put an entry into the journal if its head is `head`; raises `CommitLost`."""
        self._commit(JOURNAL, head, entry, [_NOTHING])

    def _at_time(self, ref: Ref, moment: datetime) -> str:
        head = self.ref(ref.name).commit
        moves = self._journal.moves(ref.name, head)
        newest = list(islice(moves, 1))
        if not newest and ref.name != MAIN:
            raise RefNotFound(str(ref), "only a branch that is published to, such as main, knows its state by time")
        if moment > max([self._options.clock(), *(at for at, _ in newest)]):
            raise RefNotFound(str(ref), "that moment has not come")
        found, first, after = None, None, moment
        for moved_at, commit in chain(newest, moves):
            if moved_at <= moment:
                found = commit
                break
            first, after = commit, moved_at
        if moment <= self._options.clock() < after:
            raise clock_was_ahead(ref)
        if found:
            return found
        return self._history.get(first).parents[0] if first else head

    def _of_prefix(self, ref: Ref, head: str) -> str:
        prefix = ref.commit or ""
        if len(prefix) == 64:  # noqa: PLR2004 - a whole id
            with suppress(RefNotFound):
                if self._history.is_ancestor(prefix, head):
                    return prefix
            found = []
        else:
            found = self._history.beginning_with(prefix, head)
        if not found:
            raise RefNotFound(str(ref), f"no commit that begins so lies in the history of {ref.name}")
        if len(found) > 1:
            raise RefNotFound(str(ref), f"{len(found)} commits begin so; give more digits")
        return found[0]


def _meta(change: Change, moment: datetime) -> dict[str, Any]:
    """Return what Nessie is told of a commit."""
    properties = {**change.properties, **({MERGED: change.merged} if change.merged else {})}
    message, author = (text.encode("utf-8", "replace").decode() for text in (change.message, change.author))
    return {
        "message": message,
        "authors": [author],
        "authorTime": moment.isoformat(),
        "allProperties": {name: [value] for name, value in properties.items()},
    }


def _after(
    before: Contents, delta: Delta, operations: Sequence[Mapping[str, Any]], ids: Mapping[tuple[str, ...], str]
) -> Contents:
    """Return the contents after a commit, to whose new keys the server gave these ids."""
    gone = {tuple(each["key"]["elements"]) for each in operations if each["type"] == "DELETE"}
    left = {key: id_ for key, id_ in before.ids.items() if key not in gone}
    return Contents(before.state.changed(delta), {**left, **ids})


def _no_ancestor_of(http: NessieHttp) -> str:
    """Return the hash that means "no commit"; an error where something else than Nessie answers."""
    try:
        return str(http.call("GET", "config")["noAncestorHash"])
    except (NotThere, KeyError, TypeError) as error:
        message = f"What answers at {http.endpoint} is no Nessie of API v2."
        raise TerminalError(message, "Check `nessie_url`.") from error


def _info(reference: Mapping[str, Any]) -> RefInfo:
    kind: Literal["branch", "tag"] = "tag" if reference["type"] == "TAG" else "branch"
    return RefInfo(reference["name"], kind, reference["hash"], None)


@contextmanager
def _asking(what: str, ref: str) -> Iterator[None]:
    """Say which request on which ref the server refused, and which roles may send it."""
    try:
        yield
    except NotAllowed as error:
        refused = sorted(set(_CONTENT.findall(error.reason)))
        if refused:  # the branch is theirs to write, but not this layer of it
            message = f"change {', '.join(refused)} on {ref!r}."
            raise NotAllowed(error.server, message, error.role, WHO_LANDS) from error
        raise NotAllowed(error.server, f"{what} {ref!r}.", error.role, who_may(ref)) from error


def _is_hidden(name: str) -> bool:
    return name.startswith(SCRATCH) or name == JOURNAL
