"""Writes what was found out about a model's table as a contract, with a comment on what a person should look at."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lagoa.contracts.columns import logical_type
from lagoa.contracts.contract import PERSONAL
from lagoa.formats.contract_text import scalar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lagoa.contracts import Column
    from lagoa.domain.tables import TableName


@dataclass(frozen=True, slots=True)
class DraftColumn:
    """A column of a draft.

    Attributes:
        column: the column.
        review: why it is classified as personal, if that is a guess; empty if it is not.
        seen: rows of the data without a null in it, where only the data shows that; 0 for none.
    """

    column: Column
    review: str = ""
    seen: int = 0


@dataclass(frozen=True, slots=True)
class TableDraft:
    """A model's table.

    Attributes:
        table: its name.
        model: the model's file below the lake's folder.
        columns: in order.
        key: the columns that identify a row; empty if none are certain to.
        description: what a row is; empty if nothing says so.
        notes: what a reviewer should know.
        options: comments with other ways to build the table.
    """

    table: TableName
    model: str
    columns: Sequence[DraftColumn]
    key: Sequence[str]
    description: str
    notes: Sequence[str]
    options: Sequence[str]


def draft_text(draft: TableDraft) -> str:
    """Return the text of the contract."""
    return "\n".join(_lines(draft)) + "\n"


def _lines(draft: TableDraft) -> Iterator[str]:
    table = draft.table
    yield f"# Drafted from {draft.model} and the contracts of the tables it reads. Review it before you rely on it:"
    yield "# REVIEW marks what these do not show; add descriptions and the team that owns the table."
    yield from ("apiVersion: v3.2.0", "kind: DataContract", f"id: {table}", f"name: {table}", "version: 0.1.0")
    yield from ("status: draft", "schema:", f"  - name: {scalar(table.name)}", f"    physicalName: {table}")
    yield "    physicalType: table"
    if draft.description:
        yield f"    description: {scalar(draft.description)}"
    for note in draft.notes:
        yield f"    # REVIEW: {note}."
    yield "    properties:"
    for each in draft.columns:
        position = draft.key.index(each.column.name) + 1 if each.column.name in draft.key else 0
        yield from column_lines(each, position)
    yield from ("    customProperties:", "      - property: lagoa.materialization", "        value: full")
    yield from draft.options


def column_lines(draft: DraftColumn, position: int = 0) -> Iterator[str]:
    """Yield the lines of a column, as an item of `properties`.

    Args:
        draft: the column.
        position: its place in the key, from 1; 0 if it is not part of it.
    """
    column = draft.column
    yield f"      - name: {scalar(column.name)}"
    if not column.type.startswith("map<"):
        yield f"        logicalType: {logical_type(column.type)}"
    yield f"        physicalType: {scalar(column.type) if ':' in column.type else column.type}"
    if position:
        yield from ("        primaryKey: true", f"        primaryKeyPosition: {position}")
    if column.required:
        yield "        required: true"
    elif draft.seen:
        yield f"        # REVIEW required: true  # no value is missing in {draft.seen:,} rows"
    if column.description:
        yield f"        description: {scalar(column.description)}"
    if column.classification:
        review = f"  # REVIEW: {draft.review}" if draft.review else ""
        yield f"        classification: {scalar(column.classification)}{review}"
    if options := _options(column):
        yield f"        logicalTypeOptions: {{{options}}}"
    if column.enum:
        yield f"        enum: [{', '.join(f'{{value: {_value(each)}}}' for each in column.enum)}]"
    if column.severity != "fail":
        yield from ("        customProperties:", f"          - {{property: lagoa.severity, value: {column.severity}}}")


def personal_review(source: str) -> str:
    """Return why a computed column is classified as personal."""
    return f"it is made from {source}, which is {PERSONAL}; remove this if it is not"


def _options(column: Column) -> str:
    options = {
        "format": column.format,
        "pattern": column.pattern,
        "minimum": column.minimum,
        "maximum": column.maximum,
        "exclusiveMinimum": column.exclusive_minimum,
        "exclusiveMaximum": column.exclusive_maximum,
        "minLength": column.min_length,
        "maxLength": column.max_length,
    }
    return ", ".join(f"{name}: {_value(value)}" for name, value in options.items() if value is not None)


def _value(value: Any) -> str:
    return scalar(value) if isinstance(value, str) else json.dumps(value)
