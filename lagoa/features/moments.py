"""Moments of feature tables: microseconds since 1970 in UTC, whatever the type of the column."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lagoa.domain.features import microseconds_of, moment_of
from lagoa.domain.sql_names import name_in_sql, text_in_sql
from lagoa.errors import FeatureError

if TYPE_CHECKING:
    from collections.abc import Mapping

UTC_ZONE = "UTC"
AND_ONE = ", 1"
"""At the end of an order that numbers rows: by a single one DuckDB finds the first with `arg_max`, which loses -0.0."""

_DAY = 86_400_000_000


def moment_in_sql(column: str, kind: str, zone: str) -> str:
    """Return SQL of a column's values as microseconds.

    A local time that a zone has twice, when summer time ends, is the later of both: no row is known too early.

    Args:
        column: its name.
        kind: its Iceberg type: a timestamp or a date.
        zone: the zone of values that have none.
    """
    name = name_in_sql(column)
    if kind == "timestamptz":
        return f"epoch_us({name})"
    naive = f"CAST({name} AS TIMESTAMP)" if kind == "date" else name
    if kind not in {"timestamp", "date"}:
        raise FeatureError(
            f"The column {column}", f"it is of the type {kind}, and no moment", "Name a column of timestamps or dates."
        )
    return f"epoch_us({naive})" if zone == UTC_ZONE else f"epoch_us(timezone({text_in_sql(zone)}, {naive}))"


def moments_in_sql(types: Mapping[str, str], table: str, column: str, zone: str) -> str:
    """Return SQL of the moments in a column of a table whose columns have these types; see `moment_in_sql`."""
    return moment_in_sql(column, column_type(types, column, table), zone)


def moment_in_utc(value: date | None, zone: str) -> datetime | None:
    """Return a value of a column of moments as the moment that `moment_in_sql` gives of it."""
    if value is None:
        return None
    moment = value if isinstance(value, datetime) else datetime.combine(value, time())
    if moment.tzinfo:
        return moment.astimezone(UTC)
    offsets = [moment.replace(tzinfo=ZoneInfo(zone), fold=fold).utcoffset() or timedelta() for fold in (0, 1)]
    return moment_of(microseconds_of(moment) - min(offsets) // timedelta(microseconds=1))


def near_moment_in_sql(column: str, kind: str, least: int | None, greatest: int | None) -> list[str]:
    """Return conditions that files and row groups can be skipped by; wider by a day where times are local."""
    name, make, wider = name_in_sql(column), "make_timestamp", _DAY
    if kind == "timestamptz":
        make, wider = "make_timestamptz", 0
    said = []
    if least is not None:
        said.append(f"{name} >= {make}({least - wider})")
    if greatest is not None:
        said.append(f"{name} <= {make}({greatest + wider})")
    return said


def check_zone(zone: str, where: str) -> str:
    """Return a time zone's name, UTC for none.

    Raises:
        FeatureError: there is no such zone.
    """
    try:
        ZoneInfo(zone or UTC_ZONE)
    except (ZoneInfoNotFoundError, ValueError):
        advice = "Use a name of the IANA database, such as America/Sao_Paulo or UTC."
        raise FeatureError(where, f"there is no time zone {zone!r}", advice) from None
    return zone or UTC_ZONE


def column_type(types: Mapping[str, str], column: str, table: str) -> str:
    """Return the type of a table's column.

    Raises:
        FeatureError: the table has no such column.
    """
    if column not in types:
        from lagoa.domain.suggestions import did_you_mean

        raise FeatureError(
            table, f"it has no column {column!r}.{did_you_mean(column, types)}".rstrip("."), "Name one that it has."
        )
    return types[column]
