"""`t/history/…`: the versions in a table of materialization `scd2` are consistent.

Each is an interval; those of one key do not overlap, and at most one is current.
"""

# ruff: noqa: S608 - names are quoted or are constants of Lagoa
from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lagoa.audit.bases.query import QueryCheck
from lagoa.audit.bases.scan import ScanCheck
from lagoa.contracts.scd2 import CURRENT, FROM, TO, business_key
from lagoa.domain.sql_names import names_in_sql, table_in_sql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from lagoa.contracts.contract import Contract

_KIND = "history"

_WRONG = {
    TO: (f"{FROM} >= {TO}", "versions that end before or when they begin"),
    CURRENT: (f"{CURRENT} <> ({TO} IS NULL)", "versions that are current and ended, or neither"),
}
"""What is wrong with one version, by the column that shows it."""


class OneVersion(ScanCheck):
    """Each version ends after it begins, and is either current or ended."""

    kind: ClassVar[str] = _KIND

    @classmethod
    def of(cls, contract: Contract, *, has_quarantine: bool) -> Iterator[Self]:
        """Yield two checks of a table of versions."""
        if contract.scd2 is None:
            return
        for column, (violated, counts) in _WRONG.items():
            yield cls(
                table=contract.table,
                about=column,
                contract=contract,
                sql=f"count(*) FILTER (WHERE {violated})",
                counts=counts,
                samples_sql=f"SELECT * FROM {table_in_sql(contract.table)} WHERE {violated}",
            )


class VersionsOfAThing(QueryCheck):
    """At most one version of a key is current, and none begins before the previous one has ended."""

    kind: ClassVar[str] = _KIND

    @classmethod
    def of(cls, contract: Contract, *, has_quarantine: bool) -> Iterator[Self]:
        """Yield two checks of a table of versions."""
        if contract.scd2 is None:
            return
        source, key = table_in_sql(contract.table), names_in_sql(business_key(contract))
        yield cls._one_current(contract, source, key)
        yield cls._intervals(contract, source, key, gaps=contract.scd2.deletions != "none")

    @classmethod
    def _one_current(cls, contract: Contract, source: str, key: str) -> Self:
        twice = f"FROM {source} WHERE {CURRENT} GROUP BY ALL HAVING count(*) > 1"
        return cls(
            table=contract.table,
            about="one_current",
            contract=contract,
            sql=f"SELECT coalesce(sum(versions - 1), 0) FROM (SELECT {key}, count(*) AS versions {twice})",
            counts="current versions in addition to another one with the same key",
            samples_sql=f"SELECT * FROM {source} WHERE {CURRENT} AND ({key}) IN (SELECT ({key}) {twice}) "
            f"ORDER BY {key}, {FROM}",
        )

    @classmethod
    def _intervals(cls, contract: Contract, source: str, key: str, *, gaps: bool) -> Self:
        # Most keys have one version: only the others are sorted.
        several = f"SELECT ({key}) FROM {source} GROUP BY {key} HAVING count(*) > 1"
        next_from = f"lead({FROM}) OVER (PARTITION BY {key} ORDER BY {FROM}, {TO} NULLS LAST) AS _next_from"
        follow = f"(SELECT *, {next_from} FROM {source} WHERE ({key}) IN ({several}))"
        if gaps:  # a key may be absent for a while
            wrong, counts = f"_next_from < {TO} OR {TO} IS NULL", "versions that end after the next one begins"
        else:
            wrong, counts = f"_next_from IS DISTINCT FROM {TO}", "versions that do not end where the next one begins"
        broken = f"WHERE _next_from IS NOT NULL AND ({wrong})"
        found = f"FROM {follow} {broken}"
        present = f"WHERE {key} IS NOT NULL" if len(business_key(contract)) == 1 else ""  # as IN has it
        return cls(
            table=contract.table,
            about="intervals",
            contract=contract,
            sql=f"SELECT count(*) {found}",
            portable=f"SELECT count(*) FROM (SELECT {TO}, {next_from} FROM {source} {present}) {broken}",
            counts=counts,
            samples_sql=f"SELECT * {found}",
        )
