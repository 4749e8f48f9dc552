"""The checks of a table of versions: each is an interval, those of a thing do not overlap, at most one is current."""

# ruff: noqa: S608 - names are quoted or of our own making
from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.audit.checks import Check
from lagoa.contracts.scd2 import CURRENT, FROM, TO, business_key
from lagoa.domain.sql_names import name_in_sql, table_in_sql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.contracts.contract import Contract

_ROWS = {
    TO: (f"{FROM} >= {TO}", "versions that end before they begin, or then"),
    CURRENT: (f"{CURRENT} <> ({TO} IS NULL)", "versions that are current and over, or neither"),
}
"""What is wrong with one version, by the column that says it."""


def history_checks(contract: Contract) -> Iterator[Check]:
    """Yield the checks of a table of materialization `scd2`; none of another table."""
    if contract.scd2 is None:
        return
    source, key = table_in_sql(contract.table), ", ".join(map(name_in_sql, business_key(contract)))
    for column, (violated, reason) in _ROWS.items():
        samples = f"SELECT * FROM {source} WHERE {violated}"
        yield _check(contract, column, f"count(*) FILTER (WHERE {violated})", reason, samples)
    twice = f"FROM {source} WHERE {CURRENT} GROUP BY ALL HAVING count(*) > 1"
    yield _check(
        contract,
        "one_current",
        f"SELECT coalesce(sum(versions - 1), 0) FROM (SELECT {key}, count(*) AS versions {twice})",
        "current versions beside another one of the same thing",
        f"SELECT * FROM {source} WHERE {CURRENT} AND ({key}) IN (SELECT ({key}) {twice}) ORDER BY {key}, {FROM}",
    )
    yield _intervals(contract, source, key)


def _intervals(contract: Contract, source: str, key: str) -> Check:
    # Most things have one version: only the others are put in order.
    several = f"SELECT ({key}) FROM {source} GROUP BY {key} HAVING count(*) > 1"
    follow = (
        f"(SELECT *, lead({FROM}) OVER (PARTITION BY {key} ORDER BY {FROM}, {TO} NULLS LAST) AS _next_from "
        f"FROM {source} WHERE ({key}) IN ({several}))"
    )
    if contract.scd2 is not None and contract.scd2.deletions == "none":
        wrong, reason = f"_next_from IS DISTINCT FROM {TO}", "versions that do not end where the next one begins"
    else:
        wrong, reason = f"_next_from < {TO} OR {TO} IS NULL", "versions that end after the next one begins"
    found = f"FROM {follow} WHERE _next_from IS NOT NULL AND ({wrong})"
    return _check(contract, "intervals", f"SELECT count(*) {found}", reason, f"SELECT * {found}")


def _check(contract: Contract, name: str, sql: str, reason: str, samples_sql: str) -> Check:
    return Check(
        id=f"{contract.table}/history/{name}",
        table=contract.table,
        how="scan" if name in _ROWS else "query",
        sql=sql,
        limit=0,
        threshold="= 0",
        reason=reason,
        reads=frozenset({contract.table}),
        samples_sql=samples_sql,
    )
