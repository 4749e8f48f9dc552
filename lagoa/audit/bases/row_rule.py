"""Checks of row rules, by which ingest refuses records: they count the rows that break one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from lagoa.audit.bases.scan import ScanCheck
from lagoa.contracts.rules import row_rules
from lagoa.domain.sql_names import table_in_sql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from lagoa.contracts.contract import Contract
    from lagoa.contracts.rules import RowRule, RuleKind


class RowRuleCheck(ScanCheck):
    """No row breaks the rule of a column; `kind` is that of the rule, too."""

    kind: ClassVar[RuleKind]

    @classmethod
    def of(cls, contract: Contract, *, has_quarantine: bool) -> Iterator[Self]:  # noqa: ARG003 - nothing is read there
        """Yield a check for each column that has such a rule."""
        severity = {column.name: column.severity for column in contract.columns}
        for rule in row_rules(contract, cls.kind):
            yield cls(
                table=contract.table,
                about=rule.column,
                contract=contract,
                severity=severity[rule.column],
                definition=json.dumps(rule.limits) if rule.limits else "",
                sql=cls.violations(rule),
                counts=f"rows: {rule.reason}",
                samples_sql=f"SELECT * FROM {table_in_sql(contract.table)} WHERE {rule.violated}",  # noqa: S608
            )

    @classmethod
    def violations(cls, rule: RowRule) -> str:
        """Return the aggregate that counts the rows which break the rule."""
        return f"count(*) FILTER (WHERE {rule.violated})"
