"""Matches the columns of a file with those of a contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.domain.lists import cut, listed
from lagoa.domain.suggestions import did_you_mean
from lagoa.errors import SourceError, UnknownColumn

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pyarrow as pa

    from lagoa.contracts.contract import Contract

_SHOWN = 20
_LENGTH = 80


def match_columns(contract: Contract, found: Sequence[str], source: str) -> tuple[str, ...]:
    """Return the contract's name of each column of a file, in the file's order.

    A column that the contract does not require may be missing: its rows get nulls.

    Args:
        contract: of the table that the file is loaded into.
        found: the names in the file, such as the fields of its header.
        source: the file, for messages.

    Raises:
        SourceError: a name occurs twice, is unknown, or is missing and required.
    """
    known = {name: column for column in contract.columns for name in column.source_names}
    seen: dict[str, str] = {}
    for number, name in enumerate(found, 1):
        if not name.strip() and name not in known:
            message = f"column {number} has no name in its header."
            raise SourceError(source, message, "Name it, or write `lagoa.header: ''` for its column in the contract.")
        if name not in known:
            raise UnknownColumn(
                source,
                name,
                f"the column {short(name)} is not in the contract of {contract.table}.{did_you_mean(name, known)}",
                f"Let `lagoa contract update {contract.table} {source}` add it, or remove it from the file."
                if any(each in known for each in found)
                else "None of the columns of the file is: check the table, and `lagoa.source` in its contract.",
            )
        own = known[name].name
        if own in seen:
            twice = "occurs twice" if seen[own] == name else f"is the column {own} again, which {short(seen[own])} is"
            advice = "Rename or remove one of the two; of CSV, `skip: 1` and a list as `header` rename them."
            raise SourceError(source, f"the column {short(name)} {twice}.", advice)
        seen[own] = name
    for column in contract.columns:
        if column.required and column.name not in seen:
            names = " or ".join(map(short, column.source_names))
            raise SourceError(
                source,
                f"the column {names} is missing, and the contract of {contract.table} requires it. "
                f"The file has: {listed(list(map(short, found)), _SHOWN) or 'none'}.",
                f"Add it to the file, check the delimiter in `lagoa.source`, or make it optional in {contract.file}.",
            )
    return tuple(known[name].name for name in found)


def without(values: pa.ChunkedArray, nulls: Collection[str]) -> pa.ChunkedArray:
    """Return texts with null where they are one of `nulls`."""
    import pyarrow as pa
    from pyarrow import compute

    if not nulls:
        return values
    return compute.if_else(compute.is_in(values, pa.array(sorted(nulls))), pa.scalar(None, pa.string()), values)


def short(name: str) -> str:
    """Return a name from a file for a message: quoted, and cut if it is long."""
    return repr(cut(name, _LENGTH))
