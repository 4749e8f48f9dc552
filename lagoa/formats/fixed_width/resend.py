"""Splits refused lines of fixed widths into columns again, by the fields that the contract has now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.formats.fixed_width.columns import FixedValues
from lagoa.formats.shared.refused import Split, all_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.contracts.contract import Contract
    from lagoa.formats.fixed_width.options import FixedSource
    from lagoa.formats.shared.refused import Kept


def split_fixed(contract: Contract, source: FixedSource, records: Sequence[Kept]) -> list[Split]:
    """Return the values of records; see `Format.split`."""
    values = FixedValues(contract, source, str(contract.file))
    found: list[Split] = []
    for record in records:
        if record.header is not None:  # the table had files of another format
            found.append(Split(None, record.fault))
            continue
        table, bad = values.read([record.raw])
        if bad:
            found.append(Split(None, bad[0]))
        else:
            texts = {name: table.column(number)[0].as_py() for number, name in enumerate(values.columns)}
            found.append(Split(all_columns(contract, texts)))
    return found
