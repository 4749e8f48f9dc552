"""Defines a check: one condition on one table, which names all that its result depends on and produces that result.

Each kind of check is a class under `lagoa.audit.kinds`. What kinds share is here and in `lagoa.audit.bases`: a check is
either looked up in the metadata of its table, or measured in a session of the engine.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from lagoa.domain.checks import CheckResult

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence
    from datetime import datetime
    from typing import Self

    from lagoa.audit.state import State
    from lagoa.contracts.contract import Contract
    from lagoa.domain.checks import Outcome, Severity
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.ports.engine import SqlSession
    from lagoa.domain.tables import TableName


@dataclass(frozen=True, kw_only=True)
class Check(ABC):
    """One condition on one table.

    Attributes:
        kind: the name of the kind: the second part of the ids of its checks.
        how: what measures its checks, in one word: a part of the key of their results.
        compares: whether the figure is compared with that of the table on main.
        table: the table it is about.
        about: a column of the table, several joined by `+`, or another name; empty for the whole table.
        contract: the table's; None if it has none.
        others: the other tables that the figure depends on.
        severity: whether a figure above the limit fails the audit or only warns.
        definition: what the check requires, as JSON: by it a later audit finds out whether the check was loosened.
        limit: the figure may not be above it.
        threshold: that in words.
        samples_sql: a query for the failing rows; None where there are none to show.
    """

    kind: ClassVar[str]
    how: ClassVar[str]
    compares: ClassVar[bool] = False

    table: TableName
    about: str = ""
    contract: Contract | None = None
    others: frozenset[TableName] = field(default_factory=frozenset)
    severity: Severity = "fail"
    definition: str = ""
    limit: float = 0
    threshold: str = "= 0"
    samples_sql: str | None = None

    @classmethod
    def of(cls, contract: Contract, *, has_quarantine: bool) -> Iterator[Self]:  # noqa: ARG003 - for those that need it
        """Yield the checks of this kind that follow from a contract; by default none.

        Args:
            contract: the contract.
            has_quarantine: whether the quarantine of its table exists.
        """
        yield from ()

    @classmethod
    def weaker(cls, old: Any, new: Any) -> Iterator[str]:
        """Yield how a definition is weaker than the former one, in words that follow the check's id.

        Receipts keep definitions forever: those of every earlier version must be understood. By default every
        difference is reported as changed.

        Args:
            old: the former definition, parsed from JSON.
            new: the current definition.
        """
        for word, value in old.items():
            if new.get(word) != value:
                yield f"changed from {value} to {new.get(word)}"

    @cached_property
    def id(self) -> str:
        """The id, such as `silver.orders/required/order_id`."""
        return f"{self.table}/{self.kind}/{self.about}" if self.about else f"{self.table}/{self.kind}"

    @cached_property
    def reads(self) -> frozenset[TableName]:
        """The tables that the figure depends on."""
        return self.others | {self.table}

    @property
    @abstractmethod
    def text(self) -> str:
        """What is measured: SQL, or what replaces it; a part of the key of the result."""

    @property
    def clock(self) -> str:
        """The format of the time in the unit in which a result grows old, such as `%Y-%m-%d`; empty if it does not."""
        return ""

    def baseline(self, base: Pointers) -> str | None:
        """Return the pointer that the figure is compared with: main's of the table; None if it is not compared."""
        return base.get(self.table) if self.compares else None

    def moment(self, now: datetime) -> str | None:
        """Return the time in the unit in which a result grows old; None where it does not."""
        return now.strftime(self.clock) if self.clock else None

    def runner(self, state: State) -> str:
        """Return what runs the check, with its version: a new version may give another result."""
        return state.context.engine.version

    def judged(self, state: State, figure: float, message: str, seconds: float = 0.0) -> CheckResult:
        """Return the result of a figure: passed if it is not above the limit."""
        broken: Outcome = "warned" if self.severity == "warn" else "failed"
        return self._result(state, "passed" if figure <= self.limit else broken, float(figure), message, seconds)

    def not_evaluated(self, state: State, reason: str) -> CheckResult:
        """Return the result if nothing was measured; it blocks like a failed one."""
        return self._result(state, "not evaluated", None, f"was not evaluated: {reason}", 0.0)

    def used_again(self, earlier: CheckResult) -> CheckResult:
        """Return an earlier result with the same key, completed with what older results lack."""
        return self._signed(earlier, reused=True)

    def _result(
        self, state: State, outcome: Outcome, figure: float | None, message: str, seconds: float
    ) -> CheckResult:
        return self._signed(
            CheckResult(
                check=self.id,
                table=str(self.table),
                outcome=outcome,
                figure=figure,
                threshold=self.threshold,
                message=message,
                seconds=seconds,
                key=state.key(self),
                samples_sql=self.samples_sql,
            )
        )

    def _signed(self, result: CheckResult, *, reused: bool = False) -> CheckResult:
        """Return a result with its severity, its definition, and who answers for its table."""
        owner = self.contract.owner if self.contract else ""
        return replace(result, severity=self.severity, owner=owner, definition=self.definition, reused=reused)


class MetadataCheck(Check):
    """A check that needs only the metadata of its table: no row is read for it."""

    @abstractmethod
    def look(self, state: State) -> CheckResult:
        """Return the result."""


class SessionCheck(Check):
    """A check that is measured in a session of the engine."""

    @property
    def part(self) -> TableName | None:
        """The checks with which it shares a session: those of its table; None for those that run one by one."""
        return self.table

    @property
    def opens(self) -> frozenset[TableName]:
        """The tables that the session must have."""
        return self.reads

    @property
    @abstractmethod
    def group(self) -> Hashable:
        """The group: checks of one part and one group are measured together, by the `measure` of any of them."""

    @classmethod
    @abstractmethod
    def measure(cls, checks: Sequence[Self], state: State, session: SqlSession) -> Iterator[CheckResult]:
        """Yield the results of the checks of one group; a check without a result counts as not evaluated."""
