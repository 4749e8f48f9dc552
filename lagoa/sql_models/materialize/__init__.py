"""How a model's rows get into its table: one way per materialization."""

from __future__ import annotations

from lagoa.sql_models.materialize.build import Again, Build, Built, build_rows
from lagoa.sql_models.materialize.incremental import build_incremental
from lagoa.sql_models.materialize.requested import check_requested

__all__ = ["Again", "Build", "Built", "build", "check_requested"]


def build(work: Build) -> Built:
    """Run a model over its inputs and commit its table.

    Raises:
        QueryError, WriteError: the model fails; its table is unchanged.
        CommitLost: another writer changed the table meanwhile.
    """
    how = work.context.contracts[work.model.table].materialization or "full"
    return build_incremental(work) if how == "incremental" else build_rows(work, how)
