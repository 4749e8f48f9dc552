"""Writes Excel workbooks part by part, so that what no program writes can be in them, too."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
FORMS = ("General", "dd/mm/yyyy", "dd/mm/yyyy hh:mm", "h:mm", "[h]:mm", "0.0%", '"day" 0', "#,##0.00;[Red]-#,##0.00")
"""The forms of numbers by the style of a cell."""

DAY, MOMENT, CLOCK, ELAPSED, PERCENT = 1, 2, 3, 4, 5


def cell(value: object, style: int = 0) -> str:
    """Return a cell: text, a number, true or false, nothing, or XML that begins with `<c`."""
    if value is None:
        return "<c/>"
    if isinstance(value, str) and value.startswith("<c"):
        return value
    if isinstance(value, bool):
        return f'<c t="b"><v>{int(value)}</v></c>'
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
    return f'<c s="{style}"><v>{value!r}</v></c>'


def number(text: str, style: int = 0) -> str:
    """Return a cell with a number as it is written."""
    return f'<c s="{style}"><v>{text}</v></c>'


def error(text: str) -> str:
    """Return a cell with an error."""
    return f'<c t="e"><v>{text}</v></c>'


def sheet_of(rows: Sequence[Sequence[object]], more: str = "", dimension: str = "") -> str:
    """Return the XML of a sheet; a row of None is left out."""
    made = "".join(
        f'<row r="{place}">{"".join(map(cell, row))}</row>' for place, row in enumerate(rows, 1) if row is not None
    )
    return f'<worksheet xmlns="{_MAIN}">{dimension}<sheetData>{made}</sheetData>{more}</worksheet>'


def write(  # noqa: PLR0913 - parts of a workbook
    path: Path,
    rows: Sequence[Sequence[object]] = (),
    *,
    sheets: Mapping[str, str] | None = None,
    hidden: Sequence[str] = (),
    texts: Sequence[str] = (),
    from_1904: bool = False,
    parts: Mapping[str, str | bytes] | None = None,
    more: str = "",
) -> Path:
    """Write a workbook.

    Args:
        path: of the file.
        rows: of its only sheet.
        sheets: in place of `rows`, the XML of sheets by their names.
        hidden: names of hidden sheets.
        texts: the XML of the shared texts.
        from_1904: whether its dates are counted from 1904.
        parts: further parts, or others in place of those that are written.
        more: XML behind the rows.
    """
    sheets = sheets or {"Data": sheet_of(rows, more)}
    entries, relations = [], []
    found: dict[str, str | bytes] = {"[Content_Types].xml": "<Types/>"}
    for place, (name, text) in enumerate(sheets.items(), 1):
        state = ' state="hidden"' if name in hidden else ""
        entries.append(f'<sheet name="{escape(name)}" sheetId="{place}"{state} r:id="rId{place}"/>')
        relations.append(
            f'<Relationship Id="rId{place}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{place}.xml"/>'
        )
        found[f"xl/worksheets/sheet{place}.xml"] = text
    relations.append(f'<Relationship Id="s" Type="{_OFFICE}/styles" Target="/xl/styles.xml"/>')
    relations.append(f'<Relationship Id="t" Type="{_OFFICE}/sharedStrings" Target="sharedStrings.xml"/>')
    forms = "".join(
        f'<numFmt numFmtId="{200 + place}" formatCode="{escape(form, {chr(34): "&quot;"})}"/>'
        for place, form in enumerate(FORMS)
    )
    styles = "".join(f'<xf numFmtId="{200 + place}"/>' for place in range(len(FORMS)))
    found |= {
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="r" Type="{_OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}">{"".join(relations)}</Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><workbookPr date1904="{int(from_1904)}"/>'
        f"<sheets>{''.join(entries)}</sheets></workbook>",
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><numFmts>{forms}</numFmts>'
        '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
        f"<cellXfs>{styles}</cellXfs></styleSheet>",
        "xl/sharedStrings.xml": f'<sst xmlns="{_MAIN}">{"".join(f"<si>{text}</si>" for text in texts)}</sst>',
        **(parts or {}),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in found.items():
            archive.writestr(name, content)
    return path
