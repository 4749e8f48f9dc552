"""A work branch against `main`: its net change, its conflicts, and its publication."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from lagoa.catalog.table_facts import INPUTS
from lagoa.domain.commits import INTENTS, Change, intents_of
from lagoa.domain.faults import fault_point
from lagoa.domain.refs import CANDIDATE_PREFIX, MAIN
from lagoa.domain.tables import TableName
from lagoa.errors import CommitLost, NothingToPublish, PublishConflict, PublishContended, RefProtected
from lagoa.publish.candidate import Proposal, publish_proposal, sweep
from lagoa.publish.moves import ROLLBACK
from lagoa.publish.turn import Turn
from lagoa.write.holds import refuse_held_within

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lagoa.catalog.batches import TableBatches
    from lagoa.context import LakeContext
    from lagoa.domain.commits import Commit
    from lagoa.domain.ports.catalog import Namespace, VersionedCatalog
    from lagoa.domain.receipts import Publication

BRANCH = "lagoa.branch"
"""Commit property of a publication: the work branch."""

MOST_INTENTS = 4 * 2**20
"""Characters of intents that one commit keeps, those of some 7,000 writes: each reader of a history reads them."""

_FOREIGN = 500
"""What the commit of another program counts, which has none."""


def publish(context: LakeContext, branch: str, message: str = "", *, in_turn: bool = False) -> Publication:
    """Move `main` to a work branch's changes, if every check passes there.

    The net change since the branch and main diverged becomes one commit on main's head, with the branch's head as its
    second parent. That commit is audited, its receipt written, and main moved to it by compare-and-swap. If main moved
    meanwhile, this starts over; checks whose tables did not change are not run again.

    Publications take turns, in the order in which their audits were done: one that starts over does so within its turn,
    in which no other one moves main.

    Args:
        context: the lake.
        branch: the work branch.
        message: of the commit.
        in_turn: whether who waits for this publication has the turn already, by `context.turns`.

    Returns:
        The move of main. The work branch is kept, and can be changed and published again.

    Raises:
        NothingToPublish: main has all changes of the branch.
        PublishConflict: main changed the same tables, or inputs of models that were built on the branch, or was
            rolled back to a state before the branch was created.
        AuditFailed: a check failed or was not evaluated; main and the branch are unchanged.
        ApprovalMissing: `[approval]` of lagoa.toml asks for an approval of the branch's head that is not there.
        PublishContended: main moved during each of `settings.publish_tries` attempts.
        BatchHeld: the branch contains a batch that was rolled back and held since.
        RefNotFound, RefProtected: no such branch; main, a tag or a candidate.
    """
    head = head_of(context, branch)
    sweep(context)
    fault_point("publish.begun")
    with Turn(context, held=in_turn) as turn:
        for _ in range(context.settings.publish_tries):
            work = Work.of(context, branch, head)
            change = Change(
                tables=work.tables(),
                message=message or f"Publish {branch}",
                namespaces=work.namespaces(),
                properties={BRANCH: branch} | ({} if work.is_long() else {INTENTS: work.intents()}),
                author=context.settings.author,
                merged=head,
            )
            try:
                return publish_proposal(context, Proposal(branch, work.main, change), turn)
            except CommitLost:
                continue
    raise PublishContended(branch, context.settings.publish_tries)


def net_change(context: LakeContext, branch: str) -> dict[TableName, str | None]:
    """Return what publishing a branch would change: the new pointer of each table, None for one that is dropped.

    Raises:
        NothingToPublish, PublishConflict, BatchHeld, RefNotFound, RefProtected: as `publish`.
    """
    return Work.of(context, branch, head_of(context, branch)).tables()


def own_commits(catalog: VersionedCatalog, head: str, main: str) -> Iterator[Commit]:
    """Yield the commits of a branch that main does not have, newest first; also those before a rebase.

    Args:
        catalog: the lake's catalog.
        head: id of the branch's commit.
        main: id of main's.
    """
    end = catalog.merge_base(main, head)
    for commit in catalog.log(head):
        if commit.id == end:
            return
        yield commit
        if commit.parents[1:]:  # what was before it left main elsewhere
            end = catalog.merge_base(main, commit.parents[0])


def head_of(context: LakeContext, branch: str) -> str:
    """Return the head of a work branch; raises `RefNotFound`, and `RefProtected` for one that is none."""
    ref = context.catalog.ref(branch)
    if ref.kind != "branch" or branch == MAIN or branch.startswith(CANDIDATE_PREFIX):
        raise RefProtected(branch)
    return ref.commit


@dataclass(frozen=True, slots=True)
class Work:
    """A work branch against main.

    Attributes:
        context: the lake.
        branch: its name.
        head: its commit.
        main: main's commit.
        parted: their merge base.
    """

    context: LakeContext
    branch: str
    head: str
    main: str
    parted: str

    @classmethod
    def of(cls, context: LakeContext, branch: str, head: str) -> Self:
        """Return a branch against main; raises `PublishConflict` if a rollback undid what the branch is based on."""
        base = context.catalog.ref(MAIN).commit
        work = cls(context, branch, head, base, context.catalog.merge_base(base, head))
        work.refuse_undone()
        return work

    @property
    def catalog(self) -> VersionedCatalog:
        """The lake's catalog."""
        return self.context.catalog

    def tables(self) -> dict[TableName, str | None]:
        """Return the net change: the new pointer of each table, None for one that is dropped."""
        ours = {table: new for table, (_, new) in self.catalog.diff(self.parted, self.head).items()}
        written: dict[TableName, str | None] = {**ours, **self.idle()}
        theirs = {table: new for table, (_, new) in self.by_main(written).items()}
        clash = sorted(table for table in written.keys() & theirs.keys() if written[table] != theirs[table])
        if clash:
            raise self._conflict(clash, "both changed", behind=True)
        net = {table: new for table, new in ours.items() if table not in theirs}
        if not net and not self.namespaces():
            raise NothingToPublish(self.branch)
        self._refuse_skew(net)
        before = self.catalog.tables(self.main)
        batches = {
            table: (self._batches(before.get(table)), self._batches(pointer))
            for table, pointer in net.items()
            if pointer
        }
        refuse_held_within(self.catalog, self.main, batches)
        return net

    def idle(self) -> dict[TableName, str]:
        """Return the tables that the branch has not changed by writes that a rebase did again, with their pointers.

        Another state of main may have rows for such a delete or merge. None if main is as it was.
        """
        oldest = next(iter(self.commits()), None) if self.parted != self.main else None
        if oldest is None or self.parted not in oldest.parents[1:]:
            return {}
        again = {TableName.of_text(each.table) for each in intents_of(oldest) if each.is_idle}
        if not again:
            return {}
        before, now = self.catalog.tables(self.parted), self.catalog.tables(self.head)
        return {table: now[table] for table in again & now.keys() if before.get(table) == now[table]}

    def by_main(self, ours: Mapping[TableName, str | None]) -> dict[TableName, tuple[str | None, str | None]]:
        """Return what main changed since, as pointers before and after.

        Where it only rewrote files of a table, and the branch changed the table, main left it alone: the branch's state
        has all rows of both.

        Args:
            ours: the pointers of the tables that the branch changed.
        """
        same_rows = self.context.metadata.same_rows
        changed = self.catalog.diff(self.parted, self.main)
        return {
            table: both
            for table, both in changed.items()
            if ours.get(table, both[1]) == both[1] or not same_rows(*both)
        }

    def both(self, table: TableName) -> tuple[str | None, str | None]:
        """Return a table's pointers where the branch and main diverged, and on the branch; None where it is not."""
        return self.catalog.tables(self.parted).get(table), self.catalog.tables(self.head).get(table)

    def _batches(self, pointer: str | None) -> TableBatches:
        return self.context.batches.of(self.context.metadata.facts(pointer).properties if pointer else {})

    def _refuse_skew(self, net: Mapping[TableName, str | None]) -> None:
        """Refuse models that were built on the branch from inputs that differ in the state to be published."""
        state = {**self.catalog.tables(self.main), **net}
        models: dict[TableName, set[TableName]] = {}
        before = self.catalog.tables(self.main)
        for table, pointer in sorted(net.items()):
            if self.context.metadata.same_rows(before.get(table), pointer):
                continue  # its files were rewritten: what main has of it was built from the same states
            inputs = json.loads(self.context.metadata.facts(pointer).properties.get(INPUTS, "{}")) if pointer else {}
            built_from = {TableName.parse(name): then for name, then in inputs.items()}
            models[table] = {
                name for name, then in built_from.items() if not self.context.metadata.same_rows(state.get(name), then)
            }
        stale = [table for table, others in models.items() if others]
        if stale:
            others = sorted(set().union(*models.values()))
            reason = f"{', '.join(map(str, others))} would have a different state than the one that built"
            advice = self._skew_advice(stale, others, net)
            raise self._conflict(stale, reason, advice, behind=not advice)

    def _skew_advice(
        self, stale: Sequence[TableName], others: Sequence[TableName], net: Mapping[TableName, str | None]
    ) -> str:
        """Return what makes models fit their inputs; empty if the work has to be done again because main moved on."""
        build = f"Run the models again on the branch (`lagoa transform {self.branch}`), then publish."
        if net.keys() >= set(others):
            return build
        moved = self.catalog.diff(self.parted, self.main)
        if not moved.keys().isdisjoint(others):
            return ""
        names = " ".join(map(str, [*stale, *others]))  # the models were restored to a state that other inputs built
        return f"{build} Or restore the inputs from the same ref, too: `lagoa table restore {names} --from REF`."

    def namespaces(self) -> dict[Namespace, Mapping[str, str] | None]:
        """Return the namespaces that the branch created, changed or removed, and main did not change meanwhile."""
        before, ours, theirs = (self.catalog.namespaces(each) for each in (self.parted, self.head, self.main))
        names = before.keys() | ours.keys()
        changed = [
            name for name in names if ours.get(name) != before.get(name) and theirs.get(name) == before.get(name)
        ]
        inhabited = {table.namespace for table in self.catalog.tables(self.main)}
        return {name: ours.get(name) for name in sorted(changed) if name in ours or name not in inhabited}

    def commits(self) -> list[Commit]:
        """Return the branch's commits since it and main diverged, oldest first.

        One that put the branch on main as it is at `parted` (a rebase) has all that was done before.
        """
        return [*self._newest_first()][::-1]

    def is_long(self) -> bool:
        """Return whether the branch has more writes since then than one commit keeps the intents of."""
        size = 0
        for commit in self._newest_first():
            size += len(commit.properties[INTENTS]) if INTENTS in commit.properties else _FOREIGN
            if size > MOST_INTENTS:
                return True
        return False

    def _newest_first(self) -> Iterator[Commit]:
        for commit in self.catalog.log(self.head):
            if commit.id == self.parted:
                return
            yield commit
            if self.parted in commit.parents[1:]:
                return

    def crossed(self) -> str | None:
        """Return a rebase of the branch of whose work main has got a part since, by another branch; None if none."""
        for commit in self.commits():
            for onto in commit.parents[1:]:
                bases = {self.catalog.merge_base(commit.parents[0], each) for each in (onto, self.main)}
                if self.parted != onto or len(bases) > 1:
                    return commit.id
        return None

    def intents(self) -> str:
        """Return the intents of the branch's writes, oldest first, as JSON."""
        return json.dumps([intent for each in self.commits() for intent in json.loads(_intents(each))])

    def refuse_undone(self) -> None:
        """Refuse a branch that is based on a state which a rollback of main removed.

        Merging it would have no effect, or mix both states in a way that nobody built.
        """
        self._walk_undone(self.main, self._fork())

    def _walk_undone(self, start: str, fork: str) -> None:
        for commit in self.catalog.log(start):
            if commit.id == fork:
                return
            target = commit.properties.get(ROLLBACK)
            if target is not None:
                if not self.catalog.is_ancestor(self.parted, target):
                    if not self.catalog.is_ancestor(self.parted, commit.parents[0]):
                        return  # what the branch is based on came to main later
                    raise self._undone(commit)
                self._walk_undone(target, fork)  # what is between was undone
                return

    def _fork(self) -> str:
        """Return the latest commit of main's first parents that the branch was made at, or put on by a rebase."""
        ours, theirs = set[str](), set[str]()
        walks = self.catalog.log(self.main), self.catalog.log(self.head)
        while True:
            of_main, of_branch = (next(walk, None) for walk in walks)
            if of_main is not None:
                theirs.add(of_main.id)
                if of_main.id in ours:
                    return of_main.id
            for each in (of_branch.id, *of_branch.parents[1:]) if of_branch is not None else ():
                ours.add(each)
                if each in theirs:
                    return each

    def _undone(self, rollback: Commit) -> PublishConflict:
        undone = rollback.parents[0]
        tables = sorted(self.catalog.diff(rollback.id, undone))
        advice = (
            "Create a new branch from main and run the work again there; or restore the undone state with "
            f"`lagoa rollback main@{undone[:12]}`, then publish."
        )
        reason = f"main was rolled back by {rollback.id[:12]} to before the state that the branch is based on, in"
        return self._conflict(tables, reason, advice)

    def _conflict(
        self, tables: list[TableName], reason: str, advice: str = "", *, behind: bool = False
    ) -> PublishConflict:
        if behind:
            advice = f"`lagoa rebase {self.branch}` puts the branch on main as it is now; then publish it."
        conflict = PublishConflict(self.branch, tables, self.head, self.main, reason, advice)
        conflict.behind = behind
        return conflict


def _intents(commit: Commit) -> str:
    return commit.properties.get(INTENTS, "[]")
