"""What a lake must hold after any steps, in plain Python: rows, batches, holds, and what may be published.

Of the lake one thing is taken as given: where a table's metadata lies, which tells two states of a table apart.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from lagoa.errors import AuditFailed, BatchChanged, BatchHeld, LagoaError, NothingToPublish, PublishConflict

if TYPE_CHECKING:
    from collections.abc import Mapping

ORDERS, REFUSED, ACCOUNTS = "bronze.orders", "quarantine.bronze__orders", "silver.accounts"
TOTALS, CUSTOMERS, LARGE = "gold.totals", "gold.customers", "gold.large"
INPUTS = {TOTALS: (ACCOUNTS,), CUSTOMERS: (ORDERS, TOTALS), LARGE: (ORDERS,)}
"""Of each model, in the order of their dependencies."""

Record = tuple[int, str, str]
"""Of a file: order, customer, amount."""


class Table(NamedTuple):
    """One state of a table.

    Attributes:
        pointer: where its metadata lies.
        rows: how often it has each row; of refused records, each by batch and number; of accounts, each by key.
        columns: those of accounts that others lack.
        batches: content by id.
        inputs: pointers of the tables from which a model was built.
    """

    pointer: str = ""
    rows: Any = MappingProxyType({})
    columns: frozenset[str] = frozenset()
    batches: Mapping[str, object] = MappingProxyType({})
    inputs: Mapping[str, str] = MappingProxyType({})


class Refusal(NamedTuple):
    """A refused record: what became of it, and the amount that takes the place of the one received."""

    record: Record
    fate: str = "waiting"
    fixed: str | None = None

    @property
    def amount(self) -> str:
        """The amount as of now."""
        return self.record[2] if self.fixed is None else self.fixed


class Step(NamedTuple):
    """What is done, on which branch, with what."""

    what: str
    branch: str
    given: Any = None


State = dict[str, Table]
Records = dict[tuple[str, int], Refusal]
Holds = dict[tuple[str, str], object]


@dataclass(frozen=True)
class Move:
    """A state of `main`: its commit, tables and holds; of a rollback, the number of the move that it went back to."""

    commit: str
    state: State
    holds: Holds
    target: int | None = None


@dataclass
class Work:
    """A branch.

    Attributes:
        created: number of the move of `main` at which it was made.
        merged: of the move with which it was published last; else the same.
        base: its state then.
        state: its state now.
        holds: what was held where it was made.
    """

    created: int
    merged: int
    base: State
    state: State
    holds: Holds


def pointers(state: State) -> dict[str, str]:
    """Return where the metadata of each table lies."""
    return {name: table.pointer for name, table in state.items()}


def changed(before: State, after: State) -> set[str]:
    """Return the tables that are others."""
    return {name for name in before.keys() | after.keys() if before.get(name, _NONE)[0] != after.get(name, _NONE)[0]}


_NONE = Table()


class Oracle:
    """What `main` and the branches hold.

    Attributes:
        moves: every state of `main`, oldest first.
        branches: by name.
        files: the records of each file that was delivered.
        limit: the greatest amount that the contract of orders allows.
        extra: the column of accounts beside those that it always has; None for none.
    """

    def __init__(self, commit: str) -> None:
        empty = dict.fromkeys((ORDERS, REFUSED, ACCOUNTS, *INPUTS), _NONE)
        self.moves = [Move(commit, empty, {})]
        self.branches: dict[str, Work] = {}
        self.files: dict[str, tuple[Record, ...]] = {}
        self.limit = 100
        self.extra: str | None = None

    @property
    def main(self) -> Move:
        """Its state now."""
        return self.moves[-1]

    def begin(self, name: str) -> None:
        """Make a branch from `main`."""
        at = len(self.moves) - 1
        self.branches[name] = Work(at, at, self.main.state, dict(self.main.state), self.main.holds)

    # What a step ends with

    def outcome(self, step: Step) -> type[LagoaError] | None:
        """Return the error that a step must end with, None for none."""
        if step.what == "publish":
            return self._publication(self.branches[step.branch])
        if step.what == "roll back":
            return None if changed(self.main.state, self._target(step).state) else NothingToPublish
        batch, content = self._batch(step)
        if content is None or batch is None:
            return None
        work = self.branches[step.branch]
        table = ACCOUNTS if step.what == "merge" else ORDERS
        known = work.state[table].batches.get(batch)
        for holds in (work.holds, self.main.holds):
            for (of, name), held in holds.items():
                if of == table and held == content and (name == batch or known is None):
                    return BatchHeld
        return BatchChanged if known is not None and known != content else None

    def _target(self, step: Step) -> Move:
        return next(each for each in self.moves if each.commit == step.given[0])

    def _batch(self, step: Step) -> tuple[str | None, object]:
        """Return id and content of the batch that a step loads; those of decided records follow from the records."""
        if step.what == "ingest":
            name, batch = step.given
            return batch, self.files[name]
        if step.what == "merge":
            rows, extra, batch = step.given
            return batch, (extra, frozenset(rows))
        accepted = {key: each for key, each in self._decided(step).items() if each.fate == "accepted"}
        return (f"{step.what} of {sorted(accepted.items())}", frozenset(accepted.items())) if accepted else (None, None)

    def _publication(self, work: Work) -> type[LagoaError] | None:
        main = self.main
        if self._undone(work, len(self.moves) - 1):
            return PublishConflict
        ours, theirs = changed(work.base, work.state), changed(work.base, main.state)
        if any(work.state[name].pointer != main.state[name].pointer for name in ours & theirs):
            return PublishConflict
        net = {name: work.state[name] for name in ours - theirs}
        if not net:
            return NothingToPublish
        state = main.state | net
        if any(state[name].pointer != then for table in net.values() for name, then in table.inputs.items()):
            return PublishConflict
        for name, table in net.items():
            new = [content for batch, content in table.batches.items() if batch not in main.state[name].batches]
            if any(of == name and held in new for (of, _), held in main.holds.items()):
                return BatchHeld
        return None if self._passes(state) else AuditFailed

    def _undone(self, work: Work, start: int) -> bool:
        """Return whether a rollback undid what a branch stands on; what lies between it and its target is gone."""
        for at in range(start, max(work.created, work.merged), -1):
            target = self.moves[at].target
            if target is not None:
                return work.merged > target or self._undone(work, target)
        return False

    def _passes(self, state: State) -> bool:
        accounts, orders = state[ACCOUNTS], state[ORDERS]
        return (
            accounts.columns == ({self.extra} if self.extra else set())
            and all(t >= 0 for _, t, _ in accounts.rows.values())
            and all(amount is None or amount <= self.limit for _, _, amount, *_ in orders.rows)
        )

    # What a step does

    def publish(self, name: str, commit: str) -> None:
        """Move `main` to the changes of a branch."""
        work, main = self.branches[name], self.main
        theirs = changed(work.base, main.state)
        net = {table: work.state[table] for table in changed(work.base, work.state) - theirs}
        self.moves.append(Move(commit, main.state | net, main.holds))
        work.merged, work.base = len(self.moves) - 1, dict(work.state)

    def roll_back(self, step: Step, commit: str) -> None:
        """Move `main` to an earlier state of it."""
        main, then, holds = self.main, self._target(step), dict(self.main.holds)
        for name in changed(main.state, then.state):
            ours, theirs = main.state[name].batches, then.state[name].batches
            gone = {(name, batch): content for batch, content in ours.items() if batch not in theirs}
            holds |= gone if step.given[1] else {}
            for batch in theirs.keys() - ours.keys():
                holds.pop((name, batch), None)
        self.moves.append(Move(commit, then.state, holds, self.moves.index(then)))

    def after(self, step: Step, named: str | None = None) -> State:
        """Return the state of a branch after a step on it, but for the pointers.

        Args:
            step: the step, other than `transform`.
            named: the batch of the records that were accepted.
        """
        state = dict(self.branches[step.branch].state)
        batch, content = self._batch(step)
        if step.what == "restore":
            then = next(each for each in self.moves if each.commit == step.given).state
            return state | {ORDERS: then[ORDERS], REFUSED: then[REFUSED]}
        if step.what in ("merge", "forget", "evolve"):
            return state | {ACCOUNTS: self._accounts(step, state[ACCOUNTS], batch, content)}
        if step.what == "ingest" and batch in state[ORDERS].batches:
            return state
        orders, records = self._orders(step, state, named or batch)
        if batch:
            orders = orders._replace(batches={**orders.batches, named or batch: content})
        return state | {ORDERS: orders, REFUSED: state[REFUSED]._replace(rows=records)}

    def _orders(self, step: Step, state: State, batch: str | None) -> tuple[Table, Records]:
        """Return orders, and the records that they refused, after a step on them."""
        rows, records = Counter(state[ORDERS].rows), dict(state[REFUSED].rows)
        if step.what == "ingest":
            for number, record in enumerate(self.files[step.given[0]], 1):
                if self.allows(record[2]):
                    rows[(*record[:2], _amount(record[2]), batch, number)] += 1
                else:
                    records[str(batch), number] = Refusal(record)
        elif step.what == "delete":
            low, high = step.given
            rows = Counter({row: n for row, n in rows.items() if row[2] is None or not low <= row[2] <= high})
        for key, each in self._decided(step).items():
            records[key] = each
            if each.fate == "accepted":
                rows[(*each.record[:2], _amount(each.amount), batch, key[1])] += 1
        return state[ORDERS]._replace(rows=rows), records

    def _accounts(self, step: Step, before: Table, batch: str | None, content: object) -> Table:
        """Return accounts after a step on them; a write of nothing does not bring them to their contract, either."""
        after = self._evolved(before)
        if step.what == "evolve":
            return after
        if batch in before.batches:
            return before
        if step.what == "forget":
            rows = {k: row for k, row in after.rows.items() if not (k % 7 == step.given or row[1] < 0)}
            return after._replace(rows=rows) if len(rows) < len(after.rows) else before
        new = {k: (v, t, k * 10 if step.given[1] else None) for k, v, t in self._winners(step, before)}
        batches = {**before.batches, batch: content} if batch else before.batches
        return after._replace(rows=after.rows | new, batches=batches) if new or batch else before

    @staticmethod
    def _winners(step: Step, accounts: Table) -> list[tuple[int, str, int]]:
        """Return the rows of a merge that are not older than those that are there."""
        return [row for row in step.given[0] if row[0] not in accounts.rows or accounts.rows[row[0]][1] <= row[2]]

    def _evolved(self, accounts: Table) -> Table:
        """Return accounts with the columns of the contract: one that is renamed keeps its values."""
        if not self.extra:
            rows = {key: (v, t, None) for key, (v, t, _) in accounts.rows.items()}
            return accounts._replace(rows=rows, columns=frozenset())
        return accounts._replace(columns=frozenset({self.extra}))

    def _decided(self, step: Step) -> Records:
        """Return the waiting records that a step decides on, as they are afterwards."""
        records = self.branches[step.branch].state[REFUSED].rows
        waiting = {key: each for key, each in records.items() if each.fate == "waiting"}
        if step.what == "discard":
            return {k: each._replace(fate="discarded") for k, each in waiting.items() if each.record[1] == step.given}
        if step.what == "fix":
            to, customer = step.given
            meant = {key: each for key, each in waiting.items() if each.record[1] == customer and each.amount != to}
            waiting = {key: each._replace(fixed=to) for key, each in meant.items()}
        elif step.what != "retry":
            return {}
        return {
            key: each._replace(fate="accepted") if self.allows(each.amount) else each for key, each in waiting.items()
        }

    def allows(self, amount: str) -> bool:
        """Return whether the contract of orders lets an amount in."""
        return not amount or (amount.isdigit() and int(amount) <= self.limit)

    @staticmethod
    def built(model: str, state: State) -> Table:
        """Return the table of a model as its inputs make it."""
        rows: Counter[Any] = Counter()
        if model == TOTALS:
            found = list(state[ACCOUNTS].rows.values())
            for v in {row[0] for row in found}:
                of = [t for other, t, _ in found if other == v]
                rows[v, len(of), sum(of)] = 1
        elif model == CUSTOMERS:
            accounts = {v: n for v, n, _ in state[TOTALS].rows}
            customers = Counter(row[1] for row in state[ORDERS].rows.elements())
            rows.update((customer, n, accounts.get(customer)) for customer, n in customers.items())
        else:
            rows.update((row[0], row[2]) for row in state[ORDERS].rows.elements() if (row[2] or 0) > 50)
        return Table(rows=rows, inputs={name: state[name].pointer for name in INPUTS[model]})


def _amount(text: str) -> int | None:
    return int(text) if text else None
