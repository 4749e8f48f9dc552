"""Foreign keys between contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.domain.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from lagoa.contracts.contract import Column, Contract
    from lagoa.contracts.yaml_file import ContractFile
    from lagoa.domain.tables import TableName


def check_references(
    file: ContractFile, contract: Contract, others: Mapping[TableName, Contract], unknown: Collection[TableName] = ()
) -> None:
    """Check that each foreign key refers to a column of its type in a known table; report errors to the file.

    Args:
        file: the contract's file.
        contract: the contract in it.
        others: the contracts of all tables.
        unknown: tables whose contract cannot be read, and which are therefore not checked.
    """
    for number, column in enumerate(contract.columns):
        if column.references and column.references[0] not in unknown:
            with file.going_on():
                _check(file, number, column, others)


def _check(file: ContractFile, number: int, column: Column, others: Mapping[TableName, Contract]) -> None:
    if column.references is None:
        return
    place = ("schema", 0, "properties", number, "relationships", 0, "to")
    table, name = column.references
    if table not in others:
        suggested = did_you_mean(str(table), map(str, others))
        message = f"column {column.name} refers to {table}, which has no contract.{suggested}"
        raise file.error(place, message, "Fix the name, or write that table's contract.")
    target = others[table].column(name)
    if target is None:
        known = [each.name for each in others[table].columns]
        message = f"column {column.name} refers to {table}.{name}, and {table} has no such column."
        raise file.error(place, message + did_you_mean(name, known), f"It has {', '.join(known)}.")
    if target.type != column.type:
        message = f"column {column.name} is {column.type} and refers to {table}.{name}, which is {target.type}."
        raise file.error(place, message, "Give both the same type.")
