"""What a person sees: aligned tables, human numbers, hints; and what a program reads: one JSON document."""

from __future__ import annotations

import json
import math
import sys
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

SHORT_HASH = 12
_UNLIMITED = 1_000_000
_CELL = 60
_KIB = 1024.0


@cache
def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _UNLIMITED
    return Console(stderr=stderr, width=width, highlight=False, emoji=False, markup=False, soft_wrap=True)


def stdout() -> Console:
    """Return the console of results."""
    return _console(stderr=False)


def stderr() -> Console:
    """Return the console of errors, hints and progress."""
    return _console(stderr=True)


def say(text: str) -> None:
    """Print a line of the result."""
    sys.stdout.write(f"{text}\n")


def hint(text: str) -> None:
    """Print what to do next, apart from the result."""
    if sys.stderr.isatty():
        stderr().print(text, style="dim")
    else:
        sys.stderr.write(f"{text}\n")


def emit_json(value: Any, *, indent: int | None = 2) -> None:
    """Print the one JSON document of a command."""
    sys.stdout.write(json.dumps(json_value(value), ensure_ascii=False, indent=indent, default=plain) + "\n")


def plain(value: Any) -> Any:
    """Return what JSON has a word for: times in ISO 8601, decimals and the like as text, bytes in hexadecimal."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, Decimal | PurePath | timedelta):
        return str(value)
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)


def emit_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    right: Sequence[str] = (),
    whole: Sequence[str] = (),
) -> None:
    """Print an aligned table.

    Args:
        columns: the headings.
        rows: the cells: text as it is, None as an empty cell, everything else by `str`.
        right: the headings of the right-aligned columns: numbers.
        whole: the headings of columns that are not wrapped in a narrow terminal: names to be copied.
    """
    from rich.table import Table

    console = stdout()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_edge=False)
    for name in columns:
        table.add_column(
            name,
            justify="right" if name in right else "left",
            no_wrap=not console.is_terminal or name in whole,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def emit_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows of data: numbers to the right, NULL where there is no value, long values cut in a terminal."""
    right = [name for place, name in enumerate(columns) if _are_numbers([row[place] for row in rows])]
    emit_table(columns, ([_datum(value) for value in row] for row in rows), right=right)


def _are_numbers(values: Iterable[Any]) -> bool:
    given = [value for value in values if value is not None]
    return bool(given) and all(isinstance(v, int | float | Decimal) and not isinstance(v, bool) for v in given)


def _datum(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes | bytearray):
        value = value.decode("utf-8", "backslashreplace").rstrip("\r\n")
    return shorten(one_line(text_of(value)))


def text_of(value: Any) -> str:
    """Return a value as text: nothing for null, true and false, JSON for what is nested, hexadecimal for bytes."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict | tuple):
        return json.dumps(json_value(value), ensure_ascii=False, default=plain)
    return value.hex() if isinstance(value, bytes | bytearray) else str(value)


def json_value(value: Any) -> Any:
    """Return a value that JSON can hold; it has no infinity and no not-a-number, so these become text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list | tuple):
        return [json_value(each) for each in value]
    return {str(key): json_value(each) for key, each in value.items()} if isinstance(value, dict) else value


def emit_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Print names and values, one pair a line, the values under each other."""
    pairs = list(pairs)
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        say(f"{name:<{width}}  {value}")


def _cell(value: Any) -> Any:
    from rich.text import Text

    return value if isinstance(value, Text) else Text("" if value is None else one_line(value))


def paint(text: str, colour: str) -> Any:
    """Return a cell that has a colour in a terminal."""
    from rich.text import Text

    return Text(text, style=colour)


def one_line(value: Any) -> str:
    """Return a value as text without line ends or control characters."""
    text = value if isinstance(value, str) else str(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def shorten(text: str, width: int = _CELL) -> str:
    """Return `text`, cut to `width` characters where the result goes to a terminal."""
    return f"{text[: width - 1]}…" if len(text) > width and sys.stdout.isatty() else text


def number(value: float) -> str:
    """Return a number as a person reads it: 1,550,000."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


def count(value: int, noun: str, plural: str = "") -> str:
    """Return `1 row`, `2 rows`, `1,550,000 rows`."""
    return f"{number(value)} {noun if value == 1 else plural or f'{noun}s'}"


def size(octets: float) -> str:
    """Return a size in bytes as a person reads it: 12.3 MiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if octets < _KIB:
            return f"{octets:.0f} {unit}" if unit == "B" else f"{octets:.1f} {unit}"
        octets /= _KIB
    return f"{octets:.1f} TiB"


def moment(value: datetime) -> str:
    """Return a time in the zone of this machine, with the zone."""
    return f"{value.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def age(value: datetime) -> str:
    """Return how long ago a time was: `3 min ago`."""
    seconds = max(0, int((datetime.now(UTC) - value).total_seconds()))
    for limit, unit, name in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h")):
        if seconds < limit:
            return f"{seconds // unit} {name} ago"
    return f"{count(seconds // 86400, 'day')} ago"


def near(path: Path) -> Path:
    """Return a path from the current folder where it lies in it, else as it is."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def short(commit: str) -> str:
    """Return the first 12 digits of a commit id."""
    return commit[:SHORT_HASH]


def seconds(value: float) -> str:
    """Return a duration: `0.42 s`, `2 min 5 s`."""
    if value < 60:  # noqa: PLR2004 - seconds of a minute
        return f"{value:.2f} s"
    return f"{int(value) // 60} min {int(value) % 60} s"
