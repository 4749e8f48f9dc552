"""Finds out the columns of a Python model's table: what its function returns for tables without rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.contracts import Column, Contract
from lagoa.contracts.contract import PERSONAL
from lagoa.contracts.places import contract_path
from lagoa.domain.lists import listed
from lagoa.domain.tables import IDENTIFIER
from lagoa.errors import ModelError
from lagoa.sql_models import Model, text_of
from lagoa.sql_models.drafting.text import DraftColumn, TableDraft
from lagoa.sql_models.python.reading import description_of, read_python
from lagoa.sql_models.python.running import returned_rows
from lagoa.sql_models.testing.rows import arrow_rows

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from lagoa.context import LakeContext
    from lagoa.contracts import Contracts
    from lagoa.domain.tables import TableName
    from lagoa.sql_models.python.reading import ModelPython


def python_draft(
    context: LakeContext, model: tuple[TableName, Path], contracts: Contracts
) -> tuple[TableDraft, Contract]:
    """Return the draft of the contract of a Python model, and the contract that it is; see `draft_of`."""
    table, file = model
    text = text_of(file)
    found = read_python(file, text, contracts)
    columns = python_columns(context, model, found, contracts)
    target = contract_path(context.settings.contracts_folder, table)
    own, description = tuple(each.column for each in columns), description_of(text)
    notes = ["a function does not show what is never null and what identifies a row: add required and primaryKey"]
    if personal := _personal(found, contracts):
        notes.append(f"it takes personal columns ({listed(personal)}): classify what is made from them")
    contract = Contract(table, "0.1.0", target, "", own, description, materialization="full")
    shown = f"transformations/{table.layer}/{file.name}"
    return TableDraft(table, shown, columns, (), description, notes, ()), contract


def python_columns(
    context: LakeContext, model: tuple[TableName, Path], found: ModelPython, contracts: Contracts
) -> list[DraftColumn]:
    """Return the columns that a function returns for tables without rows.

    Raises:
        ModelError: it fails, or a column has a name or type that no table has.
    """
    table, file = model
    made = Model(table, file, text_of(file), found.digest, found.inputs, function=found.function)
    empty = {each: arrow_rows(contracts[each], ()) for each in found.inputs}
    with context.engine.session_of(empty) as session, returned_rows(context.settings, made, None, session) as rows:
        return [_column(made, field) for field in rows.schema]


def _column(model: Model, field: pa.Field) -> DraftColumn:
    from lagoa.formats.shared.arrow_guesses import iceberg_type
    from lagoa.formats.shared.arrow_types import held

    line = model.function.line if model.function else None
    if not IDENTIFIER.fullmatch(field.name):
        advice = "Give it one of lower-case letters, digits and underscores."
        raise ModelError(model.file, line, f"{field.name!r} is no name for a column.", advice)
    try:
        return DraftColumn(Column(field.name, iceberg_type(held(field.type))))
    except ValueError as error:
        raise ModelError(model.file, line, f"column {field.name}: {error}.", "Cast it to another type.") from error


def _personal(found: ModelPython, contracts: Contracts) -> list[str]:
    columns = [
        f"{each.table}.{column.name}"
        for each in found.function.inputs.values()
        for column in contracts[each.table].columns
        if column.classification == PERSONAL and column.name in (each.columns or {column.name})
    ]
    return sorted(set(columns))
