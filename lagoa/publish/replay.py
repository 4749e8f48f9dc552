"""The writes of a branch, done again on a draft of main that nobody else sees."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from lagoa.catalog.draft import DraftCatalog
from lagoa.domain.commits import INTENTS, Change, Intent, intents_of
from lagoa.domain.faults import fault_point
from lagoa.domain.tables import TableName
from lagoa.errors import QueryError, WriteError
from lagoa.publish.rebase_plan import LOADS
from lagoa.write import begin
from lagoa.write.fingerprints import function_of
from lagoa.write.incoming import IncomingRows
from lagoa.write.replay import AppendedFiles, has_snapshot, written_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.errors import LagoaError
    from lagoa.publish.rebase_plan import Plan, Write
    from lagoa.write import WriteResult, WriteTransaction
    from lagoa.write.replay import Addition, WrittenColumns

REBASED = "lagoa.rebased"
"""Commit property of a rebase: the commit of main that the branch was put on."""


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
        self._appended = AppendedFiles(self._context)
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
        for write in self._plan.of_table(table):
            batch = write.intent.batch
            if known is None or batch is None:
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
        for write in self._plan.of_table(table):
            intent = write.intent
            if intent.kind == "compact" or (write.load and self._is_dropped(write.load)):
                continue
            if intent.position:
                self._add(tx, table, additions)
                additions = []
                tx.note_position(table, *intent.position)
                continue
            if intent.kind in {"append", "evolve"} or not (intent.key or intent.predicate):
                additions.append(self._addition(write))
                continue
            self._add(tx, table, additions)
            additions = []
            before = tx.pointer(table)
            if intent.predicate:
                tx.delete(table, intent.predicate, self._columns(write))
            elif intent.incoming and self._merge(tx, write).skipped:
                continue
            if tx.pointer(table) == before:  # main may have rows for it at the next rebase
                tx.keep(table, intent, self._columns(write))
        self._add(tx, table, additions)

    def _add(self, tx: WriteTransaction, table: TableName, additions: list[Addition]) -> None:
        if additions:
            self.dropped.setdefault(table, []).extend(tx.add_files(table, additions))

    def _merge(self, tx: WriteTransaction, write: Write) -> WriteResult:
        table, intent = write.table, write.intent
        by = (*intent.key, *([intent.order_by] if intent.order_by else []))
        rows = IncomingRows(intent.incoming, self._columns(write), by)
        if intent.kind == "scd2":
            return tx.scd2(table, rows)
        done = tx.merge(table, rows, key=intent.key, order_by=intent.order_by, batch=intent.batch, kind=intent.kind)
        if done.skipped and intent.batch:
            self.dropped.setdefault(table, []).append(intent.batch.id)
        return done

    def _addition(self, write: Write) -> Addition:
        return self._appended.addition(write.intent, self._pointer(write), self._columns(write))

    def _columns(self, write: Write) -> WrittenColumns:
        parted = self._plan.mine[write.table][0]
        return written_columns(self._context, write.intent, self._pointer(write), parted)

    def _pointer(self, write: Write) -> str:
        """Return a state of the table that knows a write: where the branch is now, or else its commit."""
        pointer = self._plan.mine[write.table][1]
        if pointer is None or (write.intent.files and not has_snapshot(self._context, write.intent, pointer)):
            return self._work.catalog.tables(write.commit.id)[write.table]
        return pointer

    def _is_dropped(self, load: Intent) -> bool:
        return load.batch is not None and load.batch.id in self.dropped.get(TableName.of_text(load.table), ())

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
            if intent.kind in LOADS and intent.batch:
                found.extend(refused.pop((intent.table, intent.batch.id), ()))
        return [*found, *(each for left in refused.values() for each in left)]
