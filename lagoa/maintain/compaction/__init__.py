"""Compaction: small files of tables become few large ones with the same rows, and manifests with them.

Which files that are is found out from manifests. New files are written and compared with the old ones while nobody
knows them. Then a branch gets one commit a table, and is published like any other. Where main has changed a table
meanwhile, its old files are replaced on main as it is then, if it still has them: only metadata is written. If it has
not, the compaction of the table is given up. So whoever loads never waits for one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lagoa.domain.refs import MAIN
from lagoa.domain.suggestions import did_you_mean_name
from lagoa.errors import TableNotFound
from lagoa.maintain.compaction.need import need_of
from lagoa.maintain.compaction.results import Compaction, TableCompaction
from lagoa.maintain.compaction.rewriting import rewrite
from lagoa.write import begin

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata

    from lagoa.context import LakeContext
    from lagoa.domain.receipts import Publication
    from lagoa.domain.tables import TableName
    from lagoa.maintain.compaction.need import Need
    from lagoa.maintain.compaction.results import State
    from lagoa.write.rewrite import Entries, Rewrite

__all__ = ["Compaction", "Compactor", "TableCompaction"]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """New files of one table.

    Attributes:
        pointer: the state whose files were rewritten.
        layout: what the files depend on.
        whole: whether they have the rows of all files, without those that delete files delete.
        rewrites: the files.
    """

    pointer: str
    layout: tuple[object, ...]
    whole: bool
    rewrites: Sequence[Rewrite]


class Compactor:
    """One compaction of tables of main.

    Args:
        context: the lake.
        tables: the tables; all of main by default.

    Raises:
        TableNotFound: main has no such table.
    """

    def __init__(self, context: LakeContext, tables: Collection[TableName] | None = None) -> None:
        self._context = context
        self._pointers = context.catalog.tables(context.catalog.ref(MAIN).commit)
        for table in tables or ():
            if table not in self._pointers:
                raise TableNotFound(table, MAIN, did_you_mean_name(table, self._pointers))
        self._tables = sorted(tables or self._pointers)
        self._prepared: dict[TableName, _Prepared] | None = None
        self._results: dict[TableName, TableCompaction] = {}

    def look(self) -> Compaction:
        """Return what would be done."""
        for need in self._needs():
            self._results[need.table] = _result(need, "refused" if need.reason else "due")
        return self.result()

    def commit(self, branch: str) -> bool:
        """Commit new files to a branch at main's head, a table at a time; return whether there is anything to publish.

        The first time they are written; what nobody publishes is in no table.

        Raises:
            WriteError, QueryError: files cannot be written or read, or have not the same rows.
        """
        if self._prepared is None:
            self._prepared = {}
            for need in self._needs():
                self._results[need.table] = _result(need, "refused" if need.reason else "overtaken")
                if need.due:
                    rewrites = rewrite(self._context, need)
                    prepared = _Prepared(need.pointer, _layout(need.metadata), need.whole, rewrites)
                    written = sum(len(each.added) for each in rewrites)
                    self._results[need.table] = replace(self._results[need.table], written=written)
                    if self._commit_one(branch, need.table, prepared, need.entries):
                        self._prepared[need.table] = prepared
        else:
            for table, prepared in list(self._prepared.items()):
                if not self._commit_one(branch, table, prepared, {}):
                    del self._prepared[table]
        return bool(self._prepared)

    def result(self, publication: Publication | None = None) -> Compaction:
        """Return what was done; without a publication of what was committed, nothing was."""
        done = self._prepared if publication is not None and self._prepared else {}
        results = [replace(each, state="compacted") if table in done else each for table, each in self._results.items()]
        return Compaction(tuple(results), publication)

    def _needs(self) -> Iterator[Need]:
        """Yield what is better rewritten, or should be and cannot."""
        for table in self._tables:
            need = need_of(self._context, table, self._pointers[table])
            if need is not None and (need.due or need.reason):
                yield need

    def _commit_one(self, branch: str, table: TableName, prepared: _Prepared, entries: Entries) -> bool:
        """Commit the new files of a table, if it has the old ones; return whether it has."""
        with begin(self._context, branch, f"compact {table}") as tx:
            current = tx.table(table)
            if current is None or not _fits(prepared, current):
                return False
            tx.rewrite(table, prepared.rewrites, entries)
        return True


def _fits(prepared: _Prepared, current: Table) -> bool:
    """Return whether a table still has the files that were rewritten, with all their rows."""
    if current.metadata_location == prepared.pointer:
        return True
    if prepared.whole or _layout(current.metadata) != prepared.layout:
        return False
    tasks = {task.file.file_path: task for task in current.scan().plan_files()}
    if any(task.delete_files for task in tasks.values()):
        return False
    return all(file.file_path in tasks for each in prepared.rewrites for file in each.removed)


def _layout(metadata: TableMetadata) -> tuple[object, ...]:
    """Return what the files of a table depend on."""
    return metadata.table_uuid, metadata.current_schema_id, metadata.default_spec_id, metadata.default_sort_order_id


def _result(need: Need, state: State) -> TableCompaction:
    old = [file for group in need.groups for file in group.files]
    return TableCompaction(
        table=need.table,
        state=state,
        files=len(need.every.files),
        rewritten=len(old),
        written=None,
        bytes=sum(file.file_size_in_bytes for file in old),
        rows=sum(file.record_count for file in old),
        manifests=need.manifests,
        reason=need.reason,
    )
