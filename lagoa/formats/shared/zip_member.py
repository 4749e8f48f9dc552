"""A file in a zip file, read as a stream without unpacking it to disk.

It must end exactly where the zip file's directory says, with the right length and checksum: Python's zipfile stops at
the size that is declared, whatever follows.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed import WriteableBuffer

_BLOCK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a zip file.

    Attributes:
        path: the zip file.
        name: the file's name in it, with the folders.
        others: the names of the other files in it.
        start: where its packed bytes begin in the zip file.
        packed: number of packed bytes.
        size: number of bytes.
        checksum: CRC-32 of the bytes.
        deflated: whether it is compressed.
    """

    path: Path
    name: str
    others: tuple[str, ...]
    start: int
    packed: int
    size: int
    checksum: int
    deflated: bool

    def open(self) -> IO[bytes]:
        """Open the file, to be read from the beginning; reading raises `OSError` if it is damaged."""
        return cast("IO[bytes]", io.BufferedReader(_Unpacked(self), _BLOCK))


class _Unpacked(io.RawIOBase):
    """The bytes of a member, in order; it is checked when its end is reached."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._stream = member.path.open("rb")
        self._restart()

    def _restart(self) -> None:
        self._stream.seek(self._member.start)
        self._left = self._member.packed
        self._position = self._sum = 0
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS) if self._member.deflated else None
        self._waiting = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True: going back reads from the beginning."""
        return True

    def tell(self) -> int:
        """Return the number of bytes read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, counted from the beginning."""
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("seek from here or from the end")
        if offset < self._position:
            self._restart()
        while self._position < offset and self._next(min(_BLOCK, offset - self._position)):
            pass
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read the next bytes; 0 at the end. Raises `OSError` if the member is damaged."""
        view = memoryview(buffer).cast("B")
        found = self._next(min(len(view), _BLOCK))
        view[: len(found)] = found
        return len(found)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        super().close()

    def _next(self, most: int) -> bytes:
        """Return the next bytes, at most so many; none at the end."""
        found = self._stored(most) if self._inflate is None else self._inflated(self._inflate, most)
        self._position += len(found)
        self._sum = zlib.crc32(found, self._sum)
        if self._position > self._member.size:
            raise self._damaged("is longer than the directory of the zip file says")
        if not found and most:
            self._check_end()
        return found

    def _packed(self, most: int) -> bytes:
        read = self._stream.read(min(most, self._left))
        self._left -= len(read)
        return read

    def _stored(self, most: int) -> bytes:
        return self._packed(most)

    def _inflated(self, inflate: zlib._Decompress, most: int) -> bytes:
        while not inflate.eof:
            packed = inflate.unconsumed_tail or self._packed(_BLOCK)
            found = inflate.decompress(packed, most)
            if found or not packed:
                return found
        return b""

    def _check_end(self) -> None:
        """Raise `OSError` if the bytes are not those that the directory describes."""
        inflate = self._inflate
        if self._position < self._member.size or (inflate is not None and not inflate.eof):
            raise self._damaged("is shorter than the directory of the zip file says")
        if self._left or (inflate is not None and inflate.unused_data):
            raise self._damaged("is followed by other data")
        if self._sum != self._member.checksum:
            raise self._damaged("has another checksum than the directory of the zip file says")

    def _damaged(self, what: str) -> OSError:
        return OSError(f"{self._member.name} in it {what}")
