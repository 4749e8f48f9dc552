"""`t/schema`: a table has the columns of its contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lagoa.audit.check import MetadataCheck
from lagoa.catalog.table_facts import plain_type
from lagoa.contracts.quarantine import later_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Self

    from lagoa.audit.state import State
    from lagoa.contracts.contract import Contract
    from lagoa.domain.checks import CheckResult


@dataclass(frozen=True, kw_only=True)
class Schema(MetadataCheck):
    """No column is missing, has another type, or is not in the contract.

    Attributes:
        columns: the type of each column in the contract, lineage columns included.
    """

    kind: ClassVar[str] = "schema"
    how: ClassVar[str] = "schema"

    columns: Mapping[str, str]

    @classmethod
    def of(cls, contract: Contract, *, has_quarantine: bool) -> Iterator[Self]:
        """Yield one check."""
        columns = {column.name: column.type for column in contract.all_columns}
        yield cls(table=contract.table, contract=contract, threshold="the contract's", columns=columns)

    @property
    def text(self) -> str:
        """The columns with their types."""
        return ", ".join(f"{name} {kind}" for name, kind in self.columns.items())

    def look(self, state: State) -> CheckResult:
        """Compare the columns of the table's metadata; the figure is the number of differences."""
        found = state.context.metadata.facts(state.pointers[self.table]).columns
        wanted = {name: plain_type(kind) for name, kind in self.columns.items()}
        later = later_columns(self.table)
        wrong = [
            f"{name} is {found.get(name, 'missing')}, the contract says {wanted.get(name, 'nothing about it')}"
            for name in sorted(wanted.keys() | found.keys())
            if wanted.get(name) != found.get(name) and not (name in later and name not in found)
        ]
        advice = f" (`lagoa contract diff {self.table}` says what to do)"
        message = "; ".join(wrong) + advice if wrong else "the columns are the contract's"
        return self.judged(state, len(wrong), message)
