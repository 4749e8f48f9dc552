"""Finds the records after a table: totals and notes, which are no data."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.formats.shared.profile import Column
    from lagoa.formats.shared.scan import Last, Refused

_MOST = 5
_LETTERS = re.compile(rb"[A-Za-z\x80-\xff]{3}")
_TOTAL = re.compile(r"\b(sub)?(total|totais|soma|redutor)\b", re.IGNORECASE)


def find_footer(columns: Sequence[Column], last: Sequence[Last], refused: Sequence[Refused]) -> int:
    """Return how many records at the end of a file are no data.

    These are notes, a text in one field where records have three or more; and totals: records that lack values of
    columns where no record before lacks one, and have a word for a total. Without the word they may be data.

    Args:
        columns: of the records before the last ones.
        last: the last readable records, in order.
        refused: the last records that cannot be read, in order.
    """
    complete = [place for place, column in enumerate(columns) if column.records and column.present == column.records]
    found = {each.row: len(columns) > 2 and _is_note(each) for each in refused}  # noqa: PLR2004 - else it may be cut off
    for each in last:
        missing = [place for place in complete if each.values[place] is None]
        found[each.row] = bool(missing) and any(value and _TOTAL.search(value) for value in each.values)
    count = 0
    for row in sorted(found, reverse=True)[:_MOST]:
        if not found[row]:
            break
        count += 1
    return count if count < len(found) else 0


def _is_note(record: Refused) -> bool:
    return record.rule == "fields" and record.reason.startswith("1 field") and bool(_LETTERS.search(record.raw))
