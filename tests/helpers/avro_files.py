"""Writes Avro files byte by byte, so that what no library writes can be in them, too."""

from __future__ import annotations

import bz2
import json
import lzma
import zlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from pathlib import Path

MARKER = b"0123456789abcdef"


def long(number: int) -> bytes:
    """Return a number as Avro writes it."""
    rest = (number << 1) ^ (number >> 63)
    found = bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*found, rest])


def text(value: str | bytes) -> bytes:
    """Return text, or bytes, as Avro writes it."""
    data = value.encode() if isinstance(value, str) else value
    return long(len(data)) + data


def header(schema: Any, codec: str = "null") -> bytes:
    """Return the header of a file."""
    known = {"avro.schema": json.dumps(schema), "avro.codec": codec}
    entries = b"".join(text(key) + text(value) for key, value in known.items())
    return b"Obj\x01" + long(len(known)) + entries + long(0) + MARKER


def block(records: list[bytes], codec: str = "null", *, count: int | None = None, marker: bytes = MARKER) -> bytes:
    """Return a block of records; `count` is what it says about their number."""
    data = _PACKED[codec](b"".join(records))
    return long(len(records) if count is None else count) + long(len(data)) + data + marker


def one_field(kind: Any) -> dict[str, Any]:
    """Return the schema of records of one field `v`."""
    return {"type": "record", "name": "r", "fields": [{"name": "v", "type": kind}]}


def write(path: Path, kind: Any, values: list[bytes], codec: str = "null") -> Path:
    """Write a file of records of one field `v`, two in a block."""
    pairs = [values[place : place + 2] for place in range(0, len(values), 2)]
    path.write_bytes(header(one_field(kind), codec) + b"".join(block(pair, codec) for pair in pairs))
    return path


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


_PACKED = {
    "null": bytes,
    "deflate": _deflated,
    "snappy": lambda data: pa.Codec("snappy").compress(data, asbytes=True) + zlib.crc32(data).to_bytes(4, "big"),
    "zstandard": lambda data: pa.Codec("zstd").compress(data, asbytes=True),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
