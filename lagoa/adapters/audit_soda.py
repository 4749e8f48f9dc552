"""Check files of Soda Core 4: `soda/<layer>/<table>.yaml`, run in a session of DuckDB.

Soda drops keys it does not know without a word and calls a run with checks that were not evaluated "ok". So a file is
read here first, strictly, and every check in it must come back evaluated.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any, Literal

import yaml

from lagoa.errors import CheckError
from lagoa.model import CheckFile, CheckResult, FileCheck, TableName

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lagoa.model import Outcome
    from lagoa.ports import SqlSession

_SOURCE = "lake"
_FORMS = ("missing_values", "missing_format", "invalid_values", "invalid_format", "valid_values", "valid_format")
_BOUNDS = ("valid_min", "valid_max", "valid_length", "valid_min_length", "valid_max_length", "valid_reference_data")
_VALUES = frozenset((*_FORMS, *_BOUNDS))
_COMMON = frozenset({"name", "qualifier", "filter", "attributes", "threshold"})
_BODY: dict[str, frozenset[str]] = {
    "missing": _COMMON | _VALUES | {"column_expression"},
    "invalid": _COMMON | _VALUES | {"column_expression"},
    "duplicate": _COMMON | _VALUES | {"column_expression", "columns"},
    "aggregate": _COMMON | _VALUES | {"column_expression", "function"},
    "metric": _COMMON | _VALUES | {"expression", "query"},
    "failed_rows": _COMMON | {"expression", "query", "rows_tested_query"},
    "row_count": _COMMON,
    "freshness": _COMMON | {"column"},
    "schema": _COMMON | {"allow_extra_columns", "allow_other_column_order"},
}
_COMPARISONS = {
    "must_be": "=",
    "must_not_be": "<>",
    "must_be_greater_than": ">",
    "must_be_greater_than_or_equal": ">=",
    "must_be_less_than": "<",
    "must_be_less_than_or_equal": "<=",
}
_THRESHOLD = frozenset(_COMPARISONS) | {
    "must_be_between",
    "must_be_not_between",
    "level",
    "additional",
    "metric",
    "unit",
}
_SQL_KEYS = ("expression", "filter", "column_expression")
_QUERY_KEYS = ("query", "rows_tested_query")
_CLOCK = re.compile(r"\b(now|today|current_\w+|get_current_\w+|local_?time\w*|transaction_timestamp)\b", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{\s*(var|env|soda)\b", re.IGNORECASE)
_OUTCOMES: dict[str, Outcome] = {"PASSED": "passed", "WARN": "warned", "FAILED": "failed"}

_parser = threading.Lock()  # two threads in Soda's YAML parser crash it


class SodaAuditor:
    """Runs check files by Soda Core, without its telemetry and without its log."""

    def read(self, table: TableName, path: Path) -> CheckFile:
        """Read a check file; raises `CheckError` with file and line for anything that cannot be run."""
        return _Reader(table, path).read()

    def run(self, files: Sequence[CheckFile], session: SqlSession) -> Sequence[CheckResult]:
        """Run every check of some files in a session of DuckDB; keys are left empty."""
        with _parser:
            source = _soda().from_existing_cursor(session.connection, name=_SOURCE)
            return [result for file in files for result in _run(file, source)]


def _soda() -> Any:
    """Import Soda, quiet and without telemetry; return its DuckDB data source."""
    # Importing its contracts starts a thread that sends traces, unless this says no.
    os.environ["SODA_CORE_TELEMETRY_ENABLED"] = "false"
    warnings.filterwarnings("ignore", "Not fully supported for all datasources", DeprecationWarning)
    import soda_core  # noqa: F401 - must come first: its parts import each other in a circle
    from soda_duckdb.common.data_sources.duckdb_data_source import DuckDBDataSourceImpl

    logging.getLogger("soda").setLevel(logging.ERROR)  # errors are collected, and shown as reasons
    return DuckDBDataSourceImpl


class _Reader:
    """Reads one check file."""

    def __init__(self, table: TableName, path: Path) -> None:
        self._table = table
        self._path = path

    def read(self) -> CheckFile:
        try:
            text = self._path.read_text("utf-8")
            root = yaml.compose(text, yaml.SafeLoader)
        except (OSError, UnicodeDecodeError) as error:
            raise CheckError(self._path, None, f"cannot be read: {error}.", "Mend the file.") from error
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else None
            raise CheckError(self._path, line, f"is no YAML: {error.problem}.", "Mend the file.") from error
        for number, line_text in enumerate(text.splitlines(), 1):
            if _VARIABLE.search(line_text):
                raise CheckError(self._path, number, "has a variable.", "Write its value.")
        allowed = {"columns", "checks", "filter", "check_attributes"}
        top = self._mapping(root, allowed, "the file") if root else {}
        checks = tuple(self._checks(top))
        if not checks:
            raise CheckError(self._path, None, "has no checks.", "Add some, or remove the file.")
        seen: set[str] = set()
        for check in checks:
            if check.id in seen:
                raise CheckError(self._path, None, f"{check.id} stands there twice.", "Give each a `qualifier`.")
            seen.add(check.id)
        return CheckFile(self._table, str(self._path), text, checks)

    def _checks(self, top: dict[str, yaml.Node]) -> Iterator[FileCheck]:
        table_filter = _value(top["filter"]) if "filter" in top else None
        for column in self._list(top.get("columns")):
            entries = self._mapping(column, _VALUES | {"name", "checks", "column_expression"}, "a column")
            if "name" not in entries:
                raise self._error(column, "a column has no name", "name")
            context = {key: _value(node) for key, node in entries.items() if key != "checks"}
            for check in self._list(entries.get("checks")):
                yield self._check(check, {"filter of the file": table_filter, "column": context})
        for check in self._list(top.get("checks")):
            yield self._check(check, {"filter of the file": table_filter, "column": {}})

    def _check(self, node: yaml.Node, context: dict[str, Any]) -> FileCheck:
        entries = self._mapping(node, frozenset(_BODY), "a check")
        if len(entries) != 1:
            raise self._error(node, "a check has one type", "`- missing:`")
        kind, body_node = next(iter(entries.items()))
        body = self._body(kind, body_node)
        column = context["column"].get("name")
        path = (["columns", column] if column else []) + ["checks", kind]
        path += [str(body["qualifier"])] if "qualifier" in body else []
        definition = yaml.safe_dump([kind, body, context], sort_keys=True, allow_unicode=True)
        queries = tuple(self._queries(body, context))
        clock: Literal["minute", "hour", "day"] | None = "hour" if any(map(_CLOCK.search, queries)) else None
        if kind == "freshness":
            clock = body.get("threshold", {}).get("unit", "hour")
        return FileCheck(
            f"{self._table}/soda/{'.'.join(path)}", definition, queries, tuple(self._references(body, context)), clock
        )

    def _body(self, kind: str, node: yaml.Node) -> dict[str, Any]:
        if isinstance(node, yaml.ScalarNode) and _value(node) is None:
            return {}
        entries = self._mapping(node, _BODY[kind], f"a check of type {kind}")
        threshold = entries.get("threshold")
        if threshold is not None:
            inner = self._mapping(threshold, _THRESHOLD, "a threshold")
            if "additional" in inner:
                self._mapping(inner["additional"], _THRESHOLD - {"additional"}, "a threshold")
        body: dict[str, Any] = _value(node)
        level = body.get("threshold", {}).get("level", "fail")
        if level not in {"fail", "warn"}:
            raise self._error(threshold or node, f"the level is fail or warn, not {level!r}", "level")
        if not isinstance(body.get("qualifier", ""), str):
            raise self._error(entries["qualifier"], "a qualifier is text", "it: put it in quotes")
        return body

    def _queries(self, body: dict[str, Any], context: dict[str, Any]) -> Iterator[str]:
        yield from (str(body[key]).strip().rstrip(";") for key in _QUERY_KEYS if body.get(key))
        column = context["column"]
        expressions = [body.get(key) for key in _SQL_KEYS] + [context["filter of the file"]]
        expressions.append(column.get("column_expression"))
        yield from (f"SELECT {each} FROM {_quoted(self._table)}" for each in expressions if each)  # noqa: S608

    def _references(self, body: dict[str, Any], context: dict[str, Any]) -> Iterator[TableName]:
        for place in (body, context["column"]):
            reference = (place.get("valid_reference_data") or {}).get("dataset")
            if reference:
                yield TableName.parse(str(reference).removeprefix(f"{_SOURCE}/").replace("/", "."))

    def _mapping(self, node: yaml.Node, allowed: frozenset[str] | set[str], what: str) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, f"{what} has the form `key: value`", "it")
        entries: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(key.value)
            if name not in allowed or name in entries:
                again = "stands there twice" if name in entries else "is not known"
                raise self._error(key, f"{name!r} in {what} {again}", f"it; known are {', '.join(sorted(allowed))}")
            entries[name] = value
        return entries

    def _list(self, node: yaml.Node | None) -> list[yaml.Node]:
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise self._error(node, "a list is expected", "it: `- …` a line")
        return list(node.value)

    def _error(self, node: yaml.Node, message: str, what: str) -> CheckError:
        return CheckError(self._path, node.start_mark.line + 1, f"{message}.", f"Mend {what}.")


def _value(node: yaml.Node) -> Any:
    return yaml.SafeLoader("").construct_object(node, deep=True)


def _quoted(table: TableName) -> str:
    return ".".join(f'"{part}"' for part in (*table.namespace, table.name))  # the grammar of names has no quotes


def _run(file: CheckFile, source: Any) -> list[CheckResult]:
    from soda_core.common.yaml import ContractYamlSource
    from soda_core.contracts.contract_verification import ContractVerificationSession

    # Behind the text, so that its line numbers stay.
    text = f"{file.text}\ndataset: {_SOURCE}/{file.table.layer}/{file.table.name}\n"
    if not re.search(r"^columns\s*:", file.text, re.MULTILINE):
        text += "columns: []\n"
    started = time.perf_counter()
    try:
        session = ContractVerificationSession.execute(
            contract_yaml_sources=[ContractYamlSource.from_str(text)], data_source_impls=[source]
        )
    except Exception as error:  # noqa: BLE001 - Soda raises whatever its parts raise; none of it may pass as evaluated
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
    return [
        _result(file, check, known[check.id], seconds)
        if check.id in known and known[check.id].outcome.name in _OUTCOMES
        else _not_evaluated(file, check, "; ".join(errors) or "Soda gave no reason")
        for check in file.checks
    ]


def _result(file: CheckFile, check: FileCheck, result: Any, seconds: float) -> CheckResult:
    kind, body, context = yaml.safe_load(check.definition)
    unit = body.get("threshold", {}).get("metric") or body.get("threshold", {}).get("unit")
    suffix = " %" if unit == "percent" else f" {unit}" if unit and unit != "count" else ""
    figure = result.threshold_value
    outcome = _OUTCOMES[result.outcome.name]
    threshold = result.check.threshold
    if outcome == "warned" and result.check.warn_threshold is not None:
        threshold = result.check.warn_threshold
    words = " and ".join(
        f"{sign} {getattr(threshold, name)}{suffix}"
        for name, sign in _COMPARISONS.items()
        if threshold is not None and getattr(threshold, name) is not None
    )
    shown = "no value" if figure is None else f"{figure:g}{suffix}"
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
    plain = not (_VALUES | {"column_expression"}).intersection(body, context["column"])
    condition = body.get("expression") if kind == "failed_rows" else None
    if kind == "missing" and plain:
        condition = f'"{context["column"]["name"]}" IS NULL'
    if condition is None:
        return None
    filters = [each for each in (body.get("filter"), context["filter of the file"]) if each]
    return f"SELECT * FROM {_quoted(table)} WHERE {' AND '.join(f'({each})' for each in [condition, *filters])}"  # noqa: S608 - a check file of the lake's own
