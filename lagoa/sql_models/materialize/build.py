"""What is to be built, what was built, and the materializations that write all rows of the SELECT."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lagoa.sql_models.materialize.rows import rows_of
from lagoa.sql_models.materialize.states import State
from lagoa.write import begin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from lagoa.context import LakeContext
    from lagoa.domain.commits import Commit
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.sql_models import Model
    from lagoa.write import Source, WriteResult


@dataclass(frozen=True, slots=True)
class Again:
    """The part of a table to be built again though nothing changed: all of it, if nothing is named.

    Attributes:
        start: the first interval, by its first moment; None for the first that exists.
        end: the first interval that is not included; None if all following are.
        batches: ids of batches.
    """

    start: str | None = None
    end: str | None = None
    batches: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether all of the table is to be built."""
        return self.start is None and self.end is None and not self.batches


@dataclass(frozen=True, slots=True)
class Build:
    """One model to be built on a branch.

    Attributes:
        context: the lake.
        branch: the work branch.
        model: the model.
        inputs: the exact state of each table that it reads.
        properties: table properties about this build: fingerprint, inputs, and the table's previous state.
        again: what is to be built though nothing changed; None to build only what changed.
        query: the SELECT in the SQL of the engine that runs it; None if that is the SQL engine.
    """

    context: LakeContext
    branch: str
    model: Model
    inputs: Pointers
    properties: Mapping[str, str]
    again: Again | None = None
    query: str | None = None

    @property
    def message(self) -> str:
        """Return the commit's message."""
        return f"build {self.model.table}"

    def state(self, pointer: str) -> State:
        """Return a table of the lake at a pointer."""
        return State(self.context.storage, pointer)


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did.

    Attributes:
        write: what was written.
        commit: the commit that contains the table.
        how: the materialization that was used in effect.
        increments: names of the intervals or batches that were built, if it was incremental.
        reason: why an incremental table was built in full; empty if it was not.
    """

    write: WriteResult
    commit: Commit | None
    how: str
    increments: tuple[str, ...] = ()
    reason: str = ""


def build_rows(work: Build, how: Literal["full", "merge", "scd2"], reason: str = "") -> Built:
    """Write the rows of the model: replacing all rows, merged by the contract's key, or as observations.

    Args:
        work: the model.
        how: its materialization.
        reason: why an incremental table is built in full.
    """
    found: AbstractContextManager[Source] = (
        _python_rows(work) if work.model.function is not None else rows_of(work, combined=how != "full")
    )
    with found as rows, begin(work.context, work.branch, work.message) as tx:
        write = {"full": tx.replace, "merge": tx.merge, "scd2": tx.scd2}[how]
        result = write(work.model.table, rows, kind="model", properties=work.properties)
    return Built(result, tx.commit, how, reason=reason)


@contextmanager
def _python_rows(work: Build) -> Iterator[Source]:
    """Yield the rows of a Python model, which are read like those of a program."""
    from lagoa.sql_models.python.running import returned_rows

    context, model = work.context, work.model
    with (
        context.engine.session(work.inputs) as session,
        returned_rows(context.settings, model, context.contracts[model.table], session) as rows,
    ):
        yield rows
