"""The records after a table, totals and notes, which are no data: finds them, and makes sure that they are such.

A record is lost without a trace if it is wrongly left out, as the last one of a file that comes without its note. So a
record is left out only if something tells it from the records of the table; else it is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lagoa.domain.sql_names import name_in_sql
from lagoa.formats.shared.columns import short
from lagoa.formats.shared.refused import Fault
from lagoa.formats.shared.stream import stream_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    import pyarrow as pa

    from lagoa.contracts.contract import Column as ContractColumn
    from lagoa.formats.csv.dialect import Dialect
    from lagoa.formats.shared.casts import Value
    from lagoa.formats.shared.profile import Column
    from lagoa.formats.shared.scan import Last, Refused

_MOST = 8
_LETTERS = re.compile(rb"[A-Za-z\x80-\xff]{3}")
_TOTAL = re.compile(r"\b(sub)?(total|totais|soma|redutor)\b", re.IGNORECASE)
_WHOLE = re.compile(r"\W*(brasil|geral|consolidado|acumulado|m[ée]dia( geral)?|average|mean|sum)\W*", re.IGNORECASE)
_NOTE = re.compile(
    r"[^\w(*]*(fontes?|notas?|obs|observa\w+|elabora\w+|legenda|gerado|atualizado|extra[ií]do|dados|sources?|notes?)\b|"
    r"[^\w(*]*[(*]",
    re.IGNORECASE,
)


class Footer:
    """The records at the end of a file that by its contract are no data.

    Attributes:
        count: how many the contract says.
        left_out: how many were left out, once the file was read to its end.
        last: the values of the last readable record before them.
    """

    def __init__(
        self,
        count: int,
        dialect: Dialect,
        columns: Sequence[ContractColumn],
        value: Callable[[ContractColumn], Value],
    ) -> None:
        """Prepare for a file in a dialect with some columns, and what makes their values from texts."""
        self.count = count
        self.left_out = 0
        self.last: list[str | None] = []
        self._dialect = dialect
        self._required = {place for place, column in enumerate(columns) if column.required}
        self._columns = columns
        self._value = value

    def see(self, records: pa.Table) -> None:
        """Keep the last of some records that are data."""
        if records.num_rows:
            self.last = [column[-1].as_py() for column in records.columns]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about the end of the file: that the last row may be a total or a note."""
        present = [value for value in self.last if value]
        told = [value for value in present if is_total(value) or (len(present) == 1 and is_note(value))]
        if not told or len(present) == len(self.last):
            return ()
        rest = f"if it is no data, `footer: {self.count + 1}` leaves it out"
        return (f"the last row has {short(told[0])} and lacks other values: {rest}",)

    def fault(self, record: pa.Table, complete: Collection[int]) -> Fault | None:
        """Return why a record must not be left out: nothing tells it from those before it.

        Args:
            record: its values, a single row.
            complete: the places of columns in which no record before lacks a value.
        """
        values = [column[0].as_py() for column in record.columns]
        missing = {place for place, value in enumerate(values) if value is None}
        if missing & {*complete, *self._required} or len(missing) == len(values):
            return None
        if says_so(values) or any(value and _WHOLE.fullmatch(value) for value in values) or self._is_misfit(record):
            return None
        expected = "a total or a note" if self.count == 1 else f"{self.count} totals or notes"
        return Fault("footer", f"a record as those before it, where `footer: {self.count}` expects {expected}")

    def has_other_fields(self, raw: bytes) -> bool:
        """Return whether a record that cannot be read has more or fewer fields than the header."""
        return raw.count(self._dialect.delimiter) + 1 != self._dialect.fields

    def _is_misfit(self, record: pa.Table) -> bool:
        """Return whether one of the values is none of its column's type."""
        import duckdb

        typed = [column for column in self._columns if column.type != "string"]
        values = {column.name: self._value(column) for column in typed}
        bad = [f"({each})" for value in values.values() for each in value.bad]
        if not bad:
            return False
        named = record.rename_columns([stream_name(column.name) for column in self._columns])
        made = ", ".join(f"{value.sql} AS {name_in_sql(name)}" for name, value in values.items())
        with duckdb.connect() as connection:
            connection.register("record", named)
            query = f"SELECT coalesce({' OR '.join(bad)}, false) FROM (SELECT *, {made} FROM record)"  # noqa: S608
            return bool((connection.execute(query).fetchone() or (False,))[0])


def says_so(values: Sequence[str | None]) -> bool:
    """Return whether a record has a word for a total, or nothing but a note in its first field."""
    present = [value for value in values if value]
    return any(map(_TOTAL.search, present)) or (len(present) == 1 and present[0] == values[0] and is_note(present[0]))


def is_total(text: str) -> bool:
    """Return whether a text begins with a word for a total."""
    return bool(_TOTAL.match(text.strip()))


def is_note(text: str) -> bool:
    """Return whether a text begins as notes below a table do."""
    return bool(_NOTE.match(text))


def find_footer(columns: Sequence[Column], last: Sequence[Last], refused: Sequence[Refused]) -> int:
    """Return how many records at the end of a file are no data.

    These are notes, a text in one field where records have three or more; records without any value; and records that
    lack values of columns where no record before lacks one, and have a word for a total or begin as notes do. Without
    the word they may be data.

    Args:
        columns: of the records before the last ones.
        last: the last readable records, in order.
        refused: the last records that cannot be read, in order.
    """
    complete = [place for place, column in enumerate(columns) if column.records and column.present == column.records]
    found = {each.row: len(columns) > 2 and _is_note(each) for each in refused}  # noqa: PLR2004 - else it may be cut off
    for each in last:
        missing = [place for place in complete if each.values[place] is None]
        empty = len(columns) > 1 and not any(value is not None for value in each.values)
        found[each.row] = empty or (bool(missing) and says_so(each.values))
    count = 0
    for row in sorted(found, reverse=True)[:_MOST]:
        if not found[row]:
            break
        count += 1
    return count if count < len(found) else 0


def _is_note(record: Refused) -> bool:
    return record.rule == "fields" and record.reason.startswith("1 field") and bool(_LETTERS.search(record.raw))
