"""`t/contract`: a table has a contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lagoa.audit.check import MetadataCheck

if TYPE_CHECKING:
    from typing import Self

    from lagoa.audit.state import State
    from lagoa.domain.checks import CheckResult
    from lagoa.domain.tables import TableName


class Uncontracted(MetadataCheck):
    """The check that a table without a contract fails."""

    kind: ClassVar[str] = "contract"
    how: ClassVar[str] = "contract"

    @classmethod
    def of_table(cls, table: TableName) -> Self:
        """Return the check of a table without a contract."""
        return cls(table=table, threshold="a contract")

    @property
    def text(self) -> str:
        """Empty: there is nothing to measure."""
        return ""

    def look(self, state: State) -> CheckResult:
        """Return a failed result that says where to write the contract."""
        advice = f"write iceberg/{self.table.layer}/{self.table.name}.odcs.yaml"
        return self.judged(state, 1, f"{self.table} has no contract: {advice}")
