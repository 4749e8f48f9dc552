"""Checks a contract's former names of columns and fields, and its dropped ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.contracts.iceberg_types import parse_type
from lagoa.domain.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.contracts.contract import Contract
    from lagoa.contracts.findings import Location
    from lagoa.contracts.iceberg_types import IcebergType
    from lagoa.contracts.yaml_file import ContractFile


def check_renames(file: ContractFile, contract: Contract, dropped: Location) -> None:
    """Check that each former name belongs to one field only, and that no field still has it.

    Args:
        file: the contract's file.
        contract: the contract in it.
        dropped: the location of `lagoa.dropped` in it.

    Raises:
        ContractError: with the line of the first violation.
    """
    existing = set(contract_fields(contract))
    former: dict[str, str] = {}
    for number, column in enumerate(contract.columns):
        place: Location = ("schema", 0, "properties", number)
        own = [path for path in contract.former_names if path.partition(".")[0] == column.name]
        for path in own:
            if path not in existing:
                known = sorted(each for each in existing if each.startswith(f"{column.name}."))
                message = f"lagoa.formerFields names {path}, which does not exist.{did_you_mean(path, known)}"
                raise file.error(place, message, f"{column.name} has {', '.join(known) or 'no fields'}.")
            for name in contract.former_names[path]:
                was = _sibling(path, name)
                if was in existing:
                    message = f"column {path} was {name}, and that column still exists."
                    raise file.error(place, message, "Remove one of the two.")
                if was in former:
                    message = f"column {path} was {name}, and so was {former[was]}."
                    raise file.error(place, message, "Remove the former name from one of the two.")
                former[was] = path
    for number, path in enumerate(contract.dropped):
        if path in existing or path in former:
            fate = f"is {former[path]} now" if path in former else "still exists"
            raise file.error((*dropped, number), f"{path} was dropped, and {fate}.", "Remove one of the two.")


def contract_fields(contract: Contract) -> Iterator[str]:
    """Yield the path of each column and of each field within one: `address`, `address.street`, `items.element`."""
    for column in contract.all_columns:
        yield from _paths(column.name, parse_type(column.type))


def _paths(path: str, kind: IcebergType) -> Iterator[str]:
    yield path
    for name, part in kind.parts:
        yield from _paths(f"{path}.{name}", part)


def _sibling(path: str, name: str) -> str:
    above, dot, _ = path.rpartition(".")
    return f"{above}{dot}{name}"
