"""`t/pattern/c`: each value of a column contains a match of a regular expression."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lagoa.audit.bases.row_rule import RowRuleCheck

if TYPE_CHECKING:
    from lagoa.contracts.rules import RuleKind


class Pattern(RowRuleCheck):
    """Each value contains a match; nulls pass. Patterns have no order: a different one is reported as changed."""

    kind: ClassVar[RuleKind] = "pattern"
