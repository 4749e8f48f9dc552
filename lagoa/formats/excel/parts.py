"""Reads the XML parts of a workbook as streams: without entities, whatever their namespaces, and bounded in size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from lagoa.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.formats.shared.zip_member import Member

_CHUNK = 256 * 1024
SMALL = 64 * 2**20
"""Bytes that a part may have which is held in memory, such as the list of sheets."""

_AGAIN = "Open it in Excel, save it, and load that."
_DEEPEST = 100


class Handler:
    """What is done with the elements of a part; names come without their namespace."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """See the beginning of an element."""

    def end(self, name: str) -> None:
        """See the end of an element."""

    def text(self, data: str) -> None:
        """See text, which may come in pieces."""


def read(member: Member, handler: Handler, *, most: int | None = SMALL) -> Iterator[None]:
    """Read a part, and yield after each piece of it.

    Args:
        member: the part.
        handler: sees its elements.
        most: bytes that it may have; None for any number, if the handler keeps nothing.

    Raises:
        SourceError: it is damaged, too large, or declares entities.
    """
    path = str(member.path)
    if most is not None and member.size > most:
        message = f"{member.name!r} in it has {member.size:,} bytes, and {most:,} are the most that are read of it."
        raise SourceError(path, message, "Save the sheet as CSV in UTF-8.")
    parser = _parser(path, member.name, handler)
    with member.open() as stream:
        while True:
            chunk = stream.read(_CHUNK)
            try:
                parser.Parse(chunk, not chunk)
            except expat.ExpatError as error:
                message = f"{member.name!r} in it is damaged: {expat.errors.messages[error.code]}, line {error.lineno}."
                raise SourceError(path, message, _AGAIN) from error
            yield
            if not chunk:
                return


def read_all(member: Member, handler: Handler, *, most: int = SMALL) -> None:
    """Read a part to its end; see `read`."""
    for _ in read(member, handler, most=most):
        pass


def _parser(path: str, part: str, handler: Handler) -> expat.XMLParserType:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    names: dict[str, str] = {}
    depth = 0

    def local(name: str) -> str:
        return names.setdefault(name, name.rpartition(" ")[2])

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise SourceError(path, f"{part!r} in it is nested more than {_DEEPEST} deep.", _AGAIN)
        handler.start(names.get(name) or local(name), attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        handler.end(names[name])

    def refuse(*_: Any) -> None:
        message = f"{part!r} in it declares a document type, which no program writes into a workbook."
        raise SourceError(path, message, "Do not open it: ask where it comes from.")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = handler.text
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    return parser


def whole(text: str | None) -> int:
    """Return a number of at most nine digits, such as that of a row or a style; -1 if a text is none."""
    longest = 9
    return int(text) if text and text.isdecimal() and len(text) <= longest else -1


def attribute(attributes: dict[str, str], name: str) -> str | None:
    """Return the value of an attribute, whatever its namespace."""
    if name in attributes:
        return attributes[name]
    return next((value for key, value in attributes.items() if key.rpartition(" ")[2] == name), None)
