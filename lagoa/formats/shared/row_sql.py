"""The two queries over a stream of records: the rows that a table accepts, and the records that it refuses.

Both use the same expression, the number of the first rule that a record breaks, so each record is in exactly one of
the two.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from lagoa.contracts.contract import PERSONAL
from lagoa.contracts.rules import row_rules
from lagoa.domain.sql_names import name_in_sql, text_in_sql
from lagoa.domain.tables import LINEAGE_COLUMNS
from lagoa.errors import SourceError
from lagoa.formats.shared.casts import Bad
from lagoa.formats.shared.stream import OFFSET, REASON, ROW, RULE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lagoa.contracts.contract import Column, Contract
    from lagoa.formats.shared.reading import Values

STREAM = "@stream"
"""The stream's name in the session."""

_ACCEPTED, _UNREADABLE = 0, 1
_SHOWN = 60
"""Characters of a value that a reason shows."""

_BROKEN = name_in_sql("@broken")


class _Check(NamedTuple):
    """A condition in SQL under which a record is refused, and what the quarantine says about it: the reason as SQL."""

    broken: str
    rule: str
    column: str
    reason: str

    @classmethod
    def of_type(cls, bad: str, column: Column) -> _Check:
        """Return the check that a value has the column's type; the reason shows it, unless it is personal."""
        reason = text_in_sql(f"{column.name} is no {column.type}")
        received, advice = (bad.received, bad.advice) if isinstance(bad, Bad) else ("", "")
        if received and column.classification != PERSONAL:
            more = f"CASE WHEN length({received}) > {_SHOWN} THEN '…' ELSE '' END"
            reason += f" || ': ' || chr(39) || left({received}, {_SHOWN}) || {more} || chr(39)"
        if advice:
            reason += f" || {text_in_sql(f'; {advice}')}"
        return cls(bad, f"type/{column.name}", column.name, reason)


class RowSql:
    """The queries for one file and one contract.

    Attributes:
        accepted: the records that break no rule, with the table's columns, lineage included. Its parameters are the
            batch's id, the moment and the file's name.
        refused: the other records, one row each, with the quarantine's columns except the fate, and the first rule
            that each breaks. Its parameters are the same.
    """

    def __init__(self, contract: Contract, reader: Values, file: str) -> None:
        """Write the queries.

        Raises:
            SourceError: a column's values cannot be made from what the file contains.
        """
        self._values: list[str] = []
        self._checks: list[_Check] = []
        try:
            self._read_columns(contract, reader)
        except ValueError as error:
            raise SourceError(file, f"{error}.", f"Change the column's type in {contract.file}.") from error
        columns = ", ".join(name_in_sql(column.name) for column in contract.columns)
        batch, moment, name, row = map(name_in_sql, LINEAGE_COLUMNS)
        self.accepted = (
            f"SELECT {columns}, CAST($1 AS VARCHAR) AS {batch}, CAST($2 AS TIMESTAMPTZ) AS {moment}, "  # noqa: S608
            f"CAST($3 AS VARCHAR) AS {name}, {name_in_sql(ROW)} AS {row} "
            f"FROM ({self._judged()}) WHERE {_BROKEN} = {_ACCEPTED}"
        )
        rule = self._of_broken(text_in_sql(check.rule) for check in self._checks)
        column = self._of_broken(text_in_sql(check.column) for check in self._checks)
        reason = self._of_broken(check.reason for check in self._checks)
        named = f"nullif(split_part({name_in_sql(RULE)}, '/', 2), '')"  # the column, if the reader refused a value
        self.refused = (
            f"SELECT coalesce({name_in_sql(RULE)}, {rule}) AS rule, coalesce({named}, {column}) AS column_name, "  # noqa: S608
            f"coalesce({name_in_sql(REASON)}, {reason}) AS reason, {name_in_sql(ROW)} AS record, "
            f"{name_in_sql(OFFSET)} AS byte_offset, {reader.raw} AS raw, CAST($3 AS VARCHAR) AS source, "
            f"CAST($1 AS VARCHAR) AS {batch}, CAST($2 AS TIMESTAMPTZ) AS _quarantined_at, {_header(reader)} "
            f"AS header FROM ({self._judged()}) WHERE {_BROKEN} <> {_ACCEPTED}"
        )

    def _read_columns(self, contract: Contract, reader: Values) -> None:
        rules = row_rules(contract)
        for column in contract.columns:
            name = column.name
            if name not in reader.columns:
                self._values.append(f"NULL AS {name_in_sql(name)}")
                continue
            try:
                value = reader.value(column)
            except ValueError as error:
                raise ValueError(f"column {name!r}: {error}") from error
            self._values.append(f"{value.sql} AS {name_in_sql(name)}")
            self._checks += [_Check.of_type(bad, column) for bad in value.bad]
            own = [each for each in rules if each.column == name]
            self._checks += [_Check(each.violated, each.id, name, text_in_sql(each.reason)) for each in own]

    def _of_broken(self, texts: Iterable[str]) -> str:
        """Return the SQL of the text that belongs to the rule that a record breaks; null if it cannot be read."""
        whens = [f"WHEN {number} THEN {text}" for number, text in enumerate(texts, _UNREADABLE + 1)]
        return f"CASE {_BROKEN} {' '.join(whens)} END" if whens else "CAST(NULL AS VARCHAR)"

    def _judged(self) -> str:
        """Return the query for the records, their values, and the number of the first rule that each breaks.

        It is 0 for none, and 1 for a record that cannot be read at all. `random` keeps the engine from pushing a
        condition on the number down, where it would compute each value again for each rule.
        """
        whens = [f"WHEN {name_in_sql(RULE)} IS NOT NULL THEN {_UNREADABLE}"]
        whens += [f"WHEN {check.broken} THEN {number}" for number, check in enumerate(self._checks, _UNREADABLE + 1)]
        broken = f"CASE {' '.join(whens)} ELSE {_ACCEPTED} END + CAST(random() < 0 AS INTEGER)"
        return (
            f"SELECT *, {broken} AS {_BROKEN} "  # noqa: S608 - names and texts are quoted
            f"FROM (SELECT *, {', '.join(self._values)} FROM {name_in_sql(STREAM)})"
        )


def _header(reader: Values) -> str:
    """Return the file's own names of a record's fields, if they are outside the record."""
    if reader.header is None:
        return "CAST(NULL AS VARCHAR)"
    return text_in_sql(json.dumps(reader.header, ensure_ascii=False))
