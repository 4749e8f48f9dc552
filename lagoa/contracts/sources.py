"""The format of a table's source files: `lagoa.source` of its contract.

Options of all formats are here. Those of one format are a subclass of `Source` in its package under `lagoa/formats/`,
which may import this one but not the reverse: callers that read contracts pass the known formats.
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


FileName = Annotated[str, Field(min_length=1, pattern=r"^[^/\\]+$")]
"""The name of a file, without folders; also a pattern."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """How values are written in text.

    Attributes:
        decimal: the decimal mark of numbers.
        date: how dates are written, also in timestamps.
    """

    decimal: str = "."
    date: DateForm = ISO_DATE


class Source(BaseModel):
    """The format of a table's source files.

    Attributes:
        format: name of the format.
        file: name of the files when a whole folder is loaded, with `*` for any characters and `?` for one; None if
            files are always given by name.
        ignore: names of other files of such a folder, written like `file`, that no table takes.
        encoding: encoding of the text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: ClassVar[str] = ""
    """The kind of files that the options of the class are for, such as `CSV`."""

    format: str
    file: FileName | None = None
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
