"""The form of the files that a table's rows come in: what `lagoa.source` of its contract says.

What every format has is here. The options of a format are a subclass of `Source` in its package under `lagoa/formats/`,
which stands above this one: whoever reads contracts hands over the formats that there are.
"""

from __future__ import annotations

import codecs
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
    "yyyy-mm-dd", "yyyy/mm/dd", "yyyymmdd", "dd/mm/yyyy", "dd-mm-yyyy", "dd.mm.yyyy", "mm/dd/yyyy", "mm-dd-yyyy"
]
"""How a date is written."""

ISO_DATE: DateForm = "yyyy-mm-dd"


@dataclass(frozen=True, slots=True)
class Spelling:
    """How values are written as text.

    Attributes:
        decimal: the decimal mark of numbers.
        date: how dates are written, also those that a time follows.
    """

    decimal: str = "."
    date: DateForm = ISO_DATE


class Source(BaseModel):
    """The form of the files that a table's rows come in.

    Attributes:
        format: name of the format.
        file: name of the file in a folder that is loaded whole; None when files are always named.
        encoding: of the text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: ClassVar[str] = ""
    """What the files are called that have the options of the class, such as `CSV`."""

    format: str
    file: Annotated[str, Field(min_length=1, pattern=r"^[^/\\]+$")] | None = None
    encoding: Annotated[str, Field(min_length=1)] = "utf-8"

    @property
    def null_texts(self) -> tuple[str, ...]:
        """The texts that are null; null is written as the first."""
        return ("",)

    @property
    def spelling(self) -> Spelling:
        """How values are written, where they are text."""
        return Spelling()

    def faults(self) -> Iterator[tuple[str, str, str]]:
        """Yield what cannot be used, though each option by itself can: the option, what is wrong, what to do."""
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            yield "encoding", f"the encoding {self.encoding!r} is not known.", "Such as utf-8, latin-1, cp1252."


class SourceFormat(Protocol):
    """What contracts need of a format."""

    @property
    def options(self) -> type[Source]:
        """What `lagoa.source` may say of its files."""


SourceFormats = Mapping[str, SourceFormat]
"""The formats that there are, by name."""


def read_source(file: ContractFile, place: Location, value: Mapping[str, Any], formats: SourceFormats) -> Source:
    """Return what `lagoa.source`, which stands at `place`, says of a table's files.

    Raises:
        ContractError: no format or an unknown one, an option that it does not have, or a value that cannot be used.
    """
    where = (*place, "format")
    if "format" not in value:
        raise file.error(where, f"{spelled(where)} is missing.", "Add it.")
    name = value["format"]
    if not isinstance(name, str) or name not in formats:
        *others, last = map(repr, formats)
        message = f"{spelled(where)}: Input should be {', '.join(others)} or {last}; it is {name!r}."
        raise file.error(where, message, "Mend the value.")
    options = formats[name].options
    for key in sorted(value.keys() - options.model_fields.keys()):
        if files := _files(key, formats):
            raise file.error((*place, key), f"{key} is of {files} files, not of {name}.", "Take it out.")
    return file.validate(options, value, {key: (*place, key) for key in {*value, *options.model_fields}})


def _files(key: str, formats: SourceFormats) -> str | None:
    """Return what the files are called that have an option; None where none have it."""
    classes = (kind for each in formats.values() for kind in reversed(each.options.__mro__))
    return next((kind.files for kind in classes if issubclass(kind, Source) and key in kind.model_fields), None)
