"""The types of Avro: what fastavro reads for each, the Arrow type of its values, and how these are made.

fastavro reads only bytes, numbers and their nesting: types that it would interpret, and would thereby change or fail
on, are replaced by those with the same bytes. A value that does not fit its type is refused by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal, Inexact
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    import pyarrow as pa

_INT = 2**31
_PART = 4


class Misfit(ValueError):
    """Why a value does not fit its type, in words."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A type whose values fastavro reads as they are.

    Attributes:
        name: of the type, for messages.
        read: what fastavro reads.
        arrow: the type of its values.
        is_empty: whether its values have no bytes, so that nothing limits how many a file says it has.
        makes: whether `make` does anything.
    """

    name: str
    read: Any
    arrow: pa.DataType
    is_empty: bool = False
    makes: bool = False

    def make(self, raw: Any) -> Any:
        """Return the value for Arrow; raises `Misfit`."""
        return raw

    def show(self, raw: Any) -> Any:
        """Return the value for JSON, whatever is wrong with it: the parts that are sound as they are."""
        import pyarrow as pa

        from lagoa.formats.shared.arrow_faults import for_json

        try:
            return for_json(pa.array([None if raw is None else self.make(raw)], self.arrow), 0)
        except (pa.ArrowException, ValueError, OverflowError):
            return self.show_bad(raw)

    def show_bad(self, raw: Any) -> Any:
        """Return a value that Arrow does not take, for JSON."""
        return raw


@dataclass(frozen=True, kw_only=True)
class Text(Kind):
    """Text, which fastavro reads as bytes."""

    def show_bad(self, raw: bytes) -> dict[str, str]:
        """Return the bytes in hexadecimal digits."""
        return {"hex": raw.hex()}


@dataclass(frozen=True, kw_only=True)
class Int(Kind):
    """Numbers of 32 bits, which fastavro does not check."""

    makes: bool = True

    def make(self, raw: int) -> int:
        """Return the number."""
        if not -_INT <= raw < _INT:
            raise Misfit("it has more than 32 bits")
        return raw


@dataclass(frozen=True, kw_only=True)
class Boolean(Kind):
    """True or false, which is one byte."""

    makes: bool = True

    def make(self, raw: bytes) -> bool:
        """Return whether the byte is 1."""
        if raw not in {b"\0", b"\1"}:
            raise Misfit("its byte is neither 0 nor 1")
        return raw == b"\1"

    def show_bad(self, raw: bytes) -> dict[str, str]:
        """Return the byte in hexadecimal digits."""
        return {"hex": raw.hex()}


@dataclass(frozen=True, kw_only=True)
class Enum(Kind):
    """One of several symbols, which is its number."""

    symbols: tuple[str, ...]
    makes: bool = True

    def make(self, raw: int) -> str:
        """Return the symbol."""
        if not 0 <= raw < len(self.symbols):
            raise Misfit(f"it is symbol {raw}, and {self.name} has {len(self.symbols)}")
        return self.symbols[raw]

    def show_bad(self, raw: int) -> dict[str, int]:
        """Return the number, which is no symbol."""
        return {"symbol": raw}


@dataclass(frozen=True, kw_only=True)
class Exact(Kind):
    """Decimals, whose digits are a number in bytes, the greatest first."""

    precision: int
    scale: int
    makes: bool = True

    def make(self, raw: bytes) -> Decimal:
        """Return the number."""
        if not raw:
            raise Misfit("it has no bytes")
        digits = int.from_bytes(raw, "big", signed=True)
        if abs(digits) >= 10**self.precision:
            raise Misfit(f"it has more than {self.precision} digits")
        return Decimal(digits).scaleb(-self.scale, Context(self.precision + 1, traps=[Inexact]))

    def show_bad(self, raw: bytes) -> Any:
        """Return the number with all its digits if they are not too many."""
        longest = 256
        if not 0 < len(raw) <= longest:
            return {"hex": raw.hex()}
        digits = int.from_bytes(raw, "big", signed=True)
        return format(Decimal(digits).scaleb(-self.scale, Context(10 * longest)), "f")


@dataclass(frozen=True, kw_only=True)
class Uuid(Kind):
    """Identifiers of 16 bytes, which are passed on as text."""

    makes: bool = True

    def make(self, raw: bytes) -> str:
        """Return the identifier as text."""
        return str(UUID(bytes=raw))


@dataclass(frozen=True, kw_only=True)
class Duration(Kind):
    """Months, days and milliseconds, each a number of 32 bits without sign, the least byte first."""

    makes: bool = True

    def make(self, raw: bytes) -> dict[str, int]:
        """Return the three numbers."""
        names = ("months", "days", "milliseconds")
        return {
            name: int.from_bytes(raw[place * _PART : (place + 1) * _PART], "little") for place, name in enumerate(names)
        }


@dataclass(frozen=True, kw_only=True)
class Nullable(Kind):
    """Values of another type, or null."""

    value: Kind

    def make(self, raw: Any) -> Any:
        """Return the value."""
        return raw if raw is None else self.value.make(raw)

    def show_bad(self, raw: Any) -> Any:
        """Return the value as its type shows it."""
        return self.value.show_bad(raw)


@dataclass(frozen=True, kw_only=True)
class List(Kind):
    """Lists of values."""

    item: Kind

    def make(self, raw: list[Any]) -> list[Any]:
        """Return the values."""
        return [self.item.make(each) for each in raw]

    def show_bad(self, raw: list[Any]) -> list[Any]:
        """Return each value as its type shows it."""
        return [self.item.show(each) for each in raw]


@dataclass(frozen=True, kw_only=True)
class Map(Kind):
    """Maps from text, which fastavro reads as lists of pairs: as maps it would leave out all but one of equal keys."""

    key: Kind
    value: Kind
    makes: bool = True

    def make(self, raw: list[dict[str, Any]]) -> list[tuple[bytes, Any]]:
        """Return the pairs."""
        return [(each["key"], self.value.make(each["value"])) for each in raw]

    def show_bad(self, raw: list[dict[str, Any]]) -> list[list[Any]]:
        """Return the pairs as their types show them."""
        return [[self.key.show(each["key"]), self.value.show(each["value"])] for each in raw]


@dataclass(frozen=True, kw_only=True)
class Record(Kind):
    """Records, whose fields fastavro reads under the names of `field_name`."""

    fields: tuple[tuple[str, Kind], ...]
    makes: bool = True

    def make(self, raw: dict[str, Any]) -> dict[str, Any]:
        """Return the values by the names of their fields."""
        return {name: kind.make(raw[field_name(place)]) for place, (name, kind) in enumerate(self.fields)}

    def show_bad(self, raw: dict[str, Any]) -> dict[str, Any]:
        """Return the values as their types show them."""
        return {name: kind.show(raw[field_name(place)]) for place, (name, kind) in enumerate(self.fields)}


def field_name(place: int) -> str:
    """Return the name under which fastavro reads a field: names in files may be any."""
    return f"f{place}"
