"""The bytes of a refused record as text for a person, whatever is wrong with them."""

from __future__ import annotations

import codecs

from lagoa.formats.shared.utf16 import ENCODINGS as UTF16

_CP1252 = "lagoa.cp1252"


def shown(raw: bytes | None, encoding: str) -> str:
    """Return a record's bytes as text: those that are invalid in the encoding as Windows-1252, and a mark that says so.

    Args:
        raw: the bytes as the quarantine keeps them; None is shown as nothing.
        encoding: of the table's files; what was UTF-16 is kept as UTF-8.
    """
    if raw is None:
        return ""
    name = codecs.lookup(encoding).name
    name = "utf-8" if name in UTF16 else name
    try:
        return raw.decode(name)
    except UnicodeDecodeError:
        text = raw.decode(name, _CP1252)
        return f"{text.rstrip()} [not {name}: read as cp1252]"


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "backslashreplace"), error.end


codecs.register_error(_CP1252, _as_cp1252)
