"""Checks the increments of a contract: whether they fit the table and its inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.contracts.intervals import grains_of
from lagoa.contracts.properties import ByBatch, ByTime
from lagoa.domain.suggestions import did_you_mean
from lagoa.domain.tables import LINEAGE_COLUMNS, TableName
from lagoa.errors import InvalidName

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from lagoa.contracts.contract import Contract
    from lagoa.contracts.findings import Location
    from lagoa.contracts.intervals import Grain
    from lagoa.contracts.yaml_file import ContractFile

_PROPERTY = "lagoa.incremental"


def increment_inputs(incremental: ByTime | ByBatch) -> dict[TableName, str]:
    """Return the inputs that are read by increment, each with the column that determines a row's increment."""
    if isinstance(incremental, ByTime):
        return {TableName.parse(name): column for name, column in incremental.inputs.items()}
    return {TableName.parse(incremental.input): LINEAGE_COLUMNS[0]}


def check_increments(file: ContractFile, contract: Contract, places: Mapping[str, Location]) -> None:
    """Check that only incremental tables have the property, and that it fits the columns.

    Raises:
        ContractError: with the line of the first violation.
    """
    found = contract.incremental
    if found is None:
        if contract.materialization == "incremental":
            message = "lagoa.materialization is incremental, but lagoa.incremental is missing."
            advice = "Add lagoa.incremental: {by: time, column, grain, inputs} or {by: batch, input}."
            raise file.error(places["lagoa.materialization"], message, advice)
        return
    where = places[_PROPERTY]
    if contract.materialization != "incremental":
        message = f"{_PROPERTY} is only for tables whose lagoa.materialization is incremental."
        raise file.error(where, message, "Set that, or remove this.")
    _check_names(file, contract, found, where)
    if isinstance(found, ByTime):
        _check_time(file, contract, (*where, "column"), found.column, found.grain)
    elif contract.order_by is not None and not contract.key:
        message = f"lagoa.orderBy merges rows of new batches by key, but {contract.table} has no key."
        raise file.error(where, message, "Give key columns `primaryKey: true`, or remove lagoa.orderBy.")


def check_increment_inputs(
    file: ContractFile, contract: Contract, others: Mapping[TableName, Contract], unknown: Collection[TableName] = ()
) -> None:
    """Check that the inputs exist, and have the columns that determine a row's increment.

    Tables in `unknown`, whose contract cannot be read, are not checked.

    Raises:
        ContractError: with the line of the first violation.
    """
    found = contract.incremental
    if found is None:
        return
    properties = file.data["schema"][0].get("customProperties") or []
    number = next((place for place, each in enumerate(properties) if each["property"] == _PROPERTY), 0)
    where: Location = ("schema", 0, "customProperties", number, "value")
    for table, column in increment_inputs(found).items():
        if table in unknown:
            continue
        place = (*where, "inputs", str(table)) if isinstance(found, ByTime) else (*where, "input")
        if table not in others:
            message = f"{table} has no contract.{did_you_mean(str(table), map(str, others))}"
            raise file.error(place, message, "Fix the name, or write that table's contract.")
        if isinstance(found, ByTime):
            _check_time(file, others[table], place, column, found.grain)
        elif others[table].column(column) is None:
            message = f"{table} has no {column}: its rows do not come in batches."
            raise file.error(place, message, "Name a table that is loaded from files.")


def _check_names(file: ContractFile, contract: Contract, found: ByTime | ByBatch, where: Location) -> None:
    names = [("inputs", name) for name in found.inputs] if isinstance(found, ByTime) else [("input", found.input)]
    for key, name in names:
        place = (*where, key, name) if key == "inputs" else (*where, key)
        try:
            if TableName.parse(name) == contract.table:
                raise file.error(place, f"{name} is this table itself.", "Name a table that it is built from.")
        except InvalidName as error:
            raise file.error(place, error.message, error.advice) from error


def _check_time(file: ContractFile, contract: Contract, place: Location, name: str, grain: Grain) -> None:
    column = contract.column(name)
    if column is None:
        known = [each.name for each in contract.all_columns]
        message = f"{contract.table} has no column {name!r}.{did_you_mean(name, known)}"
        raise file.error(place, message, f"It has {', '.join(known)}.")
    if grain not in grains_of(column.type):
        message = f"{contract.table}.{name} is {column.type}, which cannot determine the {grain}."
        raise file.error(place, message, "Use a date or timestamp; for hours, a timestamp.")
