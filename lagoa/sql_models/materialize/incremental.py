"""Builds only what is new: the intervals or batches of the inputs that changed since the table was built.

Afterwards the table is what the whole SELECT makes from the whole inputs. If that is not certain, it is built in full.
"""

# ruff: noqa: S608 - names are quoted
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lagoa.catalog.table_facts import BUILT_ON
from lagoa.contracts.increments import increment_inputs
from lagoa.contracts.intervals import Intervals, number_sql
from lagoa.contracts.properties import ByTime
from lagoa.domain.sql_names import name_in_sql, table_in_sql, text_in_sql
from lagoa.domain.tables import TableName
from lagoa.sql_models.materialize.build import Built, build_rows
from lagoa.sql_models.materialize.requested import requested_batches, requested_intervals
from lagoa.sql_models.materialize.rows import rows_of
from lagoa.sql_models.materialize.states import NotComparableError, changed_groups
from lagoa.sql_models.staleness import built_from
from lagoa.write import SessionQuery, Where, begin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lagoa.contracts import Contract
    from lagoa.contracts.properties import ByBatch
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.sql_models.materialize.build import Build
    from lagoa.sql_models.materialize.states import GroupSql

_NEW, _OLD = "_lagoa_increment", TableName(("lagoa_before",), "target")


class BuildWholeError(Exception):
    """An increment is not certain to give the result of a full build; the text says why."""


def build_incremental(work: Build) -> Built:
    """Bring a table up to date with what changed in its inputs, or build it in full and say why."""
    contract = work.context.contracts[work.model.table]
    rule = contract.incremental
    assert rule is not None  # noqa: S101 - an incremental contract has one
    try:
        then = _inputs_then(work)
        if isinstance(rule, ByTime):
            return _build_intervals(work, rule, _due_intervals(work, rule, then))
        requested = requested_batches(work, rule)
        return _build_batches(work, contract, rule, (_new_batches(work, rule, then), requested))
    except BuildWholeError as reason:
        return build_rows(work, "full", str(reason))


def _inputs_then(work: Build) -> Pointers:
    if work.again is not None and work.again.whole:
        raise BuildWholeError("it was requested")
    pointer = work.properties[BUILT_ON]
    if not pointer:
        raise BuildWholeError("there is no table yet")
    found = built_from(work.context, work.model, pointer)
    if isinstance(found, str):
        raise BuildWholeError(found)
    return found


def _differences(work: Build, rule: ByTime | ByBatch, then: Pointers) -> set[Any]:
    """Return the increments with rows that were added, removed or changed in the columns that the model reads.

    Raises:
        BuildWholeError: an input has changed that does not come in increments, or the change of one is unknown.
    """
    marks, names = increment_inputs(rule), work.model.names
    read = None if names is None else names | set(marks.values())
    changed: set[Any] = set()
    with work.context.engine.session({}) as session:
        for table, state in work.inputs.items():
            group = _group(rule, marks[table]) if table in marks else lambda _: "0"
            try:
                found = changed_groups(session, work.state(then[table]), work.state(state), group, read)
            except NotComparableError as reason:
                raise BuildWholeError(f"{table}: {reason}") from reason
            if found and table not in marks:
                raise BuildWholeError(f"{table} has changed, which does not come in increments")
            changed |= found
    return changed


def _group(rule: ByTime | ByBatch, column: str) -> GroupSql:
    def of(columns: Mapping[str, str]) -> str:
        if column not in columns:
            raise NotComparableError(f"it has no column {column}")
        return number_sql(rule.grain, column, columns[column]) if isinstance(rule, ByTime) else name_in_sql(column)

    return of


def _due_intervals(work: Build, rule: ByTime, then: Pointers) -> Intervals:
    intervals = Intervals(rule.grain, frozenset(_differences(work, rule, then))) | requested_intervals(work, rule)
    if not intervals.is_writable():
        raise BuildWholeError("a moment outside the years 1 to 9999 was added or removed")
    return intervals


