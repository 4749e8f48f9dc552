"""Reads check files strictly: Soda itself drops keys that it does not know without a word."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Literal

import yaml

from lagoa.domain.checks import CheckFile, FileCheck
from lagoa.domain.sql_names import table_in_sql
from lagoa.domain.tables import TableName
from lagoa.errors import CheckError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOURCE = "lake"
"""What the data source is called in the names of datasets."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where libyaml is
_FORMS = ("missing_values", "missing_format", "invalid_values", "invalid_format", "valid_values", "valid_format")
_BOUNDS = ("valid_min", "valid_max", "valid_length", "valid_min_length", "valid_max_length", "valid_reference_data")
VALUES = frozenset((*_FORMS, *_BOUNDS))
_COMMON = frozenset({"name", "qualifier", "filter", "attributes", "threshold"})
_BODY: dict[str, frozenset[str]] = {
    "missing": _COMMON | VALUES | {"column_expression"},
    "invalid": _COMMON | VALUES | {"column_expression"},
    "duplicate": _COMMON | VALUES | {"column_expression", "columns"},
    "aggregate": _COMMON | VALUES | {"column_expression", "function"},
    "metric": _COMMON | VALUES | {"expression", "query"},
    "failed_rows": _COMMON | {"expression", "query", "rows_tested_query"},
    "row_count": _COMMON,
    "freshness": _COMMON | {"column"},
    "schema": _COMMON | {"allow_extra_columns", "allow_other_column_order"},
}
_UNITS: dict[str, Literal["minute", "hour", "day"]] = {
    "second": "minute", "minute": "minute", "hour": "hour", "day": "day",
}  # fmt: skip
"""Of each unit of freshness, the time after which a figure in it is too old to be used again."""

COMPARISONS = {
    "must_be": "=",
    "must_not_be": "<>",
    "must_be_greater_than": ">",
    "must_be_greater_than_or_equal": ">=",
    "must_be_less_than": "<",
    "must_be_less_than_or_equal": "<=",
}
_RANGES = frozenset({"must_be_between", "must_be_not_between"})
_THRESHOLD = _RANGES.union(COMPARISONS, {"level", "additional", "metric", "unit"})
_SQL_KEYS = ("expression", "filter", "column_expression")
_QUERY_KEYS = ("query", "rows_tested_query")
_CLOCK = re.compile(
    r"\b(?:now|today|current_\w+|get_current_\w+|local_?time\w*|transaction_timestamp|age(?=\s*\())\b", re.IGNORECASE
)
_VARIABLE = re.compile(r"\$\{\s*(var|env|soda)\b", re.IGNORECASE)


