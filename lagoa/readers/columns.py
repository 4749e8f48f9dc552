"""Which column of a file is which column of a contract."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from lagoa.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.contracts.contract import Contract


def match_columns(contract: Contract, found: Sequence[str], source: str) -> tuple[str, ...]:
    """Return the contract's name of each column of a file, in the file's order.

    A column that the contract does not require may be missing: its rows get nulls.

    Args:
        contract: of the table that the file goes to.
        found: the names in the file, such as the fields of its header.
        source: the file, for messages.

    Raises:
        SourceError: a name comes twice, is unknown, or is missing and required.
    """
    known = {column.source_name: column for column in contract.columns}
    for place, name in enumerate(found):
        if name in found[:place]:
            raise SourceError(source, f"the column {name!r} comes twice.", "Rename or remove one of the two.")
        if name not in known:
            near = get_close_matches(name, known, 1)
            raise SourceError(
                source,
                f"the column {name!r} is not in the contract of {contract.table}"
                f"{f'; did you mean {near[0]!r}?' if near else '.'}",
                f"Add it to {contract.file}, or remove it from the file.",
            )
    for name, column in known.items():
        if column.required and name not in found:
            raise SourceError(
                source,
                f"the column {name!r} is missing, and the contract of {contract.table} requires it. "
                f"The file has: {', '.join(map(repr, found[:20])) or 'none'}.",
                f"Send it along, check the delimiter in `lagoa.source`, or make it optional in {contract.file}.",
            )
    return tuple(known[name].name for name in found)
