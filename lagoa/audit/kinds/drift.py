"""`t/drift/c`: the mean of a column is close to main's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from lagoa.audit.bases.scan import ChangeCheck
from lagoa.domain.sql_names import name_in_sql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from lagoa.contracts.contract import Contract


class Drift(ChangeCheck):
    """The mean of a column differs from main's by no more than a share of it."""

    kind: ClassVar[str] = "drift"

    @classmethod
    def of(cls, contract: Contract, *, has_quarantine: bool) -> Iterator[Self]:
        """Yield a check for each column with a limit."""
        for column, limit in contract.drift.items():
            yield cls(
                table=contract.table,
                about=column,
                contract=contract,
                severity=contract.severity.get("drift", "fail"),
                definition=json.dumps({"limit": limit}),
                limit=limit,
                threshold=f"within {limit:.0%} of main",
                sql=f"avg(CAST({name_in_sql(column)} AS DOUBLE))",
                counts=f"the mean of {column}",
                column=column,
            )
