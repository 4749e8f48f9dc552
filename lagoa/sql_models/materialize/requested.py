"""The intervals or batches that a user requests to be built again though nothing changed."""

# ruff: noqa: S608 - names are quoted
from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.catalog.table_facts import BUILT_ON
from lagoa.contracts.increments import increment_inputs
from lagoa.contracts.intervals import Intervals, number_sql, parse_number
from lagoa.contracts.properties import ByBatch, ByTime
from lagoa.domain.sql_names import name_in_sql, table_in_sql, text_in_sql
from lagoa.errors import ModelError

if TYPE_CHECKING:
    from lagoa.contracts import Contract
    from lagoa.sql_models import Model
    from lagoa.sql_models.materialize.build import Again, Build


def check_requested(model: Model, contract: Contract, again: Again) -> None:
    """Make sure that a model is built by intervals or batches if some are requested.

    Raises:
        ModelError: it is not, or the range ends before it begins.
        InvalidName: a given start or end is not that of an interval.
    """
    rule = contract.incremental
    if again.batches:
        if not isinstance(rule, ByBatch):
            raise _refused(model, f"{model.table} is not built by batch.", "Leave the batches out to build all of it.")
        known = contract.order_by is not None or contract.column(increment_inputs(rule).popitem()[1]) is not None
        if not known:
            message = f"the rows that a batch made in {model.table} are unknown: it has no column for the batch."
            raise _refused(model, message, "Leave the batches out to build all of it.")
    if again.start is None and again.end is None:
        return
    if not isinstance(rule, ByTime):
        raise _refused(model, f"{model.table} is not built by time.", "Leave the range out to build all of it.")
    numbers = [parse_number(rule.grain, each) for each in (again.start, again.end) if each is not None]
    if numbers != sorted(set(numbers)):
        message = f"a range from {again.start} to {again.end} contains no {rule.grain}."
        raise _refused(model, message, f"It begins with the first {rule.grain} and ends before the last date given.")


def _refused(model: Model, message: str, advice: str) -> ModelError:
    return ModelError(model.file, None, message, advice)


def requested_intervals(work: Build, rule: ByTime) -> Intervals:
    """Return the requested intervals in which the inputs or the table have rows."""
    again = work.again
    if again is None:
        return Intervals(rule.grain, frozenset())
    places = [(work.inputs[table], column) for table, column in increment_inputs(rule).items()]
    places.append((work.properties[BUILT_ON], rule.column))
    limits = [(">=", again.start), ("<", again.end)]
    within = [f"number {sign} {parse_number(rule.grain, each)}" for sign, each in limits if each is not None]
    with work.context.engine.session({}) as session:
        sides = " UNION ".join(
            f"SELECT {number_sql(rule.grain, column, work.state(pointer).columns[column])} AS number "
            f"FROM {session.table_at(pointer)}"
            for pointer, column in places
        )
        found = session.query(f"SELECT number FROM ({sides}) WHERE {' AND '.join(within)}").fetchall()
    return Intervals(rule.grain, frozenset(row[0] for row in found))


def requested_batches(work: Build, rule: ByBatch) -> tuple[str, ...]:
    """Return the requested batches.

    Raises:
        ModelError: the input has no rows of one of them.
    """
    if work.again is None or not work.again.batches:
        return ()
    ((source, column),) = increment_inputs(rule).items()
    name = name_in_sql(column)
    batches = ", ".join(map(text_in_sql, work.again.batches))
    with work.context.engine.session({source: work.inputs[source]}) as session:
        table = table_in_sql(source)
        found = session.query(f"SELECT DISTINCT {name} FROM {table} WHERE {name} IN ({batches})").fetchall()
    missing = sorted(set(work.again.batches) - {row[0] for row in found})
    if missing:
        message = f"{source} has no rows of batch {', '.join(missing)}."
        raise _refused(work.model, message, f"`lagoa sql 'select distinct {column} from {source}'` lists its batches.")
    return work.again.batches
