"""`t/format/c`: the values of a column are e-mail addresses, UUIDs and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lagoa.audit.bases.row_rule import RowRuleCheck

if TYPE_CHECKING:
    from lagoa.contracts.rules import RuleKind


class Format(RowRuleCheck):
    """Each value has a named format; nulls pass. A different format is reported as changed."""

    kind: ClassVar[RuleKind] = "format"
