"""Compaction: small files of tables become few large ones with the same rows, and manifests with them.

Which files that are is found out from manifests. New files are written and compared with the old ones while nobody
knows them. Then a branch gets one commit a table, and is published like any other. Where main has changed a table
meanwhile, its old files are replaced on main as it is then, if it still has them: only metadata is written. If it has
not, the compaction of the table is given up. So whoever loads never waits for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.domain.refs import MAIN
from lagoa.domain.suggestions import did_you_mean_name
from lagoa.errors import TableNotFound
from lagoa.maintain.compaction.need import need_of
from lagoa.maintain.compaction.results import Compaction, TableCompaction
from lagoa.maintain.compaction.rewriting import rewrite
from lagoa.write import begin

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata

    from lagoa.context import LakeContext
    from lagoa.domain.receipts import Publication
    from lagoa.domain.tables import TableName
    from lagoa.maintain.compaction.need import Need
    from lagoa.maintain.compaction.results import State
    from lagoa.write.rewrite import Rewrite

__all__ = ["Compaction", "Compactor", "TableCompaction"]


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
        pointers = context.catalog.tables(context.catalog.ref(MAIN).commit)
        for table in tables or ():
            if table not in pointers:
                raise TableNotFound(table, MAIN, did_you_mean_name(table, pointers))
        found = (need_of(context, table, pointers[table]) for table in sorted(tables or pointers))
        self._needs = {need.table: need for need in found if need and (need.due or need.reason)}
        self._written: dict[TableName, list[Rewrite]] = {}
        self._left = {table for table, need in self._needs.items() if need.due}

    @property
    def left(self) -> bool:
        """Whether there is anything to publish still."""
        return bool(self._left)

    def rewrite(self) -> None:
        """Write the new files, which nothing refers to.

        Raises:
            WriteError, QueryError: files cannot be written or read.
        """
        for table in sorted(self._left):
            self._written[table] = rewrite(self._context, self._needs[table])

    def apply(self, branch: str) -> bool:
        """Commit the new files to a branch at main's head; return whether there is anything to publish."""
        for table in sorted(self._left):
            with begin(self._context, branch, f"compact {table}") as tx:
                current = tx.table(table)
                if current is None or not self._fits(table, current):
                    self.give_up([table])
                else:
                    tx.rewrite(table, self._written[table])
        return self.left

    def give_up(self, tables: Collection[TableName]) -> None:
        """Let main's state of tables stay."""
        self._left -= set(tables)

    def result(self, publication: Publication | None = None) -> Compaction:
        """Return what was done; without a publication what would be."""
        return Compaction(tuple(self._of(need, publication) for need in self._needs.values()), publication)

    def _fits(self, table: TableName, current: Table) -> bool:
        """Return whether a table still has the files that were rewritten, with all their rows."""
        need = self._needs[table]
        if current.metadata_location == need.pointer:
            return True
        if _layout(current.metadata) != _layout(need.metadata):
            return False
        tasks = {task.file.file_path: task for task in current.scan().plan_files()}
        gone = [file.file_path for each in self._written[table] for file in each.removed]
        if need.whole or any(task.delete_files for task in tasks.values()):
            return False
        return all(path in tasks for path in gone)

    def _of(self, need: Need, publication: Publication | None) -> TableCompaction:
        written = self._written.get(need.table)
        old = [file for group in need.groups for file in group.files]
        return TableCompaction(
            table=need.table,
            state=self._state(need, publication),
            files=len(need.every.files),
            rewritten=len(old),
            written=None if written is None else sum(len(each.added) for each in written),
            bytes=sum(file.file_size_in_bytes for file in old),
            rows=sum(file.record_count for file in old),
            manifests=need.manifests,
            reason=need.reason,
        )

    def _state(self, need: Need, publication: Publication | None) -> State:
        if need.reason:
            return "refused"
        if need.table not in self._left:
            return "overtaken"
        return "due" if publication is None else "compacted"


def _layout(metadata: TableMetadata) -> tuple[object, ...]:
    """Return what the files of a table depend on."""
    return metadata.table_uuid, metadata.current_schema_id, metadata.default_spec_id, metadata.default_sort_order_id
