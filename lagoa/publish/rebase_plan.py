"""What a rebase does with each table that the branch changed, and why a table cannot have the changes of both sides."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from lagoa.catalog.table_facts import INPUTS
from lagoa.domain.commits import INTENTS, Intent, intents_of
from lagoa.domain.lists import listed
from lagoa.domain.suggestions import did_you_mean_name
from lagoa.domain.tables import TableName
from lagoa.errors import InvalidName
from lagoa.publish.foreign import foreign_intent, only_added_rows
from lagoa.quarantine.decisions import decided_otherwise

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from lagoa.domain.commits import Commit
    from lagoa.publish.work import Work

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
class Write:
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
        mine: pointers of the tables that the branch changed, where it and main diverged and at its head; the same twice
            for one that its writes left as it was.
        how: what becomes of each.
        faults: why tables cannot have the changes of both.
        undone: what is taken back, if that is what is done; else None.
    """

    work: Work
    writes: Sequence[Write]
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
        if undone is None:
            mine |= {table: (pointer, pointer) for table, pointer in work.idle().items()}
        others = work.by_main({table: new for table, (_, new) in mine.items()})
        writes = _writes(work)
        if undone is not None:  # what was done beside it is done again on the state before it
            before = work.catalog.tables(work.main)
            others = {table: (None, before.get(table)) for table in undone.tables}
            writes = [each for each in writes if each.commit.id not in undone.commits]
            mine = {table: mine[table] for table in mine.keys() & {each.table for each in writes}}
        clash = {table for table in mine.keys() & others.keys() if mine[table][1] != others[table][1]}
        models = {each.table for each in writes if each.intent.kind == "model"}
        if undone is not None:  # the state before of a model's table, too, has to fit to what is done again
            restored = {table: before[table] for table in undone.tables - mine.keys() if table in before}
            mine |= {table: (pointer, pointer) for table, pointer in restored.items()}
            models |= _models_among(work, restored)
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

    @property
    def reasons(self) -> str:
        """The faults as one text."""
        return f"{listed([f'{table}: {reason}' for table, reason in self.faults.items()])}."

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
                and (
                    TableName.of_text(name) in changed | stale
                    or not metadata.same_rows(state.get(TableName.of_text(name)), pointer)
                )
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
                built = f"{self._who} built it" if self.of_table(table) else "it was built"
                reason = f"{built}, not by a model of the lake, from inputs that are others now"
            elif how == "replayed" or (how == "built" and table in others):
                reason = self._reason(table, others.get(table))
            if crossed and how == "replayed" and not reason:
                reason = (
                    f"main has a part of the work that the branch was rebased with ({crossed[:12]}), by another branch"
                )
            if how == "built" and not reason:
                reason = next(filter(None, map(self._beside_model, self.of_table(table))), "")
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
        fault = next(filter(None, map(self._fault, self.of_table(table))), "")
        if fault and by_main is not None:
            changed = "main" if self.undone is None else "this publication"
            return f"{fault}, and {changed} changed it ({self._by_main(table)})"
        return fault

    def _fault(self, write: Write) -> str:
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
            if intent.kind == "quarantine" and write.table in self._decided_twice:
                return f"{self._who} decided the fate of records ({by})"
        return ""

    def _beside_model(self, write: Write) -> str:
        """Return that a write to a model's table would be lost when it runs again; empty for one of the model."""
        if write.intent.kind in {"model", "evolve", "compact", *_LAST}:
            return ""
        by = f"{write.commit.id[:12]} of {write.commit.author}"
        return f"{self._who} changed its rows otherwise than by its model ({by}), which would run again without that"

    def of_table(self, table: TableName) -> Sequence[Write]:
        """Return the writes of a table, oldest first."""
        return self._by_table.get(table, ())

    @cached_property
    def _by_table(self) -> Mapping[TableName, Sequence[Write]]:
        found: dict[TableName, list[Write]] = {}
        for each in self.writes:
            found.setdefault(each.table, []).append(each)
        return found

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
        return any(each.intent.kind == "model" for each in self.of_table(table))

    def _has_rows(self, intent: Intent) -> bool:
        """Return whether the rows of a merge are kept; of none at all no file is."""
        if not intent.incoming:
            return intent.snapshot is None and self.work.context.settings.incoming_days > 0
        return all(map(self._is_there, intent.incoming))

    def _read_by(self, predicate: str) -> Collection[TableName]:
        return self.work.context.engine.tables_read(f"SELECT ({predicate}\n)", repeatable=True)

    def _is_there(self, path: str) -> bool:
        return self.work.context.storage.file_io({}).new_input(path).exists()

    @cached_property
    def _decided_twice(self) -> Collection[TableName]:
        """The quarantines whose records main decided about, too; new ones on main only where both decided about one."""
        catalog, work = self.work.catalog, self.work
        before, after = (catalog.tables(each) for each in (work.parted, work.main))
        found = set()
        for table in {each.table for each in self.writes if each.intent.kind == "quarantine" and each.intent.key}:
            then, now, here = before.get(table), after.get(table), self.mine.get(table, (None, None))[1]
            added = then == now or only_added_rows(work.context, table, then, now)
            if not added or (then != now and now and here and decided_otherwise(work.context, then, now, here)):
                found.add(table)
        return found

    def _by_main(self, table: TableName) -> str:
        """Return the commit of main that changed a table last, and whose it is; or what is taken back."""
        if self.undone is not None:
            return f"{self.undone.commit.id[:12]} of {self.undone.commit.author}"
        catalog = self.work.catalog
        now = catalog.tables(self.work.main).get(table)
        last = None
        for commit in catalog.log(self.work.main, table):
            if catalog.tables(commit.id).get(table) != now:
                break
            last = commit
        return f"{last.id[:12]} of {last.author}" if last else "main"


