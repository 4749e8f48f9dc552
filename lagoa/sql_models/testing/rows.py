"""Rows of a test as Arrow tables; the engine reads their columns like those of the lake's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.contracts.iceberg_types import parse_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from lagoa.contracts import Contract
    from lagoa.contracts.iceberg_types import IcebergType
    from lagoa.sql_models.testing.reading import Row


def arrow_rows(contract: Contract, rows: Sequence[Row]) -> pa.Table:
    """Return rows as a table with all columns of a contract; what a row does not name is null, even if required."""
    import pyarrow as pa

    schema = pa.schema([(column.name, _arrow_type(parse_type(column.type))) for column in contract.all_columns])
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)


def _arrow_type(kind: IcebergType) -> pa.DataType:
    import pyarrow as pa

    inner = [(name, _arrow_type(part)) for name, part in kind.parts]
    match kind.name:
        case "list":
            return pa.list_(inner[0][1])
        case "map":
            return pa.map_(inner[0][1], inner[1][1])
        case "struct":
            return pa.struct(inner)
        case "decimal":
            return pa.decimal128(*kind.numbers)
        case "fixed":
            return pa.binary(kind.numbers[0])
    return {
        "boolean": pa.bool_(), "int": pa.int32(), "long": pa.int64(), "float": pa.float32(), "double": pa.float64(),
        "date": pa.date32(), "time": pa.time64("us"), "timestamp": pa.timestamp("us"), "string": pa.string(),
        "timestamptz": pa.timestamp("us", "UTC"), "uuid": pa.uuid(), "binary": pa.binary(),
    }[kind.name]  # fmt: skip
