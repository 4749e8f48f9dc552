"""Compares the fields of a table, including nested ones, with its contract, and determines the new schema."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

from pyiceberg.schema import Schema, assign_fresh_schema_ids
from pyiceberg.types import (
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StructType,
)

from lagoa.domain.tables import LINEAGE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyiceberg.table.metadata import TableMetadata

    from lagoa.contracts.contract import Contract

Kind = Literal[
    "added",
    "dropped",
    "renamed",
    "type",
    "optional",
    "required",
    "order",
    "description",
    "key",
    "partition",
    "sort",
    "bloom",
]
Effect = Literal["evolves", "enforced", "refused"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between a table and its contract.

    Attributes:
        kind: what differs.
        column: the column, or a nested field by its path (`address.street`, `items.element.sku`), by its name in the
            contract; None for the table as a whole.
        before: what the table has; None if nothing.
        after: what the contract has; None if nothing.
        effect: what the next write does. `evolves`: it changes the table to match the contract. `enforced`: it does not
            change the table, and a check verifies its rows. `refused`: it fails.
        note: the effect as text; if it is refused, what to do.
    """

    kind: Kind
    column: str | None
    before: str | None
    after: str | None
    effect: Effect
    note: str


class FieldComparison:
    """Compares the columns of a table and its contract.

    Attributes:
        differences: the differences that were found.

    Args:
        contract: the contract.
        metadata: the table's metadata.
        free: whether no earlier row will be left after the write.
    """

    def __init__(self, contract: Contract, metadata: TableMetadata, *, free: bool) -> None:
        self.differences: list[Difference] = []
        self._contract = contract
        self._table = metadata.schema()
        self._free = free
        self._ids = count(metadata.last_column_id + 1)
        self._partitioned = {field.source_id for spec in metadata.partition_specs for field in spec.fields}

    def schema(self, wanted: Schema) -> Schema:
        """Return the table's schema after the next write, given the contract's schema."""
        fields = self._struct("", self._table.fields, wanted.fields)
        key = [field for field in fields if field.name in self._contract.key]
        identifiers = [field.field_id for field in key] if all(field.required for field in key) else []
        self._compare_key(identifiers)
        return Schema(*fields, identifier_field_ids=identifiers)

    def _struct(self, path: str, have: Sequence[NestedField], wanted: Sequence[NestedField]) -> list[NestedField]:
        left = {field.name: field for field in have}
        pairs = []
        for field in wanted:
            names = (field.name, *self._contract.former_names.get(_join(path, field.name), ()))
            was = next((left.pop(name) for name in names if name in left), None)
            pairs.append((was, field))
        fields = [
            self._added(_join(path, field.name), field) if was is None else self._kept(path, was, field)
            for was, field in pairs
        ]
        gained = [field for was, field in pairs if was is None]
        for was in left.values():
            self._dropped(path, was, gained)
        self._compare_order(path, [was for was in have if was.name not in left], [was for was, _ in pairs if was])
        return fields

    def _kept(self, path: str, was: NestedField, field: NestedField) -> NestedField:
        place = _join(path, field.name)
        if was.name != field.name:
            self._note("renamed", place, was.name, field.name, "evolves", "renamed; the values stay")
        kind = self._typed(place, was.field_type, field.field_type)
        if kind is None:
            return self._retyped(place, was, field)
        doc = field.doc if not path else was.doc  # a contract describes columns, not nested fields
        if was.doc != doc:
            self._note("description", place, was.doc, doc, "evolves", "the description is changed")
        return NestedField(
            field_id=was.field_id,
            name=field.name,
            field_type=kind,
            required=self._required(place, was, field),
            doc=doc,
            initial_default=was.initial_default,
            write_default=was.write_default,
        )

    def _required(self, place: str, was: NestedField, field: NestedField) -> bool:
        if was.required and not field.required:
            self._note("optional", place, "required", "optional", "evolves", "made optional")
        elif field.required and not was.required and self._free:
            self._note("required", place, "optional", "required", "evolves", "made required, as no older row is left")
            return True
        elif field.required and not was.required:
            self._enforced(place)
        return was.required and field.required

    def _enforced(self, place: str) -> None:
        if place in LINEAGE_COLUMNS:  # older rows have no lineage, and no rule requires it
            return
        check = f"{self._contract.table}/required/{place}"
        note = f"stays optional, as Iceberg cannot make a column required; {check} fails while a row has no value in it"
        self._note("required", place, "optional", "required", "enforced", note)

    def _typed(self, place: str, was: IcebergType, wanted: IcebergType) -> IcebergType | None:
        """Return the type with the table's field ids, or None if the one cannot become the other."""
        match was, wanted:
            case StructType(), StructType():
                return StructType(*self._struct(place, was.fields, wanted.fields))
            case ListType(), ListType():
                element = self._kept(place, was.element_field, wanted.element_field)
                return ListType(element.field_id, element.field_type, element.required)
            case MapType(), MapType() if spelled(was.key_type) == spelled(wanted.key_type):
                value = self._kept(place, was.value_field, wanted.value_field)
                return MapType(was.key_id, was.key_type, value.field_id, value.field_type, value.required)
        if was == wanted:
            return was
        if not widens(was, wanted):
            return None
        self._note("type", place, str(was), str(wanted), "evolves", "widened; the values stay")
        return wanted

    def _retyped(self, place: str, was: NestedField, field: NestedField) -> NestedField:
        before, after = spelled(was.field_type), spelled(field.field_type)
        if self._is_partitioned(was):
            self._note("type", place, before, after, "refused", _PARTITIONED)
        elif not self._free:
            self._note("type", place, before, after, "refused", _RETYPED)
        else:
            self._note("type", place, before, after, "evolves", "created again, as no older row is left")
            return self._fresh(field)
        return was

    def _added(self, place: str, field: NestedField) -> NestedField:
        kind = spelled(field.field_type)
        if self._free:
            self._note("added", place, None, kind, "evolves", "added")
        else:
            self._note("added", place, None, kind, "evolves", "added; existing rows have no value in it")
            if field.required:
                self._enforced(place)
        return self._fresh(field)

    def _fresh(self, field: NestedField) -> NestedField:
        number = next(self._ids)
        kind: Any = assign_fresh_schema_ids(field.field_type, lambda: next(self._ids))
        return NestedField(
            field_id=number,
            name=field.name,
            field_type=kind,
            required=field.required and self._free,
            doc=field.doc,
        )

    def _dropped(self, path: str, was: NestedField, gained: Sequence[NestedField]) -> None:
        place, kind = _join(path, was.name), spelled(was.field_type)
        like = [field.name for field in gained if _may_be(was.field_type, field.field_type)]
        if self._is_partitioned(was):
            self._note("dropped", place, kind, None, "refused", _PARTITIONED)
        elif like and not self._free and place not in self._contract.dropped:
            names = " or ".join(like)
            self._note("dropped", place, kind, None, "refused", _AMBIGUOUS.format(names=names, was=was.name, at=place))
        else:
            note = "dropped; its values in older files are no longer visible, and do not come back with the name"
            self._note("dropped", place, kind, None, "evolves", "dropped" if self._free else note)

    def _is_partitioned(self, field: NestedField) -> bool:
        return not self._partitioned.isdisjoint(_ids_within(field))

    def _compare_order(self, path: str, before: Sequence[NestedField], after: Sequence[NestedField]) -> None:
        if [field.field_id for field in before] != [field.field_id for field in after]:
            was, now = (", ".join(field.name for field in fields) for fields in (before, after))
            self._note("order", path or None, was, now, "evolves", "put in this order; no file changes")

    def _compare_key(self, identifiers: Sequence[int]) -> None:
        key = self._contract.key
        before = [field.name for field in self._table.fields if field.field_id in self._table.identifier_field_ids]
        if set(identifiers) == set(self._table.identifier_field_ids) and (identifiers or not key):
            return
        check = f"{self._contract.table}/key/{'+'.join(key)}"
        if key and not identifiers:
            note = f"{check} enforces it; Iceberg allows no optional column in a key"
            self._note("key", None, ", ".join(before) or None, ", ".join(key), "enforced", note)
        else:
            self._note("key", None, ", ".join(before) or None, ", ".join(key) or None, "evolves", "the key is changed")

    def _note(
        self, kind: Kind, column: str | None, before: str | None, after: str | None, effect: Effect, note: str
    ) -> None:
        self.differences.append(Difference(kind, column, before, after, effect, note))


