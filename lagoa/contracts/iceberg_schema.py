"""PyIceberg's objects for a contract's types, partition transforms and sort fields."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from lagoa.contracts.iceberg_types import IcebergType, PartitionField, SortField, parse_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.table.sorting import SortOrder
    from pyiceberg.transforms import Transform
    from pyiceberg.types import IcebergType as PyIcebergType


def to_pyiceberg(kind: IcebergType, ids: Iterator[int]) -> PyIcebergType:
    """Return PyIceberg's type; nested fields take their ids from `ids` and are optional."""
    from pyiceberg import types

    if kind.name == "decimal":
        return types.DecimalType(*kind.numbers)
    if kind.name == "fixed":
        return types.FixedType(kind.numbers[0])
    if not kind.parts:
        plain: dict[str, Any] = {
            "boolean": types.BooleanType, "int": types.IntegerType, "long": types.LongType, "float": types.FloatType,
            "double": types.DoubleType, "date": types.DateType, "time": types.TimeType, "uuid": types.UUIDType,
            "timestamp": types.TimestampType, "timestamptz": types.TimestamptzType, "string": types.StringType,
            "binary": types.BinaryType,
        }  # fmt: skip
        return plain[kind.name]()  # type: ignore[no-any-return]
    numbers = [next(ids) for _ in kind.parts]
    inner = [to_pyiceberg(part, ids) for _, part in kind.parts]
    if kind.name == "list":
        return types.ListType(numbers[0], inner[0], element_required=False)
    if kind.name == "map":
        return types.MapType(numbers[0], inner[0], numbers[1], inner[1], value_required=False)
    names = [name for name, _ in kind.parts]
    fields = [types.NestedField(*each, required=False) for each in zip(numbers, names, inner, strict=True)]
    return types.StructType(*fields)


def from_pyiceberg(kind: PyIcebergType) -> IcebergType:
    """Return a type as contracts have it, without the ids of nested fields."""
    from pyiceberg import types

    match kind:
        case types.StructType():
            return IcebergType(
                "struct", (), tuple((each.name, from_pyiceberg(each.field_type)) for each in kind.fields)
            )
        case types.ListType():
            return IcebergType("list", (), (("element", from_pyiceberg(kind.element_type)),))
        case types.MapType():
            parts = (("key", from_pyiceberg(kind.key_type)), ("value", from_pyiceberg(kind.value_type)))
            return IcebergType("map", (), parts)
        case types.DecimalType():
            return IcebergType("decimal", (kind.precision, kind.scale))
        case types.FixedType():
            return IcebergType("fixed", (len(kind),))
    return IcebergType(str(kind))


def build_schema(columns: Sequence[tuple[str, str, bool, str]], key: Sequence[str]) -> Schema:
    """Return the schema of columns given as (name, type, required, description), with ids from 1.

    The ids are for a new table; an existing table has its own.
    """
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField

    ids = count(len(columns) + 1)
    fields = [
        NestedField(number, name, to_pyiceberg(parse_type(kind), ids), required=required, doc=description or None)
        for number, (name, kind, required, description) in enumerate(columns, 1)
    ]
    return Schema(*fields, identifier_field_ids=[each.field_id for each in fields if each.name in key])


def build_partition_spec(partition: Sequence[str], schema: Schema) -> PartitionSpec:
    """Return the partition spec of a table with this schema."""
    from pyiceberg.partitioning import PARTITION_FIELD_ID_START, UNPARTITIONED_PARTITION_SPEC, PartitionSpec
    from pyiceberg.partitioning import PartitionField as SpecField

    if not partition:
        return UNPARTITIONED_PARTITION_SPEC
    fields = [
        SpecField(schema.find_field(each.column).field_id, number, _transform(each), each.name)
        for number, each in enumerate(map(PartitionField.parse, partition), PARTITION_FIELD_ID_START)
    ]
    return PartitionSpec(*fields)


def build_sort_order(sort: Sequence[str], schema: Schema) -> SortOrder:
    """Return the sort order of a table with this schema."""
    from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, NullOrder, SortDirection, SortOrder
    from pyiceberg.table.sorting import SortField as OrderField
    from pyiceberg.transforms import IdentityTransform

    if not sort:
        return UNSORTED_SORT_ORDER
    fields = [
        OrderField(
            schema.find_field(each.column).field_id,
            IdentityTransform(),
            SortDirection.DESC if each.descending else SortDirection.ASC,
            NullOrder.NULLS_FIRST if each.nulls_first else NullOrder.NULLS_LAST,
        )
        for each in map(SortField.parse, sort)
    ]
    return SortOrder(*fields)


def _transform(each: PartitionField) -> Transform[Any, Any]:
    from pyiceberg import transforms

    if each.size is not None:
        sized: Any = transforms.BucketTransform if each.transform == "bucket" else transforms.TruncateTransform
        return sized(each.size)  # type: ignore[no-any-return]
    return transforms.parse_transform(each.transform)
