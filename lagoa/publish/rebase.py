"""Rebase: what a branch did is done again on main as it is now, so that the changes of both stay.

Tables that main left alone stay as they are. Where both changed one, each write of the branch is done again on main's
state: appends add the same files, merges and histories take the rows that their intents keep, deletes their condition,
models run. All of it is one commit on the branch; until then nobody sees any of it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from lagoa.catalog.draft import DraftCatalog
from lagoa.catalog.table_facts import INPUTS
from lagoa.domain.commits import INTENTS, Change, Intent, intents_of
from lagoa.domain.faults import fault_point
from lagoa.domain.lists import listed
from lagoa.domain.suggestions import did_you_mean_name
from lagoa.domain.tables import TableName
from lagoa.errors import CommitLost, InvalidName, PublishConflict, QueryError, RebaseConflict, WriteError
from lagoa.publish.foreign import foreign_intent
from lagoa.publish.turn import Turn
from lagoa.publish.work import Work, head_of
from lagoa.write import begin
from lagoa.write.fingerprints import function_of
from lagoa.write.incoming import IncomingRows
from lagoa.write.replay import addition, has_snapshot, written_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from lagoa.context import LakeContext
    from lagoa.domain.commits import Commit
    from lagoa.domain.receipts import Publication
    from lagoa.errors import LagoaError
    from lagoa.write import WriteTransaction
    from lagoa.write.replay import Addition, WrittenColumns

REBASED = "lagoa.rebased"
"""Commit property of a rebase: the commit of main that the branch was put on."""

_LAST = {"replace": "replaced", "restore": "restored", "drop": "dropped"}
"""Writes that no other change of the table outlives, by kind, as a word of what they did."""

How = Literal["kept", "replayed", "built", "ours", "theirs"]


@dataclass(frozen=True, slots=True)
class TableRebase:
    """What becomes of one table that the branch changed.

    Attributes:
        table: the table.
        how: `kept`: main left it alone; `replayed`: its writes are done again on main's state; `built`: its model runs
            again; `ours`, `theirs`: the branch's or main's state stays, as was asked for.
        writes: the number of writes that are done again.
        dropped: ids of batches that are left out, since main has them.
    """

    table: TableName
    how: How
    writes: int = 0
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RebaseResult:
    """A branch that was put on main.

    Attributes:
        branch: the branch.
        onto: the commit of main.
        commit: the branch's new commit; None if nothing was done.
        tables: what became of each table that the branch changed, by name.
    """

    branch: str
    onto: str
    commit: str | None
    tables: tuple[TableRebase, ...]


def rebase(
    context: LakeContext,
    branch: str,
    *,
    ours: Collection[TableName] = (),
    theirs: Collection[TableName] = (),
    dry_run: bool = False,
) -> RebaseResult:
    """Put a branch on main as it is now, with one commit that has main's head as its second parent.

    Args:
        context: the lake.
        branch: the work branch.
        ours: tables whose state on the branch stays as it is, though main changed them.
        theirs: tables whose state on main stays; what the branch did to them is given up.
        dry_run: only find out what would be done.

    Raises:
        RebaseConflict: a table was replaced, restored, dropped or rewritten by another program on the branch, and main
            changed it; or its columns on both sides do not fit together.
        PublishConflict: main was rolled back to before the state that the branch is based on.
        InvalidName: `ours` or `theirs` has a table that not both changed, or a model's.
        ModelError: a model fails on the new inputs.
        BatchChanged, BatchHeld: main has a batch of the branch with other content, or holds it.
        CommitLost: another writer moved the branch meanwhile.
        RefNotFound, RefProtected: there is no such branch, or it is none to write to.
    """
    work = Work.of(context, branch, head_of(context, branch))
    if work.parted == work.main:
        return RebaseResult(branch, work.main, None, ())
    plan = Plan.of(work, frozenset(ours), frozenset(theirs))
    if plan.faults:
        reasons = listed([f"{table}: {reason}" for table, reason in plan.faults.items()])
        named = list(dict.fromkeys(with_owners(work, plan.faults)))
        raise RebaseConflict(branch, named, work.head, work.main, f"{reasons}.", plan.advice())
    if dry_run:
        return RebaseResult(branch, work.main, None, plan.results())
    fault_point("rebase.begun")
    replay = Replay(plan)
    try:
        replay.run()
    except CannotReplayError as error:
        raise RebaseConflict(
            branch, with_owners(work, [error.table]), work.head, work.main, error.reason
        ) from error.__cause__
    fault_point("rebase.replayed")
    commit = context.catalog.commit(branch, work.head, replay.change())
    fault_point("rebase.committed")
    return RebaseResult(branch, work.main, commit.id, plan.results(replay.dropped))


def publish_rebased(context: LakeContext, branch: str, publish: Callable[[bool], Publication]) -> Publication:
    """Publish a branch; if main has moved on in what the branch touches, rebase it and publish again.

    A rebase takes the turn to move main, and has it until the publication: so one is enough. One in which models run
    waits for nobody, as others would wait for it; if main has moved on by its end, only what changed since is built,
    within the turn.

    Args:
        context: the lake.
        branch: the work branch.
        publish: publishes it as it is; told whether this has the turn.

    Raises:
        PublishConflict: as `rebase`; or main moved on each of `settings.publish_tries` times.
    """
    tries = context.settings.publish_tries
    with Turn(context) as turn:
        for attempt in range(1, tries + 1):
            try:
                return publish(turn.taken)
            except PublishConflict as conflict:
                if not conflict.behind or attempt == tries:
                    raise
            if attempt > 1 or not _runs_models(context, branch):
                turn.take()
            try:
                rebase(context, branch)
            except CommitLost:
                if attempt == tries:
                    raise
    raise AssertionError  # pragma: no cover - the loop returns or raises


def _runs_models(context: LakeContext, branch: str) -> bool:
    return any(each.how == "built" for each in rebase(context, branch, dry_run=True).tables)


@dataclass(frozen=True, slots=True)
class _Write:
    """One write of the branch.

    Attributes:
        table: the table.
        intent: what it meant.
        commit: the commit that has it.
        load: the write of accepted records whose refused records this one put into quarantine.
    """

    table: TableName
    intent: Intent
    commit: Commit
    load: Intent | None = None


@dataclass(frozen=True, slots=True)
class Undone:
    """Publications that are taken back.

    Attributes:
        commit: the one that is asked for.
        tables: the tables that they changed.
        commits: ids of the commits whose writes are not done again: theirs, and those that took some of them back.
    """

    commit: Commit
    tables: frozenset[TableName]
    commits: frozenset[str]


@dataclass(frozen=True)
class Plan:
    """What is done with each table that the branch changed.

    Attributes:
        work: the branch against main.
        writes: the branch's writes, oldest first.
        mine: pointers of the tables that the branch changed, where it and main diverged and at its head.
        how: what becomes of each.
        faults: why tables cannot have the changes of both.
        undone: what is taken back, if that is what is done; else None.
    """

    work: Work
    writes: Sequence[_Write]
    mine: Mapping[TableName, tuple[str | None, str | None]]
    how: Mapping[TableName, How]
    faults: Mapping[TableName, str] = field(default_factory=dict)
    undone: Undone | None = None

    @classmethod
    def of(
        cls,
        work: Work,
        ours: Collection[TableName] = (),
        theirs: Collection[TableName] = (),
        undone: Undone | None = None,
    ) -> Plan:
        """Decide what is done with each table; raises `InvalidName` for one of `ours` or `theirs`."""
        mine = dict(work.catalog.diff(work.parted, work.head))
        others = work.catalog.diff(work.parted, work.main)
        writes = _writes(work)
        if undone is not None:  # what was done beside it is done again on the state before it
            before = work.catalog.tables(work.main)
            others = {table: (None, before.get(table)) for table in undone.tables}
            writes = [each for each in writes if each.commit.id not in undone.commits]
            mine = {table: mine[table] for table in mine.keys() & {each.table for each in writes}}
        clash = {table for table in mine.keys() & others.keys() if mine[table][1] != others[table][1]}
        models = {each.table for each in writes if each.intent.kind == "model"}
        how: dict[TableName, How] = dict.fromkeys(mine, "kept")
        how |= dict.fromkeys(clash, "replayed")
        if ours or theirs:
            choices, stuck = set(with_owners(work, clash)), cls(work, writes, mine, how)._stale(models) - models
            _check_named(ours, choices, models)
            _check_named(theirs, choices | stuck, models)
            _check_apart(ours, theirs)
        for table in (part for each in ours for part in (each, each.quarantine)):
            if table in others:  # also what main alone changed: a table and its quarantine are of one side
                mine.setdefault(table, work.both(table))
            if table in mine:
                how[table] = "built" if table in models and mine[table][1] else "ours"
        how |= {part: "theirs" for each in theirs for part in (each, each.quarantine) if part in mine}
        how |= {table.quarantine: "replayed" for table in clash if how.get(table.quarantine) == "kept"}
        plan = cls(work, writes, mine, how, undone=undone)
        plan = replace(plan, how={**how, **dict.fromkeys(plan._stale(models), "built")})
        return replace(plan, faults={t: fault for t, fault in plan._faults(others, models).items() if t not in ours})

    def results(self, dropped: Mapping[TableName, Sequence[str]] = {}) -> tuple[TableRebase, ...]:
        """Return what becomes of each table."""
        counts = dict.fromkeys(self.how, 0)
        for each in self.writes:
            if each.table in counts:  # one that was made and dropped again has not changed
                counts[each.table] += 1
        return tuple(
            TableRebase(table, how, counts[table] if how == "replayed" else 0, tuple(dropped.get(table, ())))
            for table, how in sorted(self.how.items())
        )

    def _stale(self, models: Collection[TableName]) -> set[TableName]:
        """Return the models of the branch that main, or a replayed write, gives other inputs or another state."""
        catalog, metadata = self.work.catalog, self.work.context.metadata
        state = dict(catalog.tables(self.work.main))
        state |= {t: new for t, (_, new) in self.mine.items() if self.how[t] in {"kept", "ours"} and new}
        inputs = {
            table: json.loads(metadata.facts(new).properties.get(INPUTS, "{}"))
            for table, (_, new) in self.mine.items()
            if new
        }
        changed = {table for table, how in self.how.items() if how == "replayed"}
        stale = changed & set(models)
        while True:
            more = {
                table
                for table, built in inputs.items()
                for name, pointer in built.items()
                if self.how[table] == "kept"
                and table not in stale
                and (state.get(_named(name)) != pointer or _named(name) in changed | stale)
            }
            if not more:
                return stale
            stale |= more

    def _faults(
        self, others: Mapping[TableName, tuple[str | None, str | None]], models: Collection[TableName]
    ) -> dict[TableName, str]:
        """Return why tables cannot have the changes of both sides."""
        faults: dict[TableName, str] = {}
        crossed = self.work.crossed() if self.undone is None and "replayed" in self.how.values() else None
        for table, how in sorted(self.how.items()):
            reason = ""
            if how == "built" and table not in models:
                reason = f"{self._who} built it, not by a model of the lake, from inputs that are others now"
            elif how == "replayed" or (how == "built" and table in others):
                reason = self._reason(table, others.get(table))
            if crossed and how == "replayed" and not reason:
                reason = (
                    f"main has a part of the work that the branch was rebased with ({crossed[:12]}), by another branch"
                )
            if how == "built" and not reason:
                reason = next(filter(None, map(self._beside_model, self._of(table))), "")
            if reason:
                faults[table] = reason
        return faults

    @property
    def _who(self) -> str:
        """Who did the writes that are done again."""
        return "the branch" if self.undone is None else "a later publication"

    def _reason(self, table: TableName, by_main: tuple[str | None, str | None] | None) -> str:
        """Return why a table cannot have the changes of both; empty if it can."""
        if by_main is not None and by_main[1] is None and self.undone is None:
            return f"main dropped it ({self._by_main(table)}), and the branch changed it"
        fault = next(filter(None, map(self._fault, self._of(table))), "")
        if fault and by_main is not None:
            changed = "main" if self.undone is None else "this publication"
            return f"{fault}, and {changed} changed it ({self._by_main(table)})"
        return fault

    def _fault(self, write: _Write) -> str:
        """Return why a write cannot be done again on another state of its table; empty if it can."""
        intent, by = write.intent, f"{write.commit.id[:12]} of {write.commit.author}"
        if intent.kind in _LAST:
            return f"{self._who} {_LAST[intent.kind]} it ({by})"
        if intent.predicate and (read := self._read_by(intent.predicate) & self.mine.keys()):
            read_too = listed(sorted(map(str, read)))
            return f"{self._who} deleted rows ({by}) by a condition over {read_too}, which it changed, too"
        if intent.key and intent.kind != "model":
            if not self._has_rows(intent):
                return f"the rows that {self._who} merged ({by}) are not kept any more (`incoming_days`)"
            if intent.kind == "quarantine" and not self._only_appended(write.table):
                return f"{self._who} decided the fate of records ({by})"
        return ""

    def _beside_model(self, write: _Write) -> str:
        """Return that a write to a model's table would be lost when it runs again; empty for one of the model."""
        if write.intent.kind in {"model", "evolve", *_LAST}:
            return ""
        by = f"{write.commit.id[:12]} of {write.commit.author}"
        return f"{self._who} changed its rows otherwise than by its model ({by}), which would run again without that"

    def _of(self, table: TableName) -> Iterator[_Write]:
        return (each for each in self.writes if each.table == table)

    def advice(self) -> str:
        """Return what to do if only tables that no model builds stand in the way; else empty."""
        stuck = [table for table in self.faults if self.how[table] == "built" and not self._is_model(table)]
        if len(stuck) < len(self.faults):
            return ""
        given_up = " ".join(f"--theirs {table}" for table in stuck)
        return (
            f"`lagoa rebase {self.work.branch} {given_up}` gives up {listed(list(map(str, stuck)))}: build again then."
        )

    def _is_model(self, table: TableName) -> bool:
        return any(each.intent.kind == "model" for each in self._of(table))

    def _has_rows(self, intent: Intent) -> bool:
        """Return whether the rows of a merge are kept; of none at all no file is."""
        if not intent.incoming:
            return intent.snapshot is None and self.work.context.settings.incoming_days > 0
        return all(map(self._is_there, intent.incoming))

    def _read_by(self, predicate: str) -> Collection[TableName]:
        return self.work.context.engine.tables_read(f"SELECT ({predicate}\n)", repeatable=True)

    def _is_there(self, path: str) -> bool:
        return self.work.context.storage.file_io({}).new_input(path).exists()

    def _only_appended(self, table: TableName) -> bool:
        catalog, work = self.work.catalog, self.work
        before, after = (catalog.tables(each).get(table) for each in (work.parted, work.main))
        return before == after or foreign_intent(work.context, table, before, after).kind == "append"

    def _by_main(self, table: TableName) -> str:
        """Return the commit of main that changed a table last, and whose it is; or what is taken back."""
        if self.undone is not None:
            return f"{self.undone.commit.id[:12]} of {self.undone.commit.author}"
        catalog = self.work.catalog
        now = catalog.tables(self.work.main).get(table)
        last = None
        for commit in catalog.log(self.work.main):
            if catalog.tables(commit.id).get(table) != now:
                break
            last = commit
        return f"{last.id[:12]} of {last.author}" if last else "main"


