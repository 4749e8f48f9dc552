"""Check files of Soda Core 4: `soda/<layer>/<table>.yaml`, run in a session of DuckDB.

Soda silently drops keys that it does not know and reports a run with checks that were not evaluated as "ok". So a file
is first read here, strictly, and a result of every check in it is required.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
import time
import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lagoa.adapters.soda.cache import CheckFileCache
from lagoa.adapters.soda.connection import SharedConnection
from lagoa.adapters.soda.file import COMPARISONS, SOURCE, VALUES, Reader
from lagoa.domain.checks import CheckResult
from lagoa.domain.sql_names import name_in_sql, table_in_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lagoa.domain.checks import CheckFile, FileCheck, Outcome
    from lagoa.domain.ports.checks import Rows
    from lagoa.domain.ports.engine import SqlSession
    from lagoa.domain.tables import TableName
    from lagoa.errors import CheckError

_OUTCOMES: dict[str, Outcome] = {"PASSED": "passed", "WARN": "warned", "FAILED": "failed"}

_TOLERATED_S = 300
"""How far in the future a time may be: clocks differ."""

_parser = threading.Lock()  # two threads in Soda's YAML parser crash it


class SodaAuditor:
    """Runs check files with Soda Core, without its telemetry and log.

    Args:
        cache: a file that keeps the parsed check files for the next process.
    """

    def __init__(self, cache: Path | None = None) -> None:
        self._known = CheckFileCache(cache)

    @cached_property
    def version(self) -> str:
        """Soda Core and its version, without importing it."""
        from importlib.metadata import version

        return f"soda-core {version('soda-core')}"

    def read(self, table: TableName, path: Path, faults: list[CheckError] | None = None) -> CheckFile:
        """Read a check file; raises `CheckError` with file and line for anything that cannot be run.

        If `faults` is given, errors of single checks are added to it, and the file is returned without these checks.
        """
        known = self._known.get(table, path)
        if known is not None:
            return known
        file = Reader(table, path, faults).read()
        if not faults:
            self._known.put(file)
        return file

    def run(
        self, files: Sequence[CheckFile], session: SqlSession, elsewhere: Callable[[str], Rows | None] | None = None
    ) -> Sequence[CheckResult]:
        """Run every check of the files in a session of DuckDB; the results have no keys."""
        connection = session.connection
        with _parser:
            source = _soda().from_existing_cursor(connection, name=SOURCE)
            if elsewhere is not None:
                connection = SharedConnection(connection, elsewhere)
                wrapped = source.data_source_connection
                wrapped.connection = type(wrapped.connection)(connection)
            return [result for file in files for result in _run(file, source, connection)]

    def close(self) -> None:
        """Save the parsed check files for the next process."""
        self._known.save()


def _soda() -> Any:
    """Import Soda without its log and telemetry; return its DuckDB data source."""
    # Otherwise, importing its contracts starts a thread that sends traces.
    os.environ["SODA_CORE_TELEMETRY_ENABLED"] = "false"
    warnings.filterwarnings("ignore", "Not fully supported for all datasources", DeprecationWarning)
    import soda_core  # noqa: F401 - must come first: its modules import each other
    from soda_duckdb.common.data_sources.duckdb_data_source import DuckDBDataSourceImpl

    logging.getLogger("soda").setLevel(logging.ERROR)  # errors are collected, and shown as reasons
    return DuckDBDataSourceImpl


def _run(file: CheckFile, source: Any, connection: Any) -> list[CheckResult]:
    from soda_core.common.yaml import ContractYamlSource
    from soda_core.contracts.contract_verification import ContractVerificationSession

    # Appended, so that the line numbers of the text do not change.
    text = f"{file.text}\ndataset: {SOURCE}/{file.table.layer}/{file.table.name}\n"
    if not re.search(r"^columns\s*:", file.text, re.MULTILINE):
        text += "columns: []\n"
    started = time.perf_counter()
    try:
        session = ContractVerificationSession.execute(
            contract_yaml_sources=[ContractYamlSource.from_str(text)], data_source_impls=[source]
        )
    except Exception as error:  # noqa: BLE001 - Soda passes on any exception; none may count as evaluated
        return [_not_evaluated(file, check, str(error)) for check in file.checks]
    results = [each for verified in session.contract_verification_results for each in verified.check_results]
    seconds = (time.perf_counter() - started) / max(len(file.checks), 1)
    errors = [
        record.getMessage()
        for verified in session.contract_verification_results
        for record in verified.log_records or []
        if record.levelno >= logging.ERROR
    ]
    known = {f"{file.table}/soda/{each.check.relative_path}": each for each in results}
    found = []
    for check in file.checks:
        evaluated = check.id in known and known[check.id].outcome.name in _OUTCOMES
        reason = _no_figure(check, connection) if evaluated else "; ".join(errors) or "Soda gave no reason"
        found.append(_not_evaluated(file, check, reason) if reason else _result(file, check, known[check.id], seconds))
    return found


def _no_figure(check: FileCheck, connection: Any) -> str:
    """Return why a check's SQL gives no figure; empty if it does. Soda takes the first value of the first row."""
    kind, body, _ = json.loads(check.definition)
    queries = {}
    if kind == "metric" and body.get("query"):
        queries["query"] = str(body["query"]).strip().rstrip(";")
    if body.get("rows_tested_query"):
        queries["rows_tested_query"] = str(body["rows_tested_query"]).strip().rstrip(";")
    for key, sql in queries.items():
        ((rows,),) = connection.execute(f"SELECT count(*) FROM ({sql}\n)").fetchall()  # noqa: S608 - of a check file
        if rows != 1:
            return f"the {key} gives {'more than one row' if rows else 'no row'}: it must give one row with one value"
        columns = len(connection.execute(f"DESCRIBE {sql}").fetchall())
        if columns != 1:
            return f"the {key} gives {columns} columns: it must give one row with one value"
    return ""


