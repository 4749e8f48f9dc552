"""`t/foreign_key/c`: the values of a column are in another table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from lagoa.audit.bases.query import QueryCheck
from lagoa.domain.sql_names import name_in_sql, table_in_sql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from lagoa.contracts.contract import Contract


class ForeignKey(QueryCheck):
    """Every value is in the referenced column; nulls pass. A different reference is reported as changed."""

    kind: ClassVar[str] = "foreign_key"

    @classmethod
    def of(cls, contract: Contract, *, has_quarantine: bool) -> Iterator[Self]:
        """Yield a check for each column that refers to another table."""
        for column in contract.columns:
            if column.references is None:
                continue
            other, key = column.references
            # An anti join, not NOT EXISTS or NOT IN: DuckDB runs it in a third less time, and nulls among the keys do
            # no harm.
            orphan = (
                f"FROM {table_in_sql(contract.table)} AS o ANTI JOIN {table_in_sql(other)} AS k "
                f"ON k.{name_in_sql(key)} = o.{name_in_sql(column.name)} WHERE o.{name_in_sql(column.name)} IS NOT NULL"
            )
            yield cls(
                table=contract.table,
                about=column.name,
                contract=contract,
                others=frozenset({other}),
                severity=column.severity,
                definition=json.dumps({"foreign key": f"{other}.{key}"}),
                sql=f"SELECT count(*) {orphan}",
                counts=f"rows whose {column.name} is not in {other}.{key}",
                samples_sql=f"SELECT o.* {orphan}",
            )
