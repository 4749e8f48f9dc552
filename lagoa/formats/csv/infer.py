"""Determines the form of a CSV file: encoding, lines before the table, delimiter, quotes, header."""

from __future__ import annotations

import codecs
import csv
import json
import re
from typing import TYPE_CHECKING

from lagoa.contracts.sources import ISO_DATE
from lagoa.errors import SourceError
from lagoa.formats.csv.delimiter import DELIMITERS, RARE, Trial, candidates, find_dialect
from lagoa.formats.csv.dialect import separator_line
from lagoa.formats.csv.first_record import Header, find_header, is_value
from lagoa.formats.csv.names import Names
from lagoa.formats.csv.options import CsvSource
from lagoa.formats.csv.sample import fields_of, rows_of
from lagoa.formats.shared.files import BOM
from lagoa.formats.shared.guesses import Guess
from lagoa.formats.shared.kinds import fixed_width
from lagoa.formats.shared.text_files import HEAD, OLD_ENCODINGS, find_encoding, find_utf16, read_head
from lagoa.formats.shared.utf16 import ENCODINGS as UTF16

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.given import Findings, Given

_UTF8 = "utf-8"
_SPACED = re.compile(rb'[;,\t|] +"')
_WORD = re.compile(r"[^\W\d_]*[^\W\d_\x00-\x7f][^\W\d_]*")
_BY_HAND = "Write the contract by hand: docs/contracts.md says how."
_SAMPLE = 1024 * 1024
_TITLES = 50
_NEARLY_ALL = 0.95
_SHOWN = 5


def infer_csv(file: SourceFile, given: Given, findings: Findings) -> tuple[CsvSource, list[Guess]]:
    """Return the form of a CSV file, and its columns, named as in the header; without one column_1 and so on.

    Raises:
        SourceError: it is empty or binary, it has another form than CSV, or its table has no header that can be read.
    """
    encoding, data = _sample(file, given, findings)
    first = data.decode("utf-8", "replace").lstrip("\ufeff")
    try:
        skip, trial = _table(file, data, first, given, findings)
        trial, header = _find_header(trial, given)
    except csv.Error as error:
        message = f"a field of its first lines cannot be read: {error}."
        raise SourceError(str(file.path), message, _BY_HAND) from error
    record = trial.records[trial.start]
    fields = fields_of(record, trial.marks)
    before, skip = skip, skip + record.line - 1
    findings.tried.append(f"header: {_in_yaml(header.found)}, since {header.why}")
    if skip and given.skip is None:
        verb = "are" if skip > 1 else "is"
        findings.notes.append(f"the table begins in line {skip + 1}; {_lines(skip)} before it {verb} left out")
    if header.found == "undecided":
        findings.notes.append(
            f"line {skip + 1} has {', '.join(map(repr, fields[:_SHOWN]))}: {header.why}; it may be a header or a "
            "record: write header: true if it is a header, header: false if it is the first record; or run infer again "
            "with --header or --no-header, which types depend on"
        )
    if trial.marks.quote is None:
        line = next((each.line for each in trial.records if b'"' in each.text), 1)
        findings.notes.append(f"quotes mean nothing (quote: null): fields have one inside, as in line {before + line}")
    names = Names.of(file, given, header.found, trial)
    findings.notes += names.notes
    source = CsvSource(
        format="csv",
        file=file.name,
        skip=skip + (record.text.count(b"\n") + 1 if names.replace_header else 0),
        delimiter=trial.marks.delimiter,
        quote=trial.marks.quote,
        escape=trial.marks.escape,
        encoding=encoding,
        header=names.fields if names.replace_header or given.names else header.found,
        footer=given.footer or 0,
        nulls=[word for column, word in given.nulls if column == "*"],
    )
    guesses = [Guess(column, name, "string", "", parsed=True) for column, name in names.columns]
    if header.found == "undecided" and all(map(_may_be_name, fields)) and len(set(fields)) == len(fields):
        for guess, name in zip(guesses, fields, strict=True):  # so that both decisions are a single edit
            guess.properties["lagoa.header"] = json.dumps([guess.name, name], ensure_ascii=False)
    return source, guesses


def _may_be_name(field: str) -> bool:
    """Return whether a contract can have a field as a column's name in files."""
    return bool(field) and "\0" not in field


def _lines(count: int) -> str:
    return f"the {count} lines" if count > 1 else "the line"


