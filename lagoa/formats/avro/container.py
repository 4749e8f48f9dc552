"""The container of an Avro file: its header, and blocks of records with a marker behind each.

It is read here and not by fastavro, which believes what blocks say about themselves, and so loses records silently.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple, Self, cast

from lagoa.domain.lists import cut
from lagoa.errors import SourceError
from lagoa.formats.avro.codecs import CODECS, MOST, Damaged, unpack
from lagoa.formats.shared.files import AVRO_MAGIC, READ_ERRORS, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from lagoa.formats.shared.files import SourceFile

_MARKER = 16
_LONGEST = 10  # bytes of a number of 64 bits
_SEVEN, _MORE = 0x7F, 0x80
_ENTRIES = 10_000
_METADATA = 16 * 2**20
_BUFFER = 2**20
_AGAIN = "Fetch or copy the file again; if it is as its writer left it, have it written again."


class Header(NamedTuple):
    """What an Avro file says about itself: its schema as JSON, its codec, and the marker behind each block."""

    schema: str
    codec: str
    marker: bytes


class Block(NamedTuple):
    """A block: its number from 1, the byte where it begins, how many records it says it has, and their bytes."""

    number: int
    begin: int
    records: int
    data: bytes


class Container:
    """An Avro file, its header read.

    Attributes:
        header: what it says about itself.

    Raises:
        SourceError: it is not an Avro file, its header is damaged, or it has a codec that Lagoa does not have.
    """

    def __init__(self, file: SourceFile) -> None:
        self._file = file
        try:
            with _Reader(file) as reader:
                self.header = self._header(reader)
        except Damaged as error:
            raise SourceError(str(file.path), f"its header is damaged: {error}.", _AGAIN) from error
        except READ_ERRORS as error:
            raise file.unreadable(error) from error

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks to the end of the file.

        Raises:
            SourceError: one is cut off or damaged, or no marker is behind it.
        """
        with _Reader(self._file) as reader:
            self._header(reader)
            number = 0
            while not reader.is_at_end():
                number += 1
                begin = reader.place
                try:
                    yield self._block(reader, number, begin)
                except Damaged as error:
                    raise self.damage(number, begin, str(error)) from error

    def damage(self, number: int, begin: int, what: str) -> SourceError:
        """Return the error for a block that cannot be read."""
        message = f"block {number:,}, which begins at byte {begin:,}, cannot be read: {what}."
        return SourceError(str(self._file.path), message, _AGAIN)

    def _block(self, reader: _Reader, number: int, begin: int) -> Block:
        count, size = reader.long(), reader.long()
        if count < 0 or not 0 <= size <= MOST:
            raise Damaged(f"it says that it has {count:,} records in {size:,} bytes")
        data = reader.bytes(size)
        if reader.bytes(_MARKER) != self.header.marker:
            raise Damaged("the marker of the file is not behind it")
        return Block(number, begin, count, unpack(self.header.codec, data))

    def _header(self, reader: _Reader) -> Header:
        path = str(self._file.path)
        head = reader.head()
        if head[: len(AVRO_MAGIC)] != AVRO_MAGIC:
            found = kind_of(head)
            message = f"it is {found[0]}, not an Avro file." if found else "it is not an Avro file."
            advice = found[1] if found else "Check what wrote it, or write its format in the contract's `lagoa.source`."
            raise SourceError(path, message, advice)
        reader.bytes(len(AVRO_MAGIC))
        found_metadata = _metadata(reader)
        codec = found_metadata.get("avro.codec", b"null").decode("utf-8", "replace") or "null"
        if codec not in CODECS:
            message = f"its blocks are packed with {cut(codec, 80)!r}, which Lagoa does not unpack."
            raise SourceError(path, message, f"Write it again with one of {', '.join(CODECS)}.")
        try:
            schema = found_metadata.get("avro.schema", b"").decode()
        except UnicodeDecodeError:
            raise Damaged("its schema is not utf-8") from None
        return Header(schema, codec, reader.bytes(_MARKER))


def _metadata(reader: _Reader) -> dict[str, bytes]:
    """Return the entries of a header, which are a map in one or several parts."""
    found: dict[str, bytes] = {}
    while count := reader.long():
        if count < 0:
            reader.long()  # the bytes of the part
        if len(found) + abs(count) > _ENTRIES:
            raise Damaged(f"it says that it has {abs(count):,} entries")
        for _ in range(abs(count)):
            key = reader.bytes(_length(reader)).decode("utf-8", "replace")
            if key in found:
                raise Damaged(f"it has {cut(key, 80)!r} twice")
            found[key] = reader.bytes(_length(reader))
    return found


def _length(reader: _Reader) -> int:
    length = reader.long()
    if not 0 <= length <= _METADATA:
        raise Damaged(f"it says that an entry has {length:,} bytes")
    return length


class _Reader:
    """The bytes of a file, with the place of the next one."""

    def __init__(self, file: SourceFile) -> None:
        self._stream = cast("IO[bytes]", io.BufferedReader(cast("io.RawIOBase", file.open()), _BUFFER))
        self.place = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stream.close()

    def head(self) -> bytes:
        """Return the first bytes, which are read again."""
        return cast("io.BufferedReader", self._stream).peek(_MARKER)[:_MARKER]

    def is_at_end(self) -> bool:
        return not cast("io.BufferedReader", self._stream).peek(1)

    def bytes(self, count: int) -> bytes:
        """Return so many bytes."""
        found = self._stream.read(count)
        self.place += len(found)
        if len(found) < count:
            raise Damaged(f"the file ends at byte {self.place:,}, before the end of it")
        return found

    def long(self) -> int:
        """Return a number as Avro writes it: seven bits a byte, the least first, the sign in the last bit."""
        number = 0
        for place in range(_LONGEST):
            byte = self.bytes(1)[0]
            number |= (byte & _SEVEN) << 7 * place
            if not byte & _MORE:
                return (number >> 1) ^ -(number & 1)
        raise Damaged("a number has more than 64 bits")
