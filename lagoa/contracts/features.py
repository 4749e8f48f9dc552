"""Features of machine learning in contracts: which columns are what."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lagoa.contracts.iceberg_types import DATED, parse_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lagoa.contracts.contract import Contract
    from lagoa.contracts.findings import Location
    from lagoa.contracts.properties import Features
    from lagoa.contracts.yaml_file import ContractFile

_PLACE = "lagoa.features"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def time_to_live(features: Features) -> timedelta:
    """Return for how long after its moment a row may be used; zero for ever."""
    return timedelta(**{_UNITS[features.ttl[-1]]: int(features.ttl[:-1])}) if features.ttl else timedelta()


def join_keys(contract: Contract) -> tuple[str, ...]:
    """Return the columns that identify an entity of a table with features."""
    return tuple(each for each in contract.key if contract.features and each != contract.features.event)


def feature_columns(contract: Contract) -> tuple[str, ...]:
    """Return the columns of a table with features that are features."""
    said = contract.features
    if said is None:
        return ()
    others = {said.event, said.created, *said.exclude, *contract.key}
    return tuple(each.name for each in contract.columns if each.name not in others)


def check_features(file: ContractFile, contract: Contract, places: Mapping[str, Location]) -> None:
    """Check that the columns that `lagoa.features` names are there and can be what it says."""
    said = contract.features
    if said is None:
        return
    place = places[_PLACE]
    for name, column in (("event", said.event), ("created", said.created)):
        if column is None:
            continue
        if parse_type(file.known_column(contract, (*place, name), column).type).name not in DATED:
            message = f"column {column} is no moment."
            raise file.error((*place, name), message, "Name a column of the type timestamp, timestamptz or date.")
    if said.event not in contract.key or len(contract.key) == 1:
        message = f"the key must be the join keys and {said.event}."
        raise file.error((*place, "event"), message, "Give these columns `primaryKey: true`.")
    for number, column in enumerate(said.exclude):
        file.known_column(contract, (*place, "exclude", number), column)
    if not feature_columns(contract):
        raise file.error(place, "no column is left that is a feature.", "Take some out of `exclude`.")
    try:
        ZoneInfo(said.zone)
    except (ZoneInfoNotFoundError, ValueError):
        message = f"there is no time zone {said.zone!r}."
        raise file.error((*place, "zone"), message, "Use a name such as America/Sao_Paulo or UTC.") from None