class CannotReplayError(Exception):
    """A write fails on the other state of its table.

    Attributes:
        table: the table.
        reason: why.
    """

    def __init__(self, table: TableName, error: LagoaError) -> None:
        super().__init__(error.message)
        self.table = table
        self.reason = error.message


class Replay:
    """Does the writes of a branch again, on a draft of main.

    Attributes:
        dropped: by table, ids of the batches that main has.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._work = plan.work
        self._draft = DraftCatalog(plan.work.catalog, plan.work.branch, plan.work.main)
        self._context = plan.work.context.over(self._draft)
        self.dropped: dict[TableName, list[str]] = {}

    def run(self) -> None:
        """Do all of it."""
        work, how = self._work, self._plan.how
        built = [table for table in how if how[table] == "built"]
        replayed = [table for table in how if how[table] == "replayed"]
        with begin(self._context, work.branch, f"rebase {work.branch}") as tx:
            self._take(tx)
            for table in sorted(replayed, key=lambda each: each.is_quarantine):  # which batches are new is known first
                try:
                    self._refuse_uncomparable(table)
                    self._again(tx, table)
                except (QueryError, WriteError) as error:
                    raise CannotReplayError(table, error) from error
        fault_point("rebase.written")
        if built:
            from lagoa.sql_models.run import transform

            transform(self._context, work.branch, select=[str(table) for table in built])

    def _take(self, tx: WriteTransaction) -> None:
        """Take the branch's state of the tables that main left alone, and of those that are asked for."""
        plan = self._plan
        taken = {table: new for table, (_, new) in plan.mine.items() if plan.how[table] in {"kept", "ours"}}
        kept = [each.intent for each in plan.writes if plan.how.get(each.table) == "kept"]
        ours = [Intent("replace", str(table)) for table, how in plan.how.items() if how == "ours"]
        tx.point(taken, [*kept, *ours])

    def _refuse_uncomparable(self, table: TableName) -> None:
        """Refuse a batch that main has, too, and of which nothing kept tells whether it is the same."""
        there = self._work.catalog.tables(self._work.main).get(table)
        context = self._context
        known = context.batches.of(context.metadata.facts(there).properties) if there else None
        for write in self._plan.writes:
            batch = write.intent.batch
            if known is None or write.table != table or batch is None:
                continue
            loaded = known.get(batch.id)
            if loaded and function_of(loaded.fingerprint) != function_of(batch.fingerprint):
                raise WriteError(
                    table,
                    f"main has a batch {batch.id!r}, too, which was loaded in another way (by a merge, for instance, "
                    "or after a rollback), so that its content cannot be compared.",
                    "Load it again on a new branch from main, where its rows are compared.",
                )

    def _again(self, tx: WriteTransaction, table: TableName) -> None:
        """Do the writes of one table again."""
        additions: list[Addition] = []
        for write in self._plan.writes:
            intent = write.intent
            if write.table != table or (write.load and self._is_dropped(write.load)):
                continue
            if intent.kind in {"append", "evolve"} or not (intent.key or intent.predicate):
                additions.append(self._addition(write))
                continue
            self._add(tx, table, additions)
            additions = []
            if intent.predicate:
                tx.delete(table, intent.predicate, self._columns(write))
            elif intent.incoming:
                self._merge(tx, write)
        self._add(tx, table, additions)

    def _add(self, tx: WriteTransaction, table: TableName, additions: list[Addition]) -> None:
        if additions:
            self.dropped.setdefault(table, []).extend(tx.add_files(table, additions))

    def _merge(self, tx: WriteTransaction, write: _Write) -> None:
        table, intent = write.table, write.intent
        by = (*intent.key, *([intent.order_by] if intent.order_by else []))
        rows = IncomingRows(intent.incoming, self._columns(write), by)
        if intent.kind == "scd2":
            tx.scd2(table, rows)
            return
        done = tx.merge(table, rows, key=intent.key, order_by=intent.order_by, batch=intent.batch, kind=intent.kind)
        if done.skipped and intent.batch:
            self.dropped.setdefault(table, []).append(intent.batch.id)

    def _addition(self, write: _Write) -> Addition:
        return addition(self._context, write.intent, self._pointer(write), self._columns(write))

    def _columns(self, write: _Write) -> WrittenColumns:
        parted = self._plan.mine[write.table][0]
        return written_columns(self._context, write.intent, self._pointer(write), parted)

    def _pointer(self, write: _Write) -> str:
        """Return a state of the table that knows a write: where the branch is now, or else its commit."""
        pointer = self._plan.mine[write.table][1]
        if pointer is None or (write.intent.files and not has_snapshot(self._context, write.intent, pointer)):
            return self._work.catalog.tables(write.commit.id)[write.table]
        return pointer

    def _is_dropped(self, load: Intent) -> bool:
        return load.batch is not None and load.batch.id in self.dropped.get(_named(load.table), ())

    def tables(self) -> dict[TableName, str | None]:
        """Return the new pointer of each table that is another one than at the branch's head."""
        draft = self._draft
        changed = draft.diff(self._work.head, draft.ref(self._work.branch).commit)
        return {table: pointer for table, (_, pointer) in changed.items()}

    def intents(self) -> list[Intent]:
        """Return the intent of each write, in their order."""
        return self._in_pairs([intent for commit in self._draft.commits for intent in intents_of(commit)])

    def change(self) -> Change:
        """Return the change of the branch that has all of it."""
        work, draft = self._work, self._draft
        before, after = (
            catalog.namespaces(at)
            for catalog, at in ((work.catalog, work.head), (draft, draft.ref(work.branch).commit))
        )
        after = {name: made for name, made in {**after, **work.namespaces()}.items() if made is not None}
        names = sorted(before.keys() | after.keys())
        return Change(
            tables=self.tables(),
            message=f"Rebase {work.branch} on main ({work.main[:12]})",
            namespaces={name: after.get(name) for name in names if before.get(name) != after.get(name)},
            properties={REBASED: work.main, INTENTS: json.dumps([asdict(intent) for intent in self.intents()])},
            author=work.context.settings.author,
            merged=work.main,
        )

    def _in_pairs(self, intents: Sequence[Intent]) -> list[Intent]:
        """Return intents with the refused records of each load behind it, where the next rebase looks for them."""
        loads = {each.intent.files: each.load for each in self._plan.writes if each.load and each.load.batch}
        refused: dict[tuple[str, str], list[Intent]] = {}
        others = []
        for intent in intents:
            load = loads.get(intent.files) if intent.kind == "quarantine" else None
            if load is not None and load.batch is not None:
                refused.setdefault((load.table, load.batch.id), []).append(intent)
            else:
                others.append(intent)
        found = []
        for intent in others:
            found.append(intent)
            if intent.kind == "append" and intent.batch:
                found.extend(refused.pop((intent.table, intent.batch.id), ()))
        return [*found, *(each for left in refused.values() for each in left)]


