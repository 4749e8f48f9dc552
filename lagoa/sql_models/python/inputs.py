"""Reads `INPUTS` of a Python model: which table, and which columns of it, each parameter receives."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lagoa.domain.lists import repeated
from lagoa.domain.suggestions import did_you_mean
from lagoa.domain.tables import TableName
from lagoa.errors import InvalidName, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lagoa.contracts import Contracts

NAME = "INPUTS"
EXAMPLE = (
    f'Write {NAME} = {{"orders": "silver.orders"}}, the table of each parameter; '
    '("silver.orders", ["order_id", "price"]) gives only these columns.'
)


@dataclass(frozen=True, slots=True)
class Input:
    """What one parameter receives.

    Attributes:
        table: the table.
        columns: the columns of it; all if there are none.
        line: the line on which it is named.
    """

    table: TableName
    columns: tuple[str, ...]
    line: int


def inputs_of(file: Path, module: ast.Module) -> dict[str, Input]:
    """Return the input of each parameter; none if the constant is not there.

    Raises:
        ModelError: with the line of what is not written out as the example shows.
    """
    found = [each for each in module.body if NAME in _assigned(each)]
    if not found:
        return {}
    if len(found) > 1:
        raise ModelError(file, found[1].lineno, f"{NAME} is set twice.", "Name all inputs in the first.")
    value = getattr(found[0], "value", None)
    if not isinstance(value, ast.Dict):
        raise _not_written_out(file, found[0].lineno)
    inputs: dict[str, Input] = {}
    for key, given in zip(value.keys, value.values, strict=True):
        name = _literal(key)
        if not isinstance(name, str):
            raise _not_written_out(file, given.lineno)
        if name in inputs:
            raise ModelError(file, given.lineno, f"{NAME} has {name!r} twice.", "Give each input its own name.")
        inputs[name] = _input(file, given)
    return inputs


def lines_of(inputs: Mapping[str, Input]) -> dict[TableName, int]:
    """Return the line on which each table is first named, by table."""
    lines: dict[TableName, int] = {}
    for each in inputs.values():
        lines.setdefault(each.table, each.line)
    return dict(sorted(lines.items()))


def check_inputs(file: Path, inputs: Mapping[str, Input], contracts: Contracts) -> None:
    """Raise `ModelError` if there is no contract for a table, or a table has no such column."""
    for each in inputs.values():
        contract = contracts.get(each.table)
        if contract is None:
            advice = did_you_mean(str(each.table), map(str, contracts.tables), 3).strip()
            message = f"there is no table {each.table}."
            raise ModelError(file, each.line, message, advice or "A table needs a data contract (iceberg/).")
        known = [column.name for column in contract.all_columns]
        for name in each.columns:
            if name not in known:
                message = f"{each.table} has no column {name!r}.{did_you_mean(name, known)}"
                raise ModelError(file, each.line, message, f"It has {', '.join(known)}.")


def _input(file: Path, given: ast.expr) -> Input:
    found = _literal(given)
    table, columns = found if isinstance(found, tuple) and len(found) == 2 else (found, None)  # noqa: PLR2004
    listed = isinstance(columns, list) and columns and all(isinstance(each, str) for each in columns)
    if not isinstance(table, str) or not (columns is None or listed):
        raise _not_written_out(file, given.lineno)
    names = tuple(columns or ())
    if (twice := repeated(names)) is not None:
        raise ModelError(file, given.lineno, f"the column {twice!r} is named twice.", "Name each column once.")
    try:
        return Input(TableName.parse(table), names, given.lineno)
    except InvalidName as error:
        raise ModelError(file, given.lineno, error.message, error.advice) from error


def _literal(node: ast.expr | None) -> Any:
    """Return the value of what is written out; None for anything else."""
    try:
        return None if node is None else ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return None


def _assigned(statement: ast.stmt) -> list[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return [each.id for each in targets if isinstance(each, ast.Name)]


def _not_written_out(file: Path, line: int) -> ModelError:
    return ModelError(file, line, f"{NAME} is not written out as names of parameters with names of tables.", EXAMPLE)
