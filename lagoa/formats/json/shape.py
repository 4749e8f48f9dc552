"""Reads from the records of a JSON file which keys they have, and which Iceberg type holds the values of each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from lagoa.contracts.contract import Contract
from lagoa.contracts.properties import Source
from lagoa.errors import SourceError
from lagoa.formats.csv.dialect import find_encoding, read_head
from lagoa.formats.json.reader import JsonReader
from lagoa.formats.json.records import SPACE
from lagoa.formats.json.values import Number, Unreadable, read_object
from lagoa.formats.shared.guesses import RECORDS

if TYPE_CHECKING:
    from lagoa.domain.tables import TableName
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.guesses import Written

Kind = Literal["text", "number", "boolean", "list", "object"]

_SUFFIXES = (".json", ".jsonl", ".ndjson")
_BOM = b"\xef\xbb\xbf"
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FIELDS = 50
_DEPTH = 10
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_WORDS = {"text": "texts", "number": "numbers", "boolean": "true or false", "list": "lists", "object": "objects"}


@dataclass(slots=True)
class Shape:
    """What the values of one key, or of one place within them, are like.

    Attributes:
        kinds: the kinds of values that were seen; null is none of them.
        whole: whether every number is a whole one that 64 bits hold.
        items: of the values of lists.
        fields: of the values of objects, by key.
    """

    kinds: set[Kind] = field(default_factory=set)
    whole: bool = True
    items: Shape | None = None
    fields: dict[str, Shape] = field(default_factory=dict)

    def see(self, value: Any) -> None:
        """Take one more value into account."""
        if isinstance(value, Number):
            self.kinds.add("number")
            self.whole = self.whole and _WHOLE.fullmatch(value) is not None
        elif isinstance(value, str):
            self.kinds.add("text")
        elif isinstance(value, bool):
            self.kinds.add("boolean")
        elif isinstance(value, list):
            self.kinds.add("list")
            self.items = self.items or Shape()
            for each in value:
                self.items.see(each)
        elif value is not None:
            self.kinds.add("object")
            for key, each in value.items():
                self.fields.setdefault(key, Shape()).see(each)

    def merge(self, other: Shape) -> None:
        """Take the values of another place into account, too."""
        self.kinds |= other.kinds
        self.whole = self.whole and other.whole
        if other.items is not None:
            self.items = self.items or Shape()
            self.items.merge(other.items)
        for key, shape in other.fields.items():
            self.fields.setdefault(key, Shape()).merge(shape)

    @property
    def written(self) -> Written:
        """The kind of all values; text when there is none."""
        if len(self.kinds) > 1:
            return "several"
        return "number" if self.kinds == {"number"} else "boolean" if self.kinds == {"boolean"} else "text"

    @property
    def told(self) -> str:
        """The kinds of values, in words."""
        words = " and ".join(_WORDS[kind] for kind in sorted(self.kinds)) or "no value"
        return f"{words}: kept as JSON writes them" if len(self.kinds) > 1 else words


def is_json(file: SourceFile) -> bool:
    """Return whether a file is called as JSON files are."""
    return file.name.lower().removesuffix(".gz").endswith(_SUFFIXES)


def find_json(file: SourceFile, table: TableName) -> tuple[Source, dict[str, Shape]]:
    """Return the form of a JSON file, and the shape of each key of its first 500,000 records.

    Raises:
        SourceError: it is empty, binary, or has no record that can be read.
    """
    source = Source(format=_form(read_head(file, "JSON")), file=file.name, encoding=find_encoding(file))
    reader = JsonReader(Contract(table, "0", file.path, "", (), source=source), source, file)
    found: dict[str, Shape] = {}
    seen = 0
    reasons: list[str] = []
    for block in reader.records():
        for record in block.records[: RECORDS - seen]:
            try:
                values = read_object(record, source.encoding)
            except Unreadable as error:
                reasons.append(error.fault.reason)
                continue
            for key, value in values.items():
                found.setdefault(key, Shape()).see(value)
        seen += len(block.records)
        if seen >= RECORDS:
            break
    if not found:
        told = f"none of its records can be read: {reasons[0]}." if reasons else "it has no record with a key."
        raise SourceError(str(file.path), told, "Look at the file; write the contract by hand if need be.")
    return source, found


def nested_type(shape: Shape, depth: int = 0) -> str:
    """Return the Iceberg type that holds every value of a shape; text holds those of several kinds, as JSON."""
    kind = next(iter(shape.kinds)) if len(shape.kinds) == 1 else "text"
    if kind in {"number", "boolean"}:
        return "boolean" if kind == "boolean" else "long" if shape.whole else "double"
    if kind == "text" or depth >= _DEPTH:
        return "string"
    if shape.items is not None:
        return f"list<{nested_type(shape.items, depth + 1)}>"
    if _is_struct(shape):
        return f"struct<{', '.join(f'{key}: {nested_type(each, depth + 1)}' for key, each in shape.fields.items())}>"
    values = Shape()
    for each in shape.fields.values():
        values.merge(each)
    return f"map<string, {nested_type(values, depth + 1)}>"


def _is_struct(shape: Shape) -> bool:
    """Return whether the keys of objects are names of fields: few, and with nothing in them that a name has not."""
    names = {key.lower() for key in shape.fields}
    return len(names) == len(shape.fields) and 0 < len(names) <= _FIELDS and all(map(_FIELD.fullmatch, shape.fields))


def _form(head: bytes) -> Literal["json", "jsonl"]:
    """Return whether a text is one document or has an object on each line; an object on the one line is taken for one.

    Of a document of one object over several lines, the first line is no JSON and does not end as an object does.
    """
    first = head.removeprefix(_BOM).strip(SPACE).splitlines()[0].strip(SPACE)
    return "json" if first.startswith(b"[") or (first.startswith(b"{") and not first.endswith(b"}")) else "jsonl"
