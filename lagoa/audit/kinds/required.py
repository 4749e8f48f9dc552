"""`t/required/c`: no value of a column is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lagoa.audit.bases.row_rule import RowRuleCheck
from lagoa.domain.sql_names import name_in_sql

if TYPE_CHECKING:
    from lagoa.contracts.rules import RowRule, RuleKind


class Required(RowRuleCheck):
    """No value is null; the files' statistics show how many are."""

    kind: ClassVar[RuleKind] = "required"
    from_statistics: ClassVar[bool] = True

    @classmethod
    def violations(cls, rule: RowRule) -> str:
        """Return the number of nulls, without a filter, which would make it a scan."""
        return f"count(*) - count({name_in_sql(rule.column)})"
