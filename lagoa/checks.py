"""What must hold at a commit: the checks that follow from the contracts, and those of the check files.

A check names all that its result rests on: its text, the tables it reads, the contract, main's state where it compares
with it, and the clock where it depends on it. `result_key` makes one hash of that; equal keys mean equal results.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lagoa.errors import CheckError, QueryError
from lagoa.model import LINEAGE_COLUMNS
from lagoa.rules import row_rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from lagoa.contract import Contract
    from lagoa.model import CheckFile, FileCheck, TableName
    from lagoa.ports import Pointers, SqlEngine
    from lagoa.rules import RowRule

FORMAT = 1
"""Raised when a check of the same text comes to mean something else: earlier results are then not used."""

_BUCKETS = {"minute": "%Y-%m-%dT%H:%M", "hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d"}

Severity = Literal["fail", "warn"]
How = Literal["contract", "schema", "scan", "query", "change", "file"]


@dataclass(frozen=True, slots=True)
class Check:
    """One condition on one table.

    Attributes:
        id: such as `silver.orders/required/order_id`.
        table: the table it is about.
        how: what measures it: the contract's being there, the schema, an aggregate in the one scan of the table, a
            query of its own, the change of an aggregate against main, or the check file.
        sql: the aggregate or the query that yields the figure; the definition of a check in a check file.
        limit: the figure may not be above it.
        threshold: that in words.
        reason: what the figure counts, in words.
        reads: the tables that the figure depends on.
        samples_sql: a query for the failing rows.
        clock: the unit of time in which the result grows old.
        severity: whether a figure above the limit fails the audit or only warns.
        column: the column whose change is measured.
        file: the check file it stands in.
    """

    id: str
    table: TableName
    how: How
    sql: str
    limit: float
    threshold: str
    reason: str
    reads: frozenset[TableName]
    samples_sql: str | None = None
    clock: Literal["minute", "hour", "day"] | None = None
    severity: Severity = "fail"
    column: str | None = None
    file: CheckFile | None = None

    @property
    def counts_only(self) -> bool:
        """Whether the files' statistics answer it, so that it is not measured along with what needs a scan."""
        return self.sql.startswith("count(*)") and "FILTER" not in self.sql


_made: dict[tuple[TableName, str, bool], list[Check]] = {}
"""Checks by contract: one run of a lake audits table by table, then whole, then publishes."""

_read: dict[tuple[str, str], list[Check]] = {}
"""Checks by check file and its text, likewise."""


def quoted(table: TableName) -> str:
    """Return a table's name as SQL."""
    return ".".join(_name(part) for part in (*table.namespace, table.name))


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def contract_checks(contract: Contract, tables: frozenset[TableName]) -> list[Check]:
    """Return the checks that a contract asks for, given which tables are there."""
    key = (contract.table, contract.hash, contract.table.quarantine in tables)
    if key not in _made:
        _made[key] = [
            _schema(contract),
            *_rows(contract),
            *_uniqueness(contract),
            *_foreign_keys(contract),
            *_quarantine(contract, tables),
            *_changes(contract),
        ]
    return list(_made[key])


def uncontracted(table: TableName) -> Check:
    """Return the check that a table without a contract fails."""
    reason = f"has no contract: write iceberg/{table.layer}/{table.name}.odcs.yaml"
    return Check(f"{table}/contract", table, "contract", "", 0, "a contract", reason, frozenset({table}))


def file_checks(file: CheckFile, engine: SqlEngine) -> list[Check]:
    """Return the checks of a check file, with the tables that their SQL reads.

    Raises:
        CheckError: SQL that is no SELECT over tables of the lake.
    """
    key = (file.path, file.text)
    if key not in _read:
        _read[key] = [_file_check(file, each, engine) for each in file.checks]
    return list(_read[key])


def _file_check(file: CheckFile, check: FileCheck, engine: SqlEngine) -> Check:
    reads = {file.table, *check.tables}
    for query in check.queries:
        try:
            reads |= engine.tables_read(query)
        except QueryError as error:
            name = check.id.rpartition("/")[2]
            raise CheckError(file.path, None, f"{name}: {error.message}", error.advice) from error
    return Check(
        id=check.id,
        table=file.table,
        how="file",
        sql=check.definition,
        limit=0,
        threshold="",
        reason="",
        reads=frozenset(reads),
        clock=check.clock,
        file=file,
    )


def result_key(check: Check, pointers: Pointers, base: Pointers, contract_hash: str, now: datetime) -> str:
    """Return the hash of all that a check's result rests on."""
    reads = sorted((str(table), pointers.get(table)) for table in check.reads)
    baseline = base.get(check.table) if check.how == "change" else None
    bucket = now.strftime(_BUCKETS[check.clock]) if check.clock else None
    parts = [
        FORMAT,
        check.id,
        check.how,
        check.sql,
        check.limit,
        check.severity,
        reads,
        baseline,
        contract_hash,
        bucket,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


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
            samples_sql=f"SELECT * FROM {quoted(table)} WHERE {rule.violated}",  # noqa: S608 - of our own making
            severity=severity.get(rule.column, "fail"),
        )


