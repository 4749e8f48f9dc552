"""What breaks those who read a table by the names and types of its columns."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from lagoa.contracts.iceberg_types import parse_type
from lagoa.contracts.widening import extended, widened
from lagoa.errors import LagoaError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from lagoa.review.diff import ColumnChange, Kind


def breaking(kind: Kind, columns: Collection[ColumnChange]) -> Iterator[str]:
    """Yield what breaks those who read a table by the names and types of its columns."""
    if kind == "removed":
        yield "the table is removed"
    if kind != "changed":
        return
    for each in columns:
        match each.kind:
            case "removed":
                yield f"the column {each.column} is removed"
            case "renamed":
                yield f"the column {each.before} is renamed to {each.column}"
            case "type" if not _is_wider(str(each.before), str(each.after)):
                yield f"{each.column} is {each.after} instead of {each.before}"
            case "nullability" if each.after == "optional":
                yield f"{each.column} may be null"


def _is_wider(was: str, now: str) -> bool:
    """Return whether every value of a type can be read as before: a wider number, or further nested fields."""
    with suppress(LagoaError, ValueError):
        return widened(was, now) is not None or extended(was, now, widen=True)[0] == str(parse_type(now))
    return False
