"""`t/pattern/c`: a regular expression is found in each value of a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lagoa.audit.bases.row_rule import RowRuleCheck

if TYPE_CHECKING:
    from lagoa.contracts.rules import RuleKind


class Pattern(RowRuleCheck):
    """A pattern is found in each value; nulls pass. Two patterns have no order: another one is called changed."""

    kind: ClassVar[RuleKind] = "pattern"