class Reader:
    """Reads one check file."""

    def __init__(self, table: TableName, path: Path, faults: list[CheckError] | None = None) -> None:
        self._table = table
        self._path = path
        self._faults = faults

    def read(self) -> CheckFile:
        """Return the file with all its checks; raises `CheckError` with file and line."""
        try:
            text = self._path.read_text("utf-8")
            root = yaml.compose(text, _LOADER)
        except (OSError, UnicodeDecodeError) as error:
            raise CheckError(self._path, None, f"cannot be read: {error}.", "Fix the file.") from error
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else None
            raise CheckError(self._path, line, f"is not valid YAML: {error.problem}.", "Fix the file.") from error
        for number, line_text in enumerate(text.splitlines(), 1):
            if _VARIABLE.search(line_text):
                raise CheckError(self._path, number, "has a variable.", "Write its value.")
        allowed = {"columns", "checks", "filter", "check_attributes"}
        top = self._mapping(root, allowed, "the file") if root else {}
        checks = tuple(self._checks(top))
        if not (checks or self._faults):
            raise CheckError(self._path, None, "has no checks.", "Add some, or remove the file.")
        seen: set[str] = set()
        for check in checks:
            if check.id in seen:
                raise CheckError(self._path, None, f"{check.id} is there twice.", "Give each a `qualifier`.")
            seen.add(check.id)
        return CheckFile(self._table, str(self._path), text, checks)

    def _checks(self, top: dict[str, yaml.Node]) -> Iterator[FileCheck]:
        table_filter = _value(top["filter"]) if "filter" in top else None
        for column in self._list(top.get("columns")):
            entries = self._mapping(column, VALUES | {"name", "checks", "column_expression"}, "a column")
            if "name" not in entries:
                raise self._error(column, "a column has no name", "name")
            context = {key: _value(node) for key, node in entries.items() if key != "checks"}
            yield from self._read_all(entries.get("checks"), {"filter of the file": table_filter, "column": context})
        yield from self._read_all(top.get("checks"), {"filter of the file": table_filter, "column": {}})

    def _read_all(self, nodes: yaml.Node | None, context: dict[str, Any]) -> Iterator[FileCheck]:
        for node in self._list(nodes):
            try:
                check = self._check(node, context)
            except CheckError as error:
                if self._faults is None:
                    raise
                self._faults.append(error)
            else:
                yield check

    def _check(self, node: yaml.Node, context: dict[str, Any]) -> FileCheck:
        entries = self._mapping(node, frozenset(_BODY), "a check")
        if len(entries) != 1:
            raise self._error(node, "a check has one type", "`- missing:`")
        kind, body_node = next(iter(entries.items()))
        body = self._body(kind, body_node)
        column = context["column"].get("name")
        path = (["columns", column] if column else []) + ["checks", kind]
        path += [str(body["qualifier"])] if "qualifier" in body else []
        definition = json.dumps([kind, body, context], sort_keys=True, ensure_ascii=False, default=str)
        queries = tuple(self._queries(body, context))
        clock: Literal["minute", "hour", "day"] | None = "hour" if any(map(_CLOCK.search, queries)) else None
        if kind == "freshness":
            clock = _UNITS[body.get("threshold", {}).get("unit", "hour")]
        return FileCheck(
            id=f"{self._table}/soda/{'.'.join(path)}",
            definition=definition,
            queries=queries,
            tables=tuple(self._references(body, context)),
            clock=clock,
            severity=body.get("threshold", {}).get("level", "fail"),
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
        if level not in ("fail", "warn"):
            raise self._error(threshold or node, f"the level is fail or warn, not {level!r}", "level")
        unit = body.get("threshold", {}).get("unit", "hour")
        if kind == "freshness" and unit not in tuple(_UNITS):
            raise self._error(threshold or node, f"the unit is one of {', '.join(_UNITS)}, not {unit!r}", "unit")
        if not isinstance(body.get("qualifier", ""), str):
            raise self._error(entries["qualifier"], "a qualifier is text", "it: put it in quotes")
        return body

    def _queries(self, body: dict[str, Any], context: dict[str, Any]) -> Iterator[str]:
        yield from (str(body[key]).strip().rstrip(";") for key in _QUERY_KEYS if body.get(key))
        column = context["column"]
        expressions = [body.get(key) for key in _SQL_KEYS] + [context["filter of the file"]]
        expressions.append(column.get("column_expression"))
        yield from (f"SELECT {each} FROM {table_in_sql(self._table)}" for each in expressions if each)  # noqa: S608

    def _references(self, body: dict[str, Any], context: dict[str, Any]) -> Iterator[TableName]:
        for place in (body, context["column"]):
            reference = (place.get("valid_reference_data") or {}).get("dataset")
            if reference:
                yield TableName.parse(str(reference).removeprefix(f"{SOURCE}/").replace("/", "."))

    def _mapping(self, node: yaml.Node, allowed: frozenset[str] | set[str], what: str) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, f"{what} has the form `key: value`", "it")
        entries: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(key.value)
            if name == "dataset" and name not in allowed:
                raise self._error(key, f"{name!r} in {what} is what Lagoa writes itself", f"{what}: remove this line")
            if name not in allowed or name in entries:
                again = "is there twice" if name in entries else "is not known"
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
        return CheckError(self._path, node.start_mark.line + 1, f"{message}.", f"Fix {what}.")


def _value(node: yaml.Node) -> Any:
    return yaml.SafeLoader("").construct_object(node, deep=True)
