"""Finds out the columns of one model's table: types from the engine, the rest from the SELECT and from the data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lagoa.contracts import Column, Contract
from lagoa.contracts.contract import PERSONAL
from lagoa.contracts.places import contract_path
from lagoa.domain.sql_names import name_in_sql
from lagoa.domain.tables import IDENTIFIER
from lagoa.errors import ModelError, QueryError
from lagoa.formats.shared.guesses import FEW, Guess
from lagoa.formats.shared.names import find_key
from lagoa.sql_models import PYTHON, error_line, text_of
from lagoa.sql_models.drafting.analysis import analyse
from lagoa.sql_models.drafting.options import build_options
from lagoa.sql_models.drafting.python import python_draft
from lagoa.sql_models.drafting.text import DraftColumn, TableDraft, personal_review
from lagoa.sql_models.sql import read_model
from lagoa.sql_models.testing.rows import arrow_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from lagoa.context import LakeContext
    from lagoa.contracts import Contracts
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.tables import TableName
    from lagoa.sql_models.drafting.facts import Made, Rows
    from lagoa.sql_models.sql import ModelSql

_KEPT = (
    "description", "classification", "enum", "pattern", "format", "minimum", "maximum", "exclusive_minimum",
    "exclusive_maximum", "min_length", "max_length", "severity",
)  # fmt: skip
_WHOLE = "decimal(38, 0)"
"""What the engine's sums of whole numbers are."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What the data of a model shows.

    Attributes:
        rows: how many there are; 0 if nothing was looked at.
        present: values by column.
        distinct: different values by column.
    """

    rows: int
    present: Mapping[str, int]
    distinct: Mapping[str, int]


def draft_of(
    context: LakeContext, model: tuple[TableName, Path], contracts: Contracts, pointers: Pointers
) -> tuple[TableDraft, Contract]:
    """Return the draft of a model's contract, and the contract that it is.

    Args:
        context: the lake.
        model: the table of the model, and its file.
        contracts: of the tables that it reads.
        pointers: what is looked at for what the SELECT does not show, if all that the model reads is there.

    Raises:
        ModelError: the model cannot be used.
    """
    table, file = model
    if file.suffix == PYTHON:
        return python_draft(context, model, contracts)
    text = text_of(file)
    found = read_model(file, text, contracts)
    rows = analyse(found.resolved, contracts)
    columns = model_columns(context, file, found, rows, contracts)
    figures = _figures(context, file, found, columns, pointers, distinct=not any(rows.keys))
    key, notes = _key(table, rows, columns, figures)
    drafts = [_with_figures(each, figures) for each in columns]
    shown = f"transformations/{table.layer}/{file.name}"
    target = contract_path(context.settings.contracts_folder, table)
    own = tuple(each.column for each in drafts)
    description = _described(text)
    contract = Contract(table, "0.1.0", target, "", own, description, key=tuple(key), materialization="full")
    options = build_options(file, found.resolved, contract, {each: contracts[each] for each in found.inputs})
    return TableDraft(table, shown, drafts, key, description, notes, options), contract


def model_columns(
    context: LakeContext, file: Path, found: ModelSql, rows: Rows, contracts: Contracts
) -> list[DraftColumn]:
    """Return the columns that a SELECT returns, with what is certain about them."""
    schema = _schema(context, file, found, contracts)
    columns = []
    for field in schema:
        name = field.name.lower()
        if not IDENTIFIER.fullmatch(name):
            advice = "Give it one of letters, digits and underscores with AS."
            raise ModelError(file, found.columns.get(name), f"{field.name!r} is no name for a column.", advice)
        columns.append(_column(file, name, field.type, found, rows.columns.get(name)))
    return columns


def _column(file: Path, name: str, kind: pa.DataType, found: ModelSql, made: Made | None) -> DraftColumn:
    origin = made.origin if made else None
    required = made.required if made else False
    if origin is not None and origin.same:
        return DraftColumn(_taken(origin.column, name, required=required))
    column = Column(name, _iceberg_type(file, name, kind, found), required=required)
    if origin is not None:
        about = origin.column
        return DraftColumn(replace(column, description=about.description, classification=about.classification))
    if made is not None and made.personal:
        return DraftColumn(replace(column, classification=PERSONAL), review=personal_review(made.personal))
    return DraftColumn(column)


def _taken(column: Column, name: str, *, required: bool) -> Column:
    """Return a column that has the values of another; how that one is written in files does not matter for it."""
    return Column(name, column.type, required=required, **{each: getattr(column, each) for each in _KEPT})


def _schema(context: LakeContext, file: Path, found: ModelSql, contracts: Contracts) -> pa.Schema:
    """Return the columns of a SELECT with their types, run over empty tables."""
    empty = {table: arrow_rows(contracts[table], ()) for table in found.inputs}
    try:
        with context.engine.session_of(empty) as session:
            return session.query(f"SELECT * FROM ({found.sql}\n) LIMIT 0").arrow().schema  # noqa: S608 - a model
    except QueryError as error:
        raise _at_its_file(file, error) from error


def _at_its_file(file: Path, error: QueryError) -> ModelError:
    return ModelError(file, error_line(error), f"it cannot be run: {error.message}", "Fix the model.")


def _iceberg_type(file: Path, name: str, kind: pa.DataType, found: ModelSql) -> str:
    from lagoa.formats.shared.arrow_guesses import iceberg_type

    try:
        text = iceberg_type(kind)
    except ValueError as error:
        raise ModelError(
            file, found.columns.get(name), f"column {name}: {error}.", "Cast it to another type."
        ) from error
    return "long" if text == _WHOLE else text


def _figures(
    context: LakeContext,
    file: Path,
    found: ModelSql,
    columns: Sequence[DraftColumn],
    pointers: Pointers,
    *,
    distinct: bool,
) -> Figures:
    """Return what the data shows, if all that a model reads is there; different values only with `distinct`."""
    if not found.inputs or not found.inputs.keys() <= pointers.keys():
        return Figures(0, {}, {})
    names = [each.column.name for each in columns]
    flat = {each.column.name for each in columns if distinct and not each.column.type.endswith(">")}
    counts = [f"count({name_in_sql(name)})" for name in names]
    counts += [f"count(DISTINCT {name_in_sql(name)})" if name in flat else "0" for name in names]
    query = f"SELECT count(*), {', '.join(counts)} FROM ({found.sql}\n)"  # noqa: S608 - a model and quoted names
    try:
        with context.engine.session({table: pointers[table] for table in found.inputs}) as session:
            row = session.query(query).fetchall()[0]
    except QueryError as error:
        raise _at_its_file(file, error) from error
    present, different = row[1 : len(names) + 1], row[len(names) + 1 :]
    return Figures(row[0], dict(zip(names, present, strict=True)), dict(zip(names, different, strict=True)))


def _with_figures(draft: DraftColumn, figures: Figures) -> DraftColumn:
    full = figures.rows >= FEW and figures.present[draft.column.name] == figures.rows
    return replace(draft, seen=figures.rows) if full and not draft.column.required else draft


def _key(table: TableName, rows: Rows, columns: Sequence[DraftColumn], figures: Figures) -> tuple[list[str], list[str]]:
    """Return the key, if one is certain, and what a reviewer should know about it."""
    places = {each.column.name: place for place, each in enumerate(columns)}
    required = {each.column.name for each in columns if each.column.required}
    keys = sorted((sorted(key, key=places.__getitem__) for key in rows.keys if key), key=len)
    for key in keys:
        if required.issuperset(key):
            return key, []
    if keys:
        open_ = [name for name in keys[0] if name not in required]
        has = "has" if len(open_) == 1 else "have"
        return [], [
            f"{', '.join(keys[0])} would be the key if {', '.join(open_)} {has} no nulls: add required and primaryKey"
        ]
    guesses = [
        Guess(
            each.column.name, each.column.name, each.column.type, "", figures.rows,
            figures.rows - figures.present[each.column.name], figures.distinct[each.column.name],
        )
        for each in columns
    ] if figures.rows else []  # fmt: skip
    likely = find_key(guesses, table.name) if guesses else None
    if likely is None:
        return [], ["no columns are certain to identify a row; give those that do required and primaryKey"]
    return [], [
        f"all {figures.rows:,} values of {likely.name} differ; if it identifies a row, give it required and primaryKey"
    ]


def _described(text: str) -> str:
    """Return the comment that a model begins with."""
    lines = []
    for line in text.splitlines():
        if not line.lstrip().startswith("--"):
            break
        lines.append(line.lstrip().lstrip("-").strip())
    return " ".join(lines).strip()
