"""Completes what is known about a CSV file after the pass over it: footer, decimal mark, dates, refused records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lagoa.contracts.sources import ISO_DATE
from lagoa.formats.csv.footer import is_total
from lagoa.formats.shared.number_forms import OTHER_MARK
from lagoa.formats.shared.text_columns import Usual, guess_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.formats.csv.options import CsvSource
    from lagoa.formats.shared.given import Findings, Given
    from lagoa.formats.shared.guesses import Guess
    from lagoa.formats.shared.scan import Scan


def complete(source: CsvSource, guesses: Sequence[Guess], scan: Scan, given: Given, findings: Findings) -> CsvSource:
    """Complete the guesses of all columns; return the form with how their values are written."""
    decimal: Literal["", ".", ","] = given.decimal or OTHER_MARK.get(given.thousands or "") or ""
    usual = Usual(source.delimiter, decimal, given.date or ISO_DATE, by_column=True)
    doubts = guess_columns(guesses, scan.columns, usual)
    footer = given.footer or (scan.footers[0] if len(set(scan.footers)) == 1 else 0)
    _note_footer(scan, findings)
    _note_total(scan, findings, footer)
    _note_filled_footer(scan, findings)
    findings.notes += scan.refusals()
    findings.notes += doubts
    return source.model_copy(update={"decimal": usual.mark, "date": usual.date, "footer": footer})


def _note_footer(scan: Scan, findings: Findings) -> None:
    if not any(scan.footers):
        return
    if set(scan.footers) == {1}:
        findings.notes.append(
            "the last record is no data, but a total or note: it is left out; without footer it is read as a record"
        )
    elif len(set(scan.footers)) == 1:
        findings.notes.append(
            f"the last {scan.footers[0]} records are no data, but totals or notes: they are left out; "
            "without footer they are read as records"
        )
    else:
        counts = ", ".join(map(str, scan.footers))
        findings.notes.append(f"the files end with different numbers of records that are no data: {counts}")


def _note_total(scan: Scan, findings: Findings, footer: int) -> None:
    """Note that the last record of a file is complete as all others, and has a word for a total."""
    for last in scan.ends:
        if total := next((value for value in last.values if value and is_total(value)), None):
            findings.notes.append(
                f"the last record has {total!r} (line @{last.place}@) and is read as the others: if it is no data, "
                f"write footer: {footer + 1}"
            )
            return


def _note_filled_footer(scan: Scan, findings: Findings) -> None:
    """Note that a record which the given footer leaves out is like those before it; no reading found it bad."""
    if scan.rules.pop("footer", 0):
        findings.notes.append(
            "among the records that footer leaves out is one as those before it: it goes to quarantine if all of its "
            "values are of their columns' types"
        )
        scan.refused = [each for each in scan.refused if each.rule != "footer"]