def _build_intervals(work: Build, rule: ByTime, intervals: Intervals) -> Built:
    context, table = work.context, work.model.table
    narrowed = {
        name: intervals.conditions(column, work.state(work.inputs[name]).columns[column])
        for name, column in increment_inputs(rule).items()
    }
    with rows_of(work, narrowed, combined=True) as rows, begin(context, work.branch, work.message) as tx:
        tx.expect(table, work.properties[BUILT_ON])
        kind = work.state(work.properties[BUILT_ON]).columns[rule.column]
        conditions = intervals.conditions(rule.column, kind)
        where = Where(
            " OR ".join(f"({each})" for each in conditions) or "false", intervals.expressions(rule.column, kind)
        )
        result = tx.overwrite(table, rows, where, kind="model", properties=work.properties)
    return Built(result, tx.commit, "incremental", tuple(intervals.names()))


def _new_batches(work: Build, rule: ByBatch, then: Pointers) -> list[str]:
    ((source, column),) = increment_inputs(rule).items()
    name = name_in_sql(column)
    changed = sorted(_differences(work, rule, then))
    if changed:
        with work.context.engine.session({_OLD: then[source]}) as session:
            old = table_in_sql(_OLD)
            built = f"SELECT DISTINCT {name} FROM {old} WHERE {_among(column, changed)} ORDER BY ALL"
            known = [row[0] for row in session.query(built).fetchall()]
        if known:
            raise BuildWholeError(f"{source} has changed in batches that it already had: {', '.join(known)}")
    return changed


def _build_batches(work: Build, contract: Contract, rule: ByBatch, due: tuple[Sequence[str], Sequence[str]]) -> Built:
    """Build batches: new ones, and requested ones, whose rows may be in the table already."""
    from pyiceberg.expressions import In, Reference

    context, table, batches = work.context, work.model.table, sorted({*due[0], *due[1]})
    ((source, column),) = increment_inputs(rule).items()
    among = _among(column, batches)
    combined = contract.order_by is not None or bool(due[1])
    with (
        rows_of(work, {source: [among]}, combined=combined) as rows,
        begin(context, work.branch, work.message) as tx,
    ):
        tx.expect(table, work.properties[BUILT_ON])
        if contract.order_by is not None:
            result = tx.merge(table, _without_ties(rows, work, contract), kind="model", properties=work.properties)
        elif due[1]:
            ids: set[Any] = set(batches)
            where = Where(among, [In(term=Reference(column), values=ids)])
            result = tx.overwrite(table, rows, where, kind="model", properties=work.properties)
        else:
            result = tx.append(table, rows, kind="model", properties=work.properties)
    return Built(result, tx.commit, "incremental", tuple(batches))


def _without_ties(rows: SessionQuery, work: Build, contract: Contract) -> SessionQuery:
    """Return the new rows, kept in the session, if the merge's order decides between each and the row with its key.

    If both have the same order, the SELECT may decide by something that is not a column of the table.
    """
    before, session = work.state(work.properties[BUILT_ON]), rows.session
    session.stage(_NEW, rows.sql, before.table.metadata)
    same = [name_in_sql(name) for name in (*contract.key, contract.order_by or "")]
    equal = " AND ".join(f"o.{name} IS NOT DISTINCT FROM n.{name}" for name in same)
    ties = f"FROM {session.table_at(before.pointer)} AS o JOIN {_NEW} AS n ON {equal}"
    if session.query(f"SELECT 1 {ties} LIMIT 1").fetchall():
        other = " OR ".join(f"o.{name_in_sql(n)} IS DISTINCT FROM n.{name_in_sql(n)}" for n in before.columns)
        if session.query(f"SELECT 1 {ties} WHERE {other} LIMIT 1").fetchall():
            message = f"rows of the same key have the same {contract.order_by} in a new batch and before"
            raise BuildWholeError(message)
    return SessionQuery(session, f"SELECT * FROM {_NEW}")


def _among(column: str, values: Sequence[str]) -> str:
    listed = ", ".join(map(text_in_sql, values))
    return f"{name_in_sql(column)} IN ({listed})" if listed else "false"
