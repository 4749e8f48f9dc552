"""What is known about the rows of a table or SELECT without running it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lagoa.contracts.contract import PERSONAL
from lagoa.contracts.scd2 import CURRENT, business_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lagoa.contracts import Column, Contract
    from lagoa.domain.tables import TableName

Key = frozenset[str]
"""Columns that identify a row together; empty where there is one row at most."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The column of a table that a column was taken from.

    Attributes:
        table: the table.
        column: the column, as its contract has it.
        same: whether the values are the same; if not, only their type was changed.
    """

    table: TableName
    column: Column
    same: bool = True

    def __str__(self) -> str:
        """Return `layer.table.column`."""
        return f"{self.table}.{self.column.name}"


@dataclass(frozen=True, slots=True)
class Made:
    """What is known about one column.

    Attributes:
        name: its name, in lower case.
        required: whether it is never null.
        origin: where it was taken from; None if it is computed.
        personal: the column with personal data, as `layer.table.column`, that its values are made of; empty for none.
    """

    name: str
    required: bool = False
    origin: Origin | None = None
    personal: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """What is known about the rows of a table or SELECT.

    Attributes:
        columns: its columns by their names, in order.
        keys: sets of columns that have no values twice.
        numbered: columns with the number of a row among those that are equal in other columns, with these.
        flagged: columns that are true in one row at most of those that are equal in other columns, with these.
    """

    columns: Mapping[str, Made] = field(default_factory=dict)
    keys: tuple[Key, ...] = ()
    numbered: Mapping[str, Key] = field(default_factory=dict)
    flagged: Mapping[str, Key] = field(default_factory=dict)


def rows_of(contract: Contract) -> Rows:
    """Return what a contract says of the rows of its table, as far as a broken rule would have stopped them."""
    table = contract.table
    columns = {
        column.name: Made(
            column.name,
            column.required and column.severity == "fail",
            Origin(table, column),
            f"{table}.{column.name}" if column.classification == PERSONAL else "",
        )
        for column in contract.all_columns
    }
    keys = [frozenset({each.name}) for each in contract.columns if each.unique and each.severity == "fail"]
    if contract.key and contract.severity.get("key") != "warn":
        keys.insert(0, frozenset(contract.key))
    if contract.source is not None:
        keys.append(frozenset({"_batch_id", "_row"}))
    flagged = {} if contract.scd2 is None else {CURRENT: frozenset(business_key(contract))}
    return Rows(columns, tuple(keys), flagged=flagged)
