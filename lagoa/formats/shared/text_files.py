"""The beginning of a text file, and its encoding."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from typing import IO, TYPE_CHECKING

from lagoa.errors import SourceError
from lagoa.formats.shared.files import BOM, READ_ERRORS, kind_of
from lagoa.formats.shared.kinds import kind_of_text
from lagoa.formats.shared.utf16 import ENCODINGS, Utf16Stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.formats.shared.files import SourceFile

HEAD = 4 * 1024 * 1024
"""Bytes at the beginning that are examined."""

_CHUNK = 1024 * 1024
_LONGEST = 16 * _CHUNK
_ENCODINGS = ("utf-8", "cp1252")
OLD_ENCODINGS = ("cp850", "mac_roman")
"""Encodings of DOS and of old Macintosh, which are told by the letters in words."""

_IN_WORDS = re.compile(rb"(?<=[A-Za-z])[\x80-\xff](?=([A-Za-z]))")
_LETTERS = frozenset("áàâãéêíóôõúüçÁÀÂÃÉÊÍÓÔÕÚÜÇ")
_ANY_LETTERS = _LETTERS | frozenset("äèëìîïòöùûñåæøðþßýÿœšžÄÈËÌÎÏÒÖÙÛÑÅÆØÐÞÝŸŒŠŽ")
_FEW_LETTERS, _ALL_LETTERS = 0.8, 0.95
_SEEN = 2_000
_FEW_NULS, _MANY_NULS = 0.05, 0.35


def open_text(file: SourceFile, encoding: str) -> IO[bytes] | Utf16Stream:
    """Open a text file; one in UTF-16 is read as UTF-8."""
    name = codecs.lookup(encoding).name
    return Utf16Stream(file.open(), name, file) if name in ENCODINGS else file.open()


def read_beginning(file: SourceFile, encoding: str) -> bytes:
    """Return the first `HEAD` bytes of a text file, in UTF-8 if its encoding is UTF-16.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        with open_text(file, encoding) as stream:
            return stream.read(HEAD)
    except READ_ERRORS as error:
        raise file.unreadable(error) from error


def read_head(file: SourceFile, form: str, encoding: str = "utf-8") -> bytes:
    """Return the beginning of a text file, in UTF-8 if its encoding is UTF-16.

    Raises:
        SourceError: it is empty, binary or, for CSV, no table.
    """
    head = read_beginning(file, encoding)
    if not head.removeprefix(BOM).strip():
        raise SourceError(str(file.path), "it is empty.", "Check what wrote it.")
    found = kind_of(head) or (kind_of_text(head) if form == "CSV" else None)
    if found:
        raise SourceError(str(file.path), f"it is {found[0]}, not a {form} file.", found[1])
    if head.count(b"\0") > len(head) * _FEW_NULS:
        raise SourceError(str(file.path), f"it is binary, not a {form} file.", "Convert it to CSV, JSON or Parquet.")
    return head


def find_encoding(file: SourceFile) -> str:
    """Return the encoding that most lines with other bytes than ASCII are written in.

    A line that is wrongly encoded is a fault of its record: it says nothing about the others. A byte order mark of
    UTF-8 says what the whole file is meant to be. Of two encodings with one byte per character, letters in words tell.
    """
    fits = dict.fromkeys(_ENCODINGS, 0)
    others = 0
    seen: list[bytes] = []
    for lines in _lines_not_ascii(file):
        if not others and lines[0].startswith(BOM):
            return "utf-8"
        others += len(lines)
        seen += lines[: _SEEN - len(seen)]
        for encoding in _ENCODINGS:
            fits[encoding] += _decodable(lines, encoding)
    if fits["utf-8"] * 2 >= others:
        return "utf-8"
    return _old_encoding(seen) or ("cp1252" if fits["cp1252"] * 2 >= others else "latin-1")


def _old_encoding(lines: list[bytes]) -> str | None:
    """Return the encoding of DOS or of old Macintosh in which words have letters of Portuguese.

    In cp1252 such words have signs inside, or capital letters (`A‡Æo` is `Ação` in cp850).
    """
    found = Counter((match[0], match[1].isupper()) for line in lines for match in _IN_WORDS.finditer(line))

    def share(encoding: str, letters: frozenset[str]) -> float:
        decoded = ((bytes_.decode(encoding, "replace"), upper, count) for (bytes_, upper), count in found.items())
        return sum(count for text, upper, count in decoded if text in letters and text.isupper() == upper) / total

    total = found.total()
    if not total or share("cp1252", _ANY_LETTERS) > _FEW_LETTERS:
        return None
    best = max(OLD_ENCODINGS, key=lambda encoding: share(encoding, _LETTERS))
    return best if share(best, _LETTERS) > _ALL_LETTERS else None


def find_utf16(file: SourceFile) -> str | None:
    """Return which UTF-16 a file is in: by its byte order mark, or by a NUL in every other byte; None if it is not."""
    try:
        with file.open() as stream:
            head = stream.read(_CHUNK)
    except READ_ERRORS as error:
        raise file.unreadable(error) from error
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    nuls = [head[place::2].count(0) for place in (0, 1)]
    if max(nuls) < len(head) * _MANY_NULS or min(nuls) > len(head) * _FEW_NULS:
        return None
    return "utf-16-be" if nuls[0] > nuls[1] else "utf-16-le"


def _lines_not_ascii(file: SourceFile) -> Iterator[list[bytes]]:
    """Yield the lines that have other bytes than ASCII, those of a block together."""
    rest = b""
    try:
        with file.open() as stream:
            while chunk := stream.read(_CHUNK):
                whole, end, rest = (rest + chunk).rpartition(b"\n")
                if not end and len(rest) < _LONGEST:
                    continue
                block, rest = (whole, rest) if end else (rest, b"")
                if lines := _not_ascii(block):
                    yield lines
    except READ_ERRORS as error:
        raise file.unreadable(error) from error
    if lines := _not_ascii(rest):
        yield lines


def _not_ascii(block: bytes) -> list[bytes]:
    return [] if block.isascii() else [line for line in block.splitlines() if not line.isascii()]


def _decodable(lines: list[bytes], encoding: str) -> int:
    """Return how many of the lines an encoding can decode; usually all or none, so all are tried together first."""
    try:
        b"\n".join(lines).decode(encoding)
    except UnicodeDecodeError:
        if len(lines) == 1:
            return 0
        half = len(lines) // 2
        return _decodable(lines[:half], encoding) + _decodable(lines[half:], encoding)
    return len(lines)