def _result(file: CheckFile, check: FileCheck, result: Any, seconds: float) -> CheckResult:
    kind, body, context = json.loads(check.definition)
    unit = body.get("threshold", {}).get("metric") or body.get("threshold", {}).get("unit")
    suffix = " %" if unit == "percent" else f" {unit}" if unit and unit != "count" else ""
    figure = result.threshold_value
    outcome = _OUTCOMES[result.outcome.name]
    future = kind == "freshness" and _in_future(body.get("threshold", {}), result)
    if future:
        outcome = "warned" if check.severity == "warn" else "failed"
    threshold = result.check.threshold
    if outcome == "warned" and result.check.warn_threshold is not None:
        threshold = result.check.warn_threshold
    words = " and ".join(
        f"{sign} {getattr(threshold, name)}{suffix}"
        for name, sign in COMPARISONS.items()
        if threshold is not None and getattr(threshold, name) is not None
    )
    shown = "no value" if figure is None else f"{figure:g}{suffix}"
    if future:
        shown = f"the newest value, {result.max_timestamp}, is in the future"
    return CheckResult(
        check=check.id,
        table=str(file.table),
        outcome=outcome,
        figure=None if figure is None else float(figure),
        threshold=words,
        message=f"{result.check.name}: {shown}, wanted {words}",
        seconds=seconds,
        key="",
        samples_sql=_samples(file.table, kind, body, context),
    )


def _in_future(threshold: dict[str, Any], result: Any) -> bool:
    """Return whether the newest value is later than now, which is not fresh, unless the threshold allows it."""
    least = {"must_be_greater_than", "must_be_greater_than_or_equal", "must_be_between"}
    seconds = result.freshness_in_seconds
    return seconds is not None and seconds < -_TOLERATED_S and least.isdisjoint(threshold)


def _not_evaluated(file: CheckFile, check: FileCheck, reason: str) -> CheckResult:
    return CheckResult(
        check=check.id,
        table=str(file.table),
        outcome="not evaluated",
        figure=None,
        threshold="",
        message=f"was not evaluated: {' '.join(reason.split())[:500]}",
        seconds=0.0,
        key="",
    )


def _samples(table: TableName, kind: str, body: dict[str, Any], context: dict[str, Any]) -> str | None:
    if kind == "failed_rows" and body.get("query"):
        return str(body["query"]).strip().rstrip(";")
    plain = not (VALUES | {"column_expression"}).intersection(body, context["column"])
    condition = body.get("expression") if kind == "failed_rows" else None
    if kind == "missing" and plain:
        condition = f"{name_in_sql(context['column']['name'])} IS NULL"
    if condition is None:
        return None
    filters = [each for each in (body.get("filter"), context["filter of the file"]) if each]
    return f"SELECT * FROM {table_in_sql(table)} WHERE {' AND '.join(f'({each})' for each in [condition, *filters])}"  # noqa: S608 - a check file of the lake's own
