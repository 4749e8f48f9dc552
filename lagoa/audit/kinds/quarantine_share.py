"""`t/quarantine_share`: no batch of a table has too great a share of its records waiting in quarantine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from lagoa.audit.bases.query import QueryCheck
from lagoa.audit.bases.weaker import higher_limit
from lagoa.contracts.quarantine import with_fates
from lagoa.domain.sql_names import name_in_sql, table_in_sql
from lagoa.domain.tables import LINEAGE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from lagoa.contracts.contract import Contract
    from lagoa.domain.tables import TableName


class QuarantineShare(QueryCheck):
    """The share of the worst batch does not exceed the limit."""

    kind: ClassVar[str] = "quarantine_share"

    @classmethod
    def of(cls, contract: Contract, *, has_quarantine: bool) -> Iterator[Self]:
        """Yield one check if the table is loaded from files; without a quarantine table it does not read one."""
        if contract.source is None:
            return
        bad = contract.table.quarantine
        yield cls(
            table=contract.table,
            contract=contract,
            others=frozenset({bad}) if has_quarantine else frozenset(),
            severity=contract.severity.get("quarantine_share", "fail"),
            definition=json.dumps({"limit": contract.quarantine_share}),
            limit=contract.quarantine_share,
            threshold=f"<= {contract.quarantine_share:.2%}",
            sql=_share(contract.table, bad) if has_quarantine else "SELECT 0",
            portable=_share(contract.table, bad, portable=True) if has_quarantine else "",
            counts="of a batch's records are waiting in quarantine (the worst batch)",
            samples_sql=f"SELECT * FROM ({with_fates(table_in_sql(bad))}) WHERE fate IS NULL"  # noqa: S608
            if has_quarantine
            else None,
        )

    def in_words(self, figure: float) -> str:
        """Return a share in percent, as messages show it."""
        return f"{figure:.2%}"

    @classmethod
    def weaker(cls, old: Any, new: Any) -> Iterator[str]:
        """Yield a higher limit."""
        yield from higher_limit(old, new)


def _share(table: TableName, bad: TableName, *, portable: bool = False) -> str:
    """Return the query for the greatest share of a batch that is waiting.

    Args:
        table: the table.
        bad: its quarantine.
        portable: whether it is for any engine; the quarantine must then have all columns.
    """
    batch = name_in_sql(LINEAGE_COLUMNS[0])
    # What is waiting is bad; what was accepted since or discarded counts only as received.
    if portable:
        record = f"{batch}, {name_in_sql('source')}, record"
        waits = "max(CASE WHEN fate IS NULL THEN 1 ELSE 0 END) AS waits"
        records = f"SELECT {record}, {waits} FROM {table_in_sql(bad)} GROUP BY {record}"  # noqa: S608
        refused = f"SELECT {batch}, sum(waits) AS bad, count(*) AS refused FROM ({records}) GROUP BY {batch}"  # noqa: S608
    else:
        record = f"count(DISTINCT ({name_in_sql('source')}, record))"
        refused = (
            f"SELECT {batch}, {record} FILTER (fate IS NULL) AS bad, {record} AS refused "  # noqa: S608
            f"FROM ({with_fates(table_in_sql(bad))}) GROUP BY ALL"
        )
    accepted = (
        f"SELECT {batch}, count(*) AS good FROM {table_in_sql(table)} "  # noqa: S608
        f"WHERE {batch} IN (SELECT {batch} FROM {table_in_sql(bad)}) GROUP BY ALL"
    )
    return (
        f"SELECT coalesce(max(bad / (refused + coalesce(good, 0))), 0) FROM ({refused}) "  # noqa: S608
        f"LEFT JOIN ({accepted}) USING ({batch})"
    )