_RETYPED = (
    "a type can only be widened: int to long, float to double, a decimal to more digits. Use a new column or table "
    "for the new type; or replace all rows in one write (`Branch.replace`, a model whose lagoa.materialization is "
    "full), which creates the column again. A table of files can be dropped and loaded again on one branch"
)
_PARTITIONED = (
    "the table is or was partitioned by it, and its files cannot be read without it. Leave it unchanged, and use a "
    "new column or table"
)
_AMBIGUOUS = (
    "it may be the former name of {names}, which is new. If so, set `lagoa.formerName: {was}` there (for a nested "
    "field: lagoa.formerFields); if not, list {at} in the table's lagoa.dropped"
)


def spelled(kind: IcebergType) -> str:
    """Return a type as it is written in contracts, without field ids."""
    match kind:
        case StructType():
            return f"struct<{', '.join(f'{field.name}: {spelled(field.field_type)}' for field in kind.fields)}>"
        case ListType():
            return f"list<{spelled(kind.element_type)}>"
        case MapType():
            return f"map<{spelled(kind.key_type)}, {spelled(kind.value_type)}>"
    return str(kind)


def widens(was: IcebergType, wanted: IcebergType) -> bool:
    """Return whether Iceberg can read every value of one type as the other."""
    match was, wanted:  # PyIceberg's `promote` also allows a change of scale
        case (IntegerType(), LongType()) | (FloatType(), DoubleType()):
            return True
        case DecimalType(), DecimalType():
            return was.scale == wanted.scale and was.precision < wanted.precision
    return False


def _may_be(was: IcebergType, wanted: IcebergType) -> bool:
    if not was.is_primitive:
        return type(was) is type(wanted)
    return spelled(was) == spelled(wanted) or widens(was, wanted)


def _ids_within(field: NestedField) -> Iterator[int]:
    yield field.field_id
    match field.field_type:
        case StructType(fields=inside):
            for each in inside:
                yield from _ids_within(each)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
