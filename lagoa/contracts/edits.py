"""Changes single places in the text of a contract; every other character stays: comments, order, quotes, line ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from lagoa.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_DRAFTED = 6
"""Spaces before the dash of a column in the lines that are added."""


class ContractEdits:
    """The text of a contract that can be read, with what is to be changed in it."""

    def __init__(self, file: Path) -> None:
        """Read the file."""
        self.file = file
        self.before = file.read_bytes().decode("utf-8")
        self._changes: list[tuple[int, int, str]] = []
        schema = _value(yaml.compose(self.before, yaml.SafeLoader), "schema")
        self._columns = _value(schema.value[0], "properties")

    @property
    def after(self) -> str:
        """The text with the changes."""
        text = self.before
        for start, end, new in sorted(self._changes, reverse=True):
            text = text[:start] + new + text[end:]
        return text

    def add_columns(self, columns: Sequence[Sequence[str]]) -> None:
        """Add columns after the last one, each as the lines of an item with six spaces before its dash.

        Raises:
            ContractError: the columns are written in brackets.
        """
        if not columns:
            return
        if self._columns.flow_style:
            advice = "Write each column on lines of its own, or add them by hand:\n" + "\n".join(
                map("\n".join, columns)
            )
            raise ContractError(
                self.file, self._columns.start_mark.line + 1, "the columns are written in brackets.", advice
            )
        lines = self.before.splitlines(keepends=True)
        newline = self._newline
        indent = self._columns.start_mark.column
        last = max(_ends(self._columns))
        while not lines[last].strip():  # after a text in several lines
            last -= 1
        while last + 1 < len(lines) and _is_comment_below(lines[last + 1], indent):
            last += 1
        place = sum(map(len, lines[: last + 1]))
        added = "".join(" " * indent + line[_DRAFTED:] + newline for column in columns for line in column)
        self._changes.append((place, place, added if lines[last].endswith("\n") else newline + added))

    def change_type(self, column: str, kind: str) -> None:
        """Write another type for a column."""
        node = _value(self._item(column), "physicalType")
        start, end = node.start_mark.index, node.end_mark.index
        self._changes.append((start, end, _styled(kind, node.style, self.before[start:end])))

    def set_headers(self, column: str, names: Sequence[str]) -> None:
        """Write the names that a column has in files, in place of those that are there."""
        item, written = self._item(column), json.dumps(list(names), ensure_ascii=False)
        entry = f"{{property: lagoa.header, value: {written}}}"
        custom = next((value for key, value in item.value if key.value == "customProperties"), None)
        own = [each for each in custom.value if _value(each, "property").value == "lagoa.header"] if custom else []
        name = _value(item, "name")
        if own:
            node = _value(own[0], "value")
            self._changes.append((node.start_mark.index, max(_text_ends(node)), written))
        elif custom and custom.value:
            place = custom.value[0].start_mark
            if custom.flow_style:
                self._insert(place.index, f"{entry}, ")
            else:  # the mark is behind the dash
                dash = self.before.rindex("-", 0, place.index)
                self._insert(dash, f"- {entry}{self._newline}{' ' * custom.start_mark.column}")
        elif item.flow_style:
            self._insert(name.end_mark.index, f", customProperties: [{entry}]")
        else:
            indent = " " * item.start_mark.column
            end = self.before.find("\n", name.end_mark.index)
            lines = f"{indent}customProperties:{self._newline}{indent}  - {entry}{self._newline}"
            self._insert(end + 1 if end >= 0 else len(self.before), lines)

    def _insert(self, place: int, text: str) -> None:
        self._changes.append((place, place, text))

    def _item(self, column: str) -> Any:
        return next(item for item in self._columns.value if _value(item, "name").value == column)

    @property
    def _newline(self) -> str:
        return "\r\n" if self.before.partition("\n")[0].endswith("\r") else "\n"


def _styled(text: str, style: str | None, before: str) -> str:
    """Return a text as YAML in the quotes of the one that it replaces; lines below their key become one."""
    if style is None:
        return text
    if style == "'":
        return f"'{text.replace(style, style * 2)}'"
    line_end = before[len(before.rstrip()) :] if style in {"|", ">"} else ""
    return json.dumps(text, ensure_ascii=False) + line_end


def _value(node: Any, key: str) -> Any:
    return next(value for name, value in node.value if name.value == key)


def _ends(node: Any) -> Iterator[int]:
    """Yield the lines, from 0, on which parts of a node end; PyYAML's own end is after blank lines and comments."""
    if isinstance(node, yaml.ScalarNode):
        block = node.style in {"|", ">"}
        yield max(node.start_mark.line, node.end_mark.line - 1) if block else node.end_mark.line
    elif node.flow_style:
        yield node.end_mark.line
    else:
        for each in node.value:
            for part in each if isinstance(each, tuple) else (each,):
                yield from _ends(part)


def _text_ends(node: Any) -> Iterator[int]:
    """Yield where parts of a node end in the text, without the blank lines and comments behind it."""
    yield node.end_mark.index if isinstance(node, yaml.ScalarNode) or node.flow_style else node.start_mark.index
    if isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _text_ends(each)


def _is_comment_below(line: str, indent: int) -> bool:
    """Return whether a line is a comment within an item that is indented so far."""
    plain = line.lstrip(" ")
    return plain.startswith("#") and len(line) - len(plain) > indent
