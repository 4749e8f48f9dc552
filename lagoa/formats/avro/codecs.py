"""Unpacks the blocks of Avro files: every codec of the specification, never more than a block may have."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 256 * 2**20
"""Bytes of a block, unpacked or packed; writers take some kilobytes to some megabytes."""

_CHECKSUM = 4
_SEVEN, _MORE = 0x7F, 0x80


class Damaged(ValueError):
    """What is wrong with a file, in words."""


def unpack(codec: str, data: bytes) -> bytes:
    """Return the records of a block.

    Raises:
        Damaged: it is not what the codec writes, has more bytes than a block may have, or its checksum is wrong.
    """
    try:
        found = CODECS[codec](data)
    except Damaged:
        raise
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:  # Arrow's errors are among them
        raise Damaged(f"its {codec} data is damaged: {' '.join(str(error).split()).rstrip('.')}") from error
    if len(found) > MOST:
        raise Damaged(f"it has more than {MOST >> 20} MiB when it is unpacked")
    return found


def _deflate(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    found = unpacker.decompress(data, MOST + 1)
    # Avro's own library for Python left a part of zlib's checksum behind the data.
    if len(found) <= MOST and (not unpacker.eof or len(unpacker.unused_data) >= _CHECKSUM):
        raise Damaged("its deflate data is damaged: it ends too early or too late")
    return found


def _snappy(data: bytes) -> bytes:
    """Return the records, whose checksum is in the last four bytes."""
    import pyarrow as pa

    size = shift = 0
    for byte in data[:5]:
        size |= (byte & _SEVEN) << shift
        shift += 7
        if not byte & _MORE:
            break
    if size > MOST:
        return bytes(MOST + 1)
    found: bytes = pa.Codec("snappy").decompress(data[:-_CHECKSUM], decompressed_size=size, asbytes=True)
    if zlib.crc32(found) != int.from_bytes(data[-_CHECKSUM:], "big"):
        raise Damaged("the checksum of its snappy data is wrong")
    return found


def _zstandard(data: bytes) -> bytes:
    import pyarrow as pa

    found: bytes = pa.CompressedInputStream(pa.BufferReader(data), "zstd").read(MOST + 1)
    return found


def _whole(unpacker: bz2.BZ2Decompressor | lzma.LZMADecompressor, data: bytes) -> bytes:
    found = unpacker.decompress(data, MOST + 1)
    if len(found) <= MOST and (not unpacker.eof or unpacker.unused_data):
        raise Damaged("its data is damaged: it ends too early or too late")
    return found


CODECS: dict[str, Callable[[bytes], bytes]] = {
    "null": lambda data: data,
    "deflate": _deflate,
    "snappy": _snappy,
    "zstandard": _zstandard,
    "bzip2": lambda data: _whole(bz2.BZ2Decompressor(), data),
    "xz": lambda data: _whole(lzma.LZMADecompressor(memlimit=MOST), data),
}
"""The codecs by their names in headers."""
