"""Checks of values that may occur once: they count the rows beyond the first of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.audit.bases.query import QueryCheck
from lagoa.domain.sql_names import name_in_sql, table_in_sql

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from lagoa.contracts.contract import Contract
    from lagoa.domain.checks import Severity


class RepeatedCheck(QueryCheck):
    """No two rows have the same values in some columns; a null equals nothing."""

    @classmethod
    def of_columns(cls, contract: Contract, columns: Sequence[str], severity: Severity) -> Self:
        """Return the check of some columns of a table."""
        names = [name_in_sql(column) for column in columns]
        values, table = ", ".join(names), table_in_sql(contract.table)
        present = " AND ".join(f"{name} IS NOT NULL" for name in names)
        distinct = f"SELECT DISTINCT {values} FROM {table} WHERE {present}"  # noqa: S608
        rows = f"SELECT count(*) FROM {table} WHERE {present}"  # noqa: S608
        twice = f"SELECT {values} FROM {table} WHERE {present} GROUP BY ALL HAVING count(*) > 1"  # noqa: S608
        return cls(
            table=contract.table,
            about="+".join(columns),
            contract=contract,
            severity=severity,
            sql=f"SELECT ({rows}) - (SELECT count(*) FROM ({distinct}))",  # noqa: S608
            counts=f"rows that repeat the {', '.join(columns)} of another row",
            samples_sql=f"SELECT * FROM {table} WHERE ({values}) IN ({twice}) ORDER BY {values}",  # noqa: S608
        )
