"""Checks of values that may occur once: they count the rows beyond the first of each."""

# ruff: noqa: S608 - names are quoted

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.audit.bases.query import QueryCheck, measure
from lagoa.domain.sql_names import name_in_sql, names_in_sql, table_in_sql

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from lagoa.contracts.contract import Contract
    from lagoa.domain.checks import Severity
    from lagoa.domain.ports.engine import Queries


class RepeatedCheck(QueryCheck):
    """No two rows have the same values in some columns; a null equals nothing."""

    @classmethod
    def of_columns(cls, contract: Contract, columns: Sequence[str], severity: Severity) -> Self:
        """Return the check of some columns of a table."""
        names = [name_in_sql(column) for column in columns]
        values, table = ", ".join(names), table_in_sql(contract.table)
        present = " AND ".join(f"{name} IS NOT NULL" for name in names)
        distinct = f"SELECT DISTINCT {values} FROM {table} WHERE {present}"
        rows = f"SELECT count(*) FROM {table} WHERE {present}"
        of_each = f"SELECT {values} FROM {table} WHERE {present} GROUP BY ALL"
        return cls(
            table=contract.table,
            about="+".join(columns),
            contract=contract,
            severity=severity,
            sql=f"SELECT ({rows}) - (SELECT count(*) FROM ({distinct}))",
            counts=f"rows that repeat the {', '.join(columns)} of another row",
            samples_sql=f"SELECT * FROM {table} WHERE ({values}) IN ({of_each} HAVING count(*) > 1) ORDER BY {values}",
        )

    def cause(self, session: Queries) -> str:
        """Return that values came in several batches, if a table that is loaded from files keeps each of them."""
        if self.contract is None or self.contract.source is None:
            return ""
        values = names_in_sql(self.about.split("+"))
        several = f"SELECT {values} FROM {table_in_sql(self.table)} GROUP BY ALL HAVING count(DISTINCT _batch_id) > 1"
        found = measure(session, f"SELECT count(*) FROM ({several})")[0][0]
        if not isinstance(found, float) or not found:
            return ""
        word = "primaryKey" if self.kind == "key" else "unique"
        return (
            f"; {found:,.0f} came in several batches, and the table keeps each: remove {word} from its contract, "
            "and keep the latest row of each in a model"
        )
