"""What a session shows of a value: one line of text; in a notebook a table in HTML, in which every text is escaped."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from lagoa.domain.lists import cut

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

_CELL = 200
"""Characters of a value; a cell may hold megabytes."""


def moment(value: datetime) -> str:
    """Return a time in UTC: `2026-11-20 05:00:00 UTC`."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def shown_value(value: Any) -> str:
    """Return the beginning of a value that is not null as text; bytes are read as UTF-8 where they are."""
    text = value[: 4 * _CELL].decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    return cut(text, _CELL)


def html_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], note: str = "") -> str:
    """Return rows as a table in HTML, NULL where there is no value.

    Args:
        columns: the headings.
        rows: the values, one for each heading.
        note: what is said below the table.
    """
    from html import escape  # not at the start of every command

    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>" for row in rows)
    below = f"<p>{escape(note)}</p>" if note else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}"


def _cell(value: Any) -> str:
    if value is None:
        return "<em>NULL</em>"
    from html import escape

    return escape(shown_value(value))
