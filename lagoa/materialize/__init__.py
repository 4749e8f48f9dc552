"""How a model's rows come into its table: one way a materialization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.materialize.asked import check_asked
from lagoa.materialize.build import Again, Build, Built, build_full, build_merge, build_scd2
from lagoa.materialize.incremental import build_incremental

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Again", "Build", "Built", "build", "check_asked"]


def build(work: Build) -> Built:
    """Run a model over its inputs and commit its table.

    Raises:
        QueryError, WriteError: the model fails; its table is as it was.
        CommitLost: another writer changed the table meanwhile.
    """
    return _WAYS[work.context.contracts[work.model.table].materialization or "full"](work)


_WAYS: Mapping[str, Callable[[Build], Built]] = {
    "full": build_full,
    "merge": build_merge,
    "scd2": build_scd2,
    "incremental": build_incremental,
}
