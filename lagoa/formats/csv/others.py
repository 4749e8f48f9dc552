"""Refuses files that are no CSV, or not in the encoding that the contract gives, by their beginning."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from lagoa.errors import SourceError
from lagoa.formats.csv.blocks import is_utf8
from lagoa.formats.shared.files import BOM
from lagoa.formats.shared.kinds import kind_of_text
from lagoa.formats.shared.utf16 import ENCODINGS as UTF16

if TYPE_CHECKING:
    from lagoa.formats.csv.options import CsvSource
    from lagoa.formats.shared.files import SourceFile


def refuse_other_encoding(head: bytes, source: CsvSource, file: SourceFile) -> None:
    """Refuse a file in UTF-8 if the contract gives a single-byte encoding, in which it would have other letters.

    Raises:
        SourceError: it has a byte order mark of UTF-8, or everything beyond ASCII in its beginning is UTF-8.
    """
    if codecs.lookup(source.encoding).name in {"utf-8", *UTF16}:
        return
    if head.startswith(BOM) or is_utf8(head[: head.rfind(b"\n") + 1] or head):
        message = f"its text is UTF-8, and the contract says {source.encoding}."
        raise SourceError(str(file.path), message, "Write `encoding: utf-8` in `lagoa.source` of the contract.")


def refuse_other_kinds(head: bytes, file: SourceFile) -> None:
    """Refuse a file that is no table.

    Raises:
        SourceError: it is JSON, HTML, records of several kinds or the like.
    """
    if kind := kind_of_text(head):
        raise SourceError(str(file.path), f"it is {kind[0]}, not a CSV file.", kind[1])
