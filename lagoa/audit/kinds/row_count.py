"""`t/row_count`: the number of rows is close to main's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from lagoa.audit.bases.scan import ChangeCheck

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from lagoa.contracts.contract import Contract


class RowCount(ChangeCheck):
    """The number of rows differs from main's by no more than a share of it."""

    kind: ClassVar[str] = "row_count"
    from_statistics: ClassVar[bool] = True

    @classmethod
    def of(cls, contract: Contract, *, has_quarantine: bool) -> Iterator[Self]:
        """Yield one check if the contract has a limit."""
        limit = contract.row_count_change
        if limit is not None:
            yield cls(
                table=contract.table,
                contract=contract,
                severity=contract.severity.get("row_count", "fail"),
                definition=json.dumps({"limit": limit}),
                limit=limit,
                threshold=f"within {limit:.0%} of main",
                sql="count(*)",
                counts="the number of rows",
            )
