"""How a query says that a value cannot be written: SQL that ends it with an error, and the reason out of that error."""

from __future__ import annotations

from lagoa.domain.sql_names import text_in_sql

_MARK = "lagoa: "
_SHOWN = 100


def refusal_in_sql(reason: str, value: str, place: str = "") -> str:
    """Return the SQL that ends a query with a reason, a value and the value's place.

    Args:
        reason: what comes before the value.
        value: the SQL of the value.
        place: SQL of a text that comes after it.
    """
    shown = f"left(CAST({value} AS VARCHAR), {_SHOWN})"
    return f"error({text_in_sql(_MARK + reason)} || {shown}{f' || {place}' if place else ''})"


def refusal_of(error: BaseException) -> str | None:
    """Return the reason for which a query ended, from the engine's error; None if it failed for another reason."""
    _, mark, reason = str(error).partition(_MARK)
    return reason.splitlines()[0] if mark and reason else None
