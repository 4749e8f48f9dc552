"""Turns places in files into the numbers of their lines, as editors show them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lagoa.formats.shared.files import READ_ERRORS
from lagoa.formats.shared.scan import place_of
from lagoa.formats.shared.text_files import open_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.formats.shared.files import SourceFile

_PLACE = re.compile(r"@(\d+)@")
_CHUNK = 1024 * 1024


def with_lines(text: str, files: Sequence[SourceFile], encoding: str | None) -> str:
    """Return a text in which each place between `@` is the number of its line, and its file if there are several.

    Args:
        text: the text.
        files: the files.
        encoding: of the files; None if places are the numbers of rows already.

    Raises:
        SourceError: a file cannot be read.
    """
    places = {int(found) for found in _PLACE.findall(text)}
    names: dict[int, str] = {}
    for number, file in enumerate(files):
        own = sorted(place for place in places if place_of(place)[0] == number)
        offsets = [place_of(each)[1] for each in own]
        for place, line in zip(own, _lines(file, encoding, offsets) if encoding else offsets, strict=True):
            names[place] = f"{line:,}" if len(files) == 1 else f"{line:,} of {file.name}"
    return _PLACE.sub(lambda found: names[int(found[1])], text)


def _lines(file: SourceFile, encoding: str, offsets: Sequence[int]) -> list[int]:
    """Return the line in which each of some bytes is; they are in order."""
    found: list[int] = []
    line, begin = 1, 0
    try:
        with open_text(file, encoding) as stream:
            while len(found) < len(offsets):
                chunk = stream.read(_CHUNK)
                while len(found) < len(offsets) and offsets[len(found)] <= begin + len(chunk):
                    found.append(line + _ends(chunk[: offsets[len(found)] - begin]))
                if not chunk:
                    break
                line, begin = line + _ends(chunk), begin + len(chunk)
    except READ_ERRORS as error:
        raise file.unreadable(error) from error
    return found


def _ends(data: bytes) -> int:
    return data.count(b"\n") or data.count(b"\r")
