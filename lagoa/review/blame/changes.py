"""What happened to the rows with one key from one state of a table to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pyiceberg.types import IcebergType, ListType, MapType, StructType

from lagoa.contracts.scd2 import FROM
from lagoa.domain.tables import LINEAGE_COLUMNS
from lagoa.review.diff import same_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lagoa.review.blame.rows import Found, Row

Kind = Literal["added", "changed", "reloaded", "removed"]

_HOW_LOADED = frozenset({*LINEAGE_COLUMNS, "_quarantined_at"})
"""These columns say how a row was loaded, and are not part of its content."""


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one row.

    Attributes:
        kind: `reloaded`: it was written again with the same values, in another batch.
        columns: the columns that changed, but those that say how the row was loaded.
        before: the row before, by the columns' names after; None if it was added.
        after: the row after; None if it was removed.
    """

    kind: Kind
    columns: tuple[str, ...]
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


def changes_between(older: Found, newer: Found, *, versions: bool) -> list[Change]:
    """Return what happened to the rows with a key.

    Args:
        older: the rows before.
        newer: the rows after.
        versions: whether the rows are versions of one key, each from another time.
    """
    if older is newer:
        return []
    before, after = _in_columns_of(older, newer), list(newer.rows)
    if not versions:
        return _changes(before, after)
    sides: dict[Any, tuple[list[Row], list[Row]]] = {}
    for side, rows in enumerate((before, after)):
        for row in rows:
            sides.setdefault(row.get(FROM), ([], []))[side].append(row)
    starts = sorted(sides, key=lambda each: (each is not None, str(each)))
    return [change for start in starts for change in _changes(*sides[start])]


def _in_columns_of(older: Found, newer: Found) -> list[Row]:
    """Return the earlier rows in the columns of the later state; a column that it has no longer is left out."""
    if older.table is None or newer.table is None or older.schemas == newer.schemas or not older.rows:
        return list(older.rows)
    pairs = same_columns(older.table, newer.table)
    return [
        {
            now.name: None if was is None else _in_names_of(row[was.name], was.field_type, now.field_type)
            for was, now in pairs
        }
        for row in older.rows
    ]


def _in_names_of(value: Any, was: IcebergType, now: IcebergType) -> Any:
    """Return a value in which nested fields have the names that they have in another type; by their ids."""
    if value is None or was == now:
        return value
    match was, now:
        case StructType(), StructType():
            by_id = {field.field_id: field for field in was.fields}
            return {
                field.name: _in_names_of(value[old.name], old.field_type, field.field_type)
                if (old := by_id.get(field.field_id)) is not None
                else None
                for field in now.fields
            }
        case ListType(), ListType():
            return [_in_names_of(each, was.element_type, now.element_type) for each in value]
        case MapType(), MapType():
            return {key: _in_names_of(each, was.value_type, now.value_type) for key, each in value.items()}
    return value


def _changes(before: Sequence[Row], after: Sequence[Row]) -> list[Change]:
    """Return what happened to rows that have the same key, or of a history the same start too."""
    left, gone, found = list(after), [], list[Change]()
    for row in before:
        equal = next((each for each in left if not _differing(row, each)), None)
        if equal is None:
            gone.append(row)
        else:
            left.remove(equal)
    if len(gone) == len(left) == 1:
        return [_change(gone[0], left[0])]
    for row in list(gone):  # several rows have the key: those with other lineage alone are the same
        like = next((each for each in left if _HOW_LOADED.issuperset(_differing(row, each))), None)
        if like is not None:
            found.append(_change(row, like))
            gone.remove(row)
            left.remove(like)
    found += [Change("removed", (), row, None) for row in gone]
    return found + [Change("added", (), None, row) for row in left]


def _change(before: Row, after: Row) -> Change:
    columns = tuple(name for name in _differing(before, after) if name not in _HOW_LOADED)
    return Change("changed" if columns else "reloaded", columns, before, after)


def _differing(before: Row, after: Row) -> list[str]:
    names = dict.fromkeys((*after, *before))
    return [name for name in names if not _same(before.get(name), after.get(name))]


def _same(a: Any, b: Any) -> bool:
    return bool(a == b) or (a != a and b != b)  # noqa: PLR0124 - not a number is no other
