"""How a model's rows come into its table: one way a materialization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.write import SessionQuery, begin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lagoa.context import LakeContext
    from lagoa.model import Commit
    from lagoa.models import Model
    from lagoa.ports import Pointers


@dataclass(frozen=True, slots=True)
class Build:
    """One model to be built on a branch.

    Attributes:
        context: the lake.
        branch: the work branch.
        model: the model.
        inputs: the exact state of each table that it reads.
        properties: what its table says of this build: fingerprint, inputs, and what it follows.
    """

    context: LakeContext
    branch: str
    model: Model
    inputs: Pointers
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did.

    Attributes:
        rows: rows written.
        commit: the commit that holds the table.
        how: the materialization that it was in effect.
    """

    rows: int
    commit: Commit | None
    how: str


def build(work: Build) -> Built:
    """Run a model over its inputs and commit its table.

    Raises:
        QueryError, WriteError: the model fails; its table is as it was.
        CommitLost: another writer changed the table meanwhile.
    """
    return _WAYS[work.context.contracts[work.model.table].materialization or "full"](work)


def build_full(work: Build) -> Built:
    """Put the rows of the SELECT in the place of all rows."""
    with (
        work.context.engine.session(work.inputs) as session,
        begin(work.context, work.branch, f"build {work.model.table}") as tx,
    ):
        rows = SessionQuery(session, work.model.sql)
        result = tx.replace(work.model.table, rows, kind="model", properties=work.properties)
    return Built(result.rows_added, tx.commit, "full")


def build_merge(work: Build) -> Built:
    """Merge the rows of the SELECT by the contract's key."""
    with (
        work.context.engine.session(work.inputs) as session,
        begin(work.context, work.branch, f"build {work.model.table}") as tx,
    ):
        rows = SessionQuery(session, work.model.sql)
        result = tx.merge(work.model.table, rows, kind="model", properties=work.properties)
    return Built(result.rows_added, tx.commit, "merge")


_WAYS: Mapping[str, Callable[[Build], Built]] = {"full": build_full, "merge": build_merge}
