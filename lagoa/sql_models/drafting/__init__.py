"""Drafts the contracts of models from their SELECTs or functions and the contracts of the tables that these read."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from lagoa.contracts import Contracts
from lagoa.domain.lists import counted
from lagoa.domain.tables import TableName
from lagoa.errors import InvalidName, ModelError, TerminalError
from lagoa.sql_models import PYTHON, model_files, text_of, unknown_model
from lagoa.sql_models.drafting.draft import draft_of
from lagoa.sql_models.drafting.text import draft_text
from lagoa.sql_models.python.reading import tables_taken
from lagoa.sql_models.sql import tables_named

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from lagoa.context import LakeContext


@dataclass(frozen=True, slots=True)
class ContractDraft:
    """The first contract of a model's table; nothing is written.

    Attributes:
        table: the table.
        file: where the contract belongs.
        text: its text.
    """

    table: TableName
    file: Path
    text: str

    def __repr__(self) -> str:
        return f"<ContractDraft of {self.table} for {self.file}: {counted(self.text.count(chr(10)), 'line')}>"


def draft_contracts(context: LakeContext, names: Collection[str] | None, ref: str) -> list[ContractDraft]:
    """Return first contracts for models that have none, and for those without one that they read.

    Args:
        context: the lake.
        names: tables or layers with models; None for all models.
        ref: what is looked at for what the SELECT does not show, where all that a model reads is there.

    Raises:
        InvalidName: nothing of this name has a model.
        TerminalError: a table has a contract already.
        ModelError: a model cannot be used.
    """
    files = _files(context.settings.models_folder)
    chosen = _chosen(files, context.contracts, names)
    known = {contract.table: contract for contract in context.contracts}
    pointers = context.pointers(ref)
    drafts: list[ContractDraft] = []
    for table in _ordered(files, chosen, known):
        contracts = Contracts(context.settings.contracts_folder, known)
        draft, contract = draft_of(context, (table, files[table]), contracts, pointers)
        known[table] = contract
        drafts.append(ContractDraft(table, contract.file, draft_text(draft)))
    return drafts


def _files(folder: Path) -> dict[TableName, Path]:
    """Return the file of each model; one whose name is no table's is left to `lagoa check`."""
    found = {}
    for file in model_files(folder):
        with suppress(InvalidName):
            found[TableName.parse(f"{file.parent.name}.{file.stem}")] = file
    return found


def _chosen(files: Mapping[TableName, Path], contracts: Contracts, names: Collection[str] | None) -> set[TableName]:
    """Return the models that names stand for: in a layer, those without a contract."""
    chosen: set[TableName] = set()
    for name in names or ():
        inside = [table for table in files if table.layer == name]
        if not inside and name not in map(str, files):
            raise unknown_model(name, files)
        if not inside and (contract := contracts.get(TableName.parse(name))) is not None:
            advice = f"Let `lagoa contract update {name}` add what is new in the model, or edit it."
            raise TerminalError(f"{contract.file} exists already.", advice)
        chosen.update(inside or [TableName.parse(name)])
    return {table for table in (files if names is None else chosen) if table not in contracts}


def _ordered(
    files: Mapping[TableName, Path], chosen: Collection[TableName], known: Collection[TableName]
) -> list[TableName]:
    """Return the models, and those without a contract that they read, each after those that it reads."""
    needs: dict[TableName, list[TableName]] = {}
    waiting = sorted(chosen)
    while waiting:
        table = waiting.pop()
        if table not in needs:
            file = files[table]
            inputs = (tables_taken if file.suffix == PYTHON else tables_named)(file, text_of(file))
            needs[table] = sorted(each for each in inputs if each in files and each not in known)
            waiting += needs[table]
    try:
        return list(TopologicalSorter(dict(sorted(needs.items()))).static_order())
    except CycleError as error:
        path = " <- ".join(map(str, reversed(error.args[1])))
        advice = "Remove one of these tables from the model that reads it."
        raise ModelError(
            files[error.args[1][0]], None, f"models read each other in a circle: {path}.", advice
        ) from None
