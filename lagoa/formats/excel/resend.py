"""Splits refused rows of sheets, which the quarantine keeps as JSON that Lagoa wrote, into columns again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from lagoa.formats.shared.json_rows import split_row
from lagoa.formats.shared.refused import Split, find_columns

if TYPE_CHECKING:
    from lagoa.contracts.contract import Contract
    from lagoa.formats.shared.refused import Kept


def split_excel(contract: Contract, record: Kept) -> Split:
    """Return the values of a row; see `Format.split`. Errors that the contract says are null are null."""
    found = split_row(contract, replace(record, raw=_without_errors(contract, record.raw)))
    if found.values is None:
        return found
    nulls = {column.name: column.nulls or () for column in contract.columns}
    return Split({name: None if text in nulls[name] else text for name, text in found.values.items()})


def _without_errors(contract: Contract, raw: bytes) -> bytes:
    """Return a row with null for errors that the contract says are null; others cannot be split."""
    try:
        row = json.loads(raw)
    except (ValueError, RecursionError):
        return raw
    if not isinstance(row, dict):
        return raw
    columns, _ = find_columns(contract, row)
    nulls = [
        name
        for column, (name, value) in zip(columns, row.items(), strict=False)
        if isinstance(value, dict) and value.get("error") in (column.nulls or ())
    ]
    if not nulls:  # other rows stay as they are, digit by digit
        return raw
    return json.dumps({**row, **dict.fromkeys(nulls)}, ensure_ascii=False).encode()
