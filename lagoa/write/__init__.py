"""The write path: append, replace, merge and delete on a branch, for several tables in one commit."""

from __future__ import annotations

import json
import random
import time
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Self

from lagoa.catalog.batches import LoadedBatch
from lagoa.catalog.table_facts import FINGERPRINT, POSITIONS, positions_of
from lagoa.domain.commits import INTENTS, Batch, Change, Intent
from lagoa.domain.faults import fault_point
from lagoa.domain.lists import counted
from lagoa.domain.refs import MAIN, Ref
from lagoa.domain.suggestions import did_you_mean_name
from lagoa.errors import BatchChanged, BatchHeld, CommitLost, QueryError, TableNotFound, WriteError
from lagoa.write.deliveries import KeptDelivery, stored_fingerprint
from lagoa.write.fingerprints import same
from lagoa.write.holds import held_batches
from lagoa.write.incoming import incoming_of
from lagoa.write.merge import delete_rows, merge_rows
from lagoa.write.overwrite import Where, overwrite_rows
from lagoa.write.restore import RestoreResult, restore_tables
from lagoa.write.scd2 import history_rows
from lagoa.write.sources import SessionQuery, Source, WrittenRows, kept, open_rows, with_lineage
from lagoa.write.target import FileChanges, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from pyiceberg.table import Table

    from lagoa.context import LakeContext
    from lagoa.domain.commits import Commit, IntentKind
    from lagoa.domain.tables import TableName
    from lagoa.write.replay import Addition, WrittenColumns
    from lagoa.write.rewrite import Entries, Rewrite

__all__ = [
    "RestoreResult",
    "SessionQuery",
    "Source",
    "Where",
    "WriteResult",
    "WriteTransaction",
    "WrittenRows",
    "begin",
]

