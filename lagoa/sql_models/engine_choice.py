"""On which engine a model runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.catalog.readable import files_size
from lagoa.errors import ModelError

if TYPE_CHECKING:
    from lagoa.context import LakeContext
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.sql_models import Model

_GB = 1000**3


def engine_of(context: LakeContext, model: Model, pointers: Pointers) -> str:
    """Return what a model runs on: `duckdb`, `spark` or `trino`; `python`, a process of this machine, for a function.

    With the setting `auto` that is DuckDB, unless the inputs are larger than `engine_limit_gb`, the lake is on Nessie,
    and Spark can run the model with DuckDB's rows.

    Args:
        context: the lake.
        model: the model.
        pointers: the tables; an input that is not there yet counts as empty.
    """
    if model.function is not None:
        return "python"
    if context.settings.engine != "auto":
        return context.settings.engine
    limit = context.settings.engine_limit_gb * _GB
    large = context.open_model_engine is not None and input_bytes(context, model, pointers) > limit
    return "spark" if large and _runs_on_spark(context, model) else "duckdb"


def input_bytes(context: LakeContext, model: Model, pointers: Pointers) -> int:
    """Return the bytes of the data files of a model's inputs, as far as they are there."""
    return sum(files_size(pointers[table], context.storage.read) for table in model.inputs if table in pointers)


def _runs_on_spark(context: LakeContext, model: Model) -> bool:
    from lagoa.sql_models.dialects import for_engine

    try:
        for_engine(model, "spark", context.contracts)
    except ModelError:
        return False
    return True
