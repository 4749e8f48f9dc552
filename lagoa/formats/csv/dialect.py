"""How the fields of a CSV record are separated: a dialect, and the patterns over bytes that follow from it."""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from lagoa.errors import SourceError
from lagoa.formats.shared.utf16 import ENCODINGS as UTF16

if TYPE_CHECKING:
    from lagoa.formats.csv.options import CsvSource

MAX_RECORD = 16 * 1024 * 1024
"""Bytes within which an opened quote must be closed, so that memory stays bounded."""

_UTF8 = "utf-8"
_END = rb"(?:\r\n|\n|\r)"
_SEPARATOR = re.compile(r'\s*"?sep=([^\r\n])"?\s*', re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """How the fields of a record are separated.

    Attributes:
        delimiter: one ASCII character.
        quote: one ASCII character, or None if quotes have no meaning.
        escape: one ASCII character that makes the next one literal; None if a quote is doubled instead.
        encoding: UTF-8, or a codec with one byte per character.
        fields: number of fields of a record.
        longest: bytes within which an opened quote must be closed.
    """

    delimiter: bytes
    quote: bytes | None
    escape: bytes | None
    encoding: str
    fields: int
    longest: int = MAX_RECORD

    @property
    def keeps_empty_lines(self) -> bool:
        """Whether an empty line is a record with one empty field."""
        return self.fields == 1

    @cached_property
    def grammar(self) -> Grammar:
        """The patterns that `split` uses."""
        return Grammar(self)

    @cached_property
    def _escapes(self) -> re.Pattern[bytes]:
        escape = re.escape(self.escape or b"")
        special = escape + re.escape((self.quote or b"") + self.delimiter)
        return re.compile(rb"(%s[%s\r\n])|%s" % (escape, special, escape))

    def with_plain_escapes(self, text: bytes) -> bytes:
        r"""Return a text whose escape characters are doubled where they escape nothing.

        A parser would drop them there: MySQL's `\N` would become `N`, and `C:\novo` of Spark `C:novo`.
        """
        if not self.escape or self.escape not in text:
            return text
        return self._escapes.sub(lambda found: found[1] or found[0] * 2, text)


class Grammar:
    """A dialect as patterns over bytes; possessive throughout, so that no input makes them backtrack."""

    def __init__(self, dialect: Dialect) -> None:
        delimiter = re.escape(dialect.delimiter)
        quote = re.escape(dialect.quote or b"")
        escape = re.escape(dialect.escape or b"")
        plain = rb"[^%s\r\n]" % (delimiter + quote + escape)
        inside = rb"[^%s]*+(?:%s[^%s]*+)*+" % (quote, quote * 2, quote)
        escaped = rb"%s." % escape
        if escape:
            plain = rb"(?:%s|%s)" % (plain, escaped)
            inside = rb"(?:[^%s]|%s)*+" % (quote + escape, escaped)
        quoted = rb"%s%s%s" % (quote, inside, quote)
        field = rb"(?>%s|%s*+)" % (quoted, plain) if quote else plain + b"*+"
        more = rb"(?:%s%s)" % (delimiter, field)
        skipped = b"|".join(([quoted] if quote else []) + ([escaped] if escape else []) + [b"(%s)" % delimiter])
        self.readable = re.compile(rb"%s%s{%d}+%s" % (field, more, dialect.fields - 1, _END), re.DOTALL)
        self.whole = re.compile(rb"%s%s*+%s" % (field, more, _END), re.DOTALL)
        self.sound = re.compile(rb"(?:%s%s)*+" % (field, delimiter), re.DOTALL)
        self.opened = re.compile(quote + inside, re.DOTALL) if quote else None
        self.plain = re.compile(plain + b"*+", re.DOTALL)
        self.delimiters = re.compile(skipped, re.DOTALL)
        self.line = re.compile(rb"[^\r\n]*+" + _END)
        self._delimiter = dialect.delimiter
        self._marks = [mark for mark in (dialect.quote, dialect.escape) if mark]

    def fields(self, record: bytes) -> int:
        """Return the number of fields of a record with correct quoting."""
        if not any(mark in record for mark in self._marks):
            return 1 + record.count(self._delimiter)
        return 1 + sum(1 for match in self.delimiters.finditer(record) if match[1])


def fields_in(record: str, dialect: Dialect, *, strict: bool = False) -> list[str]:
    """Return the fields of one record.

    Raises:
        csv.Error: a field is too long, or with `strict` its quoting is broken.
    """
    if dialect.escape:
        record = dialect.with_plain_escapes(record.encode()).decode()
    reader = csv.reader(
        [record],
        delimiter=dialect.delimiter.decode(),
        quotechar=dialect.quote.decode() if dialect.quote else None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        escapechar=dialect.escape.decode() if dialect.escape else None,
        doublequote=dialect.escape is None,
        strict=strict,
    )
    return next(reader, [])


def separator_line(line: str) -> str | None:
    """Return the delimiter that Excel's first line `sep=;` names; None if it is no such line."""
    found = _SEPARATOR.fullmatch(line)
    return found[1] if found else None


def dialect_of(source: CsvSource, fields: int, file: str) -> Dialect:
    """Return the dialect that a contract gives.

    Raises:
        SourceError: an encoding or a character that Lagoa does not support.
    """
    try:
        encoding = codecs.lookup(source.encoding).name
        encoding = _UTF8 if encoding in UTF16 else encoding  # its files are read as UTF-8
        ascii_bytes = bytes(range(128))
        known = encoding == _UTF8 or (
            ascii_bytes.decode(encoding) == ascii_bytes.decode("ascii")
            and len(bytes(range(128, 256)).decode(encoding, "replace")) == 128  # noqa: PLR2004 - one byte, one character
        )
    except (LookupError, ValueError):
        known = False
    if not known:
        raise SourceError(
            file,
            f"Lagoa does not read the encoding {source.encoding!r}.",
            "It reads utf-8, utf-16 and encodings with one byte per character, such as latin-1 and cp1252; convert the "
            f"file, for example with `iconv -f {source.encoding} -t utf-8`, and write utf-8 in the contract.",
        )
    for name, character in (("delimiter", source.delimiter), ("quote", source.quote), ("escape", source.escape)):
        if character and not character.isascii():
            raise SourceError(file, f"the {name} {character!r} is not an ASCII character.", "Convert the file.")
    quote = source.quote.encode() if source.quote else None
    escape = source.escape.encode() if source.escape and source.escape != source.quote else None
    return Dialect(source.delimiter.encode(), quote, escape, encoding, fields)
