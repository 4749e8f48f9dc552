"""What a person says instead of what was received: single columns of all records, or an edited export."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Protocol

from lagoa.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lagoa.contracts import Contract
    from lagoa.quarantine.texts import Texts
    from lagoa.quarantine.waiting import WaitingRecord


class Edits(Protocol):
    """Values to put in the place of those received."""

    def changes(self, record: WaitingRecord) -> Texts:
        """Return what changes about a record, by column; all of its columns when it could not be split."""


class SetColumns:
    """The same values for all records; records that cannot be split into columns are left as they are."""

    def __init__(self, contract: Contract, values: Mapping[str, str | None]) -> None:
        """Take the values, by column; a text that stands for null in the table's files is null here.

        Raises:
            WriteError: a column that the contract does not have.
        """
        check_columns(contract, values)
        null = contract.source.null if contract.source else ""
        self._values = {name: None if value == null else value for name, value in values.items()}

    def changes(self, record: WaitingRecord) -> Texts:
        """Return the values that are others in the record."""
        if record.values is None:
            return {}
        return {name: value for name, value in self._values.items() if record.values[name] != value}


def check_columns(contract: Contract, names: Iterable[str]) -> None:
    """Let names of columns pass.

    Raises:
        WriteError: the contract has no such column.
    """
    known = [column.name for column in contract.columns]
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, 1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise WriteError(contract.table, f"there is no column {name!r}.{meant}", f"There are {', '.join(known)}.")
