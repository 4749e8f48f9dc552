"""Determines where the records of an XML file are, and which elements and attributes they have."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from xml.parsers import expat

from lagoa.contracts.contract import Contract
from lagoa.contracts.iceberg_types import is_field_name, struct_type
from lagoa.contracts.sources import ISO_DATE
from lagoa.errors import SourceError
from lagoa.formats.shared.guesses import RECORDS, Guess
from lagoa.formats.shared.names import column_names
from lagoa.formats.shared.number_forms import OTHER_MARK
from lagoa.formats.shared.text_columns import Usual, guess_columns
from lagoa.formats.shared.text_files import HEAD, read_head
from lagoa.formats.xml.options import XmlSource
from lagoa.formats.xml.parser import Many
from lagoa.formats.xml.paths import TEXT, steps_of
from lagoa.formats.xml.reader import DECLARED, XmlReader, encoding_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lagoa.domain.tables import TableName
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.given import Findings, Given
    from lagoa.formats.shared.scan import Scan

_DEEPEST = 10
_SPACE = " \t\r\n"


@dataclass(slots=True)
class _Shape:
    """What elements of one name contain: whether one occurs twice, whether they have text, and what is in them."""

    repeats: bool = False
    has_text: bool = False
    inside: dict[str, _Shape] = field(default_factory=dict)

    def see(self, value: Any) -> None:
        """Take one more element into account."""
        if isinstance(value, Many):
            self.repeats = True
            for each in value:
                self.see(each)
        elif isinstance(value, dict):
            for name, each in value.items():
                if name == TEXT:
                    self.has_text = self.has_text or bool(each and each.strip(_SPACE))
                else:
                    self.inside.setdefault(name, _Shape()).see(each)
        elif value is not None:
            self.has_text = self.has_text or bool(value.strip(_SPACE))

    def type(self) -> str:
        """Return the type of what one element contains, as far as it is nested; scalars in it are text."""
        kind = "string"
        if self.inside:
            names = [*self.inside, *([TEXT] if self.has_text else [])]
            kind = struct_type([(name, self.inside[name].type() if name != TEXT else "string") for name in names])
        return f"list<{kind}>" if self.repeats else kind


def infer_xml(file: SourceFile, table: TableName, given: Given, findings: Findings) -> tuple[XmlSource, list[Guess]]:
    """Return the form of an XML file and its columns; scalars are still text, elements that repeat are lists.

    Raises:
        SourceError: it is empty or not well-formed, or has no records that columns can be made of.
    """
    head = read_head(file, "XML")
    declared = DECLARED.match(head.removeprefix(b"\xef\xbb\xbf"))
    expected = given.encoding or (declared[1].decode() if declared else "utf-8")
    encoding = encoding_of(file, head, expected)
    try:
        found = given.records or _record_path(head, encoding)
        steps_of(found, {})
    except ValueError as error:
        raise SourceError(str(file.path), f"{error}.", "Name the path to the records with --records.") from error
    source = XmlSource(format="xml", file=file.name, encoding=expected.lower(), record=found)
    if not given.records:
        findings.notes.append(f"the records are the elements {found!r}; --records names others")
    whole = _shape_of(file, table, source)
    guesses = []
    texts = list(_paths(whole, "", findings))
    for name, (path, kind) in zip(column_names([path for path, _ in texts]), texts, strict=True):
        guess = Guess(name, path, kind, "elements that occur several times" if kind != "string" else "text")
        guess.parsed = kind == "string"
        if guess.parsed:  # an empty element is no number and no date; `complete` keeps it in columns of text
            guess.null_words = [""]
        guesses.append(guess)
    if not guesses:
        raise SourceError(str(file.path), f"the elements {found!r} have nothing in them.", "Name others by --records.")
    return source, guesses


def complete(source: XmlSource, guesses: Sequence[Guess], scan: Scan, given: Given, findings: Findings) -> XmlSource:
    """Complete the guesses of columns of text; return the form with how their values are written."""
    decimal: Literal["", ".", ","] = given.decimal or OTHER_MARK.get(given.thousands or "") or ""
    usual = Usual("", decimal, given.date or ISO_DATE, by_column=True)
    findings.notes += [*guess_columns(guesses, scan.columns, usual), *scan.refusals()]
    for guess in guesses:
        if guess.nulls and guess.type != "string" and "lagoa.nulls" not in guess.properties:
            guess.properties["lagoa.nulls"] = '[""]'
    return source.model_copy(update={"decimal": usual.mark, "date": usual.date})


def contract_options(source: XmlSource) -> Iterator[str]:
    """Yield the options as a contract has them, without those that have their default value."""
    yield f"record: {json.dumps(source.record, ensure_ascii=False)}"
    if source.encoding != "utf-8":
        yield f"encoding: {source.encoding}"
    if source.decimal != ".":
        yield f"decimal: '{source.decimal}'"
    if source.date != ISO_DATE:
        yield f"date: {source.date}"


def _record_path(head: bytes, encoding: str) -> str:
    """Return the path to the elements that repeat nearest to the root; of several, to those with most elements in them.

    A document in which nothing repeats is one record.

    Raises:
        ValueError: the head of the document is not well-formed.
    """
    counts: Counter[tuple[str, ...]] = Counter()
    sizes: Counter[tuple[str, ...]] = Counter()
    path: list[str] = []
    beside: list[Counter[str]] = [Counter()]
    repeated: dict[tuple[str, ...], None] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        beside[-1][tag] += 1
        path.append(tag)
        beside.append(Counter())
        if len(path) > _DEEPEST:
            return
        here = tuple(path)
        counts[here] += 1
        if beside[-2][tag] > 1:
            repeated[here] = None
        for length in range(1, len(path) + 1):
            sizes[here[:length]] += 1 + len(attributes)

    def end(tag: str) -> None:
        del tag
        path.pop()
        beside.pop()

    def refuse(*_: object) -> None:
        raise ValueError(f"it has a DTD, which may declare entities, in line {parser.CurrentLineNumber}")

    parser = expat.ParserCreate(encoding, " ")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(head, len(head) < HEAD)
    except expat.ExpatError as error:
        raise ValueError(f"it cannot be read as XML: {error}") from error
    if not counts:
        raise ValueError(f"no element begins in its first {len(head):,} bytes")
    if not repeated:
        return next(iter(counts))[0].rpartition(" ")[2]
    least = min(map(len, repeated))
    best = max((each for each in repeated if len(each) == least), key=lambda each: sizes[each])
    return "/".join(tag.rpartition(" ")[2] for tag in best)


def _shape_of(file: SourceFile, table: TableName, source: XmlSource) -> _Shape:
    whole, seen = _Shape(), 0
    for records in XmlReader(Contract(table, "0", file.path, "", (), source=source), source, file).records():
        for record in records:
            whole.see(record.fields)
        seen += len(records)
        if seen >= RECORDS:
            break
    return whole


def _paths(shape: _Shape, above: str, findings: Findings) -> Iterator[tuple[str, str]]:
    """Yield the path and the type of each column: elements that occur once in a record are columns of their own."""
    if shape.has_text:
        yield above.removesuffix("/") or TEXT, "string"
    for name, each in shape.inside.items():
        path = f"{above}{name}"
        if each.repeats and _is_expressible(each):
            yield path, each.type()
        elif each.repeats:
            findings.notes.append(f"{path} has names that no field of a struct can have, and is left out")
        elif each.inside:
            yield from _paths(each, f"{path}/", findings)
        else:
            yield path, "string"


def _is_expressible(shape: _Shape) -> bool:
    names = [name.lower() for name in shape.inside]
    fits = len(set(names)) == len(names) and all(map(is_field_name, shape.inside))
    return fits and all(map(_is_expressible, shape.inside.values()))
