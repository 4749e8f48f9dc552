"""The checks that follow from a contract, as SQL: one check for each thing that it asks for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lagoa.audit.checks import Check
from lagoa.audit.history_checks import history_checks
from lagoa.contracts.quarantine import with_fates
from lagoa.contracts.rules import row_rules
from lagoa.domain.sql_names import name_in_sql, table_in_sql
from lagoa.domain.tables import LINEAGE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lagoa.contracts.contract import Contract
    from lagoa.contracts.rules import RowRule
    from lagoa.domain.checks import Severity
    from lagoa.domain.tables import TableName

_made: dict[tuple[TableName, str, bool], list[Check]] = {}
"""Checks by contract: one run of a lake audits table by table, then whole, then publishes."""


def contract_checks(contract: Contract, tables: frozenset[TableName]) -> list[Check]:
    """Return the checks that a contract asks for, given which tables are there."""
    key = (contract.table, contract.hash, contract.table.quarantine in tables)
    if key not in _made:
        _made[key] = [
            _schema(contract),
            *_rows(contract),
            *_uniqueness(contract),
            *history_checks(contract),
            *_foreign_keys(contract),
            *_quarantine(contract, tables),
            *_changes(contract),
        ]
    return list(_made[key])


def _schema(contract: Contract) -> Check:
    table = contract.table
    columns = ", ".join(f"{column.name} {column.type}" for column in contract.all_columns)
    return Check(f"{table}/schema", table, "schema", columns, 0, "the contract's", "differences", frozenset({table}))


def _rows(contract: Contract) -> Iterator[Check]:
    table = contract.table
    severity = {column.name: column.severity for column in contract.columns}
    for rule in row_rules(contract):
        yield Check(
            id=f"{table}/{rule.id}",
            table=table,
            how="scan",
            sql=_violations(rule),
            limit=0,
            threshold="= 0",
            reason=f"rows: {rule.reason}",
            reads=frozenset({table}),
            samples_sql=f"SELECT * FROM {table_in_sql(table)} WHERE {rule.violated}",  # noqa: S608 - of our own making
            severity=severity.get(rule.column, "fail"),
            definition=json.dumps(rule.asks) if rule.asks else "",
        )


def _violations(rule: RowRule) -> str:
    if rule.kind == "required":
        return f"count(*) - count({name_in_sql(rule.column)})"
    return f"count(*) FILTER (WHERE {rule.violated})"


def _uniqueness(contract: Contract) -> Iterator[Check]:
    if contract.key:
        yield _unique(contract.table, "key", contract.key, contract.severity.get("key", "fail"))
    for column in contract.columns:
        if column.unique and (column.name,) != tuple(contract.key):
            yield _unique(contract.table, "unique", (column.name,), column.severity)


def _unique(table: TableName, kind: str, columns: Sequence[str], severity: Severity = "fail") -> Check:
    names = [name_in_sql(column) for column in columns]
    values = ", ".join(names)
    present = " AND ".join(f"{name} IS NOT NULL" for name in names)
    # Rows beyond the first of their key; a null is equal to nothing.
    distinct = f"SELECT DISTINCT {values} FROM {table_in_sql(table)} WHERE {present}"  # noqa: S608
    rows = f"SELECT count(*) FROM {table_in_sql(table)} WHERE {present}"  # noqa: S608
    twice = f"SELECT {values} FROM {table_in_sql(table)} WHERE {present} GROUP BY ALL HAVING count(*) > 1"  # noqa: S608
    return Check(
        id=f"{table}/{kind}/{'+'.join(columns)}",
        table=table,
        how="query",
        sql=f"SELECT ({rows}) - (SELECT count(*) FROM ({distinct}))",  # noqa: S608
        limit=0,
        threshold="= 0",
        reason=f"rows whose {', '.join(columns)} stood there before",
        reads=frozenset({table}),
        samples_sql=f"SELECT * FROM {table_in_sql(table)} WHERE ({values}) IN ({twice}) ORDER BY {values}",  # noqa: S608
        severity=severity,
    )


def _foreign_keys(contract: Contract) -> Iterator[Check]:
    for column in contract.columns:
        if column.references is None:
            continue
        other, key = column.references
        # An anti join, not NOT EXISTS or NOT IN: DuckDB is a third quicker on it, and nulls among the keys do no harm.
        orphan = (
            f"FROM {table_in_sql(contract.table)} AS o ANTI JOIN {table_in_sql(other)} AS k "
            f"ON k.{name_in_sql(key)} = o.{name_in_sql(column.name)} WHERE o.{name_in_sql(column.name)} IS NOT NULL"
        )
        yield Check(
            id=f"{contract.table}/foreign_key/{column.name}",
            table=contract.table,
            how="query",
            sql=f"SELECT count(*) {orphan}",
            limit=0,
            threshold="= 0",
            reason=f"rows whose {column.name} is in no {other}.{key}",
            reads=frozenset({contract.table, other}),
            samples_sql=f"SELECT o.* {orphan}",
            severity=column.severity,
            definition=json.dumps({"foreign key": f"{other}.{key}"}),
        )


def _quarantine(contract: Contract, tables: frozenset[TableName]) -> Iterator[Check]:
    if contract.source is None:
        return
    table, bad = contract.table, contract.table.quarantine
    batch = name_in_sql(LINEAGE_COLUMNS[0])
    # What waits is bad; what was accepted since or discarded was received, and is settled.
    record = f"count(DISTINCT ({name_in_sql('source')}, record))"
    refused = (
        f"SELECT {batch}, {record} FILTER (fate IS NULL) AS bad, {record} AS refused "  # noqa: S608
        f"FROM ({with_fates(table_in_sql(bad))}) GROUP BY ALL"
    )
    waiting = f"SELECT * FROM ({with_fates(table_in_sql(bad))}) WHERE fate IS NULL"  # noqa: S608
    accepted = (
        f"SELECT {batch}, count(*) AS good FROM {table_in_sql(table)} "  # noqa: S608
        f"WHERE {batch} IN (SELECT {batch} FROM {table_in_sql(bad)}) GROUP BY ALL"
    )
    share = (
        f"SELECT coalesce(max(bad / (refused + coalesce(good, 0))), 0) FROM ({refused}) "  # noqa: S608
        f"LEFT JOIN ({accepted}) USING ({batch})"
    )
    yield Check(
        id=f"{table}/quarantine_share",
        table=table,
        how="query",
        sql=share if bad in tables else "SELECT 0",
        limit=contract.quarantine_share,
        threshold=f"<= {contract.quarantine_share:.2%}",
        reason="of a batch's records wait in quarantine (the worst batch)",
        reads=frozenset({table, bad}) if bad in tables else frozenset({table}),
        samples_sql=waiting if bad in tables else None,
        severity=contract.severity.get("quarantine_share", "fail"),
        definition=json.dumps({"limit": contract.quarantine_share}),
    )


def _changes(contract: Contract) -> Iterator[Check]:
    if contract.row_count_change is not None:
        yield _change(contract, None, contract.row_count_change)
    for column, limit in contract.drift.items():
        yield _change(contract, column, limit)


def _change(contract: Contract, column: str | None, limit: float) -> Check:
    table = contract.table
    return Check(
        id=f"{table}/drift/{column}" if column else f"{table}/row_count",
        table=table,
        how="change",
        sql=f"avg(CAST({name_in_sql(column)} AS DOUBLE))" if column else "count(*)",
        limit=limit,
        threshold=f"within {limit:.0%} of main",
        reason=f"the mean of {column}" if column else "the number of rows",
        reads=frozenset({table}),
        severity=contract.severity.get("drift" if column else "row_count", "fail"),
        definition=json.dumps({"limit": limit}),
        column=column,
    )
