"""Selection of refused records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Fate = Literal["waiting", "accepted", "discarded"]
"""What became of a refused record."""


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection of a table's refused records; all of them by default.

    Attributes:
        rule: only records whose first broken rule is this one.
        batch: only records of this batch.
        where: only records for which this SQL condition over their columns as text is true. It may also use
            `_batch_id`, `_source`, `_row`, `_rule` and `_reason`.
        alone: treat each line damaged by broken quoting as one record; by default these wait, because they may be
            text from inside a field.
        encoding: in which the records are read; by default in that of the contract, which their file may not have had.
    """

    rule: str | None = None
    batch: str | None = None
    where: str | None = None
    alone: bool = False
    encoding: str | None = None
