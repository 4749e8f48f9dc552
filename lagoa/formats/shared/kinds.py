"""Recognises files that are text and yet no table: what a file is, by its beginning, and what can be done with it.

Only forms that a table does not have by chance are recognised, so that no table is mistaken for something else.
"""

from __future__ import annotations

import json
import re

from lagoa.formats.shared.files import BOM

Kind = tuple[str, str]
"""What a file is, and what to do with it."""

_LINES = 1_000
_WIDE = 20
"""Lines of equal length that are shorter may be a column of codes."""

_CONVERT = "Convert it to CSV with the program that knows it, and load that."
_HTML: Kind = (
    "an HTML page",
    "Look at it in a browser: it may be an error page or a login. Get the data itself, and fetch it again.",
)
_XML: Kind = (
    "an XML document",
    "Write `format: xml` and the `record` path in `lagoa.source`; let its name end in .xml.",
)
_JSON: Kind = (
    "JSON",
    "Give it a name that ends in .json, or in .jsonl for one object per line; the contract's format is json or jsonl.",
)
_SPED: Kind = (
    "a SPED file, whose records are of several kinds",
    "Each kind is a table of its own: cut out its lines, as by `grep '^|C100|'`, and load them with `delimiter: '|'`.",
)
_OFX: Kind = ("an OFX file, a bank's statement", _CONVERT)
_CNAB: Kind = ("a CNAB file of fixed widths, whose records are of several kinds", _CONVERT)
_DBF: Kind = ("a dBASE table (.dbf, or .dbc of DATASUS)", _CONVERT)
_UTF16: Kind = ("a text in UTF-16 without a byte order mark", "Write `encoding: utf-16-le` or `utf-16-be`.")
_RTF: Kind = ("an RTF document", "Get the data as CSV or Parquet.")

_BEGINNINGS: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (re.compile(r"(?i)ofxheader\s*:|(<\?xml[^>]*>\s*)?<\?ofx|<ofx>"), _OFX),
    (
        re.compile(r"(?is)(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body|table|script|meta)\b"),
        _HTML,
    ),
    (re.compile(r"<\?xml\b|<!DOCTYPE\b|<[A-Za-z_][\w:.-]*(\s[^<>]*)?>\s*<"), _XML),
    (re.compile(r"\{\\rtf"), _RTF),
    (re.compile(r"\|0000\|[^\r\n]*\|[\r\n]"), _SPED),
    (re.compile(r'\{\s*"(?:[^"\\]|\\.)*"\s*:|\[\s*(\{\s*["}]|\[)'), _JSON),
)
_HEADS_OF_CNAB = {240: re.compile(r"\d{3}00000 {9}"), 400: re.compile(r"0(1REMESSA|2RETORNO)")}
_VERSIONS_OF_DBF = frozenset(b"\x02\x03\x30\x31\x32\x43\x63\x83\x8b\x8e\xcb\xf5\xfb")


def kind_of_text(head: bytes) -> Kind | None:
    """Return what a file without a binary signature is, other than a table; None if its beginning does not show it."""
    if _is_dbf(head):
        return _DBF
    if len(head) > _WIDE and any(head[:200]) and (not any(head[0:200:2]) or not any(head[1:200:2])):
        return _UTF16
    text = head.removeprefix(BOM).decode("latin-1").lstrip()
    found = next((kind for pattern, kind in _BEGINNINGS if pattern.match(text)), None)
    if found or not text.startswith(("{", "[")):
        return found or (_CNAB if _is_cnab(text) else None)
    try:
        json.loads(text.split("\n", 1)[0])
    except ValueError:
        return None
    return _JSON


def fixed_width(head: bytes, delimiters: str) -> int | None:
    """Return the length of a file's lines if they are all equal and padded with spaces, and no line has a delimiter."""
    text = head.removeprefix(BOM).decode("latin-1")
    lines = [line for line in re.findall(r"([^\r\n]*)(?:\r\n|\n|\r)", text)[:_LINES] if line]
    lengths = {len(line) for line in lines}
    if len(lines) < 3 or len(lengths) != 1 or min(lengths) < _WIDE:  # noqa: PLR2004 - two may be equal by chance
        return None
    padded = sum("  " in line for line in lines) * 2 > len(lines)
    return min(lengths) if padded and not any(mark in line for line in lines for mark in delimiters) else None


def _is_cnab(text: str) -> bool:
    lines = re.split(r"\r\n|\n|\r", text, maxsplit=3)[:2]
    length = len(lines[0])
    head = _HEADS_OF_CNAB.get(length)
    return bool(head and head.match(lines[0]) and len(lines[-1]) == length)


def _is_dbf(head: bytes) -> bool:
    """Return whether a file begins with a version and a date of dBASE, and the length of its header fits."""
    if len(head) < 32 or head[0] not in _VERSIONS_OF_DBF or not (1 <= head[2] <= 12 and 1 <= head[3] <= 31):  # noqa: PLR2004
        return False
    length = int.from_bytes(head[8:10], "little")
    return length > 32 and length % 32 in {1, 8, 0} and b"\0" in head[10:32]  # noqa: PLR2004 - 263 bytes more in FoxPro
