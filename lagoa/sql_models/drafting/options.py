"""Finds out in which other ways than `full` a model's table could be built, as lines to put into its contract.

What is offered as `incremental` was proven from the SELECT to give the result of a full build. Which one is wanted is
left to a person: the lines are comments.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lagoa.contracts.columns import logical_type
from lagoa.contracts.iceberg_types import MOMENTS
from lagoa.contracts.intervals import grains_of
from lagoa.contracts.properties import ByBatch, ByTime
from lagoa.contracts.scd2 import CURRENT, FROM, HISTORY_COLUMNS, TO
from lagoa.domain.lists import listed
from lagoa.errors import ModelError
from lagoa.formats.contract_text import scalar
from lagoa.sql_models.increments import check_increments, latest_step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlglot import exp

    from lagoa.contracts import Column, Contract
    from lagoa.domain.tables import TableName

_TRIED = 40
"""Pairs of columns that are tried for increments by time: each is a walk through the SELECT."""


def build_options(file: Path, query: exp.Query, contract: Contract, inputs: Mapping[TableName, Contract]) -> list[str]:
    """Return comments with the lines that build a drafted table in other ways; empty if there are none to offer.

    Args:
        file: the model's file.
        query: its SELECT, with every name resolved.
        contract: the draft of its contract.
        inputs: the contracts of the tables that it reads.
    """
    moment = _latest_by(query, inputs)
    incremental = _by_batch(file, query, contract, inputs, moment) or _by_time(file, query, contract, inputs)
    return [*incremental, *(_history(contract, moment) if moment is not None else ())]


def _latest_by(query: exp.Query, inputs: Mapping[TableName, Contract]) -> tuple[exp.Column, Column] | None:
    """Return what orders the rows of a key if a SELECT keeps the latest of one table, and that table's column."""
    from sqlglot import exp

    step, source = latest_step(query), query.args.get("from_")
    if step is None or len(inputs) > 1 or source is None or not isinstance(source.this, exp.Table):
        return None
    (contract,) = inputs.values()
    node = step[1].this
    column = next((each for each in contract.all_columns if each.name == node.name.lower()), None)
    return (node, column) if isinstance(node, exp.Column) and column is not None else None


def _by_batch(
    file: Path,
    query: exp.Query,
    contract: Contract,
    inputs: Mapping[TableName, Contract],
    moment: tuple[exp.Column, Column] | None,
) -> list[str]:
    for table, source in inputs.items():
        if source.source is None:  # its rows do not come in batches
            continue
        tried = replace(contract, materialization="incremental", incremental=ByBatch(by="batch", input=str(table)))
        rule = f"{{by: batch, input: {table}}}"
        if latest_step(query) is None and _holds(file, query, tried):
            return _incremental(rule, f"only new batches of {table}")
        if moment is None or not contract.key:
            continue
        node, column = moment
        made = {each.unalias().sql(): each.alias_or_name.lower() for each in query.selects}
        name, wider, also = made.get(node.sql(), ""), query, ""
        if not name and contract.column(column.name) is None:
            name, wider = column.name, query.copy()
            wider.select(node.copy().as_(name), copy=False)
            tried = replace(tried, columns=(*contract.columns, replace(column, name=name)))
            also = f"return {name} in the SELECT as well, run `lagoa contract update {contract.table}`, and "
        if name and _holds(file, wider, replace(tried, order_by=name)):
            return _incremental(rule, f"only new batches of {table}", also, order_by=name)
    return []


def _by_time(file: Path, query: exp.Query, contract: Contract, inputs: Mapping[TableName, Contract]) -> list[str]:
    pairs = [
        (column, table, source)
        for column in contract.columns
        if column.type in MOMENTS and grains_of(column.type)
        for table, contract_ in inputs.items()
        for source in contract_.all_columns
        if grains_of(source.type)
    ]
    for column, table, source in pairs[:_TRIED]:
        for grain in ("day", "month", "year"):
            rule = ByTime(by="time", column=column.name, grain=grain, inputs={str(table): source.name})
            if _holds(file, query, replace(contract, materialization="incremental", incremental=rule)):
                value = f"{{by: time, column: {column.name}, grain: {grain}, inputs: {{{table}: {source.name}}}}}"
                return _incremental(value, f"only each {grain} of {table} that changed")
    return []


def _holds(file: Path, query: exp.Query, contract: Contract) -> bool:
    try:
        check_increments(file, query, contract)
    except ModelError:
        return False
    return True


def _incremental(rule: str, read: str, also: str = "", order_by: str = "") -> list[str]:
    lines = ["{property: lagoa.materialization, value: incremental}", f"{{property: lagoa.incremental, value: {rule}}}"]
    lines += [f"{{property: lagoa.orderBy, value: {scalar(order_by)}}}"] if order_by else []
    review = f"      # REVIEW: `incremental` reads {read}, with the same result as `full`:"
    return [review, *_in_place(f"{also}write", lines)]


def _history(contract: Contract, moment: tuple[exp.Column, Column]) -> Iterator[str]:
    node, column = moment
    if column.type not in MOMENTS - {"time"} or not column.required or not contract.key:
        return
    if any(contract.column(name) is not None for name in HISTORY_COLUMNS):
        return
    key, kind = listed(contract.key), f"logicalType: {logical_type(column.type)}, physicalType: {column.type}"
    place = len(contract.key) + 1
    shown = node.name.lower()
    yield f"      # REVIEW: `scd2` keeps all versions of each {key} in place of the latest: return {shown} as {FROM}"
    yield "      # in the SELECT, leave out its last qualify, add these columns above,"
    yield f"      # - {{name: {FROM}, {kind}, required: true, primaryKey: true, primaryKeyPosition: {place}}}"
    yield f"      # - {{name: {TO}, {kind}}}"
    yield f"      # - {{name: {CURRENT}, logicalType: boolean, physicalType: boolean, required: true}}"
    properties = ["{property: lagoa.materialization, value: scd2}", "{property: lagoa.scd2, value: {deletions: none}}"]
    yield from _in_place("and write", properties)


def _in_place(text: str, lines: Sequence[str]) -> Iterator[str]:
    yield f"      # {text} in place of lagoa.materialization:"
    yield from (f"      # - {line}" for line in lines)