LOADS = ("append", "merge")
"""The kinds of writes whose refused records follow them in the same commit."""


def with_owners(work: Work, tables: Collection[TableName]) -> list[TableName]:
    """Return tables, each quarantine as the table that refused its records: both go together."""
    known = {*work.catalog.tables(work.head), *work.catalog.tables(work.main), *work.catalog.tables(work.parted)}
    owners = {each.quarantine: each for each in known if not each.is_quarantine}
    return [owners.get(each, each) for each in tables]


def _models_among(work: Work, states: Mapping[TableName, str]) -> set[TableName]:
    """Return the tables that models of the lake build; those without inputs in their metadata are none."""
    facts = work.context.metadata.facts
    built = [table for table, pointer in states.items() if INPUTS in facts(pointer).properties]
    if not built:
        return set()
    from lagoa.sql_models.run import lake_models

    return set(built) & set(lake_models(work.context))


def _writes(work: Work) -> list[Write]:
    """Return the branch's writes, oldest first; those of other programs too, by what they changed."""
    found = []
    foreign: list[Commit] = []  # one after the other by the same program: what they did together is one write
    for commit in work.commits():
        if foreign and not _goes_on(foreign[-1], commit):
            found += _foreign_writes(work, foreign)
            foreign = []
        if INTENTS not in commit.properties:
            foreign.append(commit)
        load: Intent | None = None
        for intent in intents_of(commit):
            table = TableName.of_text(intent.table)
            loaded = TableName.of_text(load.table) if load is not None else None
            refused = loaded is not None and intent.kind == "quarantine" and table == loaded.quarantine
            found.append(Write(table, intent, commit, load if refused and not intent.key else None))
            load = intent if intent.kind in LOADS else load
    return found + _foreign_writes(work, foreign)


def _goes_on(before: Commit, commit: Commit) -> bool:
    """Return whether a commit of another program follows one of the same author."""
    return INTENTS not in commit.properties and len(commit.parents) == 1 and commit.author == before.author


def _foreign_writes(work: Work, commits: Sequence[Commit]) -> list[Write]:
    if not commits:
        return []
    last = commits[-1]
    changed = work.catalog.diff(commits[0].parents[0], last.id)
    several = len(commits) > 1
    return [
        Write(table, foreign_intent(work.context, table, *states, several=several), last)
        for table, states in changed.items()
    ]


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
