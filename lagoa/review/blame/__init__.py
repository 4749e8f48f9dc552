"""Which publications wrote a row: each at which the row with a key came, changed, or went, the newest first."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any

from lagoa.audit.records import RECEIPT
from lagoa.catalog.table_facts import INPUTS
from lagoa.contracts.contract import PERSONAL
from lagoa.domain.commits import intents_of
from lagoa.domain.lists import counted, listed
from lagoa.domain.notebooks import html_table, moment
from lagoa.domain.refs import MAIN, Ref
from lagoa.domain.suggestions import did_you_mean_name
from lagoa.domain.tables import LINEAGE_COLUMNS, TableName
from lagoa.errors import (
    CatalogDamaged,
    KeyRefused,
    QueryError,
    RefNotFound,
    RowNotFound,
    StateExpired,
    TableNotFound,
    TableUnreadable,
)
from lagoa.publish import BRANCH, ROLLBACK
from lagoa.publish.replay import REBASED
from lagoa.review.personal import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from lagoa.context import LakeContext
    from lagoa.contracts.contract import Contract
    from lagoa.domain.commits import Commit
    from lagoa.review.blame.changes import Change, Kind
    from lagoa.review.blame.rows import Found, KeyRows

_BATCH = LINEAGE_COLUMNS[0]
_MOVES = 500
"""How many moves of main are read at first to learn the times of publications."""

_COMMITS = 1_000
"""How many commits of a work branch are looked at to learn who wrote a row."""


@dataclass(frozen=True, slots=True)
class RowWrite:
    """One publication that wrote a row; on a branch, one commit.

    Attributes:
        kind: what happened to the row. `reloaded`: it was written again with the same values, in another batch.
        commit: id of the commit.
        at: when it was published (UTC); the time of the commit if it is no publication.
        published: whether the commit is a publication.
        author: who wrote the row on the work branch.
        publisher: who made the commit: of a publication, who published.
        branch: the work branch; empty if the commit does not say.
        message: message of the commit.
        how: the kinds of writes that did it, such as `merge`; `rollback`; `unknown` for a write without an intent: of
            another writer, such as PyIceberg, Spark or Trino.
        restored: of a rollback, the commit whose state it restored; else empty.
        built_from: of a model, the tables that it was built from.
        batch: the batch that the row came in; empty if nothing says so.
        columns: the columns that changed, but those that say how the row was loaded.
        before: the row before, by the columns' names after; None if it was added.
        after: the row after; None if it was removed.
    """

    kind: Kind
    commit: str
    at: datetime
    published: bool
    author: str
    publisher: str
    branch: str
    message: str
    how: tuple[str, ...]
    restored: str
    built_from: tuple[str, ...]
    batch: str
    columns: tuple[str, ...]
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    def __repr__(self) -> str:
        return f"<RowWrite {self.kind} by {self.commit[:12]}, {moment(self.at)}, {self.author}>"


@dataclass(frozen=True, slots=True)
class Blame:
    """The publications that wrote a row.

    Attributes:
        table: its table.
        ref: the ref that was asked for.
        commit: id of the commit that the ref named.
        key: the key's values, by column.
        writes: what wrote it, newest first; of versions of one key, several may have the same commit.
        more: whether `limit` left older ones out.
        states: the number of states of the table that were passed.
        repeated: the commits after which several rows had the key, newest first; none for versions of one key.
        hidden: the columns whose values are hidden.
        unread: why the states before the last of `writes` could not be read; empty if they could.
    """

    table: TableName
    ref: str
    commit: str
    key: Mapping[str, Any]
    writes: tuple[RowWrite, ...]
    more: bool
    states: int
    repeated: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    unread: str = ""

    def __repr__(self) -> str:
        return f"<Blame {self.table} {shown_key(self.key)}: {counted(len(self.writes), 'write')}>"

    def _repr_html_(self) -> str:
        """Return the writes as HTML, for a notebook."""
        columns = ("time", "commit", "row", "author", "how", "branch", "batch", "columns")
        rows = [
            (moment(w.at), w.commit[:12], w.kind, w.author, ", ".join(w.how), w.branch, w.batch, ", ".join(w.columns))
            for w in self.writes
        ]
        return html_table(columns, rows, f"{self.table}, {shown_key(self.key)}, at {self.ref}")


def shown_key(key: Mapping[str, Any]) -> str:
    """Return a key as text: `order_id = 5, item = 1`."""
    return listed([f"{name} = {value}" for name, value in key.items()])


def blame(  # noqa: PLR0913 - each is the caller's choice
    context: LakeContext,
    table: str,
    key: Mapping[str, Any] | Sequence[Any],
    ref: str = MAIN,
    *,
    limit: int = 50,
    every: bool = False,
    personal: bool = True,
) -> Blame:
    """Return the publications that wrote the row with a key, newest first; of a branch, first its own commits.

    The walk goes along first parents, behind a rebase along main, and ends at the publication by which the row came,
    unless that was a rollback or a restored table. Only commits that changed the table's pointer are looked at, and of
    their states only the files that the next state does not have and whose bounds admit the key.

    Rows are compared in the columns of the later state: a renamed column is the same, a dropped one is left out.

    Args:
        context: the lake.
        table: its table.
        key: the key's values by column, or in the order of the contract's key, or alone if it is one column; of a table
            with history, without `valid_from` for all versions. A text is read by its column's type.
        ref: where the walk begins.
        limit: return at most this many.
        every: go on to the beginning of the history, where an earlier row may have had the key.
        personal: whether values of columns that the contract classifies as personal are returned, not `•••`.

    Raises:
        TableNotFound, RefNotFound: there is no such table at the ref or before, or no such ref.
        KeyRefused: the table has no key, or this is no key of it.
        RowNotFound: no state of the table had such a row.
        NotAllowed: the role may not read the quarantine.
        TableUnreadable: others wrote something to the table that would not be read correctly.
        CatalogDamaged, QueryError: a file cannot be read, and nothing was found before that.
    """
    from lagoa.review.blame.keys import key_of_values
    from lagoa.review.blame.rows import KeyRows

    name, limit = TableName.parse(table), max(limit, 0)
    if name.is_quarantine:
        context.require_quarantine_access()
    head = context.resolve(ref, {name.layer})
    contract = _contract(context, name, ref, head)
    texts = key_of_values(contract, key)
    with context.engine.session({}) as session:
        walk = _Walk(context, name, contract, KeyRows(context, session, contract, texts), ref)
        walk.go(head, limit, every=every)
    if not walk.met:
        raise TableNotFound(name, ref, did_you_mean_name(name, context.catalog.tables(head.id)))
    hidden = frozenset[str]() if personal else _hidden(contract, walk.writes)
    shown = {each: HIDDEN if each in hidden else value for each, value in walk.rows.values.items()}
    if not walk.writes:
        raise RowNotFound(name, shown_key(shown), ref, head.id, walk.states)
    return Blame(
        name,
        ref,
        head.id,
        shown,
        tuple(_without(hidden, each) for each in walk.writes[:limit]),
        len(walk.writes) > limit,
        walk.states,
        tuple(walk.repeated),
        tuple(sorted(hidden)),
        walk.unread,
    )


def _contract(context: LakeContext, name: TableName, ref: str, head: Commit) -> Contract:
    contract = context.contracts.get(name)
    if contract is not None:
        return contract
    tables = context.catalog.tables(head.id)
    if name not in tables:
        raise TableNotFound(name, ref, did_you_mean_name(name, tables))
    raise KeyRefused(
        name,
        "it has no contract, which would say what its key is.",
        f"Write one with a key (`lagoa contract infer --table {name}` from a file); or compare two publications by all "
        "values: `lagoa diff main~1..main --rows`.",
    )


def _hidden(contract: Contract, writes: Sequence[RowWrite]) -> frozenset[str]:
    """Return the columns to hide: the personal ones, and those that the contract does not know if it has any."""
    spellings = {
        each: column.classification == PERSONAL
        for column in contract.all_columns
        for each in (column.name, *contract.former_names.get(column.name, ()))
    }
    if not any(spellings.values()):
        return frozenset()
    names = {*contract.key, *(name for write in writes for row in (write.before, write.after) for name in row or ())}
    return frozenset(name for name in names if spellings.get(name, True))


def _without(hidden: frozenset[str], write: RowWrite) -> RowWrite:
    if not hidden:
        return write

    def masked(row: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        if row is None:
            return None
        return {name: HIDDEN if name in hidden and value is not None else value for name, value in row.items()}

    return replace(write, before=masked(write.before), after=masked(write.after))


@dataclass(slots=True)
class _Walk:
    """The walk from a commit to the beginning of its history.

    Attributes:
        context: the lake.
        table: the table.
        contract: its contract.
        rows: finds the rows.
        ref: where it begins.
        writes: what was found, newest first.
        repeated: the commits after which several rows had the key.
        states: the number of states of the table that were passed.
        met: whether there was a table at any of them.
        unread: why earlier states cannot be read.
    """

    context: LakeContext
    table: TableName
    contract: Contract
    rows: KeyRows
    ref: str
    writes: list[RowWrite] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    states: int = 0
    met: bool = False
    unread: str = ""
    _times: dict[str, datetime] = field(default_factory=dict)
    _asked: int = 0

    def go(self, head: Commit, limit: int, *, every: bool) -> None:
        """Look for writes until the row's origin is found, or one more than `limit`."""
        from lagoa.review.blame.changes import changes_between

        versions = self.contract.scd2 is not None
        for commit, before, after in self._moves(head):
            newer = self.rows.at(after)
            try:
                older = self._rows_before(commit, before)
            except (CatalogDamaged, QueryError, TableUnreadable, StateExpired) as error:
                if not self.writes:
                    raise
                self.unread = str(error)
                return
            self.states += 1
            self.met = True
            if len(newer.rows) > 1 and not versions:
                self.repeated.append(commit.id)
            changes = changes_between(older, newer, versions=versions)
            if not changes:
                continue
            made = self._facts(commit, after)
            self.writes += [self._write(change, commit, made) for change in changes]
            came_back = not {"rollback", "restore"}.isdisjoint(made.how)
            if len(self.writes) > limit or not (every or older.rows or came_back):
                return

    def _rows_before(self, commit: Commit, before: str | None) -> Found:
        """Return the rows of the state before a commit; raises `StateExpired` if it cannot be read and has expired."""
        try:
            return self.rows.at(before)
        except (CatalogDamaged, QueryError, TableUnreadable):
            for parent in commit.parents[:1]:
                state = self.context.catalog.get(parent)
                self.context.expiry.refuse(state, f"{MAIN}@{parent[:12]}", {self.table.layer})
            raise

    def _moves(self, head: Commit) -> Iterator[tuple[Commit, str | None, str | None]]:
        """Yield the commits that changed the table's pointer, newest first, with the pointer before and after."""
        later: Commit | None = None
        pointer: str | None = None
        for commit in self._log(head.id):
            here = self._pointer(commit.id)
            if later is not None and here != pointer:
                yield later, here, pointer
            later, pointer = commit, here
        if later is not None and pointer is not None:  # the root has it, as in an imported catalog
            yield later, None, pointer

    def _log(self, start: str | None) -> Iterator[Commit]:
        """Yield a commit and those that it was made on, newest first: behind a rebase main goes on."""
        while start is not None:
            line, start = self.context.catalog.log(start, self.table), None
            for commit in line:
                yield commit
                if REBASED in commit.properties:
                    start = commit.properties[REBASED]
                    break

    def _pointer(self, commit: str | None) -> str | None:
        return None if commit is None else self.context.catalog.tables(commit).get(self.table)

    def _facts(self, commit: Commit, after: str | None) -> _Facts:
        """Return who made a commit's change to the row, and how."""
        if ROLLBACK in commit.properties:
            return _Facts(commit.author, ("rollback",), restored=commit.properties[ROLLBACK])
        steps = self._steps(commit)
        authors = ", ".join(dict.fromkeys(step.author for step in steps))
        intents = [[each for each in intents_of(step) if each.table == str(self.table)] for step in steps]
        kinds: dict[str, None] = {}
        for found in intents:
            kinds |= dict.fromkeys([str(each.kind) for each in found] or ["unknown"])
        batches = {each.batch.id for found in intents for each in found if each.batch}
        built_from = ""
        if "model" in kinds and after is not None:
            built_from = self.context.metadata.facts(after).properties.get(INPUTS, "")
        inputs = tuple(sorted(json.loads(built_from or "{}")))
        return _Facts(authors, tuple(kinds), inputs, batch=batches.pop() if len(batches) == 1 else "")

    def _steps(self, commit: Commit) -> list[Commit]:
        """Return the commits by which the change of a commit to the row was made, oldest first.

        They are commits of the branch that it publishes, or puts on main again; else it is the commit alone. If none
        changed the row, they are those that changed the table.
        """
        if len(commit.parents) == 1 or not commit.parents:
            return [commit]
        main, head = commit.parents[:2] if REBASED not in commit.properties else commit.parents[1::-1]
        moved: list[tuple[Commit, bool]] = []
        with suppress(RefNotFound):  # the branch's commits may be gone with it
            base = self.context.catalog.merge_base(main, head)
            line = [*islice(takewhile(lambda each: each.id != base, self._log(head)), _COMMITS)]
            for step in reversed(line):
                on = [step.properties.get(REBASED), *step.parents[:1]]
                after, before = self._pointer(step.id), self._pointer(next(filter(None, on), None))
                if after != before:
                    moved.append((step, self.rows.at(after).rows != self.rows.at(before).rows))
        steps = [step for step, wrote in moved if wrote] or [step for step, _ in moved]
        found = [each for step in steps for each in (self._steps(step) if REBASED in step.properties else [step])]
        return list({each.id: each for each in found}.values()) or [commit]

    def _write(self, change: Change, commit: Commit, made: _Facts) -> RowWrite:
        published = RECEIPT in commit.properties
        batch = "" if change.after is None else str(change.after.get(_BATCH) or made.batch)
        return RowWrite(
            kind=change.kind,
            commit=commit.id,
            at=self._time(commit) if published else commit.committed_at,
            published=published,
            author=made.author,
            publisher=commit.author,
            branch=commit.properties.get(BRANCH, "") if published else Ref.parse(self.ref).name,
            message=commit.message,
            how=made.how,
            restored=made.restored,
            built_from=made.built_from,
            batch=batch,
            columns=change.columns,
            before=change.before,
            after=change.after,
        )

    def _time(self, commit: Commit) -> datetime:
        """Return when a commit was published, by the journal."""
        while commit.id not in self._times:
            self._asked = self._asked * 10 or _MOVES
            moves = self.context.catalog.moves(MAIN, self._asked)
            self._times = {moved: at for at, moved in moves}
            if len(moves) < self._asked:
                break
        return self._times.get(commit.id, commit.committed_at)


@dataclass(frozen=True, slots=True)
class _Facts:
    author: str
    how: tuple[str, ...]
    built_from: tuple[str, ...] = ()
    restored: str = ""
    batch: str = ""
