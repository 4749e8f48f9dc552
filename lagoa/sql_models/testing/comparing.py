"""What differs between the rows that a test expects and those that the model returned."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from lagoa.contracts.iceberg_types import parse_type
from lagoa.sql_models.testing.values import same_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lagoa.contracts import Contract
    from lagoa.sql_models.testing.reading import Row


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """A row that was found with other values.

    Attributes:
        key: the columns of the key that are compared; empty if there are none and one row differs.
        cells: (expected, found) of each column that differs.
    """

    key: Row
    cells: Mapping[str, tuple[Any, Any]]

    def __str__(self) -> str:
        cells = "; ".join(f"{name} is {shown(found)}, not {shown(want)}" for name, (want, found) in self.cells.items())
        return f"{shown_row(self.key)}: {cells}" if self.key else cells


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs, in the columns that are compared.

    Attributes:
        missing: expected rows that were not found.
        unexpected: rows that were found and are not expected.
        changed: rows with the same key that differ in other columns.
    """

    missing: Sequence[Row] = ()
    unexpected: Sequence[Row] = ()
    changed: Sequence[ChangedRow] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.changed)

    def lines(self) -> Iterator[str]:
        """Yield a line for each row that differs."""
        yield from (f"changed: {row}" for row in self.changed)
        yield from (f"missing: {shown_row(row)}" for row in self.missing)
        yield from (f"not expected: {shown_row(row)}" for row in self.unexpected)


def compare(contract: Contract, columns: Sequence[str], expected: Sequence[Row], found: Sequence[Row]) -> Difference:
    """Compare rows in some columns, in any order; a row that occurs twice must be expected twice.

    Args:
        contract: of the table, for its key and the types of its columns.
        columns: the columns to compare.
        expected: the rows that the test names.
        found: the rows that the model returned; they may have more columns.
    """
    kinds = {name: parse_type(column.type) for name in columns if (column := contract.column(name))}

    def same(a: Row, b: Row, names: Sequence[str] = tuple(columns)) -> bool:
        return all(same_value(a[name], b[name], kinds[name]) for name in names)

    missing, unexpected = _unmatched(expected, found, same)
    key = [name for name in contract.key if name in kinds]
    changed: list[ChangedRow] = []
    for row in list(missing):
        wanted, got = ([each for each in rows if same(row, each, key)] for rows in (missing, unexpected))
        if len(wanted) == len(got) == 1:
            cells = {name: (row[name], got[0][name]) for name in columns if not same(row, got[0], [name])}
            changed.append(ChangedRow({name: row[name] for name in key}, cells))
            missing = [each for each in missing if each is not row]
            unexpected = [each for each in unexpected if each is not got[0]]
    return Difference(missing, [{name: row[name] for name in columns} for row in unexpected], changed)


def _unmatched(
    expected: Sequence[Row], found: Sequence[Row], same: Callable[[Row, Row], bool]
) -> tuple[list[Row], list[Row]]:
    missing, left = [], list(found)
    for row in expected:
        hit = next((at for at, other in enumerate(left) if same(row, other)), None)
        if hit is None:
            missing.append(row)
        else:
            left.pop(hit)
    return missing, left


def shown_row(row: Row) -> str:
    """Return a row on one line."""
    return ", ".join(f"{name}={shown(value)}" for name, value in row.items())


def shown(value: Any) -> str:
    """Return a value as in a test file: text in quotes, null for None, moments in ISO 8601."""
    match value:
        case None | bool() | str():
            text = json.dumps(value, ensure_ascii=False)
        case datetime():
            text = value.isoformat(" ")
        case date() | time():
            text = value.isoformat()
        case list() | tuple():
            text = f"[{', '.join(map(shown, value))}]"
        case dict():
            text = f"{{{', '.join(f'{name}: {shown(each)}' for name, each in value.items())}}}"
        case bytes():
            text = value.hex()
        case _:
            text = str(value)
    return text
