"""What a compaction did, or would do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from lagoa.domain.receipts import Publication
    from lagoa.domain.tables import TableName

State = Literal["due", "compacted", "overtaken", "refused"]


@dataclass(frozen=True, slots=True)
class TableCompaction:
    """One table that has files to rewrite.

    Attributes:
        table: the table.
        state: `due`: nothing was done yet; `compacted`; `overtaken`: main changed these files meanwhile, and goes
            before; `refused`: it cannot be rewritten.
        files: number of its data files before.
        rewritten: number of those that are rewritten.
        written: number of files with their rows; None if they are not written.
        bytes: size of the rewritten files.
        rows: number of their rows, by their statistics.
        manifests: number of its manifests before.
        reason: why it is refused; else empty.
    """

    table: TableName
    state: State
    files: int
    rewritten: int
    written: int | None
    bytes: int
    rows: int
    manifests: int
    reason: str = ""

    def __repr__(self) -> str:
        return f"<TableCompaction {self.table}: {self.state}, {counted(self.rewritten, 'file')} to rewrite>"


@dataclass(frozen=True, slots=True)
class Compaction:
    """A compaction of a lake.

    Attributes:
        tables: the tables that have files to rewrite, by name.
        publication: the move of main; None if it has not moved.
    """

    tables: tuple[TableCompaction, ...]
    publication: Publication | None = None

    def __repr__(self) -> str:
        done = sum(each.state == "compacted" for each in self.tables)
        return f"<Compaction {done} of {counted(len(self.tables), 'table')}>"
