"""Scoring on another engine: the rows' SELECT in its SQL, and predictions in its workers by the function used here."""

# ruff: noqa: S608 - SELECTs of the lake, and names that are quoted

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from lagoa.audit.on_engine import bytes_of
from lagoa.domain.sql_names import names_in_sql
from lagoa.errors import ModelError
from lagoa.sql_models.described import described_tables
from lagoa.sql_models.engine_choice import engine_for, workers_of
from lagoa.training.environment import one_thread
from lagoa.training.evaluation import predict
from lagoa.training.fitted import load_fitted

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    import pyarrow as pa
    from pyiceberg.table.metadata import TableMetadata

    from lagoa.context import LakeContext
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.ports.engine import SqlSession
    from lagoa.training.definition import Model

PART = 65_536
"""Rows that are predicted at a time, here as there: of sums, the last bits depend on how many rows are multiplied."""

_AT_ONCE = 16


def selected(context: LakeContext, sql: str, tables: Pointers) -> pa.Table | None:
    """Return the rows of a SELECT by the other engine, in any order, with the types that DuckDB gives.

    None if that engine is not set for so much data, or would give other rows.

    Raises:
        QueryError: the SELECT fails.
        EngineUnavailable: the engine does not start or does not answer.
    """
    name = engine_for(context, lambda: _bytes(context, tables.values()))
    engine = context.model_engine if name else None
    if engine is None:
        return None
    with context.engine.session(tables, confined=True) as session:
        schema = session.query(f"SELECT * FROM (\n{sql}\n) LIMIT 0").arrow().schema
    table = _like(schema)
    query = _written(context, sql, tables, schema, engine.name)
    if table is None or query is None:
        return None
    pointer = engine.build(query, tables, table)
    with context.engine.session({}) as session:
        found = session.query(f"SELECT * FROM {session.table_at(pointer)}").arrow()
    return found.select(schema.names).cast(schema)


def predictions(context: LakeContext, model: Model, saved: Path, rows: pa.Table, tables: Iterable[str]) -> np.ndarray:
    """Return predictions of a saved model, a row a row.

    Args:
        context: the lake's.
        model: the model.
        saved: the folder of what `Fitted.save` wrote.
        rows: at least one.
        tables: pointers of the tables that they were made of, whose size decides where they are predicted.

    Raises:
        TrainingError: the model fails.
        EngineUnavailable: there are no workers.
    """
    import numpy as np

    parts = [rows.slice(first, PART) for first in range(0, rows.num_rows, PART)]
    workers = workers_of(context, _bytes(context, tables))
    if workers is None:
        fitted = load_fitted(saved, model.definition.trusted)
        return np.concatenate([predict(model, fitted, part) for part in parts])
    files = {each.name: each.read_bytes() for each in saved.iterdir()}
    tasks = [partial(_predicted, model, files, part.combine_chunks()) for part in parts]
    with ThreadPoolExecutor(min(len(tasks), _AT_ONCE), "lagoa-score") as pool:
        return np.concatenate(list(pool.map(workers.run, tasks)))


def _predicted(model: Model, files: dict[str, bytes], rows: pa.Table, session: SqlSession) -> np.ndarray:
    """Return predictions, in a worker."""
    del session
    with TemporaryDirectory(prefix="lagoa-ml-") as place, one_thread():
        folder = Path(place)
        for name, data in files.items():
            (folder / name).write_bytes(data)
        return predict(model, load_fitted(folder, model.definition.trusted), rows)


def _bytes(context: LakeContext, pointers: Iterable[str]) -> int:
    return sum(bytes_of(context, pointer) for pointer in pointers)


def _written(context: LakeContext, sql: str, tables: Pointers, schema: pa.Schema, engine: str) -> str | None:
    """Return a SELECT in an engine's SQL; None if it would give other rows there."""
    from lagoa.sql_models.dialects import ENGINES, select_for

    name = next(each for each in ENGINES if each == engine)
    found = described_tables(context, tables, name)
    if len(found.tables) < len(tables):
        return None
    columns = names_in_sql(schema.names)
    try:
        return select_for(Path("rows.sql"), f"SELECT {columns} FROM (\n{sql}\n) AS rows", name, found)
    except ModelError:
        return None


def _like(schema: pa.Schema) -> TableMetadata | None:
    """Return the metadata of a table that can have rows of a schema; None if it has a type that no table has."""
    import pyarrow as pa
    from pyiceberg import types
    from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
    from pyiceberg.schema import Schema
    from pyiceberg.table.metadata import new_table_metadata
    from pyiceberg.table.sorting import UNSORTED_SORT_ORDER

    known = {
        pa.bool_(): types.BooleanType(),
        pa.int8(): types.IntegerType(),
        pa.int16(): types.IntegerType(),
        pa.int32(): types.IntegerType(),
        pa.int64(): types.LongType(),
        pa.float32(): types.FloatType(),
        pa.float64(): types.DoubleType(),
        pa.string(): types.StringType(),
        pa.date32(): types.DateType(),
        pa.timestamp("us"): types.TimestampType(),
        pa.timestamp("us", "UTC"): types.TimestamptzType(),
    }
    fields = []
    for number, field in enumerate(schema, 1):
        decimal = pa.types.is_decimal(field.type)
        kind = types.DecimalType(field.type.precision, field.type.scale) if decimal else known.get(field.type)
        if kind is None:
            return None
        fields.append(types.NestedField(number, field.name, kind, required=False))
    return new_table_metadata(Schema(*fields), UNPARTITIONED_PARTITION_SPEC, UNSORTED_SORT_ORDER, location="")
