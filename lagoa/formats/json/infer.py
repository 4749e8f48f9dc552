"""Determines how a JSON file is written, which keys its records have, and what these contain."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from lagoa.contracts.contract import Contract
from lagoa.contracts.sources import ISO_DATE
from lagoa.errors import SourceError
from lagoa.formats.json.document import find_lists
from lagoa.formats.json.options import JsonSource
from lagoa.formats.json.reader import JsonReader
from lagoa.formats.json.records import SPACE, find_items
from lagoa.formats.json.shape import Shape, nested_type
from lagoa.formats.json.titles import Titles
from lagoa.formats.shared.files import BOM
from lagoa.formats.shared.guesses import RECORDS, Guess
from lagoa.formats.shared.json_values import Unreadable, read_object
from lagoa.formats.shared.names import column_names
from lagoa.formats.shared.text_files import find_encoding, read_head

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.domain.tables import TableName
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.given import Findings, Given


def infer_json(file: SourceFile, table: TableName, given: Given, findings: Findings) -> tuple[JsonSource, list[Guess]]:
    """Return the form of a JSON file and its columns; scalars are still text, nested values have their type.

    Raises:
        SourceError: it is empty or binary, has no readable record, or has an empty key.
    """
    source, shapes = _find_shapes(file, table, given)
    guesses = []
    for name, (key, shape) in zip(column_names(list(shapes)), shapes.items(), strict=True):
        if not key:
            raise SourceError(str(file.path), "a key of its records is empty.", "Write the file again without it.")
        guess = Guess(name, key, "string", shape.description)
        if shape.kinds in ({"list"}, {"object"}):
            guess.type = nested_type(shape)
        else:
            guess.parsed, guess.written = True, shape.written
        guesses.append(guess)
    if source.records and not given.records:
        note = f"the records are the list at {source.records!r}; without `records` the file is one record"
        findings.notes.append(note)
    if not source.records:
        findings.notes.extend(_lists_inside(file, source))
    if source.headerRecord:
        findings.notes.append("the first record has titles; without `headerRecord` it is a row")
    return source, guesses


def contract_options(source: JsonSource) -> Iterator[str]:
    """Yield the options as a contract has them, without those that have their default value."""
    if source.encoding != "utf-8":
        yield f"encoding: {source.encoding}"
    if source.records:
        yield f"records: {json.dumps(source.records, ensure_ascii=False)}"
    if source.headerRecord:
        yield "headerRecord: true"
    if source.date != ISO_DATE:
        yield f"date: {source.date}"


def _find_shapes(file: SourceFile, table: TableName, given: Given) -> tuple[JsonSource, dict[str, Shape]]:
    """Return the form of a JSON file, and the shape of each key of its first 500,000 records.

    Raises:
        SourceError: it is empty or binary, or has no readable record.
    """
    head = read_head(file, "JSON")
    encoding = given.encoding or find_encoding(file)
    records = given.records or _records_in(head, encoding)
    form: Literal["json", "jsonl"] = "json" if records else _form(head)
    source = JsonSource(format=form, file=file.name, encoding=encoding, records=records)
    found, titled = _shapes_of(file, table, source)
    if titled:
        source = source.model_copy(update={"headerRecord": True})
        found, _ = _shapes_of(file, table, source)
    return source, found


def _shapes_of(file: SourceFile, table: TableName, source: JsonSource) -> tuple[dict[str, Shape], bool]:
    """Return the shape of each key of the first records, and whether the first of them has titles."""
    reader = JsonReader(Contract(table, "0", file.path, "", (), source=source), source, file)
    found: dict[str, Shape] = {}
    titles = Titles()
    seen = 0
    reasons: list[str] = []
    for block in reader.records():
        for record in block.records[: RECORDS - seen]:
            try:
                values = read_object(record, source.encoding)
            except Unreadable as error:
                reasons.append(error.fault.reason)
                continue
            titles.see(values)
            for key, value in values.items():
                found.setdefault(key, Shape()).see(value)
        seen += len(block.records)
        if seen >= RECORDS:
            break
    if not found:
        message = f"none of its records can be read: {reasons[0]}." if reasons else "it has no record with a key."
        raise SourceError(str(file.path), message, "Check the file; write the contract by hand if necessary.")
    return found, titles.found


def _records_in(head: bytes, encoding: str) -> str | None:
    """Return the keys of the list that a document of one object is about; None where it is a record itself.

    The list has at least two objects, and more than half of the document's bytes, as far as they were read.
    """
    text = head.removeprefix(BOM).strip(SPACE)
    if not text.startswith(b"{") or (_form(head) == "jsonl" and b"\n" in text):
        return None
    longest = max(find_lists(text, encoding), key=lambda each: each.size, default=None)
    if longest is None or longest.size * 2 < len(text) or any("." in key or not key for key in longest.path):
        return None
    items = find_items(text[longest.begin : longest.begin + longest.size], first=True)
    return ".".join(longest.path) if len(items.edges) > 1 or not items.closed else None


def _lists_inside(file: SourceFile, source: JsonSource) -> Iterator[str]:
    """Yield a note on the lists of objects in a document that is one record."""
    text = read_head(file, "JSON").removeprefix(BOM).strip(SPACE)
    one = text.startswith(b"{") and (source.format == "json" or b"\n" not in text)
    lists = [".".join(each.path) for each in find_lists(text, source.encoding)] if one else []
    if lists:
        named = " or ".join(f"--records {each}" for each in lists)
        yield f"the file is one record; if its records are a list inside, infer it again with {named}"


def _form(head: bytes) -> Literal["json", "jsonl"]:
    """Return whether a text is one document or has an object on each line; a single line with an object is a line.

    If a document is one object over several lines, its first line does not end as an object does.
    """
    first = head.removeprefix(BOM).strip(SPACE).splitlines()[0].strip(SPACE)
    return "json" if first.startswith(b"[") or (first.startswith(b"{") and not first.endswith(b"}")) else "jsonl"
