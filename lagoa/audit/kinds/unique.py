"""`t/unique/c`: no value of a column occurs twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lagoa.audit.bases.repeated import RepeatedCheck

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from lagoa.contracts.contract import Contract


class Unique(RepeatedCheck):
    """No value occurs twice."""

    kind: ClassVar[str] = "unique"

    @classmethod
    def of(cls, contract: Contract, *, has_quarantine: bool) -> Iterator[Self]:
        """Yield a check for each unique column, except the one that is the key, which has its own check."""
        for column in contract.columns:
            if column.unique and (column.name,) != tuple(contract.key):
                yield cls.of_columns(contract, (column.name,), column.severity)
