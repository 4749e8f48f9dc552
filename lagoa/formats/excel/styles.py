"""Which numbers of a sheet are dates, times or durations: Excel says it by the form in which they are shown."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

from lagoa.formats.excel.parts import Handler, read_all, whole

if TYPE_CHECKING:
    from lagoa.formats.shared.zip_member import Member

_HIDDEN = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?![hms]+\])[^\]]*\]', re.IGNORECASE)
_ELAPSED = re.compile(r"\[[hms]+\]", re.IGNORECASE)


class Shown(Enum):
    """What a number is shown as."""

    NUMBER = "number"
    DATE = "date"
    MOMENT = "moment"
    TIME = "time"
    DURATION = "duration"


_BUILT_IN = {
    **dict.fromkeys((14, 15, 16, 17, *range(27, 32), 36, *range(50, 55), 57, 58), Shown.DATE),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 34, 35, 45, 47, 55, 56), Shown.TIME),
    22: Shown.MOMENT,
    46: Shown.DURATION,
}


def shown_as(code: str) -> Shown:
    """Return what a form such as `dd/mm/yyyy` shows a number as."""
    code = code.split(";", 1)[0]
    if code.strip().lower() == "general":
        return Shown.NUMBER
    plain = _HIDDEN.sub("", code).lower()
    if _ELAPSED.search(plain):
        return Shown.DURATION
    plain = plain.replace("am/pm", "h").replace("a/p", "h")
    time = "h" in plain or "s" in plain
    date = "y" in plain or "d" in plain or ("m" in plain and not time)
    if date:
        return Shown.MOMENT if time else Shown.DATE
    return Shown.TIME if time else Shown.NUMBER


def read_styles(member: Member | None) -> list[Shown]:
    """Return what the numbers of each style of cells are shown as."""
    if member is None:
        return []
    found = _Styles()
    read_all(member, found)
    return [found.forms.get(number) or _BUILT_IN.get(number, Shown.NUMBER) for number in found.cells]


class _Styles(Handler):
    def __init__(self) -> None:
        self.forms: dict[int, Shown] = {}
        self.cells: list[int] = []
        self._inside = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """See a form, or the style of cells that has one."""
        if name == "numFmt":
            self.forms[whole(attributes.get("numFmtId"))] = shown_as(attributes.get("formatCode", ""))
        elif name == "cellXfs":
            self._inside = True
        elif name == "xf" and self._inside:
            self.cells.append(whole(attributes.get("numFmtId")))

    def end(self, name: str) -> None:
        """See the end of the styles of cells."""
        if name == "cellXfs":
            self._inside = False
