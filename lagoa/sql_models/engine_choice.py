"""On which engine a model or a check runs, and where files are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.catalog.readable import files_size
from lagoa.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lagoa.context import LakeContext
    from lagoa.domain.engines import EngineName
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.ports.engine import Workers
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
    chosen = engine_for(context, lambda: input_bytes(context, model, pointers))
    automatic = context.settings.engine == "auto"
    return "duckdb" if chosen is None or (automatic and not _runs_on_spark(context, model)) else chosen


def engine_for(context: LakeContext, size: Callable[[], int]) -> EngineName | None:
    """Return the engine that reads tables of so many bytes in all, by the settings; None if that is DuckDB."""
    settings = context.settings
    if settings.engine == "duckdb" or context.open_model_engine is None:
        return None
    if settings.engine != "auto":
        return settings.engine
    return "spark" if size() > settings.engine_limit_gb * _GB else None


def engine_of_check(context: LakeContext, size: int) -> EngineName | None:
    """Return the engine that measures a check of tables of so many bytes in all; None if that is DuckDB.

    Below `engine_limit_gb` it is DuckDB whatever the settings say: it has the same result in less time than another
    engine takes to begin.
    """
    return engine_for(context, lambda: size) if size > context.settings.engine_limit_gb * _GB else None


def workers_of(context: LakeContext, size: int) -> Workers | None:
    """Return the workers that read source files of so many bytes in all; None if this process reads them.

    With the setting `spark` those are Spark's, and with `auto` if there is more than `engine_limit_gb`.
    """
    settings = context.settings
    spark = settings.engine == "spark" or (settings.engine == "auto" and size > settings.engine_limit_gb * _GB)
    engine = context.model_engine if spark else None
    return engine.workers if engine else None


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
