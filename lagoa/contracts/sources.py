"""The format of a table's source files: `lagoa.source` of its contract.

Options of all formats are here. Those of one format are a subclass of `Source` in its package under `lagoa/formats/`,
which may import this one but not the reverse: callers that read contracts pass the known formats.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from lagoa.contracts.findings import spelled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.contracts.findings import Location
    from lagoa.contracts.yaml_file import ContractFile

DateForm = Literal[
    "yyyy-mm-dd",
    "yyyy/mm/dd",
    "yyyymmdd",
    "dd/mm/yyyy",
    "dd-mm-yyyy",
    "dd.mm.yyyy",
    "ddmmyyyy",
    "mm/dd/yyyy",
    "mm-dd-yyyy",
    "mmddyyyy",
]
"""How a date is written."""

DateForms = DateForm | Annotated[list[DateForm], Field(min_length=1)]
"""How the dates of a file or a column are written: in one form, or in several."""

ISO_DATE: DateForm = "yyyy-mm-dd"

DecimalMark = Literal[".", ","]

ThousandsMark = Literal["", ".", ",", " "]
"""What separates thousands; empty if nothing does. A space may also be a no-break space."""


_DIGITS = str.maketrans("ymd", "000")
_NO_UNIT = re.compile(r"\d|^[-+.,]|[-+.,]$")


FileName = Annotated[str, Field(min_length=1, pattern=r"^[^/\\]+$")]
"""The name of a file, without folders; also a pattern."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """How values are written in text.

    Attributes:
        decimal: the decimal mark of numbers.
        date: how dates are written, also in timestamps; several forms if the text decides between them.
        thousands: the mark between thousands of numbers; empty if there is none.
        unit: what may be before or behind a number, such as `R$` or `%`; empty if nothing may.
    """

    decimal: str = "."
    date: DateForm | tuple[DateForm, ...] = ISO_DATE
    thousands: str = ""
    unit: str = ""

    @property
    def dates(self) -> tuple[DateForm, ...]:
        """The forms of dates."""
        return self.date if isinstance(self.date, tuple) else (self.date,)

    def faults(self) -> Iterator[tuple[str, str, str]]:
        """Yield what contradicts itself: the option, what is wrong, what to do."""
        if self.thousands == self.decimal:
            message = f"the mark between thousands and the decimal mark are both {self.decimal!r}."
            yield "thousands", message, "Give them two different marks; thousands: '' is for numbers without one."
        seen: dict[str, DateForm] = {}
        for form in self.dates:
            shape = form.translate(_DIGITS)
            if shape in seen:
                message = f"a date may be read as {seen[shape]} and as {form}."
                yield "date", message, "Keep one of the two: no text shows which of them it is."
            seen[shape] = form
        if self.unit and (self.unit != self.unit.strip() or _NO_UNIT.search(self.unit)):
            message = f"{self.unit!r} is no unit: it has digits, a sign or a mark of numbers, or space around it."
            yield "unit", message, "Write what is before or behind the number, such as R$, % or km/h."


class Source(BaseModel):
    """The format of a table's source files.

    Attributes:
        format: name of the format.
        file: name of the files when a whole folder is loaded, with `*` for any characters and `?` for one; None if
            files are always given by name.
        member: name of the file that is read in a zip file with several, written like `file`.
        ignore: names of other files of such a folder, written like `file`, that no table takes.
        encoding: encoding of the text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: ClassVar[str] = ""
    """The kind of files that the options of the class are for, such as `CSV`."""

    written: ClassVar[bool] = False
    """Whether the files have values as text, so that a column may say how its own are written."""

    format: str
    file: FileName | None = None
    member: Annotated[str, Field(min_length=1)] | None = None
    ignore: list[FileName] = Field(default=[])
    encoding: Annotated[str, Field(min_length=1)] = "utf-8"

    @property
    def null_texts(self) -> tuple[str, ...]:
        """The texts that mean null; null is written as the first."""
        return ("",)

    @property
    def spelling(self) -> Spelling:
        """How values are written in text formats."""
        return Spelling()

    @property
    def field_names(self) -> tuple[str, ...] | None:
        """The names of the fields of a record, in order, if the contract gives them; None if each file does."""
        return None

    def undecided(self) -> Iterator[tuple[str, str, str]]:
        """Yield what a person has to decide before a file is loaded: the option, what is open, what to do."""
        yield from ()

    def faults(self) -> Iterator[tuple[str, str, str]]:
        """Yield errors beyond the types of single options: the option, what is wrong, what to do."""
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            yield (
                "encoding",
                f"the encoding {self.encoding!r} is not known.",
                "Use one such as utf-8, latin-1 or cp1252.",
            )
        yield from self.spelling.faults()


class SourceFormat(Protocol):
    """The part of a format that contracts need."""

    @property
    def options(self) -> type[Source]:
        """The options that `lagoa.source` may have for its files."""


SourceFormats = Mapping[str, SourceFormat]
"""The known formats by name."""


def read_source(file: ContractFile, place: Location, value: Mapping[str, Any], formats: SourceFormats) -> Source:
    """Return the value of `lagoa.source` at `place`.

    Raises:
        ContractError: the format is missing or unknown, an option does not exist for it, or a value is invalid.
    """
    where = (*place, "format")
    if "format" not in value:
        raise file.error(where, f"{spelled(where)} is missing.", "Add it.")
    name = value["format"]
    if not isinstance(name, str) or name not in formats:
        *others, last = map(repr, formats)
        message = f"{spelled(where)}: Input should be {', '.join(others)} or {last}; it is {name!r}."
        raise file.error(where, message, "Fix the value.")
    options = formats[name].options
    for key in sorted(value.keys() - options.model_fields.keys()):
        if files := _files(key, formats):
            raise file.error((*place, key), f"{key} is an option of {files} files, not of {name}.", "Remove it.")
    return file.validate(options, value, {key: (*place, key) for key in {*value, *options.model_fields}})


def _files(key: str, formats: SourceFormats) -> str | None:
    """Return the kind of files that has an option; None if there is none."""
    classes = (kind for each in formats.values() for kind in reversed(each.options.__mro__))
    return next((kind.files for kind in classes if issubclass(kind, Source) and key in kind.model_fields), None)
