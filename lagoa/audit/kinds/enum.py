"""`t/enum/c`: a column has only values that its contract lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from lagoa.audit.bases.row_rule import RowRuleCheck
from lagoa.audit.bases.weaker import more_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.contracts.rules import RuleKind


class Enum(RowRuleCheck):
    """Every value is one of a list; nulls pass."""

    kind: ClassVar[RuleKind] = "enum"

    @classmethod
    def weaker(cls, old: Any, new: Any) -> Iterator[str]:
        """Yield the values that were added."""
        yield from more_values(old["enum"], new["enum"])
