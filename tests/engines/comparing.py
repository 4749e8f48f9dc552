"""Compares the rows and types of two engines."""

from __future__ import annotations

import math
import re
from datetime import datetime
from decimal import Decimal

TOLERANCE = 1e-9
"""Of doubles, relative: the order of additions shows in the last digits."""

_NAMES = {
    "hugeint": "bigint", "integer": "int", "varchar": "text", "string": "text", "timestamp_ntz": "timestamp",
    "timestamp with time zone": "timestamptz", "timestamp(6)": "timestamp",
    "timestamp(6) with time zone": "timestamptz",
}  # fmt: skip


def type_name(kind: str, engine: str) -> str:
    """Return one name for a type of any engine: of a decimal the scale, as precisions only bound what fits."""
    kind = kind.lower()
    if found := re.match(r"decimal\(\d+, ?(\d+)\)", kind):
        return f"decimal of scale {found[1]}"
    if engine == "spark" and kind == "timestamp":
        return "timestamptz"
    return _NAMES.get(re.sub(r"varchar\(\d+\)", "varchar", kind), kind)


def plain(value):
    """Return a value in a form that is the same for all engines: decimals without the zeros at their end."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return "Z", value.timestamp()
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return value


def alike(one, other) -> bool:
    """Return whether two values are the same, doubles to a billionth."""
    one, other = plain(one), plain(other)
    if isinstance(one, float) and isinstance(other, float):
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) and math.isnan(other)
        return one == other or math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=1e-300)
    return type(one) is type(other) and one == other


def sorted_rows(rows):
    """Return rows in an order that does not depend on the last digits of doubles."""
    return sorted(
        rows, key=lambda row: [(v is None, f"{v:.6g}" if isinstance(v, float) else str(plain(v))) for v in row]
    )


def differences(names, ours, theirs) -> list[str]:
    """Return what differs between two lists of rows, a line each."""
    if len(ours) != len(theirs):
        return [f"{len(ours)} rows, and {len(theirs)}"]
    return [
        f"{name}: {a!r}, and {b!r} in {one}"
        for one, other in zip(sorted_rows(ours), sorted_rows(theirs), strict=True)
        for name, a, b in zip(names, one, other, strict=True)
        if not alike(a, b)
    ]
