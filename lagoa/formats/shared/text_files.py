"""The beginning of a text file, and its encoding."""

from __future__ import annotations

import codecs
from typing import IO, TYPE_CHECKING

from lagoa.errors import SourceError
from lagoa.formats.shared.files import BOM, READ_ERRORS, kind_of
from lagoa.formats.shared.kinds import kind_of_text
from lagoa.formats.shared.utf16 import ENCODINGS, Utf16Stream

if TYPE_CHECKING:
    from lagoa.formats.shared.files import SourceFile

HEAD = 4 * 1024 * 1024
"""Bytes at the beginning that are examined."""

_CHUNK = 1024 * 1024


def open_text(file: SourceFile, encoding: str) -> IO[bytes] | Utf16Stream:
    """Open a text file; one in UTF-16 is read as UTF-8."""
    name = codecs.lookup(encoding).name
    return Utf16Stream(file.open(), name, file) if name in ENCODINGS else file.open()


def read_head(file: SourceFile, form: str) -> bytes:
    """Return the beginning of a text file; raises `SourceError` if it is empty, binary or, for CSV, no table."""
    try:
        with file.open() as stream:
            head = stream.read(HEAD)
    except READ_ERRORS as error:
        raise file.unreadable(error) from error
    if not head.removeprefix(BOM).strip():
        raise SourceError(str(file.path), "it is empty.", "Check what wrote it.")
    found = kind_of(head) or (kind_of_text(head) if form == "CSV" else None)
    if found:
        raise SourceError(str(file.path), f"it is {found[0]}, not a {form} file.", found[1])
    if b"\0" in head:
        raise SourceError(
            str(file.path), f"it is binary, not a {form} file.", "Lagoa reads CSV, JSON and Parquet: convert it."
        )
    return head


def find_encoding(file: SourceFile) -> str:
    """Return the first encoding that can decode the whole file."""
    for encoding in ("utf-8", "cp1252"):
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            with file.open() as stream:
                while chunk := stream.read(_CHUNK):
                    decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        except READ_ERRORS as error:
            raise file.unreadable(error) from error
        return encoding
    return "latin-1"
