"""`t/length/c`: the length of a column's values is within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from lagoa.audit.bases.row_rule import RowRuleCheck
from lagoa.audit.bases.weaker import wider_bounds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.contracts.rules import RuleKind


class Length(RowRuleCheck):
    """No value is shorter or longer than the bounds; nulls pass."""

    kind: ClassVar[RuleKind] = "length"

    @classmethod
    def weaker(cls, old: Any, new: Any) -> Iterator[str]:
        """Yield the bounds that became wider."""
        yield from wider_bounds(old["length"], new["length"])
