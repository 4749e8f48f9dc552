"""Adds to a contract what a file, or the SELECT of its model, has and it lacks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lagoa.contracts.edits import ContractEdits
from lagoa.contracts.scd2 import DELETED, HISTORY_COLUMNS
from lagoa.domain.lists import counted
from lagoa.errors import TerminalError
from lagoa.formats.update import Changes, changes_for_file
from lagoa.sql_models import PYTHON, SUFFIXES, text_of
from lagoa.sql_models.drafting.analysis import analyse
from lagoa.sql_models.drafting.draft import model_columns
from lagoa.sql_models.drafting.python import python_columns
from lagoa.sql_models.drafting.text import column_lines
from lagoa.sql_models.python.reading import read_python
from lagoa.sql_models.sql import read_model

if TYPE_CHECKING:
    from pathlib import Path

    from lagoa.context import LakeContext
    from lagoa.contracts import Contract
    from lagoa.domain.tables import TableName
    from lagoa.sql_models.drafting.text import DraftColumn


@dataclass(frozen=True, slots=True)
class ContractUpdate:
    """What is to be added to a contract; nothing is written.

    Attributes:
        table: the table.
        file: the contract.
        before: its text.
        after: the text with what is added.
        added: the names of the new columns, and the paths of new fields in nested ones, such as `address.zip`.
        types: the new type of columns: a wider one, or one with these fields.
        left: what is not changed, and what somebody may do, a sentence each.
        headers: the names in files of columns that the file has under another spelling.
    """

    table: TableName
    file: Path
    before: str
    after: str
    added: tuple[str, ...]
    types: dict[str, str]
    left: tuple[str, ...]
    headers: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        types = f", {counted(len(self.types), 'new type')}" if self.types else ""
        left = f", {len(self.left):,} left to you" if self.left else ""
        return f"<ContractUpdate of {self.table}: {counted(len(self.added), 'new column')}{types}{left}>"


def update_contract(context: LakeContext, table: TableName, path: Path | None) -> ContractUpdate:
    """Return a contract with the columns and nested fields that a file, or the table's model, has and it lacks.

    Args:
        context: the lake.
        table: the table.
        path: a file; None for the model.

    Raises:
        ContractError: there is no contract, or its columns are written in brackets.
        ModelError, SourceError: the model or the file cannot be used.
        TerminalError: nothing is given that the contract could be compared with.
    """
    contract = context.contracts[table]
    changes = _changes_for_model(context, contract) if path is None else changes_for_file(contract, path)
    edits = ContractEdits(contract.file)
    edits.add_columns(list(changes.added.values()))
    for column, kind in changes.types.items():
        edits.change_type(column, kind)
    for column, names in changes.headers.items():
        edits.set_headers(column, names)
    added = (*changes.added, *changes.fields)
    return ContractUpdate(
        table, contract.file, edits.before, edits.after, added, changes.types, tuple(changes.left), changes.headers
    )


def _changes_for_model(context: LakeContext, contract: Contract) -> Changes:
    table = contract.table
    places = [context.settings.models_folder / table.layer / f"{table.name}{suffix}" for suffix in SUFFIXES]
    file = next((each for each in places if each.exists()), None)
    if file is None:
        advice = f"Give a file: `lagoa contract update {table} FILE`."
        raise TerminalError(f"{table} has no model, and no file is given.", advice)
    drafts = {each.column.name: each for each in _columns(context, table, file)}
    changes = Changes()
    history = {*HISTORY_COLUMNS, DELETED} if contract.scd2 is not None else set()
    for name, draft in drafts.items():
        known = contract.column(name)
        if known is not None:
            changes.compare(known, draft.column.type, file.name)
        elif name not in history:
            whole = contract.materialization == "full"  # rows that stay have no value
            column = draft.column if whole else replace(draft.column, required=False)
            changes.added[name] = list(column_lines(replace(draft, column=column)))
    changes.left += [
        f"{column.name} is not in {file.name}: remove it from the contract by hand if it is to go"
        for column in contract.columns
        if column.name not in drafts and column.name not in history
    ]
    return changes


def _columns(context: LakeContext, table: TableName, file: Path) -> list[DraftColumn]:
    text = text_of(file)
    if file.suffix == PYTHON:
        return python_columns(context, (table, file), read_python(file, text, context.contracts), context.contracts)
    found = read_model(file, text, context.contracts)
    rows = analyse(found.resolved, context.contracts)
    return model_columns(context, file, found, rows, context.contracts)
