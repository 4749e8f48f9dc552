"""Rows of entities: of what and when features are requested."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lagoa.errors import FeatureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd
    import pyarrow as pa

WHAT = "The entity rows"
_NULL = "null"

_CLASSES = {
    "int": "integer", "long": "integer", "string": "text", "boolean": "boolean", "float": "number", "double": "number",
    "date": "date", "timestamp": "timestamp", "timestamptz": "timestamp", "binary": "bytes", "decimal": "decimal",
    "uuid": "text",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class EntityRows:
    """Rows of entities as they were given, but for their moments, which are in UTC.

    Attributes:
        table: the rows.
        timestamp: the column with their moments.
    """

    table: pa.Table
    timestamp: str

    @property
    def moments(self) -> pa.Array:
        """The moments in microseconds since 1970; null where a row has none."""
        import pyarrow as pa

        return self.table[self.timestamp].cast(pa.int64())

    def require(self, columns: Iterable[str]) -> None:
        """Raise `FeatureError` if a join key is missing."""
        missing = sorted(set(columns) - set(self.table.column_names))
        if missing:
            has = ", ".join(self.table.column_names)
            raise FeatureError(
                WHAT, f"they have no column {', '.join(map(repr, missing))}", f"Add the join keys. There are: {has}."
            )

    def key(self, column: str, kind: str) -> pa.Array:
        """Return the values of a join key; of a column without any, as nulls of the type that a table has."""
        import pyarrow as pa

        values = self.table[column]
        if not pa.types.is_null(values.type):
            return values
        return values.cast(pa.int64() if _CLASSES.get(kind) == "integer" else pa.string())

    def check_type(self, column: str, kind: str, where: str) -> None:
        """Raise `FeatureError` if the values of a join key can never be equal to those of a table."""
        ours = _class_of(self.table.schema.field(column).type)
        theirs = _CLASSES.get(kind.partition("(")[0].partition("[")[0])
        if ours not in {theirs, _NULL}:
            advice = "Convert it."
            if (ours, theirs) == ("number", "integer"):  # what pandas makes of whole numbers beside a null
                advice = "Convert it: astype('Int64') in pandas, CAST(… AS BIGINT) in SQL."
            raise FeatureError(
                WHAT, f"{column!r} is {ours or 'of another type'}, and {theirs or kind} in {where}", advice
            )


def entity_rows(frame: pd.DataFrame, timestamp: str) -> EntityRows:
    """Return the rows of a DataFrame; moments without a zone are in UTC.

    Args:
        frame: the rows; they keep their order, and duplicates stay.
        timestamp: the column with their moments.

    Raises:
        FeatureError: columns of one name, a column of mixed types, or moments of which only some have a zone.
    """
    import pyarrow as pa

    twice = sorted({str(name) for name in frame.columns[frame.columns.duplicated()]})
    if twice:
        raise FeatureError(WHAT, f"they have several columns {', '.join(map(repr, twice))}", "Rename them.")
    columns: dict[str, Any] = {}
    for name in frame.columns:
        if name == timestamp:
            columns[name] = _moments(frame[name], name)
            continue
        try:
            columns[str(name)] = pa.array(frame[name], from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise FeatureError(
                WHAT, f"{name!r} has values of several types ({error})", "Convert the column."
            ) from error
    return EntityRows(pa.table(columns), timestamp)


def _moments(column: pd.Series, name: str) -> pa.Array:
    import pandas as pd
    import pyarrow as pa

    if column.dtype == object:
        given = column.dropna()
        if not all(isinstance(each, datetime) for each in given):
            wrong = next(each for each in given if not isinstance(each, datetime))
            advice = "Convert the column: pd.to_datetime(…, utc=True)."
            raise FeatureError(WHAT, f"{name!r} has {wrong!r}, which is no moment", advice)
        zones = {each.tzinfo is None for each in given}
        if len(zones) > 1:
            row = next(index for index, each in enumerate(column) if isinstance(each, datetime) and each.tzinfo is None)
            raise FeatureError(
                WHAT,
                f"{name!r} has moments with a zone and some without, such as that of row {row}",
                "Give all a zone.",
            )
    try:
        try:
            aware = pd.to_datetime(column, utc=True)
        except pd.errors.OutOfBoundsDatetime:  # nanoseconds of pandas end in 2262
            return pa.array([None if pd.isna(each) else _in_utc(each) for each in column], pa.timestamp("us", "UTC"))
    except (ValueError, OverflowError) as error:
        raise FeatureError(WHAT, f"{name!r} has a moment that cannot be read ({error})", "Correct it.") from error
    return pa.array(aware, from_pandas=True).cast(pa.timestamp("us", "UTC"), safe=False)


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _class_of(kind: pa.DataType) -> str | None:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    tests: Mapping[str, Any] = {
        "integer": pa.types.is_integer, "text": lambda each: pa.types.is_string(each) or pa.types.is_large_string(each),
        "boolean": pa.types.is_boolean, "number": pa.types.is_floating, "date": pa.types.is_date,
        "timestamp": pa.types.is_timestamp, "bytes": pa.types.is_binary, "decimal": pa.types.is_decimal,
        _NULL: pa.types.is_null,
    }  # fmt: skip
    return next((name for name, test in tests.items() if test(kind)), None)
