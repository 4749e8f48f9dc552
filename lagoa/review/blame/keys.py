"""The key of one row: which columns it has, and its values as text, by the types of those columns."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pyiceberg.types import DecimalType, FixedType

from lagoa.contracts.scd2 import business_key
from lagoa.domain.lists import cut, listed
from lagoa.domain.suggestions import did_you_mean
from lagoa.errors import KeyRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyiceberg.types import IcebergType

    from lagoa.contracts.contract import Contract

_LONGEST = 10_000
"""Characters of a value; no key is so long."""

_SHOWN = 60
_NAMED = re.compile(r"([^=,\s]+)=", re.ASCII)
_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")
_BITS = {"int": 32, "long": 64}
_EXACT = Context(prec=60, traps=[Inexact, InvalidOperation])
_PYTHON = str | bool | int | float | Decimal | date | time | UUID | bytes


def key_names(contract: Contract) -> tuple[str, ...]:
    """Return the columns that name a row, or all versions of it in a table with history.

    Raises:
        KeyRefused: the contract has no key.
    """
    if not contract.key:
        raise KeyRefused(
            contract.table,
            "its contract has no key, so that no row of it can be told from the others.",
            f"Mark the columns of the key with `primaryKey: true` in {contract.file}; or compare two publications by "
            "all values: `lagoa diff main~1..main --rows`.",
        )
    return business_key(contract) if contract.scd2 is not None else contract.key


def key_of_texts(contract: Contract, texts: Sequence[str]) -> dict[str, str]:
    """Return the values of a key from the command line, by column.

    Args:
        contract: the table's contract.
        texts: `column=value`, one for each column, or all in one text, separated by commas; the bare value if the key
            is one column.

    Raises:
        KeyRefused: another column, one that is given twice, or a text that names none.
    """
    names = key_names(contract)
    known = (*names, *(name for name in contract.key if name not in names))
    if len(texts) == 1 and len(names) == 1 and not texts[0].startswith(tuple(f"{name}=" for name in known)):
        named = _NAMED.match(texts[0])
        if named is None or contract.column(named[1]) is None:
            return {names[0]: texts[0]}
    found: dict[str, str] = {}
    for text in _parts(texts[0], known) if len(texts) == 1 else texts:
        name, separator, value = text.partition("=")
        if not separator:
            reason = f"{cut(text, _SHOWN)!r} names no column of the key."
            raise KeyRefused(contract.table, reason, f"Write {_spelled(names)}.")
        if name in found:
            raise KeyRefused(contract.table, f"the column {name!r} of the key is given twice.", "Give it once.")
        found[name] = value
    return found


def _parts(text: str, known: Sequence[str]) -> list[str]:
    """Return the parts of `a=1,b=2`. A value may have commas, but not one before the name of another key column."""
    starts = [match.start() for match in re.finditer(rf"(?<=,)(?:{'|'.join(map(re.escape, known))})=", text)]
    ends = [start - 1 for start in starts]
    return [text[start:end] for start, end in zip([0, *starts], [*ends, len(text)], strict=True)]


def key_of_values(contract: Contract, key: Mapping[str, Any] | Sequence[Any]) -> dict[str, str]:
    """Return the values of a key from Python as text, by column; a text stays as it is.

    Args:
        contract: the table's contract.
        key: its values by column, or in the order of the contract's key; or the value alone if the key is one column.

    Raises:
        KeyRefused: a column is unknown or missing, or a value is null or of a type that no key has.
    """
    from collections.abc import Mapping

    names = key_names(contract)
    if not isinstance(key, Mapping):
        values = list(key) if isinstance(key, list | tuple) else [key]
        if len(values) != len(names):
            reason = f"its key has the {_columns(names)}; {len(values)} were given."
            raise KeyRefused(contract.table, reason, f"Give {_spelled(names)}.")
        key = dict(zip(names, values, strict=True))
    for name in key:
        if name not in contract.key:
            similar = did_you_mean(str(name), contract.key)
            reason = f"{cut(str(name), _SHOWN)!r} is no column of its key.{similar}"
            raise KeyRefused(contract.table, reason, f"Its key has the {_columns(names)}: give {_spelled(names)}.")
    missing = [name for name in names if name not in key]
    if missing:
        raise KeyRefused(contract.table, f"the key lacks {listed(missing)}.", f"Give {_spelled(names)}.")
    return {name: _text(contract, name, key[name]) for name in contract.key if name in key}


def _columns(names: Sequence[str]) -> str:
    return f"{'column' if len(names) == 1 else 'columns'} {listed(names)}"


def _spelled(names: Sequence[str]) -> str:
    return " and ".join(f"{name}=…" for name in names)


def _text(contract: Contract, name: str, value: Any) -> str:
    if hasattr(value, "item"):  # a number of NumPy, such as pandas has
        value = value.item()
    if value is None or not isinstance(value, _PYTHON):
        what = "null" if value is None else f"a {type(value).__name__}"
        raise KeyRefused(
            contract.table, f"the key column {name!r} is {what}.", "Give a text, a number, a time or bytes."
        )
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return format(value, "f") if isinstance(value, Decimal) and value.is_finite() else str(value)


class NotAValue(Exception):
    """A text that is no value of a type; it says what one is."""


def read_value(text: str, kind: IcebergType) -> Any:
    """Return the value that a text is in a column of this type, exactly.

    Raises:
        NotAValue: it is none.
    """
    if len(text) > _LONGEST:
        raise NotAValue(f"has {len(text):,} characters; a value of a key has at most {_LONGEST:,}")
    match kind:
        case DecimalType():
            return _decimal(text, kind)
        case FixedType():
            return _bytes(text, len(kind))
    reader = _READERS.get(str(kind))
    if reader is None:
        raise NotAValue(f"cannot be looked for: a value of type {kind} is no key")
    return reader(text)


def _whole(kind: str) -> Callable[[str], int]:
    limit = 2 ** (_BITS[kind] - 1)

    def read(text: str) -> int:
        if not _WHOLE.fullmatch(text):
            raise NotAValue("is no whole number")
        value = int(text)
        if not -limit <= value < limit:
            raise NotAValue(f"is beyond what {kind} holds")
        return value

    return read


def _decimal(text: str, kind: DecimalType) -> Decimal:
    try:
        exact = Decimal(text).quantize(Decimal(1).scaleb(-kind.scale), context=_EXACT)
    except (Inexact, InvalidOperation) as error:
        raise NotAValue(f"is no {kind}") from error
    if not exact.is_finite() or len(exact.as_tuple().digits) > kind.precision:
        raise NotAValue(f"is no {kind}")
    return exact


def _boolean(text: str) -> bool:
    if text not in {"true", "false"}:
        raise NotAValue("is neither true nor false")
    return text == "true"


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise NotAValue("is no date: write it as 2018-01-31") from error


def _time(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError as error:
        raise NotAValue("is no time of day: write it as 09:30:00") from error


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise NotAValue("is no date and time: write it as 2018-01-31T09:30:00") from error


def _timestamp(text: str) -> datetime:
    found = _moment(text)
    if found.tzinfo is not None:
        raise NotAValue("has a time zone and the column has none: leave it out")
    return found


def _timestamptz(text: str) -> datetime:
    found = _moment(text)
    try:
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except OverflowError as error:
        raise NotAValue("is before the year 1 or after 9999 in UTC") from error


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise NotAValue("is no UUID") from error


def _bytes(text: str, length: int | None = None) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError as error:
        raise NotAValue("is no bytes: write them as hexadecimal digits") from error
    if length is not None and len(found) != length:
        raise NotAValue(f"is {len(found):,} bytes; the column has {length:,}")
    return found


_READERS: dict[str, Callable[[str], Any]] = {
    "string": str, "int": _whole("int"), "long": _whole("long"), "boolean": _boolean,
    "date": _date, "time": _time, "timestamp": _timestamp, "timestamptz": _timestamptz,
    "uuid": _uuid, "binary": _bytes,
}  # fmt: skip
