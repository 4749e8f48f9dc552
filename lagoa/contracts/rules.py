"""The row rules of a contract as SQL: ingest quarantines rows that break one, the audit counts them.

Table rules (keys, foreign keys, drift) need the whole table; only the audit checks them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lagoa.contracts.formats import FORMATS
from lagoa.contracts.iceberg_types import FLOATS, MOMENTS
from lagoa.domain.sql_names import name_in_sql, text_in_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lagoa.contracts.contract import Column, Contract

RuleKind = Literal["required", "enum", "pattern", "format", "range", "length"]

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class RowRule:
    """One condition that each row must meet.

    Attributes:
        id: the rule within its table, `kind/column`, such as `required/order_id`; at most one per kind and column.
        column: the column that it checks.
        kind: the kind of condition.
        violated: a condition in DuckDB's SQL over the typed column, by its bare name: true for a row that breaks the
            rule, false for every other row, never null and never an error. A null breaks only `required`.
        reason: what is wrong with such a row: `order_status is none of created, shipped`.
        threshold: the allowed values as text: `created, shipped`.
        limits: the same for comparison, by the rule's kind: `{"enum": ["created", "shipped"]}`, `{"range": {">=": 0}}`.
    """

    id: str
    column: str
    kind: RuleKind
    violated: str
    reason: str
    threshold: str
    limits: Mapping[str, Any]


def row_rules(contract: Contract, kind: RuleKind | None = None) -> tuple[RowRule, ...]:
    """Return the row rules of a contract's own columns, in the order of the columns; of one `kind` if it is given."""
    makers = _MAKERS.values() if kind is None else (_MAKERS[kind],)
    rules = (make(column) for column in contract.columns for make in makers)
    return tuple(rule for rule in rules if rule is not None)


def _required(column: Column) -> RowRule | None:
    if not column.required:
        return None
    return _rule(column, "required", f"{name_in_sql(column.name)} IS NULL", "is missing", "not null", None)


def _enum(column: Column) -> RowRule | None:
    if not column.enum:
        return None
    allowed = ", ".join(_literal(value, column.type) for value in column.enum)
    words, name = _listed([str(value) for value in column.enum]), name_in_sql(column.name)
    violated = _unless(name, f"{name} IN ({allowed})")
    return _rule(column, "enum", violated, f"is none of {words}", words, list(column.enum))


def _pattern(column: Column) -> RowRule | None:
    if column.pattern is None:
        return None
    name, shown = name_in_sql(column.name), json.dumps(column.pattern, ensure_ascii=False)
    violated = _unless(name, f"regexp_matches({name}, {_literal(column.pattern)})")
    return _rule(column, "pattern", violated, f"does not match {shown}", shown, column.pattern)


def _format(column: Column) -> RowRule | None:
    if column.format is None:
        return None
    name, words = name_in_sql(column.name), FORMATS[column.format].words
    violated = _unless(name, FORMATS[column.format].holds(name))
    return _rule(column, "format", violated, f"is not {words}", words, column.format)


def _range(column: Column) -> RowRule | None:
    bounds = [
        (">=", column.minimum),
        (">", column.exclusive_minimum),
        ("<=", column.maximum),
        ("<", column.exclusive_maximum),
    ]
    given = [(sign, bound) for sign, bound in bounds if bound is not None]
    if not given:
        return None
    name = name_in_sql(column.name)
    holds = " AND ".join(f"{name} {sign} {_literal(bound, column.type)}" for sign, bound in given)
    if column.type in FLOATS:
        # In DuckDB NaN is greater than every number.
        holds = f"NOT isnan({name}) AND {holds}"
    words = " and ".join(f"{sign} {bound}" for sign, bound in given)
    return _rule(column, "range", _unless(name, holds), f"is not {words}", words, dict(given))


def _length(column: Column) -> RowRule | None:
    bounds = [(">=", column.min_length), ("<=", column.max_length)]
    given = [(sign, bound) for sign, bound in bounds if bound is not None]
    if not given:
        return None
    name = name_in_sql(column.name)
    holds = " AND ".join(f"length({name}) {sign} {bound}" for sign, bound in given)
    words = " and ".join(f"{sign} {bound}" for sign, bound in given) + " characters"
    return _rule(column, "length", _unless(name, holds), f"is not {words} long", words, dict(given))


_MAKERS: dict[RuleKind, Callable[[Column], RowRule | None]] = {
    "required": _required,
    "enum": _enum,
    "pattern": _pattern,
    "format": _format,
    "range": _range,
    "length": _length,
}
"""The functions that make a column's rules, by kind, in the order in which the rules are checked."""


def _rule(column: Column, kind: RuleKind, violated: str, reason: str, threshold: str, limit: Any) -> RowRule:
    limits: dict[str, Any] = {} if limit is None else {kind: limit}
    return RowRule(f"{kind}/{column.name}", column.name, kind, violated, f"{column.name} {reason}", threshold, limits)


def _unless(name: str, holds: str) -> str:
    return f"({name} IS NOT NULL AND NOT ({holds}))"


def _literal(value: Any, kind: str = "string") -> str:
    """Return a value as a SQL literal of a column's type."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return str(value)
    text = text_in_sql(str(value))
    return f"CAST({text} AS {kind.upper()})" if kind in MOMENTS or kind == "uuid" else text


def _listed(words: list[str]) -> str:
    more = len(words) - _SHOWN
    return ", ".join(words[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
