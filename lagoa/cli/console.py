"""What a person sees: aligned tables, human numbers, hints; and what a program reads: one JSON document."""

from __future__ import annotations

import json
import math
import sys
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path, PurePath
from shutil import get_terminal_size
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from lagoa.cli.layout import GAP, Heading, Painted, fit, laid_out, measured
from lagoa.domain.lists import counted, printable
from lagoa.domain.tables import LINEAGE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

SHORT_HASH = 12
_CELL = 60
_KIB = 1024.0
_NAMES = frozenset({"branch", "check", "commit", "model", "table", "tag"})
_NUMBERS = int | float | Decimal
_UNCUT = _NUMBERS | date | time | timedelta


@cache
def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, emoji=False, markup=False, soft_wrap=True)


def stdout() -> Console:
    """Return the console of results."""
    return _console(stderr=False)


def stderr() -> Console:
    """Return the console of errors, hints and progress."""
    return _console(stderr=True)


def say(text: str) -> None:
    """Print a line of the result."""
    sys.stdout.write(f"{text}\n")


def say_parts(*parts: Painted | str) -> None:
    """Print a line of the result, parts of which have a colour in a terminal."""
    cells = [part if isinstance(part, Painted) else Painted(part) for part in parts]
    _print_line(cells, terminal=sys.stdout.isatty())


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
    first_out: Sequence[str] = (),
) -> None:
    """Print an aligned table. In a terminal it is made to fit: long values are cut, and columns left out if need be.

    Args:
        columns: the headings. Names of tables, branches, tags, commits and checks are always shown in full.
        rows: the cells: text as it is, None as an empty cell, everything else by `str`.
        right: the headings of the right-aligned columns: numbers, which are not cut.
        whole: the headings of further columns that are not cut.
        first_out: the headings of the columns that are left out first; by default those in the middle.
    """
    headings = [Heading(name, name in right, name in {*right, *whole, *_NAMES}, name in _NAMES) for name in columns]
    _print_table(
        headings, [[_cell(value) for value in row] for row in rows], [columns.index(name) for name in first_out]
    )


def emit_rows(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    whole: Sequence[str] = (),
    first_out: Sequence[str] = (),
) -> None:
    """Print rows of data: numbers to the right, NULL where there is no value; fits a terminal as `emit_table` does.

    Numbers and times are not cut, nor are the values of the columns in `whole`. Columns that ingest adds are left out
    before any other, then those without any value, then those in `first_out`.
    """
    headings, empty = [], []
    for place, name in enumerate(columns):
        values = [row[place] for row in rows if row[place] is not None]
        empty += [place] if place and not values and name not in LINEAGE_COLUMNS else []
        headings.append(Heading(name, _are_all(values, _NUMBERS), name in whole or _are_all(values, _UNCUT)))
    lineage = [
        place for name in reversed(LINEAGE_COLUMNS) for place, each in enumerate(columns) if each == name and place
    ]
    others = [columns.index(name) for name in first_out if columns.index(name) not in (*lineage, *empty)]
    _print_table(headings, [[_cell(_datum(value)) for value in row] for row in rows], [*lineage, *empty, *others])


def _print_table(
    headings: Sequence[Heading], cells: Sequence[Sequence[Painted]], first_out: Sequence[int] = ()
) -> None:
    terminal = sys.stdout.isatty()
    widths = fit(measured(headings, cells), get_terminal_size().columns if terminal else None, first_out)
    for row in ([Painted(heading.name, "bold") for heading in headings], *cells):
        _print_line(laid_out(row, headings, widths, first_out), " " * GAP, terminal=terminal)
    shown = sum(width is not None for width in widths)
    if shown < len(widths):
        columns = counted(len(widths), "column")
        hint(f"{columns}, {number(shown)} shown; --json has all, and so does a pipe (`| less -S`).")


def _print_line(cells: Iterable[Painted], gap: str = "", *, terminal: bool) -> None:
    if not terminal:
        say(gap.join(cell.text for cell in cells).rstrip())
        return
    from rich.text import Text

    line = Text(gap).join(Text(cell.text, style=cell.colour) for cell in cells)
    line.rstrip()
    stdout().print(line)


def _are_all(values: Sequence[Any], kinds: Any) -> bool:
    return bool(values) and all(isinstance(value, kinds) and not isinstance(value, bool) for value in values)


def _datum(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes | bytearray):
        value = value.decode("utf-8", "backslashreplace").rstrip("\r\n")
    return text_of(value)


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


def say_list(title: str, found: Sequence[str], most: int = 20) -> None:
    """Print a title and a line for each text, or for `most` of them; nothing if there is none."""
    if found:
        say("")
        say(f"{title}:")
        for each in found[:most]:
            say(f"  {one_line(each)}")
        if len(found) > most:
            say(f"  and {number(len(found) - most)} more")


def emit_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Print names and values, one pair a line, the values under each other."""
    pairs = list(pairs)
    width = max((len(name) for name, _ in pairs), default=0)
    room = get_terminal_size().columns - width - GAP
    for name, value in pairs:
        lines = [value]
        if sys.stdout.isatty():  # between words only: no number and no name is broken
            lines = wrap(value, max(room, 1), break_long_words=False, break_on_hyphens=False) or [""]
        say(f"{name:<{width}}  {lines[0]}")
        for line in lines[1:]:
            say(f"{'':<{width}}  {line}")


def _cell(value: Any) -> Painted:
    return value if isinstance(value, Painted) else Painted("" if value is None else one_line(value))


def one_line(value: Any) -> str:
    """Return a value as text without line ends or control characters."""
    return printable(value if isinstance(value, str) else str(value))


def shorten(text: str, width: int = _CELL) -> str:
    """Return `text`, cut to `width` characters where the result goes to a terminal."""
    return f"{text[: width - 1]}…" if len(text) > width and sys.stdout.isatty() else text


def number(value: float) -> str:
    """Return a number as a person reads it: 1,550,000."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


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
    return f"{counted(seconds // 86400, 'day')} ago"


def relative(path: Path) -> Path:
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
