"""Refused records: what is wrong with one, how the quarantine keeps it, and its values once it is split again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.domain.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lagoa.contracts.contract import Column, Contract

Texts = dict[str, str | None]
"""A record's values as text, by the contract's columns; None is null."""


@dataclass(frozen=True)
class Fault:
    """Why a record cannot be read: the rule it breaks (`quoting`, `fields`, `header`, `encoding`, `nul`) and a text."""

    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A refused record as the quarantine keeps it.

    Attributes:
        raw: its bytes.
        header: names of its fields in order; None if the record names them itself.
        fixed: values that replace those received.
        fault: what was wrong with it when it was last judged.
    """

    raw: bytes
    header: tuple[str, ...] | None
    fixed: Texts
    fault: Fault


@dataclass(frozen=True, slots=True)
class Split:
    """A record split into all columns of the contract, or why it cannot be split."""

    values: Texts | None
    fault: Fault | None = None


def find_columns(contract: Contract, names: Iterable[str]) -> tuple[list[Column], Fault | None]:
    """Return the column for each name in a record: its name in files, its own, or a former one; or what is wrong.

    Columns may change between the time a record is refused and the time it is split again.
    """
    known = {name: column for column in contract.columns for name in column.former_names}
    known.update({column.name: column for column in contract.columns})
    known.update({name: column for column in contract.columns for name in column.source_names})
    found: list[Column] = []
    for name in names:
        if name not in known:
            return [], Fault(
                "keys", f"the key {name!r} is not in the contract of {contract.table}.{did_you_mean(name, known)}"
            )
        if known[name] in found:
            return [], Fault("keys", f"{known[name].name!r} is there twice")
        found.append(known[name])
    return found, None


def all_columns(contract: Contract, values: Mapping[str, str | None]) -> Texts:
    """Return a record's values with null in the columns that it does not have."""
    return {**dict.fromkeys(column.name for column in contract.columns), **values}