def _sample(file: SourceFile, given: Given, findings: Findings) -> tuple[str, bytes]:
    """Return the encoding of a file, and whole lines from its beginning in UTF-8."""
    wide = find_utf16(file) if given.encoding is None else None
    head = read_head(file, "CSV", given.encoding or wide or _UTF8)
    encoding = given.encoding or wide or find_encoding(file)
    why = "given" if given.encoding else "by its bytes" if wide else "most lines with other bytes than ASCII fit it"
    findings.tried.append(f"encoding: {encoding}, {why}")
    text = head.decode(_UTF8 if codecs.lookup(encoding).name in UTF16 else encoding, "replace")
    if not given.encoding and encoding in OLD_ENCODINGS and (word := _WORD.search(text)):
        other = word[0].encode(encoding).decode("cp1252", "replace")
        findings.notes.append(f"the encoding is {encoding} by its letters: {word[0]!r} would be {other!r} in cp1252")
    if len(head) >= HEAD:
        text = text[: text.rfind("\n") + 1] or text
    if len(text) > _SAMPLE and text.count("\n", 0, _SAMPLE) > _TITLES:
        text = text[: text.rfind("\n", 0, _SAMPLE) + 1]
    return encoding, text.encode()


def _table(file: SourceFile, data: bytes, first: str, given: Given, findings: Findings) -> tuple[int, Trial]:
    """Return how many lines are skipped in any case, and the dialect and begin of the table after them."""
    mark = separator_line(first.partition("\n")[0]) if given.skip is None else None
    if mark:
        findings.notes.append(f"line 1 is Excel's 'sep={mark}', which names the delimiter")
    skip = 1 if mark else given.skip or 0
    body = data.removeprefix(BOM)
    for _ in range(skip):
        body = body.partition(b"\n")[2]
    if not body.strip():
        raise SourceError(str(file.path), f"nothing is left after {_lines(skip)} to skip.", "Skip fewer lines.")
    delimiters = [given.delimiter] if given.delimiter else [mark] if mark else DELIMITERS
    headless = given.header is False or bool(given.names)
    try:
        found, trials = find_dialect(body, list(candidates(body, delimiters)), headless=headless)
        if found.fields == 1 and delimiters is DELIMITERS:
            rare, more = find_dialect(body, list(candidates(body, RARE)), headless=headless)
            trials += more
            found = rare if rare.fields > 1 and rare.share > _NEARLY_ALL else found
    except ValueError as error:
        advice = "Run it again with --skip N for the lines before the header, or with --no-header."
        if spaced := _SPACED.search(body):
            line = body.count(b"\n", 0, spaced.start()) + skip + 1
            advice = f"In line {line} a space is before a quote, which is no quote then: remove such spaces."
        raise SourceError(str(file.path), f"{error}.", advice) from error
    if found.fields == 1 and (width := fixed_width(body, "".join(DELIMITERS))):
        message = f"its lines all have {width} characters and no delimiter: its fields have fixed widths."
        raise SourceError(str(file.path), message, "Write a contract with `format: fixed_width` and its `columns`.")
    findings.tried += [*map(str, trials), f"taken: {found}"]
    return skip, found


def _after_titles(trial: Trial) -> Trial:
    """Return the trial without leading titles in the width of the table: only their first field is filled."""
    start = trial.start
    for index in range(start, min(start + _TITLES, len(trial.records))):
        record = trial.records[index]
        if record.fields != trial.fields or trial.fields < 2:  # noqa: PLR2004 - a title needs a field beside it
            continue
        fields = fields_of(record, trial.marks)
        if all(fields[:-1]) and not any(map(is_value, fields)):
            return Trial(trial.marks, trial.records, index, trial.fields, trial.fit - (index - start))
        if any(fields[1:]):
            break
    return trial


def _find_header(trial: Trial, given: Given) -> tuple[Trial, Header]:
    """Return the trial with the record in which the table begins, and whether that is a header.

    Lines are left out as titles only above a header: if there is none, they may be records.
    """
    titled = _after_titles(trial)
    header = _header(titled, given)
    if titled is not trial and header.found is not True:
        return trial, _header(trial, given)
    return titled, header


def _header(trial: Trial, given: Given) -> Header:
    """Return whether the first record of the table is a header."""
    fields = fields_of(trial.records[trial.start], trial.marks)
    rows = rows_of(list(trial.records[trial.start + 1 :]), trial.marks, len(fields))
    if given.names or given.header is not None:
        return Header(given.header or False, "the names are given" if given.names else "it is given")
    header = find_header(fields, rows)
    return header if rows or header.found != "undecided" else Header(True, "it is the only line")


def contract_options(source: CsvSource) -> Iterator[str]:
    """Yield the options as a contract has them: the dialect, and what does not have its default value."""
    if source.date != ISO_DATE:
        yield f"date: {_in_yaml(source.date)}"
    yield f"delimiter: {json.dumps(source.delimiter)}"
    yield f"quote: {json.dumps(source.quote)}"
    if source.escape is not None:
        yield f"escape: {json.dumps(source.escape)}"
    yield f"encoding: {source.encoding}"
    if source.skip:
        yield f"skip: {source.skip}"
    yield f"header: {_in_yaml(source.header)}"
    if source.footer:
        yield f"footer: {source.footer}"
    if source.nulls:
        yield f"nulls: {json.dumps(source.nulls, ensure_ascii=False)}"
    if source.decimal != ".":
        yield f"decimal: {json.dumps(source.decimal)}"


def _in_yaml(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