_TRIES = 50


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The result of one write.

    Attributes:
        table: the table.
        rows_added: number of added rows; for a merge, new and updated ones.
        rows_removed: number of deleted or replaced rows.
        files: number of data files written.
        skipped: whether the batch was already loaded with the same content, so that nothing was done.
        pointer: location of the table's metadata after the write; of the current one if nothing was done.
    """

    table: TableName
    rows_added: int = 0
    rows_removed: int = 0
    files: int = 0
    skipped: bool = False
    pointer: str | None = None

    def __repr__(self) -> str:
        removed = f", {self.rows_removed:,} removed" if self.rows_removed else ""
        done = "loaded before" if self.skipped else f"{counted(self.rows_added, 'row')} added{removed}"
        return f"<WriteResult {self.table}: {done}>"


@dataclass(frozen=True, slots=True)
class _Options:
    kind: IntentKind
    batch: Batch | str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    received: Callable[[], int] | None = None
    position: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Earlier:
    """The batches that a new one of a table is compared with.

    Attributes:
        commits: the commits whose histories have them.
        known: the batch of the same id that the table contains.
        held: id and fingerprint of the batches that were rolled back and held.
    """

    commits: Collection[str]
    known: LoadedBatch | None
    held: frozenset[tuple[str, str]]

    def has(self, table: TableName, batch: Batch, is_of: Callable[[str, str], bool]) -> bool:
        """Return whether the table already contains the batch.

        Args:
            table: the table.
            batch: the batch.
            is_of: whether its content is that of a batch with this id and stored fingerprint.

        Raises:
            BatchHeld: the batch with this content was rolled back and held.
            BatchChanged: the table contains the batch with different content.
        """
        for name, fingerprint in sorted(self.held):
            if (name == batch.id or self.known is None) and is_of(name, fingerprint):
                raise BatchHeld(table, name)
        if self.known is not None and not is_of(batch.id, self.known.fingerprint):
            raise BatchChanged(table, batch.id, self.known.fingerprint, batch.fingerprint)
        return self.known is not None


def begin(context: LakeContext, branch: str, message: str = "") -> WriteTransaction:
    """Begin a commit over any number of tables of a branch; use it as a context manager.

    Leaving it normally commits everything as one commit; leaving it by an exception commits nothing.

    Raises:
        RefNotFound, RefProtected: no such branch, or one that cannot be written to.
    """
    return WriteTransaction(context, branch, message)


class WriteTransaction:
    """Writes that are committed together. Later queries of the same transaction read what was written.

    Attributes:
        commit: the commit, once it is made; None if there was nothing to commit.
    """

    def __init__(self, context: LakeContext, branch: str, message: str) -> None:
        from lagoa.catalog.ref_catalog import StagedCatalog

        self._context = context
        self._branch = branch
        self._message = message
        self._staged = StagedCatalog(context.catalog, Ref(branch), context.metadata, context.settings.author)
        self._staged.check_writable()  # before any file is written
        self._intents: list[Intent] = []
        self.commit: Commit | None = None

    def expect(self, table: TableName, pointer: str) -> None:
        """Check that a table is still at the pointer that the writer read, for a write that depends on its content.

        Raises:
            CommitLost: another writer changed it meanwhile.
        """
        if self._staged.tables.get(table) != pointer:
            raise CommitLost(self._branch, pointer, self._staged.tables.get(table, ""), [table])

    def append(
        self,
        table: TableName,
        source: Source,
        *,
        batch: Batch | str | None = None,
        kind: IntentKind = "append",
        properties: Mapping[str, str] | None = None,
        received: Callable[[], int] | None = None,
    ) -> WriteResult:
        """Add rows.

        Args:
            table: the table; created from its contract if it does not exist.
            source: see `Source`; columns match by name. Missing lineage columns are filled.
            batch: the delivery of the rows. For an id without fingerprint, that of the rows is used. The same batch
                again is a no-op, with `skipped` in the result.
            kind: the kind of the intent that is recorded.
            properties: set on the table.
            received: returns the number of records of a batch that came as a file, once its rows are written.

        Raises:
            WriteError: rows that do not fit the table.
            BatchChanged, BatchHeld: the batch is refused.
            QueryError, TableNotFound: the query is refused or fails.
            ContractError: a new table without a contract.
        """
        return self._write(table, source, _Options(kind, batch, properties or {}, received), _appended)

    def replace(
        self,
        table: TableName,
        source: Source,
        *,
        batch: Batch | str | None = None,
        kind: IntentKind = "replace",
        properties: Mapping[str, str] | None = None,
    ) -> WriteResult:
        """Replace all rows of the table with the rows of `source`; otherwise as `append`."""
        return self._write(table, source, _Options(kind, batch, properties or {}), _replaced)

    def overwrite(
        self,
        table: TableName,
        source: Source,
        where: Where,
        *,
        kind: IntentKind = "replace",
        properties: Mapping[str, str] | None = None,
    ) -> WriteResult:
        """Replace the rows that meet a condition with the rows of `source`, which must all meet it; other rows stay.

        Files without such rows are not rewritten. Otherwise as `append`.
        """
        options = _Options(kind, None, properties or {})
        return self._write(table, source, options, lambda rows, to: overwrite_rows(rows, to, where))

    def merge(  # noqa: PLR0913 - each is the caller's choice
        self,
        table: TableName,
        source: Source,
        *,
        key: Sequence[str] | None = None,
        order_by: str | None = None,
        batch: Batch | str | None = None,
        kind: IntentKind = "merge",
        properties: Mapping[str, str] | None = None,
    ) -> WriteResult:
        """Update rows with the same key and add the others; `lagoa.write.merge.merge_rows` says which row wins.

        `key` and `order_by` come from the contract by default; otherwise as `append`.
        """
        contract = self._context.contracts.get(table)
        columns = tuple(key or (contract.key if contract else ()))
        order = order_by or (contract.order_by if contract else None)
        if not columns:
            raise WriteError(table, "a merge needs a key.", "Mark it in the contract (primaryKey), or give `key`.")
        options = _Options(kind, batch, properties or {})
        incoming = incoming_of(self._context) if kind != "model" else None  # a model is run again instead
        return self._write(table, source, options, lambda rows, to: merge_rows(rows, to, columns, order, incoming))

    def scd2(
        self,
        table: TableName,
        source: Source,
        *,
        kind: IntentKind = "scd2",
        properties: Mapping[str, str] | None = None,
    ) -> WriteResult:
        """Make the table the history that follows from all observations; see `lagoa.write.scd2`.

        Rows are versions: one that ended counts as a row removed and a row added. Unchanged versions are not written
        again.

        Args:
            table: its contract has `lagoa.materialization: scd2`.
            source: see `Source`; the columns of the contract without `valid_to` and `is_current`.
            kind: the kind of the intent that is recorded.
            properties: set on the table.

        Raises:
            WriteError: a key or a time is null, rows do not fit the table, or the table has no history.
            QueryError, TableNotFound, ContractError: as `append`.
        """
        contract = self._context.contracts.get(table)
        if contract is None or contract.scd2 is None:
            advice = "Set lagoa.materialization to scd2 in its contract."
            raise WriteError(table, "the table has no history of versions.", advice)
        options = _Options(kind, None, properties or {})
        incoming = incoming_of(self._context) if kind == "scd2" else None
        return self._write(table, source, options, lambda rows, to: history_rows(rows, to, contract, incoming))

    def add_files(self, table: TableName, additions: Sequence[Addition]) -> list[str]:
        """Add data files that were written for another state of the table, as they are, in one snapshot.

        The table is brought to its contract, as by any write.

        Args:
            table: the table, which exists.
            additions: the files of each append, in the order of the appends.

        Returns:
            The ids of the batches that were left out, since the table already contains them.

        Raises:
            WriteError: the columns or partitions of files are not those of the table.
            BatchChanged, BatchHeld: a batch is refused.
        """
        target = Target(self._staged, self._context.contracts, table)
        known = {
            each.batch.id
            for each in additions
            if each.batch
            and self._earlier(target, each.batch.id).has(table, each.batch, partial(_given_again, each.batch))
        }
        new = [each for each in additions if each.batch is None or each.batch.id not in known]
        for each in new:
            each.refuse_unfit(target)
        files = [file for each in new for file in each.files]
        loaded = {each.batch.id: each.loaded for each in new if each.batch and each.loaded}
        if files or loaded or target.evolves:
            fault_point("write.files")
            record = partial(self._record_batches, target, loaded) if loaded else None
            changes = FileChanges(files, rows_added=sum(file.record_count for file in files))
            written = target.commit(changes, {}, self._context.engine, record).metadata
            self._intents.extend(each.intent_in(written) for each in new)
        return sorted(known)

    def table(self, name: TableName) -> Table | None:
        """Return a table as PyIceberg's object, as it is in this transaction; None if there is none."""
        return self._staged.load_table((*name.namespace, name.name)) if name in self._staged.tables else None

    def rewrite(self, table: TableName, rewrites: Sequence[Rewrite], entries: Entries) -> str:
        """Replace files of a table by others that are known to have the same rows; none to merge manifests only.

        The table is not brought to its contract, and what depends on its rows alone does not count it as changed.

        Args:
            table: the table, which exists.
            rewrites: which files.
            entries: of manifests that were read before.

        Returns:
            The table's new pointer.
        """
        from lagoa.write.rewrite import rewrite_files

        fault_point("write.files")
        before = self._staged.load_table((*table.namespace, table.name))
        metadata = rewrite_files(before, rewrites, self._context.metadata, entries)
        written = metadata.metadata
        added = tuple(file.file_path for each in rewrites for file in each.added)
        self._intents.append(
            Intent(
                "compact",
                str(table),
                written.current_snapshot_id,
                written.current_schema_id,
                written.default_spec_id,
                added,
            )
        )
        return metadata.metadata_location

    def pointer(self, table: TableName) -> str | None:
        """Return the pointer of a table as it is in this transaction; None if there is none."""
        return self._staged.tables.get(table)

    def note_position(self, table: TableName, source: str, position: str) -> None:
        """Record how far a table has what a source has once this transaction is committed, if that is not recorded.

        Args:
            table: the table; created from its contract if it does not exist.
            source: name of the source.
            position: JSON.
        """
        target, at = Target(self._staged, self._context.contracts, table), json.loads(position)
        known = positions_of(target.properties)
        if known.get(source) == at:
            return
        positions = json.dumps({**known, source: at}, sort_keys=True)
        options = _Options("append", None, {POSITIONS: positions}, position=(source, position))
        self._stage(target, FileChanges(), options, None)

    def keep(self, table: TableName, intent: Intent, columns: WrittenColumns) -> None:
        """Record a write of another state of a table, with the columns of then, that changes nothing in this one."""
        metadata = self._staged.load_table((*table.namespace, table.name)).metadata
        names = {each.name: metadata.schema().find_column_name(each.field_id) for each in columns.schema.fields}
        key = tuple(names.get(each) or each for each in intent.key)
        by = names.get(intent.order_by) or intent.order_by if intent.order_by else None
        number, spec = metadata.current_schema_id, metadata.default_spec_id
        kept = replace(intent, snapshot=None, files=(), key=key, order_by=by, schema=number, spec=spec)
        self._intents.append(kept)

    def point(self, tables: Mapping[TableName, str | None], intents: Sequence[Intent]) -> None:
        """Give tables the states that other writes made, whose intents these are; None removes a table."""
        self._staged.point(tables)
        self._intents.extend(intents)

    def delete(self, table: TableName, predicate: str, columns: WrittenColumns | None = None) -> WriteResult:
        """Remove the rows for which a SQL condition is true; if it is false or null they stay.

        Args:
            table: the table.
            predicate: the condition.
            columns: those for which it was written, if that was another state of the table.

        Raises:
            WriteError: a column that the condition names is another one now.
            TableNotFound: there is no such table.
            QueryError: the condition is invalid, depends on chance or the time, or reads something other than tables
                of the branch.
        """
        tables = self._staged.tables
        if table not in tables:
            raise TableNotFound(table, self._branch, did_you_mean_name(table, tables))
        engine = self._context.engine
        reads = engine.tables_read(f"SELECT ({predicate}\n)", repeatable=True)
        for other in sorted(reads - tables.keys()):
            raise TableNotFound(other, self._branch, did_you_mean_name(other, tables))
        target = Target(self._staged, self._context.contracts, table)
        if columns is not None:
            columns.refuse_renamed(target, predicate)
        with engine.session({name: tables[name] for name in reads | {table}}, confined=True) as session:
            try:
                changes = delete_rows(session, target, predicate)
            except QueryError as error:
                raise _of_condition(table, predicate, error) from error
        return self._stage(target, changes, _Options("delete"), None)

    def evolve(self, tables: Sequence[TableName]) -> list[TableName]:
        """Change tables to match their contracts without writing rows; return those that changed.

        Raises:
            TableNotFound: there is no such table.
            ContractError: it has no contract.
            WriteError: a difference that its rows cannot be converted to.
        """
        changed = []
        for table in tables:
            if table not in self._staged.tables:
                raise TableNotFound(table, self._branch, did_you_mean_name(table, self._staged.tables))
            target = Target(self._staged, self._context.contracts, self._context.contracts[table].table)
            if target.evolves:
                written = target.commit(FileChanges(), {}, self._context.engine).metadata
                intent = Intent("evolve", str(table), schema=written.current_schema_id, spec=written.default_spec_id)
                self._intents.append(intent)
                changed.append(table)
        return changed

    def restore(self, tables: Sequence[TableName], source: str) -> list[RestoreResult]:
        """Restore tables to their state at a ref, such as `main~3`; a table that was dropped since comes back.

        Their quarantines are restored too. No data is copied.

        Raises:
            TableNotFound, RefNotFound: the ref has no such table; no such ref.
        """
        results, changed = restore_tables(self._context, self._staged, tables, source)
        self._intents.extend(Intent("restore", str(table)) for table in changed)
        return results

    def drop(self, table: TableName) -> None:
        """Remove a table and its quarantine from the branch; their files stay for the states that have them.

        Raises:
            TableNotFound: there is no such table.
            WriteError: it is the quarantine of a table that stays.
        """
        tables = self._staged.tables
        if table not in tables:
            raise TableNotFound(table, self._branch, did_you_mean_name(table, tables))
        if table.is_quarantine and any(each.quarantine == table for each in tables):
            raise WriteError(
                table, "a quarantine is dropped with its table.", "Drop the table that refused its records."
            )
        gone: dict[TableName, str | None] = {each: None for each in (table, table.quarantine) if each in tables}
        self._staged.point(gone)
        self._intents.extend(Intent("drop", str(each)) for each in gone)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if kind is None:
            self._commit()

    def _write(
        self, table: TableName, source: Source, options: _Options, how: Callable[[SessionQuery, Target], FileChanges]
    ) -> WriteResult:
        target = Target(self._staged, self._context.contracts, table, replaced=how is _replaced)
        with open_rows(self._context.engine, self._staged.tables, self._branch, target, source) as given:
            batch = options.batch
            name = batch.id if isinstance(batch, Batch) else batch
            if name == "":
                raise WriteError(table, "the id of the batch is empty.", "Give the batch an id, or leave `batch` out.")
            rows = with_lineage(given, name) if target.has_lineage else given
            changes: FileChanges | None = None
            if isinstance(batch, str):
                changes, batch = self._deliver(target, rows, batch, how)
            elif batch is None or not self._earlier(target, batch.id).has(
                target.name, batch, partial(_given_again, batch)
            ):
                changes = how(rows, target)
        if changes is None:
            return WriteResult(table, skipped=True, pointer=target.pointer)
        return self._stage(target, changes, options, batch)

    def _deliver(
        self, target: Target, rows: SessionQuery, name: str, how: Callable[[SessionQuery, Target], FileChanges]
    ) -> tuple[FileChanges | None, Batch]:
        """Write a batch of this id, without files if the table already contains it; return it with its fingerprint."""
        earlier = self._earlier(target, name)
        if how in _WRITES_ALL and not (earlier.known or earlier.held):
            changes = how(rows, target)
            return changes, Batch(name, stored_fingerprint(target, rows, changes.added))
        rows, table = kept(rows)
        delivery = KeptDelivery(self._context, earlier.commits, target, rows, table)
        batch = Batch(name, delivery.fingerprint)
        if earlier.has(target.name, batch, delivery.is_of):
            return None, batch
        return how(rows, target), batch

    def _earlier(self, target: Target, batch: str) -> _Earlier:
        """Return what a batch of this id has to be compared with."""
        catalog = self._context.catalog
        commits = {self._staged.base, catalog.ref(MAIN).commit}  # `main` may have got a hold since the branch began
        held = (held_batches(catalog, commit, target.name).items() for commit in commits)
        known = self._context.batches.of(target.properties).get(batch)
        return _Earlier(commits, known, frozenset(chain.from_iterable(held)))

    def _stage(self, target: Target, changes: FileChanges, options: _Options, batch: Batch | None) -> WriteResult:
        fault_point("write.files")
        rows = changes.rows_added, changes.rows_removed
        result = WriteResult(target.name, *rows, len(changes.added), pointer=target.pointer)
        if not (changes.added or changes.removed or options.properties or batch or target.table is None):
            return result
        record = partial(self._record_batch, target, batch, options.received) if batch else None
        table = target.commit(changes, options.properties, self._context.engine, record)
        self._intents.append(
            Intent(
                kind=options.kind,
                table=str(target.name),
                snapshot=table.metadata.current_snapshot_id if changes.added or changes.removed else None,
                schema=table.metadata.current_schema_id,
                spec=table.metadata.default_spec_id,
                files=tuple(file.file_path for file in changes.added),
                batch=batch,
                key=changes.key,
                order_by=changes.order_by,
                predicate=changes.predicate,
                fingerprint=options.properties.get(FINGERPRINT),
                incoming=changes.incoming,
                position=options.position,
            )
        )
        return replace(result, pointer=table.metadata_location)

    def _record_batch(
        self, target: Target, batch: Batch, received: Callable[[], int] | None
    ) -> tuple[Mapping[str, str], Collection[str]]:
        """Record a batch of the table; return the table properties that refer to it, and those they replace."""
        loaded = LoadedBatch(batch.fingerprint, received() if received else None, datetime.now(UTC).isoformat())
        return self._record_batches(target, {batch.id: loaded})

    def _record_batches(
        self, target: Target, loaded: Mapping[str, LoadedBatch]
    ) -> tuple[Mapping[str, str], Collection[str]]:
        batches = self._context.batches.of(target.properties)
        return batches.add(str(target.metadata.table_uuid), loaded), batches.replaced

    def _commit(self) -> None:
        """Commit what was staged. If others moved the branch but did not change these tables, use the new head."""
        pointers = self._staged.pointers
        if not (pointers or self._intents):
            return
        fault_point("write.metadata")
        catalog, base = self._context.catalog, self._staged.base
        expected = base
        for attempt in range(_TRIES):
            existing = catalog.namespaces(expected)
            change = Change(
                tables=pointers,
                message=self._message,
                namespaces={
                    name: made for name, made in self._staged.namespace_changes.items() if name not in existing
                },
                properties={INTENTS: json.dumps([asdict(intent) for intent in self._intents])},
                author=self._context.settings.author,
            )
            try:
                self.commit = catalog.commit(self._branch, expected, change)
            except CommitLost as lost:
                expected = lost.actual
                ours = sorted(catalog.diff(base, expected).keys() & pointers.keys())
                if ours or attempt == _TRIES - 1:
                    raise CommitLost(self._branch, base, expected, ours) from lost
                time.sleep(random.uniform(0, 0.002 * (attempt + 1)))  # noqa: S311 - no secret
            else:
                fault_point("write.committed")
                return


def _given_again(batch: Batch, _: str, fingerprint: str) -> bool:
    return same(batch.fingerprint, fingerprint)


def _of_condition(table: TableName, predicate: str, error: QueryError) -> QueryError:
    """Return an engine's error about a condition without the query around the condition."""
    said = error.message.splitlines()[0].rstrip(".")
    return QueryError(f"The condition {predicate!r} fails for {table}: {said}.", error.advice)


def _appended(rows: SessionQuery, target: Target) -> FileChanges:
    files = rows.write(target.metadata)
    return FileChanges(files, rows_added=sum(file.record_count for file in files))


def _replaced(rows: SessionQuery, target: Target) -> FileChanges:
    files = rows.write(target.metadata)
    old = [task.file for task in target.tasks]
    removed = sum(file.record_count for file in old)
    if any(task.delete_files for task in target.tasks):
        sql = f"SELECT count(*) FROM {rows.session.table_at(target.evolved)}"  # noqa: S608 - no user input
        removed = rows.session.query(sql).fetchall()[0][0]
    return FileChanges(files, old, sum(file.record_count for file in files), removed)


_WRITES_ALL = frozenset({_appended, _replaced})
"""Writes whose files are the incoming rows."""
