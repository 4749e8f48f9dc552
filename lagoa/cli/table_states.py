"""What `lagoa tables` and `lagoa show` both say of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lagoa.cli.console import number

if TYPE_CHECKING:
    from lagoa.review.overview import TableState


def number_of(value: int | None) -> str:
    """Return a number as a person reads it; nothing where it is not known."""
    return "" if value is None else number(value)


def tell_table(state: TableState) -> dict[str, Any]:
    """Return a table for JSON output."""
    return {
        "table": str(state.table),
        "rows": state.rows,
        "files": state.files,
        "bytes": state.bytes,
        "updated_at": state.updated_at,
        "location": state.location,
    }