def _violations(rule: RowRule) -> str:
    if rule.kind == "required":
        return f"count(*) - count({_name(rule.column)})"
    return f"count(*) FILTER (WHERE {rule.violated})"


def _uniqueness(contract: Contract) -> Iterator[Check]:
    if contract.key:
        yield _unique(contract.table, "key", contract.key)
    for column in contract.columns:
        if column.unique and (column.name,) != tuple(contract.key):
            yield _unique(contract.table, "unique", (column.name,), column.severity)


def _unique(table: TableName, kind: str, columns: Sequence[str], severity: Severity = "fail") -> Check:
    names = [_name(column) for column in columns]
    values = ", ".join(names)
    present = " AND ".join(f"{name} IS NOT NULL" for name in names)
    # Rows beyond the first of their key; a null is equal to nothing.
    distinct = f"SELECT DISTINCT {values} FROM {quoted(table)} WHERE {present}"  # noqa: S608
    rows = f"SELECT count(*) FROM {quoted(table)} WHERE {present}"  # noqa: S608
    twice = f"SELECT {values} FROM {quoted(table)} WHERE {present} GROUP BY ALL HAVING count(*) > 1"  # noqa: S608
    return Check(
        id=f"{table}/{kind}/{'+'.join(columns)}",
        table=table,
        how="query",
        sql=f"SELECT ({rows}) - (SELECT count(*) FROM ({distinct}))",  # noqa: S608
        limit=0,
        threshold="= 0",
        reason=f"rows whose {', '.join(columns)} stood there before",
        reads=frozenset({table}),
        samples_sql=f"SELECT * FROM {quoted(table)} WHERE ({values}) IN ({twice}) ORDER BY {values}",  # noqa: S608
        severity=severity,
    )


def _foreign_keys(contract: Contract) -> Iterator[Check]:
    for column in contract.columns:
        if column.references is None:
            continue
        other, key = column.references
        # An anti join, not NOT EXISTS or NOT IN: DuckDB is a third quicker on it, and nulls among the keys do no harm.
        orphan = (
            f"FROM {quoted(contract.table)} AS o ANTI JOIN {quoted(other)} AS k "
            f"ON k.{_name(key)} = o.{_name(column.name)} WHERE o.{_name(column.name)} IS NOT NULL"
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
        )


def _quarantine(contract: Contract, tables: frozenset[TableName]) -> Iterator[Check]:
    if contract.source is None:
        return
    table, bad = contract.table, contract.table.quarantine
    batch, source = _name(LINEAGE_COLUMNS[0]), _name("source")
    # A record that breaks two rules is one bad record.
    refused = f"SELECT {batch}, count(DISTINCT ({source}, record)) AS bad FROM {quoted(bad)} GROUP BY ALL"  # noqa: S608
    accepted = (
        f"SELECT {batch}, count(*) AS good FROM {quoted(table)} "  # noqa: S608
        f"WHERE {batch} IN (SELECT {batch} FROM {quoted(bad)}) GROUP BY ALL"
    )
    share = (
        f"SELECT coalesce(max(bad / (bad + coalesce(good, 0))), 0) FROM ({refused}) "  # noqa: S608
        f"LEFT JOIN ({accepted}) USING ({batch})"
    )
    yield Check(
        id=f"{table}/quarantine_share",
        table=table,
        how="query",
        sql=share if bad in tables else "SELECT 0",
        limit=contract.quarantine_share,
        threshold=f"<= {contract.quarantine_share:.2%}",
        reason="of a batch's records are in quarantine (the worst batch)",
        reads=frozenset({table, bad}) if bad in tables else frozenset({table}),
        samples_sql=f"SELECT * FROM {quoted(bad)}" if bad in tables else None,  # noqa: S608
    )


def _changes(contract: Contract) -> Iterator[Check]:
    table = contract.table
    if contract.row_count_change is not None:
        yield _change(table, None, contract.row_count_change)
    for column, limit in contract.drift.items():
        yield _change(table, column, limit)


def _change(table: TableName, column: str | None, limit: float) -> Check:
    return Check(
        id=f"{table}/drift/{column}" if column else f"{table}/row_count",
        table=table,
        how="change",
        sql=f"avg(CAST({_name(column)} AS DOUBLE))" if column else "count(*)",
        limit=limit,
        threshold=f"within {limit:.0%} of main",
        reason=f"the mean of {column}" if column else "the number of rows",
        reads=frozenset({table}),
        column=column,
    )
