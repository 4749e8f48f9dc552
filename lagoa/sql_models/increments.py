"""Whether a SELECT may be built by increments: building some must give what a full build gives for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.contracts.increments import increment_inputs
from lagoa.contracts.properties import ByTime
from lagoa.domain.tables import LINEAGE_COLUMNS
from lagoa.errors import ModelError
from lagoa.sql_models.columns import line_of
from lagoa.sql_models.decompose import ADVICE, Decomposition, listed

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from sqlglot import exp

    from lagoa.contracts import Contract


def check_increments(file: Path, query: exp.Query, contract: Contract) -> None:
    """Make sure that building by increments gives the result of a full build.

    Args:
        file: the file of the SELECT, for errors.
        query: the SELECT, with every name resolved.
        contract: of the table that it makes.

    Raises:
        ModelError: with the line of what uses several increments at once, or cannot be analysed.
    """
    from sqlglot.optimizer.scope import build_scope

    rule = contract.incremental
    if rule is None:
        return
    if not isinstance(rule, ByTime) and contract.order_by is not None:
        query = _without_latest(file, query, contract)
    walk = Decomposition(file, increment_inputs(rule), rule.grain if isinstance(rule, ByTime) else None)
    scope = build_scope(query)
    if scope is None:
        raise ModelError(file, None, "this form of SQL cannot be analysed.", ADVICE)
    rows = walk.rows(scope)
    walk.check_all_followed(query)
    if not isinstance(rule, ByTime):
        _check_batch_column(file, query, rows.marks.values())
    if isinstance(rule, ByTime) and rule.column not in rows.marks.values():
        found = next((each for each in query.selects if each.alias_or_name.lower() == rule.column), None)
        message = f"it is not certain that {rule.column} is in the same {rule.grain} as the rows it is made from."
        advice = (
            f"Take it from {listed(walk.inputs)}, unchanged, by date_trunc('{rule.grain}', …) or by a cast to a date "
            "or timestamp."
        )
        raise ModelError(file, line_of(found), message, advice)


def _check_batch_column(file: Path, query: exp.Query, marks: Collection[str]) -> None:
    """Make sure that the table's batch column, if it has one, is that of its input."""
    batch = LINEAGE_COLUMNS[0]
    found = next((each for each in query.selects if each.alias_or_name.lower() == batch), None)
    if found is not None and batch not in marks:
        message = f"it is not certain that {batch} is the batch of the rows it is made from."
        raise ModelError(file, line_of(found), message, "Take it from the input unchanged, or give it another name.")


def _without_latest(file: Path, query: exp.Query, contract: Contract) -> exp.Query:
    """Return the query without its last step, which keeps the latest row of each key: a merge does the same."""
    made = {each.alias_or_name.lower(): each.unalias().sql() for each in query.selects}
    key, order = {made[name] for name in contract.key}, made[contract.order_by or ""]
    step = latest_step(query)
    if step is not None and step[0] == key and step[1].this.sql() == order:
        query = query.copy()
        query.set("qualify", None)
        return query
    qualify = query.args.get("qualify")
    raise ModelError(
        file,
        line_of(qualify) if qualify else None,
        f"new batches are merged by key, since the contract has lagoa.orderBy {contract.order_by}; it is not certain "
        "that this gives the result of a full build.",
        f"End the SELECT with: qualify row_number() over (partition by {', '.join(contract.key)} order by "
        f"{contract.order_by} desc, …) = 1",
    )


def latest_step(query: exp.Query) -> tuple[set[str], exp.Ordered] | None:
    """Return the key, as SQL, and the order of the rows if a SELECT ends by keeping the latest row of each key."""
    from sqlglot import exp

    qualify = query.args.get("qualify")
    test = qualify.this if qualify else None
    window = test.this if isinstance(test, exp.EQ) and test.expression == exp.Literal.number(1) else None
    if not (isinstance(window, exp.Window) and isinstance(window.this, exp.RowNumber) and window.args.get("order")):
        return None
    first = window.args["order"].expressions[0]
    if not first.args.get("desc") or first.args.get("nulls_first"):
        return None
    return {each.sql() for each in window.args.get("partition_by") or []}, first
