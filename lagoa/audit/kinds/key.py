"""`t/key/a+b`: no two rows of a table have the same key."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lagoa.audit.bases.repeated import RepeatedCheck

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from lagoa.contracts.contract import Contract


class Key(RepeatedCheck):
    """No primary key occurs twice."""

    kind: ClassVar[str] = "key"

    @classmethod
    def of(cls, contract: Contract, *, has_quarantine: bool) -> Iterator[Self]:
        """Yield one check if the table has a key."""
        if contract.key:
            yield cls.of_columns(contract, contract.key, contract.severity.get("key", "fail"))
