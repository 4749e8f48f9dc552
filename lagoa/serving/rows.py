"""What a request must say of a row, as types of pydantic that are made from the run that answers it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_ROWS = 1_000
MOST_CHARACTERS = 500
GREATEST = 1e18
"""The greatest number of a feature, of either sign: what is made of a greater one can be infinite."""

_YEARS = range(1900, 2200)
_FAULTS = 20
_ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)
_WITH_WORDS: TypeAdapter[Any] = TypeAdapter(Any, config=ConfigDict(ser_json_inf_nan="constants"))
_INTEGERS = {"INT32": 31, "INT64": 63}
"""Bits of the keys of features that are whole numbers."""


def _in_range(value: date) -> date:
    if value.year not in _YEARS:
        message = f"It must be in the years {_YEARS.start} to {_YEARS.stop - 1}"
        raise ValueError(message)
    return value


def _nearest(text: str) -> float:
    number = float(text)
    if not -GREATEST <= number <= GREATEST:
        message = f"It must be between {-GREATEST:g} and {GREATEST:g}"
        raise ValueError(message)
    return number


_Decimal = Annotated[str, Field(pattern=r"^-?\d{1,60}(\.\d{1,60})?$"), AfterValidator(_nearest)]
Number = Annotated[
    Annotated[float, Field(ge=-GREATEST, le=GREATEST, allow_inf_nan=False)] | _Decimal,
    Field(union_mode="left_to_right"),
]
"""A decimal may be a text, too, as Lagoa writes it in JSON; a feature is the nearest double."""

Text = Annotated[str, Field(max_length=MOST_CHARACTERS)]
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Moment = Annotated[datetime | date, AfterValidator(_in_range)]
"""A date is its beginning."""


def key_type(kind: str) -> Any:
    """Return the type of a join key in a request, by Feast's name of its own; null finds nothing."""
    bits = _INTEGERS.get(kind)
    return Text | None if bits is None else Annotated[int, Field(ge=-(2**bits), lt=2**bits)] | None


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a request.

    Attributes:
        place: keys and positions of list items from the top of its JSON.
        message: what is wrong, without the value.
    """

    place: tuple[str | int, ...]
    message: str

    def __str__(self) -> str:
        steps = (f"rows[{part}]" if isinstance(part, int) else f".{part}" for part in self.place)
        return f"{''.join(steps).removeprefix('.')}: {self.message}".removeprefix(": ")


class Refused(Exception):
    """Rows that a model cannot be asked for."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(*map(str, faults))
        self.faults = tuple(faults)


class RowReader:
    """Reads one row, or a list of them, from JSON.

    Args:
        model: name of the model.
        columns: the type of each column, by its name.
    """

    def __init__(self, model: str, columns: Mapping[str, Any]) -> None:
        self.columns = tuple(columns)
        # Columns may have names that attributes cannot have.
        fields: dict[str, Any] = {
            f"f{position}": (kind, Field(alias=name)) for position, (name, kind) in enumerate(columns.items())
        }
        config = ConfigDict(extra="forbid", strict=True, title=f"Row of {model}")
        self.row: type[BaseModel] = create_model("Row", __config__=config, **fields)
        several: Any = list[self.row]  # type: ignore[name-defined]
        self._one: TypeAdapter[Any] = TypeAdapter(self.row)
        self._many: TypeAdapter[Any] = TypeAdapter(Annotated[several, Field(min_length=1, max_length=MOST_ROWS)])

    def read(self, document: bytes) -> list[list[Any]]:
        """Return the values of each row in the order of the columns.

        Args:
            document: JSON of a row, or of a list of rows.

        Raises:
            Refused: it is none, with the fields.
        """
        try:
            if is_list(document):
                return [list(row.__dict__.values()) for row in self._many.validate_json(document)]
            return [list(self._one.validate_json(document).__dict__.values())]
        except ValidationError as error:
            raise Refused(_faults(error, 2 if is_list(document) else 1)) from None

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of a row."""
        return self.row.model_json_schema(by_alias=True)


def _faults(error: ValidationError, depth: int) -> list[Fault]:
    """Return a fault a field: what lies deeper are the kinds that a value could have been of."""
    messages: dict[tuple[str | int, ...], list[str]] = {}
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        messages.setdefault(tuple(each["loc"][:depth]), []).append(each["msg"].removeprefix("Value error, "))
        if len(messages) == _FAULTS:
            break
    return [Fault(place, "; ".join(said)) for place, said in messages.items()]


def to_json(value: Any) -> bytes:
    """Return a value as JSON, which has neither NaN nor infinity: they are null."""
    return _ANYTHING.dump_json(value)


def rows_to_json(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return rows as JSON; NaN and infinity as words, which `RowReader` refuses by the name of their field."""
    return _WITH_WORDS.dump_json(list(rows))


def is_list(document: bytes) -> bool:
    """Return whether JSON is that of a list."""
    return document.lstrip(b" \t\r\n")[:1] == b"["
