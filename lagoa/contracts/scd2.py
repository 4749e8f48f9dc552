"""Slowly changing dimensions (SCD2): the checks of a contract, and the SQL that builds the history.

A model's SELECT yields observations: the values of a key as of a time. The table contains versions: half-open
intervals. They depend only on the set of observations, not on their order or repetitions.
"""

# ruff: noqa: S608 - names are quoted or constants of this module
from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.contracts.iceberg_types import DATED
from lagoa.domain.sql_names import name_in_sql, names_in_sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lagoa.contracts.contract import Contract
    from lagoa.contracts.findings import Location
    from lagoa.contracts.yaml_file import ContractFile

FROM, TO, CURRENT = HISTORY_COLUMNS = ("valid_from", "valid_to", "is_current")
"""The columns of a version: when it starts, when it ends (null if open), and whether it is current."""

DELETED = "is_deleted"
"""The column of a SELECT that marks an observation as the end of its key."""

_EVENT, _NEXT = "_lagoa_event", "_lagoa_next"


def business_key(contract: Contract) -> tuple[str, ...]:
    """Return the key columns without the time: they identify what the versions are of."""
    return tuple(name for name in contract.key if name != FROM)


def selected_columns(contract: Contract) -> list[str]:
    """Return the columns that the SELECT of a model must yield: the table's, or those of observations."""
    names = [column.name for column in contract.columns]
    if contract.scd2 is None:
        return names
    marker = [DELETED] if contract.scd2.deletions == "marker" else []
    return [name for name in names if name not in (TO, CURRENT)] + marker


def observations_sql(contract: Contract, select: str) -> str:
    """Return SQL that gives the observations of a SELECT the columns of the table.

    `is_current` is whether the key existed at that time; `valid_to` is null.
    """
    exists, kind = "true", next(column.type for column in contract.columns if column.name == TO)
    excluded = ""
    if contract.scd2 is not None and contract.scd2.deletions == "marker":
        exists, excluded = f"NOT coalesce(CAST({DELETED} AS BOOLEAN), false)", f" EXCLUDE ({DELETED})"
    return f"SELECT *{excluded}, CAST(NULL AS {kind}) AS {TO}, {exists} AS {CURRENT} FROM ({select}\n)"


def versions_sql(contract: Contract, source: str) -> str:
    """Return SQL for the versions that follow from observations.

    Of several observations of a key at the same time one counts: a deletion counts last; of the others, the one with
    the greatest values, column by column. An observation equal to the previous one makes no version.

    Args:
        contract: the table's contract.
        source: SQL for a FROM clause with observations as in `observations_sql`, in the table's types.
    """
    key = names_in_sql(business_key(contract))
    values = [name for name in _names(contract) if name not in (*contract.key, *HISTORY_COLUMNS)]
    greatest = "".join(f", {name_in_sql(name)} DESC NULLS LAST" for name in values)
    state = ", ".join(f"CASE WHEN {CURRENT} THEN {name_in_sql(name)} END" for name in values)
    columns = {name: name_in_sql(name) for name in _names(contract)} | {TO: f"{_EVENT} AS {TO}"}
    columns[CURRENT] = f"{_EVENT} IS NULL AS {CURRENT}"
    in_time = f"OVER (PARTITION BY {key} ORDER BY {FROM})"
    decided = (
        f"SELECT * FROM {source} "
        f"QUALIFY row_number() OVER (PARTITION BY {key}, {FROM} ORDER BY {CURRENT} DESC{greatest}) = 1"
    )
    seen = _with_missing(contract, key) if contract.scd2 and contract.scd2.deletions == "missing" else "decided"
    changes = (
        f"SELECT *, row({', '.join(filter(None, [CURRENT, state]))}) AS {_EVENT} FROM {seen} "
        f"QUALIFY lag({_EVENT}) {in_time} IS DISTINCT FROM {_EVENT}"
    )
    ended = f"SELECT * REPLACE (lead({FROM}) {in_time} AS {_EVENT}) FROM changes"
    return (
        f"WITH decided AS ({decided}), changes AS ({changes}), ended AS ({ended}) "
        f"SELECT {', '.join(columns.values())} FROM ended WHERE {CURRENT}"
    )


def single_versions_sql(contract: Contract, source: str) -> str:
    """Return `versions_sql` for the simple case: one observation per key, and no key missing later."""
    columns = names_in_sql(_names(contract))
    return f"SELECT {columns} FROM {source} WHERE {CURRENT}"


def _names(contract: Contract) -> list[str]:
    return [column.name for column in contract.columns]


def _with_missing(contract: Contract, key: str) -> str:
    """Return SQL for the observations plus, for each key missing in the next delivery, its deletion at that time."""
    same = " AND ".join(f"o.{name_in_sql(name)} = gone.{name_in_sql(name)}" for name in contract.key)
    return (
        f"(SELECT * FROM decided UNION ALL BY NAME SELECT {key}, {_NEXT} AS {FROM}, false AS {CURRENT} "
        f"FROM (SELECT {key}, {_NEXT}, {_NEXT} AS {FROM} FROM decided JOIN "
        f"(SELECT {FROM}, lead({FROM}) OVER (ORDER BY {FROM}) AS {_NEXT} FROM (SELECT DISTINCT {FROM} FROM decided)) "
        f"USING ({FROM}) WHERE {_NEXT} IS NOT NULL) AS gone ANTI JOIN decided AS o ON {same})"
    )


def check_history(file: ContractFile, contract: Contract, places: Mapping[str, Location]) -> None:
    """Check that a table of materialization `scd2` has the columns of versions, and that no other has `lagoa.scd2`.

    Raises:
        ContractError: with the line of the first violation.
    """
    if contract.scd2 is None:
        return
    if contract.materialization != "scd2":
        message = "lagoa.scd2 is only for tables whose lagoa.materialization is scd2."
        raise file.error(places["lagoa.scd2"], message, "Set that, or remove this.")
    where = places["lagoa.materialization"]
    if contract.order_by is not None:
        message = "lagoa.orderBy has no meaning for scd2: versions are ordered by valid_from."
        raise file.error(places["lagoa.orderBy"], message, "Remove it.")
    moment = contract.column(FROM)
    kinds = {FROM: DATED, TO: (moment.type,) if moment else DATED, CURRENT: ("boolean",)}
    for name, kind in kinds.items():
        _check_column(file, contract, name, kind)
    if contract.key[-1:] != (FROM,) or len(contract.key) == 1:
        message = f"the key of versions is the business key followed by {FROM}."
        advice = f"Set `primaryKey: true` on the columns of the business key, and give {FROM} the last position."
        raise file.error(where, message, advice)
    if contract.column(DELETED) is not None:
        message = f"{DELETED} marks deletions in a SELECT and is not a column of the table."
        raise file.error(_place(contract, DELETED), message, "Remove the column.")


def _check_column(file: ContractFile, contract: Contract, name: str, kinds: Sequence[str]) -> None:
    column, required = contract.column(name), name != TO
    a_column = f"{name}: {' or '.join(kinds)}{', required' if required else ', not required'}"
    if column is None:
        message = f"a table of materialization scd2 needs a column {name}, and {contract.table} has none."
        raise file.error(("schema", 0, "properties"), message, f"Add {a_column}.")
    if column.type not in kinds or column.required != required:
        message = f"the column {name} does not have the type that versions need, or is wrongly required or optional."
        raise file.error(_place(contract, name), message, f"Make it {a_column}.")


def _place(contract: Contract, name: str) -> Location:
    return ("schema", 0, "properties", _names(contract).index(name))
