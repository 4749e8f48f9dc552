"""A workbook: which files are none that is read, its sheets, and what their cells refer to."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from lagoa.domain.lists import listed
from lagoa.domain.suggestions import did_you_mean
from lagoa.errors import SourceError
from lagoa.formats.excel.cells import Bad, text_of
from lagoa.formats.excel.parts import Handler, attribute, read_all
from lagoa.formats.excel.styles import read_styles
from lagoa.formats.shared.files import OLD_OFFICE_MAGIC, READ_ERRORS, ZIP_MAGIC, begins_with, kind_of
from lagoa.formats.shared.zip_files import members_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lagoa.formats.excel.styles import Shown
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.zip_member import Member

_TYPES, _RELS = "[Content_Types].xml", "_rels/.rels"
_MACROS = ("vbaProject.bin", "/macrosheets/")
_TEXTS = 512 * 2**20
_SAVE = "Open it in Excel or LibreOffice, and save it as .xlsx."
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_LOOKED_AT = 64 * 2**20


class Sheet(NamedTuple):
    """A sheet: its name, whether it is hidden, and the part that has its cells."""

    name: str
    is_hidden: bool
    part: str


@dataclass(frozen=True)
class Workbook:
    """An Excel workbook.

    Attributes:
        sheets: in order.
        from_1904: whether its dates are days since 1904-01-01.
        shown: what the numbers of each style are shown as.
        texts: the texts that cells refer to.
    """

    path: str
    sheets: list[Sheet]
    from_1904: bool
    shown: list[Shown]
    texts: list[str | Bad | None]
    members: Mapping[str, Member] = field(repr=False)

    def sheet(self, name: str | None) -> Sheet:
        """Return a sheet by its name, or the only one that is not hidden.

        Raises:
            SourceError: there is none of that name; or none is given, and there are several.
        """
        visible = [each for each in self.sheets if not each.is_hidden]
        names = listed([repr(each.name) for each in self.sheets]) or "none"
        if name is None:
            if len(visible) == 1:
                return self._with_cells(visible[0])
            message = f"it has {len(visible)} sheets that are not hidden; all its sheets are {names}."
            raise SourceError(self.path, message, "Name one: `sheet: NAME` in `lagoa.source`, or --sheet NAME.")
        found = next((each for each in self.sheets if each.name == name), None)
        if found is None:
            hint = did_you_mean(name, [each.name for each in self.sheets])
            message = f"it has no sheet {name!r}; it has {names}.{hint}"
            raise SourceError(self.path, message, "Correct `sheet` in `lagoa.source`, or --sheet.")
        return self._with_cells(found)

    def _with_cells(self, sheet: Sheet) -> Sheet:
        if sheet.part not in self.members or "/worksheets/" not in f"/{sheet.part}":
            message = f"the sheet {sheet.name!r} has no cells: it is a chart or a dialog."
            raise SourceError(self.path, message, "Name another one.")
        return sheet


def open_workbook(file: SourceFile) -> Workbook:
    """Return the workbook that a file is.

    Raises:
        SourceError: it is none, is encrypted, has macros, or is of a kind that is not read; or it is damaged.
    """
    path = str(file.path)
    if file.is_packed:
        raise SourceError(path, "an Excel workbook is not read from a compressed file.", "Unpack it first.")
    _refuse_others(file)
    try:
        members = members_of(file.path)
        _refuse_kinds(path, members)
        main = _target(members, _RELS, "", "/officeDocument") or "xl/workbook.xml"
        if main not in members:
            raise SourceError(path, "it is a zip file without a workbook in it.", "Check what wrote it.")
        base = posixpath.dirname(main)
        rels = f"{base}/_rels/{posixpath.basename(main)}.rels"
        book = _Book(_relations(members, rels, base))
        read_all(members[main], book)
        strings = _target(members, rels, base, "/sharedStrings")
        texts = _Texts()
        if strings in members:
            read_all(members[strings], texts, most=_TEXTS)
        styles = _target(members, rels, base, "/styles")
        shown = read_styles(members.get(styles or ""))
    except READ_ERRORS as error:
        raise file.unreadable(error) from error
    return Workbook(path, book.sheets, book.from_1904, shown, texts.found, members)


def _refuse_others(file: SourceFile) -> None:
    """Raise `SourceError` for files that are no zip files: old workbooks, encrypted ones, and others."""
    path = str(file.path)
    if begins_with(file, ZIP_MAGIC):
        return
    try:
        with file.path.open("rb") as stream:
            head = stream.read(_LOOKED_AT)
    except OSError as error:
        raise file.unreadable(error) from error
    if head.startswith(OLD_OFFICE_MAGIC):
        if _ENCRYPTED in head:
            message = "it is an encrypted workbook: it opens with a password."
            raise SourceError(path, message, "Take the password off in Excel (File, Info, Protect), and save it.")
        raise SourceError(path, "it is a workbook of the old kind (.xls).", _SAVE)
    found = kind_of(head)
    if found:
        raise SourceError(path, f"it is {found[0]}, not an Excel workbook.", found[1])
    advice = "Check what wrote it, or write its format in the contract's `lagoa.source`."
    raise SourceError(path, "it is not an Excel workbook.", advice)


def _refuse_kinds(path: str, members: Mapping[str, Member]) -> None:
    """Raise `SourceError` for workbooks of kinds that are not read."""
    if any(name.endswith(".bin") and name.startswith("xl/workbook") for name in members):
        raise SourceError(path, "it is a binary workbook (.xlsb).", _SAVE)
    if any(mark in f"/{name}" for name in members for mark in _MACROS):
        message = "it is a workbook with macros (.xlsm), which are programs."
        raise SourceError(path, message, "Save it as .xlsx, which leaves them out.")
    if _TYPES not in members:
        if "mimetype" in members:
            raise SourceError(path, "it is an OpenDocument file (.ods).", _SAVE)
        raise SourceError(path, "it is a zip file without a workbook in it.", "Check what wrote it.")


class _Relations(Handler):
    def __init__(self, base: str) -> None:
        self.found: dict[str, str] = {}
        self.kinds: dict[str, str] = {}
        self._base = base

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """See a relation of a part to another one."""
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            target = attributes.get("Target", "")
            part = (
                target.lstrip("/")
                if target.startswith("/")
                else posixpath.normpath(f"{self._base}/{target}").lstrip("/")
            )
            self.found[attributes.get("Id", "")] = part
            self.kinds.setdefault(attributes.get("Type", "").rpartition("/")[2], part)


def _relations(members: Mapping[str, Member], part: str, base: str) -> dict[str, str]:
    found = _Relations(base)
    if part in members:
        read_all(members[part], found)
    return found.found


def _target(members: Mapping[str, Member], part: str, base: str, kind: str) -> str:
    """Return the part to which another one has a relation of a kind; empty if there is none."""
    found = _Relations(base)
    if part in members:
        read_all(members[part], found)
    return found.kinds.get(kind.lstrip("/"), "")


class _Book(Handler):
    def __init__(self, relations: Mapping[str, str]) -> None:
        self.sheets: list[Sheet] = []
        self.from_1904 = False
        self._relations = relations

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """See a sheet, or how dates are counted."""
        if name == "sheet":
            part = self._relations.get(attribute(attributes, "id") or "", "")
            hidden = attributes.get("state", "visible") != "visible"
            self.sheets.append(Sheet(attributes.get("name", ""), hidden, part))
        elif name == "workbookPr":
            self.from_1904 = attributes.get("date1904", "0") in {"1", "true", "on"}


class _Texts(Handler):
    """The texts of a workbook, those in several fonts put together, without the readings that are shown above them."""

    def __init__(self) -> None:
        self.found: list[str | Bad | None] = []
        self._parts: list[str] = []
        self._taken = False
        self._above = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """See a text, or a part of one."""
        del attributes
        if name == "si":
            self._parts = []
        elif name == "rPh":
            self._above += 1
        self._taken = name == "t" and not self._above

    def end(self, name: str) -> None:
        """See the end of a text."""
        self._taken = False
        if name == "rPh":
            self._above -= 1
        elif name == "si":
            self.found.append(text_of("".join(self._parts)))

    def text(self, data: str) -> None:
        """See a part of a text."""
        if self._taken:
            self._parts.append(data)
