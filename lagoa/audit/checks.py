"""What must hold at a commit: the checks that follow from the contracts, and those of the check files.

A check names all that its result rests on: its text, the tables it reads, the contract, main's state where it compares
with it, the clock where it depends on it, and what runs it. `result_key` makes one hash of that; equal keys mean equal
results.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lagoa.errors import CheckError, QueryError

if TYPE_CHECKING:
    from datetime import datetime

    from lagoa.domain.checks import CheckFile, FileCheck, Severity
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.ports.engine import SqlEngine
    from lagoa.domain.tables import TableName

FORMAT = 1
"""Raised when a check of the same text comes to mean something else: earlier results are then not used."""

_BUCKETS = {"minute": "%Y-%m-%dT%H:%M", "hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d"}

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
        definition: what is asked, as JSON: by it a later audit tells whether the check was loosened.
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
    definition: str = ""
    column: str | None = None
    file: CheckFile | None = None

    @property
    def counts_only(self) -> bool:
        """Whether the files' statistics answer it, so that it is not measured along with what needs a scan."""
        return self.sql.startswith("count(*)") and "FILTER" not in self.sql


_read: dict[tuple[str, str], list[Check]] = {}
"""Checks by check file and its text: one run of a lake audits table by table, then whole, then publishes."""


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
        _read[key] = [file_check(file, each, engine) for each in file.checks]
    return list(_read[key])


def file_check(file: CheckFile, check: FileCheck, engine: SqlEngine) -> Check:
    """Return one check of a check file; raises as `file_checks` does."""
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
        severity=check.severity,
        definition=check.definition,
        file=file,
    )


def result_key(check: Check, pointers: Pointers, base: Pointers, contract_hash: str, now: datetime, runner: str) -> str:
    """Return the hash of all that a check's result rests on; `runner` is what runs it, with its version."""
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
        runner,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
