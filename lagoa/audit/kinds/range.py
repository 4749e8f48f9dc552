"""`t/range/c`: the values of a column are within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from lagoa.audit.bases.row_rule import RowRuleCheck
from lagoa.audit.bases.weaker import wider_bounds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.contracts.rules import RuleKind


class Range(RowRuleCheck):
    """No value is outside the bounds; nulls pass."""

    kind: ClassVar[RuleKind] = "range"

    @classmethod
    def weaker(cls, old: Any, new: Any) -> Iterator[str]:
        """Yield the bounds that became wider."""
        yield from wider_bounds(old["range"], new["range"])
