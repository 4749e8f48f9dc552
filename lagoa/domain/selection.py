"""Which refused records are meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Fate = Literal["waiting", "accepted", "discarded"]
"""What became of a refused record."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which of a table's refused records are meant; all of them when nothing is said.

    Attributes:
        rule: only those that break this rule first.
        batch: only those that came in this batch.
        where: only those for which this SQL condition over their columns as text is true. It may also name `_batch_id`,
            `_source`, `_row`, `_rule` and `_reason`.
        alone: lines that broken quoting spoilt are each a record by itself; by default they wait, since they may be
            text from within a field.
    """

    rule: str | None = None
    batch: str | None = None
    where: str | None = None
    alone: bool = False
