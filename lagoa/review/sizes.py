"""How large the tables of a ref are, from their metadata, each file of which is read once on a machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.domain.cache_file import CacheFile
from lagoa.review.overview import state_at

if TYPE_CHECKING:
    from lagoa.context import LakeContext
    from lagoa.domain.tables import TableName

_VERSION = "tables 1"


@dataclass(frozen=True, slots=True)
class TableSize:
    """The size of a table at one commit.

    Attributes:
        table: its name.
        rows, bytes: of the current snapshot; None if the table's metadata does not say.
    """

    table: TableName
    rows: int | None
    bytes: int | None


def table_sizes(context: LakeContext, ref: str) -> list[TableSize]:
    """Return the size of each table at a ref, by name.

    Metadata files do not change, so what was read of one is kept for the next process: a lake's tables may be
    thousands, in an object store.
    """
    pointers = context.pointers(ref)
    file = CacheFile(context.settings.cache("tables"), _VERSION)
    known = file.read()
    texts: dict[str, str] = {}
    for table, pointer in pointers.items():
        texts[pointer] = known.get(pointer) or _text(context, table, pointer)
    if texts.keys() != known.keys():
        file.write(texts)
    return [TableSize(table, *_numbers(texts[pointers[table]])) for table in sorted(pointers)]


def _text(context: LakeContext, table: TableName, pointer: str) -> str:
    state = state_at(context, table, pointer)
    return " ".join("-" if each is None else str(each) for each in (state.rows, state.bytes))


def _numbers(text: str) -> tuple[int | None, int | None]:
    rows, size = (None if each == "-" else int(each) for each in text.split())
    return rows, size
