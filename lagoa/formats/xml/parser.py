"""Finds the records of an XML document while its bytes come in: each with its own bytes, and as a tree.

expat reads. What an element contains becomes a text, None (`xsi:nil`), or a dictionary of its attributes (`@name`),
elements and text (`#text`); of an element that occurs several times it is a `Many`. Comments and processing
instructions are left out, CDATA is text, and text is kept as it is, white space included.

A document with a DTD is refused, so that there are no entities but the five of XML.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from xml.parsers import expat

from lagoa.formats.xml.paths import TEXT, XSI, is_step

_SPACE = " \t\r\n"
_TRUE = frozenset({"true", "1"})


class Malformed(ValueError):
    """A document that is not XML as it is read here: what is wrong, and where."""


class Many(list[Any]):
    """What the elements of one name in one element contain, in order."""


class Record(NamedTuple):
    """A record: where it begins in the document, its bytes, what is in it; why it cannot be read, or empty."""

    offset: int
    raw: bytes
    fields: dict[str, Any]
    fault: str


class Parser:
    """One pass over a document.

    Attributes:
        scope: the namespaces that are declared around the records, as `xmlns:p=uri`; None before the first one.
        beside: how many other elements are where records are, by name.
        is_found: whether there is an element in which the records are.
    """

    def __init__(self, steps: tuple[str, ...] | None, encoding: str | None, longest: int) -> None:
        """Begin.

        Args:
            steps: of the path to the records; None for any element inside the outermost one.
            encoding: of the document.
            longest: bytes of the longest record.

        Raises:
            Malformed: expat does not know the encoding.
        """
        self.scope: tuple[str, ...] | None = None
        self.beside: dict[str, int] = {}
        self.is_found = steps is not None and len(steps) == 1
        self._steps = steps
        self._longest = longest
        self._base = 0  # where the buffer begins in the document
        self._buffer = b""
        self._start: int | None = None  # where the current record begins
        self._records: list[Record] = []
        self._parser = expat.ParserCreate(encoding, " ")
        self._parser.buffer_text = True
        self._parser.buffer_size = 1 << 16
        self._parser.StartDoctypeDeclHandler = self._refuse_dtd
        self._connect()

    def feed(self, chunk: bytes, *, final: bool = False) -> list[Record]:
        """Take the next bytes; return the records that they complete.

        Raises:
            Malformed: the document is not well-formed, is truncated, has a DTD or a record that is too long.
        """
        self._buffer += chunk
        parser = self._parser
        try:
            parser.Parse(chunk, final)
        except expat.ExpatError as error:
            what = expat.ErrorString(error.code)
            if final and error.code == expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS]:
                what = "it is truncated: its outermost element is not closed"
            raise Malformed(f"{what}, in line {error.lineno}, at byte {parser.ErrorByteIndex}") from error
        except (LookupError, ValueError) as error:
            if isinstance(error, Malformed):
                raise
            raise Malformed(f"its encoding cannot be read: {error}") from error
        keep = max(parser.CurrentByteIndex, self._base) if self._start is None else self._start
        self._buffer, self._base = self._buffer[keep - self._base :], keep
        if len(self._buffer) > self._longest:
            raise Malformed(f"a record or tag is longer than {self._longest:,} bytes, at byte {keep}")
        found, self._records = self._records, []
        return found

    def _refuse_dtd(self, *_: object) -> None:
        raise Malformed(f"it has a DTD, which may declare entities, in line {self._parser.CurrentLineNumber}")

    def _connect(self) -> None:  # noqa: C901, PLR0915 - functions that share variables, which are faster than attributes
        """Give expat what it calls: closures, since each element costs two calls."""
        parser, steps = self._parser, self._steps
        stack: list[tuple[dict[str, Any] | None, str]] = []
        children: dict[str, Any] | None = None
        text = ""
        fault = ""
        has_elements = is_inside = False
        names: dict[str, str] = {}
        by_home: dict[str, dict[str, str]] = {}
        home = ""
        depth = matched = own = 0
        pending: list[str] = []
        declared: list[str] = []

        def start(tag: str, attributes: list[str]) -> None:
            nonlocal children, text, has_elements
            if not is_inside:
                begin(tag, attributes)
                return
            has_elements = True
            stack.append((children, text))
            children, text = None, ""
            if attributes:
                children = with_attributes(attributes)

        def begin(tag: str, attributes: list[str]) -> None:
            nonlocal children, text, fault, has_elements, is_inside, names, home, depth, matched, own
            depth += 1
            last = 2 if steps is None else len(steps)
            if matched == depth - 1 and depth <= last:
                if steps is None or is_step(steps[depth - 1], tag):
                    matched = depth
                elif depth == last:
                    self.beside[tag] = self.beside.get(tag, 0) + 1
            if matched != depth or depth != last:
                self.is_found = self.is_found or matched == last - 1
                declared.extend(pending)
                pending.clear()
                return
            self._check_scope(declared)
            self._start = parser.CurrentByteIndex
            own = len(pending)
            pending.clear()
            home = tag.rpartition(" ")[0]
            names = by_home.setdefault(home, {})
            is_inside, has_elements, fault = True, False, ""
            text = ""
            children = with_attributes(attributes) if attributes else None

        def end(tag: str) -> None:
            nonlocal children, text, depth, matched
            if stack:
                value: Any = text if children is None else finished(children, text)
                name = names.get(tag) or named(tag)
                children, text = stack.pop()
                if children is None:
                    children = {name: value}
                elif name not in children:
                    children[name] = value
                elif type(children[name]) is Many:
                    children[name].append(value)
                else:
                    children[name] = Many([children[name], value])
                return
            if is_inside:
                close()
            depth -= 1
            matched = min(matched, depth)

        def data(more: str) -> None:
            nonlocal text
            if is_inside:
                text += more

        def close() -> None:
            nonlocal is_inside, children, text
            value = finished(children or {}, text)
            if value is None:
                value = {}
            elif not value.get(TEXT, "?").strip(_SPACE):
                del value[TEXT]
            first, place = self._start or 0, parser.CurrentByteIndex
            raw = self._buffer[first - self._base : place - self._base]
            if has_elements or text or not raw.endswith(b"/>"):  # else the place is behind the tag, which is closed
                stop = self._buffer.index(b">", place - self._base) + 1
                raw = self._buffer[first - self._base : stop]
            self._records.append(Record(first, raw, value, fault))
            self._start = None
            is_inside, children, text = False, None, ""

        def finished(found: dict[str, Any], own_text: str) -> Any:
            """Return what an element with attributes or elements contains."""
            nonlocal fault
            if found.pop(_NIL, False):
                if own_text.strip(_SPACE) or any(not name.startswith("@") for name in found):
                    fault = fault or "an element with xsi:nil is not empty"
                elif found:
                    found[TEXT] = None
                return found or None
            if own_text.strip(_SPACE) or all(name.startswith("@") for name in found):
                found[TEXT] = own_text
            return found

        def with_attributes(attributes: list[str]) -> dict[str, Any] | None:
            found: dict[str, Any] = {}
            for place in range(0, len(attributes), 2):
                uri, _, name = attributes[place].rpartition(" ")
                value = attributes[place + 1]
                if uri != XSI:
                    found[f"@{{{uri}}}{name}" if uri and uri != home else f"@{name}"] = value
                elif name == "nil" and value.strip(_SPACE) in _TRUE:
                    found[_NIL] = True
            return found or None

        def named(tag: str) -> str:
            uri, _, name = tag.rpartition(" ")
            names[tag] = f"{{{uri}}}{name}" if uri and uri != home else name
            return names[tag]

        def declare(prefix: str | None, uri: str | None) -> None:
            if not is_inside:
                pending.append(f"xmlns:{prefix}={uri or ''}" if prefix else f"xmlns={uri or ''}")

        def undeclare(prefix: str | None) -> None:
            nonlocal own
            del prefix
            if own and not is_inside:
                own -= 1
            elif not is_inside:
                declared.pop()

        parser.ordered_attributes = True
        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = data
        parser.StartNamespaceDeclHandler = declare
        parser.EndNamespaceDeclHandler = undeclare

    def _check_scope(self, declared: list[str]) -> None:
        """Refuse records that have other namespaces around them than the first: the quarantine keeps them once."""
        if self.scope is not None and len(declared) == len(self.scope) and tuple(declared) == self.scope:
            return
        if self.scope is not None:
            where = f"in line {self._parser.CurrentLineNumber}, at byte {self._parser.CurrentByteIndex}"
            raise Malformed(f"around the record {where}, other namespaces are declared than around the first")
        self.scope = tuple(declared)


_NIL = "@xsi:nil"


def read_fragment(raw: bytes, scope: tuple[str, ...], encoding: str) -> Record:
    """Return a record from its own bytes and the namespaces that were declared around it.

    Raises:
        Malformed: it is no single element.
    """
    latest = dict(each.split("=", 1) for each in scope)
    attributes = "".join(f" {name}='{_quoted(uri)}'" for name, uri in latest.items() if name == "xmlns" or uri)
    parser = Parser(None, encoding, len(raw) + 1)
    head = f"<all{attributes}>".encode(encoding, "xmlcharrefreplace")
    records = [each for part in (head, raw, b"</all>") for each in parser.feed(part)]
    parser.feed(b"", final=True)
    if len(records) != 1:
        raise Malformed(f"it is {len(records)} elements, not one")
    return records[0]


def _quoted(uri: str) -> str:
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), ("'", "&apos;")):
        uri = uri.replace(sign, entity)
    return uri