def with_owners(work: Work, tables: Collection[TableName]) -> list[TableName]:
    """Return tables, each quarantine as the table that refused its records: both go together."""
    known = {*work.catalog.tables(work.head), *work.catalog.tables(work.main), *work.catalog.tables(work.parted)}
    owners = {each.quarantine: each for each in known if not each.is_quarantine}
    return [owners.get(each, each) for each in tables]


def _writes(work: Work) -> list[_Write]:
    """Return the branch's writes, oldest first; those of other programs too, by what they changed."""
    found = []
    for commit in work.commits():
        load: Intent | None = None
        for intent in intents_of(commit):
            table = _named(intent.table)
            refused = load is not None and intent.kind == "quarantine" and table == _named(load.table).quarantine
            found.append(_Write(table, intent, commit, load if refused and not intent.key else None))
            load = intent if intent.kind == "append" else load
        if INTENTS not in commit.properties:
            for table, (before, after) in work.catalog.diff(commit.parents[0], commit.id).items():
                found.append(_Write(table, foreign_intent(work.context, table, before, after), commit))
    return found


def _check_named(names: Collection[TableName], choices: Collection[TableName], models: Collection[TableName]) -> None:
    for table in sorted(names):
        if table in models and table not in choices:
            raise InvalidName("table", str(table), "a table without a model: models run again on their new inputs")
        if table not in choices:
            known = f"a table that main and the branch changed: {listed(sorted(map(str, choices)))}"
            raise InvalidName("table", str(table), known, did_you_mean_name(str(table), choices), "is not such a table")


def _check_apart(ours: Collection[TableName], theirs: Collection[TableName]) -> None:
    for table in sorted(set(ours) & set(theirs)):
        raise InvalidName("table", str(table), "one of `ours` and `theirs`", fault="is in both")


def _named(text: str) -> TableName:
    """Return a table by its name, which another program may have chosen."""
    *namespace, name = text.split(".")
    return TableName(tuple(namespace), name)
