"""Reads a UTF-16 file as UTF-8, block by block, so that records are found in it like in any other text."""

from __future__ import annotations

import codecs
from typing import IO, TYPE_CHECKING, Self

from lagoa.errors import SourceError

if TYPE_CHECKING:
    from lagoa.formats.shared.files import SourceFile

ENCODINGS = frozenset({"utf-16", "utf-16-le", "utf-16-be"})
"""The names of UTF-16, as `codecs.lookup` returns them."""

_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_INVALID = b"\xff"
"""Stands for half a character at the end of the file: no UTF-8 text has this byte, so its record is refused."""


class Utf16Stream:
    """A UTF-16 file as UTF-8, without its byte order mark, from front to back.

    What is no character in it becomes bytes that are not UTF-8, so that only the record that has them is refused.
    """

    def __init__(self, stream: IO[bytes], encoding: str, file: SourceFile) -> None:
        """Read the byte order mark.

        Raises:
            SourceError: the file does not say in which order its bytes are, or says another than the contract.
        """
        self._stream = stream
        head = stream.read(2)
        marked = _MARKS.get(head)
        if marked is None and encoding == "utf-16":
            stream.close()
            message = "it has no byte order mark, so the order of its bytes is not known."
            raise SourceError(str(file.path), message, "Write `encoding: utf-16-le` or `utf-16-be` in `lagoa.source`.")
        if marked and encoding not in {"utf-16", marked}:
            stream.close()
            message = f"its byte order mark is that of {marked}, and the contract says {encoding}."
            raise SourceError(str(file.path), message, "Write `encoding: utf-16` in `lagoa.source`.")
        self._decoder = codecs.getincrementaldecoder(marked or encoding)("surrogatepass")
        self._rest = b"" if marked else head
        self._text = b""
        self._ended = False

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the file."""
        self._stream.close()

    def read(self, size: int) -> bytes:
        """Return so many bytes of UTF-8; fewer only at the end."""
        while len(self._text) < size and not self._ended:
            read = self._rest + self._stream.read(size)
            self._rest = b""
            self._text += self._decode(read)
        found, self._text = self._text[:size], self._text[size:]
        return found

    def seek(self, offset: int) -> None:
        """Go forward to an offset of the UTF-8 text from the beginning, where the stream must still be."""
        while offset > 0 and (skipped := self.read(min(offset, 1 << 20))):
            offset -= len(skipped)

    def _decode(self, read: bytes) -> bytes:
        if read:
            return self._decoder.decode(read).encode("utf-8", "surrogatepass")
        self._ended = True
        try:
            return self._decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return _INVALID
