"""Reads files once from front to back for `contract infer`: the profile of their columns, and refused records."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.formats.shared.stream import OFFSET, RAW, REASON, ROW, RULE, stream_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    import pyarrow as pa

    from lagoa.formats.shared.profile import Column, Profile
    from lagoa.formats.shared.stream import Stream

    FindFooter = Callable[[Sequence["Last"], Sequence["Refused"]], int]

TAIL = 8
"""Records at the end of a file that may be totals or notes instead of data."""

_KEPT = 5
_FILE = 2**48


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that could not be read.

    Attributes:
        row: its number, from 1.
        place: its file and the byte where it begins; see `place_of`.
        rule: that it breaks.
        reason: in words.
        raw: its bytes.
    """

    row: int
    place: int
    rule: str
    reason: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Last:
    """A readable record at the end of a file: its number, where it begins, and its values."""

    row: int
    place: int
    values: Sequence[str | None]


def _places(table: pa.Table) -> pa.ChunkedArray:
    """Return where records begin; their numbers where they have no bytes of their own."""
    from pyarrow import compute

    return compute.coalesce(table.column(OFFSET), table.column(ROW))


def place_of(place: int) -> tuple[int, int]:
    """Return the number of a file and the byte in it that a place stands for."""
    return divmod(place, _FILE)


class Scan:
    """One pass over each of some files with the same columns.

    Attributes:
        received: records seen.
        readable: those among them that could be read, and are no footer.
        rules: how many records break which rule of readability.
        refused: the first few of them.
        footers: how many records at the end of each file are no data.
        ends: the last readable record of each file above them.
    """

    def __init__(self, profile: Profile, columns: Sequence[str]) -> None:
        self.received = 0
        self.readable = 0
        self.rules: Counter[str] = Counter()
        self.refused: list[Refused] = []
        self.footers: list[int] = []
        self.ends: list[Last] = []
        self._profile = profile
        self._names = [stream_name(name) for name in columns]

    @property
    def columns(self) -> Sequence[Column]:
        """What was seen of each column so far."""
        return self._profile.columns

    def refusals(self) -> list[str]:
        """Return a note on the records that could not be read, if there are any."""
        if not self.rules:
            return []
        rules = ", ".join(f"{count:,} by {rule}" for rule, count in sorted(self.rules.items()))
        shown = "; ".join(f"line @{each.place}@: {each.reason}" for each in self.refused)
        seen = f"{self.rules.total():,} of {self.received:,} records"
        return [f"{seen} cannot be read and go to quarantine ({rules}): {shown}"]

    def read(self, stream: Stream, find_footer: FindFooter) -> None:
        """Read a file.

        Args:
            stream: its records.
            find_footer: returns how many records at its end are no data, from the last readable and refused ones.

        Raises:
            SourceError: the file could not be read to its end.
        """
        import pyarrow as pa

        tail: pa.Table | None = None
        bad: deque[Refused] = deque()
        for batch in stream.reader():
            table = self._with_all_columns(pa.Table.from_batches([batch]))
            if batch.num_rows and batch.column(RULE).null_count == 0:
                bad.extend(self._refused(table))
                while len(bad) > TAIL:
                    self._refuse(bad.popleft())
                continue
            tail = pa.concat_tables([tail, table]) if tail is not None else table
            ready = tail.num_rows - TAIL
            if ready > 0:
                self._see(tail.slice(0, ready))
                tail = tail.slice(ready)
        stream.check()
        self._finish(tail, bad, find_footer)
        self.received += stream.received

    def _finish(self, tail: pa.Table | None, bad: Collection[Refused], find_footer: FindFooter) -> None:
        last: list[Last] = []
        if tail is not None:
            columns = [each.to_pylist() for each in (tail.column(ROW), _places(tail), *map(tail.column, self._names))]
            last = [Last(row, self._place(offset), values) for row, offset, *values in zip(*columns, strict=True)]
        footer = find_footer(last, list(bad))
        rows = sorted([each.row for each in last] + [each.row for each in bad])
        first = rows[len(rows) - footer] if footer else None
        for each in bad:
            if first is None or each.row < first:
                self._refuse(each)
        if tail is not None:
            kept = [each for each in last if first is None or each.row < first]
            self.ends += kept[-1:]
            self._see(tail.slice(0, len(kept)))
        self.footers.append(footer)

    def _with_all_columns(self, table: pa.Table) -> pa.Table:
        """Return records with nulls for the columns that their file lacks."""
        import pyarrow as pa

        own = set(table.column_names)
        for name in self._names:
            if name not in own:
                table = table.append_column(name, pa.nulls(table.num_rows, pa.string()))
        return table

    def _refuse(self, record: Refused) -> None:
        self.rules[record.rule] += 1
        if len(self.refused) < _KEPT:
            self.refused.append(record)

    def _see(self, table: pa.Table) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        if not table.num_rows:
            return
        self.readable += table.num_rows
        offsets = pc.add(_places(table), pa.scalar(self._place(0)))
        self._profile.see(table.select(self._names), offsets)

    def _refused(self, table: pa.Table) -> list[Refused]:
        others = map(table.column, (RULE, REASON, RAW))
        columns = [each.to_pylist() for each in (table.column(ROW), _places(table), *others)]
        return [Refused(row, self._place(offset), *others) for row, offset, *others in zip(*columns, strict=True)]

    def _place(self, offset: int) -> int:
        return len(self.footers) * _FILE + offset
